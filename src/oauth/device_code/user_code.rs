//! User codes (RFC 8628, 6.1): eight of twenty consonants, shown as `WDJB-MJHT`: no vowel to make a word of, nothing that looks
//! like a digit, 34 bits. Entered in any case and with whatever between the letters. Kept as its tag under a key of this server.

use std::fmt;

use crate::app::App;
use crate::keyring::mac::USER_CODE;
use crate::secret;

const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// The most characters that are looked at.
const LONGEST: usize = 64;

/// A user code, in clear. Lives only on its way to or from the person.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode([u8; 8]);

impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(redacted)")
    }
}

impl UserCode {
    /// A new one, each letter as likely as any other.
    #[must_use]
    pub fn generate() -> Self {
        let mut out = [0; 8];
        let mut left = out.iter_mut();
        let mut next = left.next();
        while next.is_some() {
            for byte in secret::bytes::<16>() {
                // 240 is a multiple of 20: what lies above would favour the first letters.
                let letter = ALPHABET.get(usize::from(byte % 20)).filter(|_| byte < 240);
                if let (Some(to), Some(letter)) = (next.as_deref_mut(), letter) {
                    *to = *letter;
                    next = left.next();
                }
            }
        }
        Self(out)
    }

    /// Reads one as typed; none when it can't be one.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if text.chars().count() > LONGEST {
            return None;
        }
        let letters: Vec<char> = text.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_uppercase()).collect();
        let bytes: Option<Vec<u8>> = letters
            .into_iter()
            .map(|letter| u8::try_from(letter).ok().filter(|byte| ALPHABET.contains(byte)))
            .collect();
        bytes?.try_into().ok().map(Self)
    }

    /// As it is shown.
    #[must_use]
    pub fn shown(&self) -> String {
        let (first, second) = self.0.split_at(4);
        let letters = |half: &[u8]| half.iter().map(|byte| char::from(*byte)).collect::<String>();
        format!("{}-{}", letters(first), letters(second))
    }

    /// What it is kept under, and by what else it may be found: a sealing key may have been changed since.
    #[must_use]
    pub fn tags(&self, app: &App) -> Vec<Vec<u8>> {
        app.keyring.mac(USER_CODE).tags(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_is_read_however_it_is_typed() {
        let code = UserCode(*b"WDJBMJHT");
        assert_eq!(code.shown(), "WDJB-MJHT");
        for typed in ["WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "W.D.J.B_M/J–H\u{2011}T", "wDjB\u{2014}MjHt\n"] {
            assert_eq!(UserCode::read(typed).as_ref(), Some(&code), "{typed:?}");
        }
        let long = format!("{}WDJBMJHT", "-".repeat(64));
        for typed in ["", "WDJB", "WDJBMJHTB", "WDJBMJH0", "ADJBMJHT", "ＷDJBMJHT", "ẄDJBMJHT", &long] {
            assert_eq!(UserCode::read(typed), None, "{typed:?}");
        }
        assert_eq!(format!("{code:?}"), "UserCode(redacted)");
    }

    #[test]
    fn it_can_not_be_guessed() {
        const DRAWN: usize = 20_000;
        let mut seen = BTreeMap::<u8, usize>::new();
        for _ in 0..DRAWN {
            let code = UserCode::generate();
            assert_eq!(UserCode::read(&code.shown()), Some(code.clone()));
            code.0.iter().for_each(|letter| *seen.entry(*letter).or_default() += 1);
        }
        assert_eq!(seen.len(), 20);
        // 8,000 each; six standard deviations are 523.
        assert!(seen.values().all(|often| (7400..8600).contains(often)), "{seen:?}");
        assert!(20f64.powi(8).log2() > 34.0);
    }
}
