//! The environment: `CHANCERY_SECTION__KEY`, the short forms, and `…_FILE` for secrets. Refuses any other `CHANCERY_…`
//! with the nearest known name, but for those that Kubernetes and container links make up for a service of that name.

use super::{
    problem::{Origin, Problems, Refusal},
    resolve::nearest,
    settings::SETTINGS,
    sources::Given,
};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

/// Names the settings file.
pub(super) const CONFIG: &str = "CHANCERY_CONFIG";

/// All settings given by variables.
pub(super) fn read(environment: &BTreeMap<String, OsString>, problems: &mut Problems) -> Vec<Given> {
    let known = known();
    let mut given = Vec::new();
    for (name, value) in environment {
        if !name.starts_with("CHANCERY_") || name == CONFIG || is_foreign(name, value) {
            continue;
        }
        let origin = Origin::Variable(name.clone());
        match (known.get(name), OsStr::to_str(value)) {
            (Some(path), Some(text)) => {
                given.push(Given { path: path.clone(), text: text.to_owned(), list: false, origin });
            }
            (Some(path), None) => {
                problems.add(path.clone(), Some(origin), Refusal::new("is not UTF-8", "write plain text"));
            }
            (None, _) => {
                let mend = match nearest(name, known.keys().map(String::as_str).chain([CONFIG])) {
                    Some(other) => format!("did you mean {other}?"),
                    None => "remove it, or see `chancery config reference`".to_owned(),
                };
                problems.add(name.clone(), None, Refusal::new("is the variable of no setting", mend));
            }
        }
    }
    given
}

/// Every variable, with the path of what it sets.
fn known() -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    for setting in SETTINGS {
        for variable in setting.variables() {
            if setting.secret {
                known.insert(format!("{variable}_FILE"), format!("{}_file", setting.path));
            }
            known.insert(variable, setting.path.to_owned());
        }
    }
    known
}

/// Variables that others set: Kubernetes service links (`CHANCERY_SERVICE_HOST`, `CHANCERY_PORT_7600_TCP_ADDR` …), which
/// appear unasked in every pod beside a service called "chancery" or "chancery-…", and those of our own tests.
fn is_foreign(name: &str, value: &OsStr) -> bool {
    if name == "CHANCERY_BLESS" || name.starts_with("CHANCERY_TEST_") {
        return true;
    }
    let address = value.to_str().and_then(|value| value.split_once("://"));
    let is_address = address.is_some_and(|(scheme, _)| matches!(scheme, "tcp" | "udp" | "sctp"));
    let service = name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && is_address);
    let numbered = name.split_once("_PORT_").is_some_and(|(_, rest)| {
        let mut parts = rest.split('_');
        parts.next().is_some_and(|port| port.parse::<u16>().is_ok())
            && parts.next().is_some_and(|protocol| matches!(protocol, "TCP" | "UDP" | "SCTP"))
    });
    (service || numbered) && !name.contains("__")
}
