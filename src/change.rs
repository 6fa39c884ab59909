//! One change to the house's records by management: who makes it, why it may be refused, and what it leaves to settle.
//!
//! Every change is one transaction: owners locked in order, the row, its audit row, and last the kill its cause calls for.
//! It comes back uncommitted as a [`Change`], so that a server shows its live view the kill before it answers, while the
//! command line, which has no live view, commits alone. Refused: nothing by itself.

use chrono::{DateTime, Utc};

use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::http::plain::is_plain;
use crate::revocation::{self, Cause, Killed};
use crate::store::{self, Tx};

/// Who makes a change, from where, when.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    pub actor: Actor,
    pub caller: &'a Caller,
    pub at: DateTime<Utc>,
}

impl<'a> By<'a> {
    /// The audit row that tells of it.
    pub(crate) fn record(&self, event: Event) -> Record {
        Record::new(event, self.actor, self.caller, self.at)
    }

    /// The cause of a kill that goes with it.
    #[must_use]
    pub fn cause(&self, reason: &'a str) -> Cause<'a> {
        Cause { reason, actor: self.actor, caller: self.caller, at: self.at }
    }
}

/// One thing wrong with what was asked: the field, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub field: &'static str,
    pub says: String,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Everything that is wrong with it, at once.
    #[error("{}", lines(.0))]
    Invalid(Vec<Problem>),
    /// What it is about doesn't exist.
    #[error("{0}")]
    Unknown(String),
    /// It doesn't fit how things stand.
    #[error("{0}")]
    Conflict(String),
    #[error(transparent)]
    Store(#[from] store::Error),
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(|problem| format!("{}: {}", problem.field, problem.says)).collect();
    lines.join("\n")
}

/// Collects what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn add(&mut self, field: &'static str, says: impl Into<String>) {
        self.0.push(Problem { field, says: says.into() });
    }

    /// Takes the error of a check that found one.
    pub(crate) fn check<T>(&mut self, field: &'static str, checked: Result<T, String>) -> Option<T> {
        checked.map_err(|says| self.add(field, says)).ok()
    }

    pub(crate) fn into_result(self) -> Result<(), Refused> {
        if self.0.is_empty() { Ok(()) } else { Err(Refused::Invalid(self.0)) }
    }
}

/// A change that is written but not committed. Dropped, it never happened.
#[derive(Debug)]
#[must_use = "a change is made by `settle` or `commit`"]
pub struct Change<T> {
    tx: Tx,
    killed: Vec<Killed>,
    value: T,
}

impl<T> Change<T> {
    pub(crate) fn new(tx: Tx, value: T) -> Self {
        Self { tx, killed: Vec::new(), value }
    }

    pub(crate) fn and(mut self, killed: Killed) -> Self {
        self.killed.push(killed);
        self
    }

    /// What it will have made.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The kills that go with it.
    pub fn killed(&self) -> &[Killed] {
        &self.killed
    }

    /// Commits, and shows this node's live view what was killed before anyone is answered.
    pub async fn settle(self, app: &App) -> store::Result<T> {
        revocation::settle(app, self.tx, &self.killed).await?;
        Ok(self.value)
    }

    /// Commits, in a process that has no live view; running nodes see the kills when they poll.
    pub async fn commit(self) -> store::Result<T> {
        self.tx.commit().await?;
        Ok(self.value)
    }
}

/// A text for people: not empty, at most 200 characters, all of them plain.
pub(crate) fn plain(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("is empty; write a name".to_owned());
    }
    if text.trim() != text {
        return Err(format!("{text:?} begins or ends with white space; remove it"));
    }
    if text.chars().count() > 200 {
        return Err("is longer than 200 characters; write a shorter one".to_owned());
    }
    if !text.chars().all(is_plain) {
        return Err(format!("{text:?} has a control character, or one that is not seen; remove it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_hides_nothing() {
        assert_eq!(plain("Zoë 👩\u{200d}🚀"), Ok(()));
        for unseen in ['\u{61c}', '\u{200b}', '\u{200f}', '\u{202e}', '\u{2028}', '\u{feff}', '\n'] {
            assert!(plain(&format!("a{unseen}b")).is_err(), "{unseen:?}");
        }
    }
}
