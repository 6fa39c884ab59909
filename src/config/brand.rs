//! How the pages present themselves: name, accent colour, links. Refuses anything that is not a plain hex colour, so
//! that a setting can never carry style or script into a page.

use super::problem::Refusal;
use std::{fmt, str::FromStr};
use url::Url;

/// How the pages present themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    /// The name in titles and headings.
    pub name: String,
    /// Accent colour on light pages; `None`: the built-in one.
    pub accent: Option<Colour>,
    /// Accent colour on dark pages; `None`: the built-in one.
    pub accent_dark: Option<Colour>,
    /// Where people find help (`https` or `mailto`).
    pub support_url: Option<Url>,
    /// The privacy policy.
    pub privacy_url: Option<Url>,
    /// The terms of service.
    pub terms_url: Option<Url>,
}

/// A CSS hex colour, always written `#rrggbb` in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Colour(String);

impl Colour {
    /// The colour as `#rrggbb`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Colour {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refuse = || Refusal::new(format!("{text:?} is not a colour"), "write it as \"#rrggbb\" or \"#rgb\"");
        let digits = text.strip_prefix('#').ok_or_else(refuse)?;
        if !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(refuse());
        }
        let digits = digits.to_ascii_lowercase();
        match digits.len() {
            3 => Ok(Self(format!("#{}", digits.chars().flat_map(|digit| [digit, digit]).collect::<String>()))),
            6 => Ok(Self(format!("#{digits}"))),
            _ => Err(refuse()),
        }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
