//! `chancery config show`: the settings in force as TOML that could be a settings file, each line with its source as a
//! comment, secrets redacted.

use super::{problem::Origin, resolve::Resolved, settings::SETTINGS};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

pub(super) fn show(resolved: &Resolved) -> String {
    let mut out = String::from("# The settings in force; secrets are redacted.\n");
    let mut section = "";
    for setting in SETTINGS {
        if setting.section() != section {
            section = setting.section();
            out.push_str(&format!("\n[{section}]\n"));
        }
        let line = match resolved.entry(setting.path) {
            Some((Some(value), origin)) => format!("{} = {}  # {origin}\n", setting.key(), value.to_toml()),
            _ => format!("# {} is not set\n", setting.key()),
        };
        out.push_str(&line);
    }
    out
}

/// Each setting by its path.
pub(super) fn json(resolved: &Resolved) -> Value {
    let one = |path: &'static str| match resolved.entry(path) {
        Some((Some(value), origin)) => json!({ "value": value.to_json(), "source": origin.to_string() }),
        _ => json!({ "value": null, "source": null }),
    };
    Value::Object(SETTINGS.iter().map(|setting| (setting.path.to_owned(), one(setting.path))).collect::<Map<_, _>>())
}

/// Where each secret was read from, when that is a file. What is redacted when shown is a secret: an address without a password
/// is none.
pub(super) fn secret_files(resolved: &Resolved) -> Vec<(&'static str, PathBuf)> {
    let secrets = SETTINGS.iter().filter(|setting| setting.secret);
    let files = secrets.filter_map(|setting| match resolved.entry(setting.path)? {
        (Some(value), Origin::File { path, .. } | Origin::SecretFile { path, .. })
            if value.to_toml().contains(REDACTED) =>
        {
            Some((setting.path, path.clone()))
        }
        _ => None,
    });
    files.collect()
}

/// What stands in a secret's place.
const REDACTED: &str = "(redacted)";
