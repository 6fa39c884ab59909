//! What templates do to a text on its way out, besides escaping it.
//!
//! Refuses characters that are not seen but change what is read: controls, and marks that turn the reading direction
//! (CWE-1007).

use crate::http::plain::is_plain;

/// More than this of a name is not read, and would push the buttons off the page.
const NAME: usize = 80;

/// More than this of a note isn't, either.
const NOTE: usize = 480;

/// A name as a person may safely read it: one line, without invisible marks, cut with an ellipsis.
#[askama::filter_fn]
pub fn shown<T: AsRef<str>>(text: T, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(tidy(text.as_ref(), NAME))
}

/// The same for a sentence or two.
#[askama::filter_fn]
pub fn note<T: AsRef<str>>(text: T, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(tidy(text.as_ref(), NOTE))
}

/// The same outside a template.
fn tidy(text: &str, longest: usize) -> String {
    let mut rest = text.trim().chars().filter(|c| !unseen(*c)).map(|c| if c.is_whitespace() { ' ' } else { c });
    let mut tidy: String = rest.by_ref().take(longest).collect();
    if rest.next().is_some() {
        tidy.push('…');
    }
    tidy
}

/// Whether nothing of a name can be seen.
pub fn blank(text: &str) -> bool {
    tidy(text, 1).trim().is_empty()
}

/// White space of any kind is shown as a space, so a line end isn't lost.
fn unseen(c: char) -> bool {
    !is_plain(c) && !c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_goes() {
        assert_eq!(tidy("  Evil\u{202e}gnp\u{0}\u{200b}.exe\n\tline ", NAME), "Evilgnp.exe  line");
        assert_eq!(tidy("Zoë 😀", NAME), "Zoë 😀");
        assert_eq!(tidy(&"x".repeat(80), NAME).len(), 80);
        assert_eq!(tidy(&"é".repeat(10_000), NAME).chars().count(), 81);
        assert!(blank(" \u{202e}\u{200b} ") && !blank("\u{202e} a"));
    }
}
