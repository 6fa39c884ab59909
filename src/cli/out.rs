//! What goes out and comes in: tables or JSON to standard output, errors to standard error, secrets from prompt or
//! standard input. A reader that has gone away is no error.

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal, Read, Write};

use chrono::{DateTime, Utc};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::http::plain::is_plain;

/// What a command answers.
pub(super) type Done<T = ()> = Result<T, Failure>;

/// Why a command did not do what it was told: one or more lines.
#[derive(Debug)]
pub(super) struct Failure(String);

impl Failure {
    pub fn new(says: impl Into<String>) -> Self {
        Self(says.into())
    }

    /// Tells it on standard error; when that is gone, there is nobody to tell.
    pub fn tell(&self) {
        let mut stderr = io::stderr().lock();
        for line in self.0.lines() {
            let lead = if line.starts_with(' ') { "" } else { "error: " };
            let _ = writeln!(stderr, "{lead}{line}");
        }
    }
}

impl<E: Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Where and how a command answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Out {
    pub json: bool,
}

impl Out {
    /// Prints JSON if that is wanted, else what people read.
    pub fn give(self, json: &Value, human: impl FnOnce() -> String) -> Done {
        if self.json { print(&format!("{json}\n")) } else { print(&human()) }
    }

    /// Tells people that something was done; says nothing when JSON is wanted.
    pub fn say(self, what: impl Display) -> Done {
        if self.json { Ok(()) } else { print(&format!("{what}\n")) }
    }
}

/// Writes to standard output.
pub(super) fn print(text: &str) -> Done {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

/// Asks a person at a terminal; a script is taken at its word.
pub(super) fn confirm(what: &str) -> Done {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(());
    }
    let mut stderr = io::stderr().lock();
    write!(stderr, "{what}. Go on? [y/N] ")?;
    stderr.flush()?;
    let mut said = String::new();
    io::stdin().lock().read_line(&mut said)?;
    if matches!(said.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(Failure::new("nothing was done")) }
}

/// A note for whoever watches; not part of the answer.
pub(super) fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "note: {text}");
}

/// Columns, each as wide as its widest cell.
pub(super) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return "none\n".to_owned();
    }
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let all = || std::iter::once(&heads).chain(rows);
    let width = |column: usize| all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..heads.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in all() {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Names and values, one pair a line; pairs without a value are left out.
pub(super) fn pairs<N: AsRef<str>>(pairs: &[(N, String)]) -> String {
    let shown: Vec<_> = pairs.iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = shown.iter().map(|(name, _)| name.as_ref().chars().count()).max().unwrap_or(0);
    shown.iter().map(|(name, value)| format!("{:<width$}  {value}\n", name.as_ref())).collect()
}

/// A time as people read it.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A time that may not be.
pub(super) fn maybe_time(at: Option<DateTime<Utc>>) -> String {
    at.map(time).unwrap_or_default()
}

/// Text from outside, safe for a terminal: what moves the cursor, hides or turns the writing is shown as a code, not sent.
pub(super) fn safe(text: &str) -> String {
    text.chars().flat_map(|c| if is_plain(c) { vec![c] } else { c.escape_default().collect() }).collect()
}

/// More than any password or token.
const LONGEST_LINE: u64 = 64 * 1024;

/// One line of standard input, without its line end.
pub(super) fn line() -> Done<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    io::stdin().lock().take(LONGEST_LINE).read_line(&mut text)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned());
    if line.is_empty() {
        return Err(Failure::new("standard input has nothing on its first line"));
    }
    Ok(line)
}

/// A new password: from standard input, or typed twice. None when nobody can be asked, or nothing was typed.
pub(super) fn new_password(from_stdin: bool) -> Done<Option<Zeroizing<String>>> {
    if from_stdin {
        return line().map(Some);
    }
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let first = Zeroizing::new(rpassword::prompt_password("Password: ")?);
    if first.is_empty() {
        return Ok(None);
    }
    let second = Zeroizing::new(rpassword::prompt_password("Again: ")?);
    if *first == *second { Ok(Some(first)) } else { Err(Failure::new("the two passwords differ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_sent_nothing_that_turns_the_writing() {
        assert_eq!(safe("é\u{1b}[2Jb\u{202e}c\u{200f}"), "é\\u{1b}[2Jb\\u{202e}c\\u{200f}");
    }
}
