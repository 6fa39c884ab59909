//! From texts to values: the last source wins, unknown paths are refused with the nearest known one, secrets are read
//! from their files, and every setting ends as a value, empty, or a problem.

use super::{
    problem::{Origin, Problems, Refusal},
    settings::SETTINGS,
    sources::{Given, Layers},
    table::{Fallback, Setting},
    value::{Held, Value},
};
use std::{collections::BTreeMap, path::PathBuf};
use zeroize::Zeroizing;

/// Every setting with its value, `None` when empty, and where that came from. A setting with a problem is absent.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolved(BTreeMap<&'static str, (Option<Value>, Origin)>);

impl Resolved {
    /// The value of a setting that always has one.
    pub(super) fn get<T: Held>(&self, path: &str) -> Option<T> {
        self.0.get(path).and_then(|(value, _)| value.as_ref()).and_then(T::held)
    }

    /// The value of a setting that may be empty. The outer `None` is a setting that is absent or of another type.
    pub(super) fn optional<T: Held>(&self, path: &str) -> Option<Option<T>> {
        match self.0.get(path)? {
            (Some(value), _) => T::held(value).map(Some),
            (None, _) => Some(None),
        }
    }

    /// Value and origin, as they are.
    pub(super) fn entry(&self, path: &str) -> Option<&(Option<Value>, Origin)> {
        self.0.get(path)
    }

    /// Where a value came from.
    pub(super) fn origin(&self, path: &str) -> Option<Origin> {
        self.0.get(path).map(|(_, origin)| origin.clone())
    }
}

/// Reads every setting.
pub(super) fn resolve(layers: Layers, cores: usize, problems: &mut Problems) -> Resolved {
    let mut chosen: BTreeMap<&'static str, Choice> = BTreeMap::new();
    for layer in layers.layers {
        chosen.extend(choose(layer, problems));
    }
    let mut resolved = Resolved::default();
    for setting in SETTINGS {
        let outcome = match chosen.remove(setting.path) {
            Some(choice) => choice.read(setting),
            None => fallback(setting, cores),
        };
        match outcome {
            Ok(entry) => {
                resolved.0.insert(setting.path, entry);
            }
            // A file that can't be read may well say what is missing.
            Err((Origin::Default, _)) if layers.file_unreadable => {}
            Err((Origin::Default, refusal)) => problems.add(setting.path, None, refusal),
            Err((origin, refusal)) => problems.add(setting.path, Some(origin), refusal),
        }
    }
    resolved
}

/// What one layer says about one setting.
struct Choice {
    text: Zeroizing<String>,
    /// The text is the name of a file that holds the value.
    in_file: bool,
    origin: Origin,
}

type Entry = (Option<Value>, Origin);

impl Choice {
    fn read(self, setting: &Setting) -> Result<Entry, (Origin, Refusal)> {
        let (text, origin) = if self.in_file { secret_file(self)? } else { (self.text, self.origin) };
        if text.is_empty() && setting.fallback == Fallback::Unset {
            return Ok((None, origin));
        }
        let empty = text.is_empty() && !setting.kind.is_list();
        let value = if empty {
            Err(Refusal::new("is empty", format!("write its value ({}), or remove it", setting.kind.limits())))
        } else {
            setting.kind.parse(&text)
        };
        match value {
            Ok(value) => Ok((Some(value), origin)),
            Err(refusal) => Err((origin, refusal)),
        }
    }
}

fn secret_file(choice: Choice) -> Result<(Zeroizing<String>, Origin), (Origin, Refusal)> {
    let path = PathBuf::from(choice.text.as_str());
    match std::fs::read_to_string(&path).map(Zeroizing::new) {
        Ok(content) => {
            // Editors and `echo` end a file with a line break, which is no part of the secret.
            let line = content.strip_suffix('\n').unwrap_or(&content);
            let text = Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned());
            Ok((text, Origin::SecretFile { path, named_by: Box::new(choice.origin) }))
        }
        Err(error) => {
            let wrong = format!("names a file that can't be read ({error})");
            Err((choice.origin, Refusal::new(wrong, "name a readable UTF-8 file that holds the value alone")))
        }
    }
}

fn fallback(setting: &Setting, cores: usize) -> Result<Entry, (Origin, Refusal)> {
    let text = match setting.fallback {
        Fallback::Unset => return Ok((None, Origin::Default)),
        Fallback::Required => {
            let wrong = "is not set and has no default";
            let mend = format!(
                "set {} or `{} = …` in chancery.toml ({}, such as \"https://id.example.com\")",
                setting.variable(),
                setting.path,
                setting.kind.limits()
            );
            return Err((Origin::Default, Refusal::new(wrong, mend)));
        }
        Fallback::Text(text) => text.to_owned(),
        Fallback::Cores => cores.clamp(1, 1024).to_string(),
    };
    setting.kind.parse(&text).map(|value| (Some(value), Origin::Default)).map_err(|refusal| (Origin::Default, refusal))
}

/// One layer by setting; what it says twice, or about nothing, is a problem.
fn choose(layer: Vec<Given>, problems: &mut Problems) -> BTreeMap<&'static str, Choice> {
    let mut chosen: BTreeMap<&'static str, Choice> = BTreeMap::new();
    for given in layer {
        let Some((setting, in_file)) = find(&given.path) else {
            problems.add(given.path.clone(), Some(given.origin), unknown(&given.path));
            continue;
        };
        if given.list && !setting.kind.is_list() {
            let mend = format!("write one value ({})", setting.kind.limits());
            problems.add(given.path, Some(given.origin), Refusal::new("is a list", mend));
            continue;
        }
        let choice = Choice { text: Zeroizing::new(given.text), in_file, origin: given.origin.clone() };
        if let Some(former) = chosen.insert(setting.path, choice) {
            let refusal = Refusal::new(format!("is also given by {}", former.origin), "give it once");
            problems.add(setting.path, Some(given.origin), refusal);
        }
    }
    chosen
}

/// The setting of a path, and whether the path names a file that holds its value.
fn find(path: &str) -> Option<(&'static Setting, bool)> {
    SETTINGS.iter().find_map(|setting| {
        if setting.path == path {
            return Some((setting, false));
        }
        let names_file = setting.secret && path.strip_suffix("_file") == Some(setting.path);
        names_file.then_some((setting, true))
    })
}

fn unknown(path: &str) -> Refusal {
    let section: Vec<&str> = SETTINGS
        .iter()
        .map(|setting| setting.path)
        .filter(|known| known.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
        .collect();
    if !section.is_empty() {
        return Refusal::new("is a section, not a setting", format!("write one of {}", section.join(", ")));
    }
    if let Some((setting, _)) = path.strip_suffix("_file").and_then(find) {
        return Refusal::new("is not a setting: only secrets are read from files", format!("write {}", setting.path));
    }
    let key = path.rsplit('.').next().unwrap_or(path);
    let elsewhere = SETTINGS.iter().find(|setting| setting.key() == key).map(|setting| setting.path);
    match nearest(path, SETTINGS.iter().map(|setting| setting.path)).or(elsewhere) {
        Some(other) => Refusal::new("is not a setting", format!("did you mean {other}?")),
        None => Refusal::new("is not a setting", "remove it, or see `chancery config reference`"),
    }
}

/// The known name that differs least, if any is near.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (name.chars().count() / 4).clamp(2, 6);
    known
        .map(|other| (strsim::damerau_levenshtein(name, other), other))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}
