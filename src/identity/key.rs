//! User names and e-mail addresses: what may be one, and the one key that all spellings map to.
//!
//! The key is NFKC, lower case, without white space around it: no two users differ by spelling alone. Refused: empty names,
//! more than 128 characters, control and formatting characters, and addresses that can't be any.

use unicode_normalization::UnicodeNormalization;

use crate::http::plain::{is_joiner, is_plain};

/// The longest name or address, in characters.
pub const LONGEST: usize = 128;

/// The key of a name or address; garbage has a key that no user has.
#[must_use]
pub fn of(text: &str) -> String {
    text.trim().nfkc().flat_map(char::to_lowercase).take(4 * LONGEST).collect::<String>().nfkc().collect()
}

/// Whether `text` may be a user name; the error says what is wrong.
pub fn check_username(text: &str) -> Result<(), String> {
    let count = text.chars().count();
    if text.trim() != text || count == 0 || count > LONGEST {
        return Err(format!("a user name has 1 to {LONGEST} characters, and no space around them"));
    }
    if text.chars().any(is_odd) {
        return Err("a user name has no control or invisible formatting characters".to_owned());
    }
    Ok(())
}

/// Whether `text` may be an e-mail address (RFC 5321, as far as it can be told without sending).
pub fn check_email(text: &str) -> Result<(), String> {
    let bad = || Err(format!("{text:?} is not an e-mail address (name@domain, at most 254 characters)"));
    let Some((local, domain)) = text.rsplit_once('@') else { return bad() };
    let odd = text.chars().any(|c| is_odd(c) || c.is_whitespace() || "<>()[],;:\\\"".contains(c));
    let label =
        |label: &str| !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-');
    if odd
        || local.is_empty()
        || local.len() > 64
        || local.contains('@')
        || text.len() > 254
        || !domain.split('.').all(label)
    {
        return bad();
    }
    Ok(())
}

/// What isn't plain, and joiners too: two names that look alike are not two users.
fn is_odd(c: char) -> bool {
    !is_plain(c) || is_joiner(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_have_one_key() {
        assert_eq!(of(" Alice "), of("ALICE"));
        assert_eq!(of("ﬁona"), of("fiona"), "compatibility forms");
        assert_eq!(of("Å"), of("a\u{30a}"), "composed and decomposed");
        assert_ne!(of("alice"), of("alicé"));
    }

    #[test]
    fn what_may_be_a_name() {
        for good in ["alice", "Alice Marsh", "o'neil", "李"] {
            assert_eq!(check_username(good), Ok(()), "{good}");
        }
        for bad in ["", " a", "a\u{202e}b", "a\u{61c}b", "a\u{200d}b", "\u{feff}a", "a\nb", &"x".repeat(129)] {
            assert!(check_username(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_may_be_an_address() {
        assert_eq!(check_email("alice@example.com"), Ok(()));
        for bad in ["alice", "@x", "a@", "a b@x.y", "a@b@c", "a@-x.y", "a@x..y", "<a@x.y>", "a\r\nBcc: b@x.y"] {
            assert!(check_email(bad).is_err(), "{bad:?}");
        }
    }
}
