//! Which characters are what they look like: the one rule for names, pages, refusals, logs and terminals (CWE-1007, V205).
//!
//! And text from strangers made fit for one line of a log or of a refusal: short, and nothing in it that moves the cursor, ends
//! the line, hides, or turns the direction of writing.

/// Whether a character only ever shows itself: no control, no line end of any kind, nothing unseen, no mark that turns the writing.
/// The two joiners pass: some scripts, and emoji, are not written without them.
#[must_use]
pub fn is_plain(c: char) -> bool {
    let unseen = matches!(c,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !c.is_control() && !unseen
}

/// Whether a character joins its neighbours, or keeps them apart, without a width of its own.
#[must_use]
pub fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// The first so many characters, without those that aren't plain.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    text.chars().filter(|c| is_plain(*c)).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_short_and_one_line() {
        assert_eq!(cut("a\r\nb\u{2028}c\u{202e}d\u{1b}[0m\u{feff}é", 7), "abcd[0m");
        assert_eq!(cut("a\u{2066}é\u{200f}", 9), "aé");
        assert_eq!(cut("\u{61c}\u{200b}\u{2060}نمی\u{200c}خواهم", 20), "نمی\u{200c}خواهم");
        assert_eq!(cut(&"x".repeat(1000), 40).len(), 40);
    }
}
