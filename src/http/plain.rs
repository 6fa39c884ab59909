//! Text from strangers, made fit for one line of a log or of a refusal: short, and nothing in it that moves the cursor, ends the
//! line or turns the direction of writing (V205).

/// Whether a character only ever shows itself: no control, no line end of any kind, no mark that turns the writing.
#[must_use]
pub fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
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
        assert_eq!(cut(&"x".repeat(1000), 40).len(), 40);
    }
}
