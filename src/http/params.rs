//! Parameters of a query or a form (`application/x-www-form-urlencoded`), read once and strictly.
//!
//! Serves every endpoint that takes parameters. Keeps the order, keeps unknown ones (the caller ignores them), and tells a
//! repeated name from a single one (RFC 6749, 3.1 and 3.2). An empty value counts as left out. Refuses: broken percent
//! escapes, text that isn't UTF-8, NUL and other control characters in names or values, more than 200 parameters.

use std::fmt;

use crate::http::plain;

/// Parameters, as sent. Its `Debug` tells how many: names and values are whatever a client sends, secrets among them.
#[derive(Clone, Default)]
pub struct Params(Vec<(String, String)>);

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Params({}, redacted)", self.0.len())
    }
}

/// Why parameters can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("a percent escape is broken")]
    Escape,
    #[error("the parameters are not UTF-8")]
    Utf8,
    #[error("the parameter `{0}` has a control character in it")]
    Control(String),
    #[error("there are more than {MOST} parameters")]
    TooMany,
    #[error("the parameter `{0}` is repeated")]
    Repeated(String),
}

/// The most parameters one request may have.
pub const MOST: usize = 200;

/// The longest name that is told again: a longer one is no parameter of any specification, and may be a secret sent bare.
const TOLD: usize = 24;

/// A name as errors tell it: if it looks like those of the specifications.
fn told(name: &str) -> String {
    let name: String = name.chars().filter(|c| plain::is_plain(*c)).collect();
    let known = name.len() <= TOLD && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if known { name } else { "(an unusual name)".to_owned() }
}

impl Params {
    /// Reads a query string or a form body.
    pub fn parse(raw: &[u8]) -> Result<Self, Malformed> {
        let mut out = Vec::new();
        for pair in raw.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if out.len() == MOST {
                return Err(Malformed::TooMany);
            }
            let at = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = match at {
                Some(at) => (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default()),
                None => (pair, &[][..]),
            };
            let (name, value) = (decode(name)?, decode(value)?);
            // A text area's line ends are the one control a form may carry; no protocol parameter has them.
            if name.chars().any(char::is_control) || value.chars().any(|c| c.is_control() && !"\r\n\t".contains(c)) {
                return Err(Malformed::Control(told(&name)));
            }
            out.push((name, value));
        }
        Ok(Self(out))
    }

    /// The first name that is repeated, apart from those that may be.
    pub fn refuse_repeats(&self, but: &[&str]) -> Result<(), Malformed> {
        let mut seen = std::collections::HashSet::new();
        match self.0.iter().find(|(name, _)| !but.contains(&name.as_str()) && !seen.insert(name.as_str())) {
            Some((name, _)) => Err(Malformed::Repeated(told(name))),
            None => Ok(()),
        }
    }

    /// The value of `name`; an empty one counts as left out.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, value)| n == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The value of `name`, empty or not: for what a user typed.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// All non-empty values of `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, value)| n == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Everything, in order.
    #[must_use]
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

/// An address with these parameters after whatever query it has.
#[must_use]
pub fn append<'a>(uri: &str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let query = encode(pairs);
    if query.is_empty() {
        return uri.to_owned();
    }
    let join = match uri.find('?') {
        None => "?",
        Some(at) if at + 1 == uri.len() || uri.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{uri}{join}{query}")
}

/// Writes pairs as a query or form.
#[must_use]
pub fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Reads one form-encoded piece: also the two halves of a Basic credential (RFC 6749, 2.3.1).
pub fn decode(raw: &[u8]) -> Result<String, Malformed> {
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || bytes.next().and_then(|byte| (*byte as char).to_digit(16)).ok_or(Malformed::Escape);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).map_err(|_| Malformed::Escape)?
            }
            other => *other,
        });
    }
    String::from_utf8(out).map_err(|_| Malformed::Utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_not_told_again() {
        let token = "ch_ac_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let why = |raw: &str| {
            let read = Params::parse(raw.as_bytes()).and_then(|params| params.refuse_repeats(&[]));
            read.unwrap_err().to_string()
        };
        for raw in [format!("{token}&{token}"), format!("{token}=%00")] {
            assert!(!why(&raw).contains("AAAA"), "{}", why(&raw));
        }
        assert_eq!(why("scope=a&scope=b"), "the parameter `scope` is repeated");
        let params = Params::parse(format!("code={token}").as_bytes()).unwrap();
        assert_eq!(format!("{params:?}"), "Params(1, redacted)");
    }

    #[test]
    fn parameters_come_after_the_query_that_is_there() {
        for (uri, whole) in [
            ("https://a.test/cb", "https://a.test/cb?state=a+b"),
            ("https://a.test/cb?", "https://a.test/cb?state=a+b"),
            ("https://a.test/cb?x=1", "https://a.test/cb?x=1&state=a+b"),
            ("https://a.test/cb?x=1&", "https://a.test/cb?x=1&state=a+b"),
            ("https://a.test/cb?x=?", "https://a.test/cb?x=?&state=a+b"),
        ] {
            assert_eq!(append(uri, [("state", "a b")]), whole);
        }
        assert_eq!(append("https://a.test/cb", []), "https://a.test/cb");
    }

    #[test]
    fn a_refusal_repeats_a_short_name_in_plain_characters() {
        let name = format!("\u{202e}{}", "n".repeat(60_000));
        let params = Params::parse(format!("{name}=1&{name}=2").as_bytes()).unwrap();
        assert_eq!(params.refuse_repeats(&[]), Err(Malformed::Repeated("(an unusual name)".to_owned())));
        assert_eq!(Params::parse(b"a%00b=1").unwrap_err(), Malformed::Control("ab".to_owned()));
    }
}
