//! `prompt` (OpenID Connect Core 3.1.2.1): what an authorization request wants to be asked. Refused: words that aren't honoured
//! here, and `none` beside any other.

use serde::{Deserialize, Serialize};

use super::error::Error;

/// The parameter, read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Never a page.
    pub none: bool,
    /// Sign in again, whatever the session says.
    pub login: bool,
    /// Ask for consent again.
    pub consent: bool,
    /// Let the user choose who to be: here, to sign in as another.
    pub select_account: bool,
}

/// One of its words, and where it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    pub name: &'static str,
    kept: fn(&mut Prompt) -> &mut bool,
}

/// Its words, one line each.
pub const WORDS: &[Word] = &[
    Word { name: "none", kept: |prompt| &mut prompt.none },
    Word { name: "login", kept: |prompt| &mut prompt.login },
    Word { name: "consent", kept: |prompt| &mut prompt.consent },
    Word { name: "select_account", kept: |prompt| &mut prompt.select_account },
];

impl Prompt {
    /// Reads the words of a request.
    pub fn read(text: &str) -> Result<Self, Error> {
        let mut out = Self::default();
        for said in text.split(' ').filter(|word| !word.is_empty()) {
            let word = WORDS.iter().find(|word| word.name == said);
            let word = word.ok_or_else(|| Error::invalid_request("prompt has a value that is not supported"))?;
            *(word.kept)(&mut out) = true;
        }
        if out.none && out != (Self { none: true, ..Self::default() }) {
            return Err(Error::invalid_request("prompt=none goes with no other value"));
        }
        Ok(out)
    }

    /// The same as words, to ask once more.
    #[must_use]
    pub fn words(mut self) -> String {
        WORDS.iter().filter(|word| *(word.kept)(&mut self)).map(|word| word.name).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_read_and_said_again() {
        for word in WORDS {
            let prompt = Prompt::read(word.name).unwrap();
            assert_eq!(prompt.words(), word.name);
            assert_ne!(prompt, Prompt::default());
        }
        assert_eq!(Prompt::read(" consent  login").unwrap().words(), "login consent");
        assert!(Prompt::read("create").is_err() && Prompt::read("none login").is_err());
    }
}
