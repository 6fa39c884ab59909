//! One row of the table of settings, and how its names are derived.

use super::kind::Kind;

/// One setting: everything that is known about it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name in the file: sections joined by dots.
    pub path: &'static str,
    /// What its values are, with limits.
    pub kind: Kind,
    /// What holds when nothing is said.
    pub fallback: Fallback,
    /// A sentence for the reference.
    pub help: &'static str,
    /// Whether its value may hold a secret; such a setting can also be read from a file.
    pub secret: bool,
    /// A short name of its variable.
    pub short: Option<&'static str>,
}

/// What holds when nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// It must be said.
    Required,
    /// The setting stays empty.
    Unset,
    /// This text, read like any other.
    Text(&'static str),
    /// The number of processor cores.
    Cores,
}

impl Setting {
    pub(super) const fn new(path: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Self {
        Self { path, kind, fallback: Fallback::Text(default), help, secret: false, short: None }
    }

    /// With another fallback than a text.
    pub(super) const fn or(path: &'static str, kind: Kind, fallback: Fallback, help: &'static str) -> Self {
        Self { path, kind, fallback, help, secret: false, short: None }
    }

    pub(super) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    pub(super) const fn short(mut self, variable: &'static str) -> Self {
        self.short = Some(variable);
        self
    }

    /// Its section, empty for the first lines of the file.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// Its name within the section.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, key)| key)
    }

    /// Its environment variable.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("CHANCERY_{}", self.path.replace('.', "__").to_ascii_uppercase())
    }

    /// All its environment variables, the short one last.
    pub(super) fn variables(&self) -> impl Iterator<Item = String> {
        std::iter::once(self.variable()).chain(self.short.map(str::to_owned))
    }
}
