//! What is wrong with the settings, in words: which setting, where its value came from, what is wrong, what to write
//! instead. Values of secrets never stand in a problem.

use std::{error::Error, fmt, path::PathBuf};

/// Why one text can't be the value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, as the end of a sentence that begins with the setting.
    pub wrong: String,
    /// What to do about it, as an instruction.
    pub mend: String,
}

impl Refusal {
    /// A refusal of two phrases.
    pub fn new(wrong: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), mend: mend.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.wrong, self.mend)
    }
}

impl Error for Refusal {}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// A line of the settings file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// The command line.
    Flag,
    /// A file that holds a secret, named by another source.
    SecretFile {
        /// The file.
        path: PathBuf,
        /// Who named it.
        named_by: Box<Origin>,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // File names are escaped: a line break in one must not begin a line of its own.
        match self {
            Self::Default => out.write_str("default"),
            Self::File { path, line } => write!(out, "{} line {line}", path.display().to_string().escape_debug()),
            Self::Variable(name) => write!(out, "{}", name.escape_debug()),
            Self::Flag => out.write_str("command line"),
            Self::SecretFile { path, named_by } => {
                write!(out, "file {}, named by {named_by}", path.display().to_string().escape_debug())
            }
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting, or the variable or file that should have named one.
    pub path: String,
    /// Where the value came from, when there is one.
    pub origin: Option<Origin>,
    /// What is wrong.
    pub wrong: String,
    /// What to do about it.
    pub mend: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.path.escape_debug())?;
        if let Some(origin) = &self.origin {
            write!(out, " ({origin})")?;
        }
        write!(out, " {}: {}", self.wrong, self.mend)?;
        if self.mend.ends_with('?') { Ok(()) } else { out.write_str(".") }
    }
}

/// Everything that is wrong, in the order it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Notes one more.
    pub(super) fn add(&mut self, path: impl Into<String>, origin: Option<Origin>, refusal: Refusal) {
        self.0.push(Problem { path: path.into(), origin, wrong: refusal.wrong, mend: refusal.mend });
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each problem.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => out.write_str("the settings have a problem")?,
            count => write!(out, "the settings have {count} problems")?,
        }
        self.0.iter().try_for_each(|problem| write!(out, "\n  {problem}"))
    }
}

impl Error for Problems {}
