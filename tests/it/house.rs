//! Keeps the house standing: reads every file of `src/` and fails on whatever `docs/ARCHITECTURE.md` forbids.
//!
//! A room uses rooms on lower floors and, on its own floor, only those that stand before it; within a room, files use
//! each other freely. Files say what they are for, stay short, and below floor 5 only the HTTP toolbox knows axum.

mod rules;
mod rules_test;
mod source;

use std::fs;
use std::path::Path;

use rules::House;
use source::Source;

/// Every room, floor by floor from the ground, in the order in which they stand. A room is a file or a folder of `src/`;
/// of two that fit a path, the longer one counts. A folder that only holds rooms (`oauth/`) is a corridor.
const FLOORS: &[&[&str]] = &[
    &["clock", "secret"],
    &["config", "event", "seal"],
    &["store", "keyring", "live", "throttle", "fetch", "mail", "audit", "http"],
    &["app"],
    &[
        "policy",
        "revocation",
        "change",
        "session",
        "identity",
        "oauth/error",
        "oauth/scope",
        "oauth/profile",
        "oauth/client_auth/methods",
        "oauth/client",
        "oauth/client_auth",
        "oauth/pkce",
        "oauth/prompt",
        "oauth/redirect",
        "oauth/sender",
        "oidc/subject",
        "oidc/claims",
        "oidc/id_token",
        "oidc/hint",
        "token/refresh",
        "token/lineage",
        "token/life",
        "token/entitlement",
        "token/family",
        "token/mint",
        "token/access",
        "token/presented",
        "oauth/consent",
        "oauth/code",
        "oauth/answer",
        "oauth/grants",
        "oauth/registry",
        "oauth/resource",
        "oauth/manage",
        "signin",
    ],
    &[
        "login/words",
        "login/pages",
        "login/front",
        "oauth/reply",
        "oauth/cors",
        "oauth/authorize",
        "oauth/par",
        "oauth/token",
        "oauth/introspection",
        "oauth/revocation",
        "oauth/registration",
        "oauth/device",
        "oauth/metadata",
        "oidc/userinfo",
        "oidc/logout",
        "login",
        "account",
        "admin",
        "gateway",
    ],
    &["openapi", "router", "jobs", "demo", "cli"],
];

/// From here up, and in these rooms below, axum may be named.
const AXUM_FLOOR: usize = 5;
const AXUM_ROOMS: &[&str] = &["http"];

/// Lines a file may have, its tests not counted.
const LONGEST_FILE: usize = 400;

const CHANCERY: House<'static> =
    House { floors: FLOORS, axum_floor: AXUM_FLOOR, axum_rooms: AXUM_ROOMS, longest_file: LONGEST_FILE };

#[test]
fn the_house_stands() {
    let mut sources = Vec::new();
    walk(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), "", &mut sources);
    assert!(sources.len() > 20, "only {} files found", sources.len());
    let faults = CHANCERY.faults(&sources);
    assert!(faults.is_empty(), "{} against the rules of the house:\n{}", faults.len(), faults.join("\n"));
}

fn walk(folder: &Path, prefix: &str, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), &format!("{name}/"), sources);
        } else if name.ends_with(".rs") {
            sources.push(Source::read(&name, &fs::read_to_string(entry.path()).unwrap()));
        }
    }
}
