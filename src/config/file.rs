//! The settings file: TOML, each value with its line. Refuses what is not TOML and values that no setting can have
//! (true, dates, nested lists); the parser's own messages are used without the line they quote, which may be secret.

use super::{
    problem::{Origin, Problems, Refusal},
    sources::Given,
};
use std::{ops::Range, path::Path};
use toml::de::{DeTable, DeValue};

/// All values of a file, and whether it could not be read.
pub(super) fn read(path: &Path, named_by: Option<&Origin>, problems: &mut Problems) -> (Vec<Given>, bool) {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let refusal = Refusal::new(
                format!("can't be read ({error})"),
                "name a readable UTF-8 file by --config or CHANCERY_CONFIG, or none",
            );
            problems.add(path.display().to_string(), named_by.cloned(), refusal);
            return (Vec::new(), true);
        }
    };
    let (table, errors) = DeTable::parse_recoverable(&text);
    let mut reader = Reader { path, text: &text, given: Vec::new(), problems };
    for error in &errors {
        let wrong = format!("is not valid TOML ({})", error.message());
        let origin = error.span().map(|span| reader.origin(&span));
        let refusal = Refusal::new(wrong, "write keys as `name = \"value\"` under `[section]` lines");
        reader.problems.add("settings file", origin, refusal);
    }
    if !errors.is_empty() {
        return (Vec::new(), true);
    }
    reader.table("", table.get_ref());
    (reader.given, false)
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    given: Vec<Given>,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn origin(&self, span: &Range<usize>) -> Origin {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        Origin::File { path: self.path.to_owned(), line: before.matches('\n').count() + 1 }
    }

    fn table(&mut self, section: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = key.get_ref();
            let path = if section.is_empty() { name.to_string() } else { format!("{section}.{name}") };
            let origin = self.origin(&key.span());
            self.value(path, value.get_ref(), origin);
        }
    }

    fn value(&mut self, path: String, value: &DeValue<'_>, origin: Origin) {
        let (text, list) = match value {
            DeValue::Table(table) if !table.is_empty() => return self.table(&path, table),
            // An empty section says nothing.
            DeValue::Table(_) => return,
            DeValue::Array(items) => {
                match items.iter().map(|item| scalar(item.get_ref())).collect::<Option<Vec<_>>>() {
                    Some(items) => (items.join(","), true),
                    None => return self.refuse(path, origin),
                }
            }
            other => match scalar(other) {
                Some(text) => (text, false),
                None => return self.refuse(path, origin),
            },
        };
        self.given.push(Given { path, text, list, origin });
    }

    fn refuse(&mut self, path: String, origin: Origin) {
        let refusal = Refusal::new(
            "has a value of a type that no setting has",
            "write a text in quotes, a whole number, or a list of texts",
        );
        self.problems.add(path, Some(origin), refusal);
    }
}

/// A text or a whole number, as text: both are read by the setting's kind.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}
