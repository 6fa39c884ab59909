//! `chancery config show`: the settings in force as TOML that could be a settings file, each line with its source as a
//! comment, secrets redacted.

use super::{resolve::Resolved, settings::SETTINGS};

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
