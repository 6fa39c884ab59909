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
    &["store", "keyring", "live", "throttle", "outbox", "fetch", "mail", "audit", "http"],
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
        "oauth/delivery",
        "oauth/pkce",
        "oauth/prompt",
        "oauth/redirect",
        "oauth/sender",
        "oidc/subject",
        "oidc/claims",
        "oidc/id_token",
        "oidc/hint",
        "oidc/channels",
        "oidc/requested",
        "token/refresh",
        "token/lineage",
        "token/life",
        "token/entitlement",
        "token/family",
        "token/notice",
        "token/mint",
        "token/access",
        "token/presented",
        "oauth/consent",
        "oauth/code",
        "oauth/answer",
        "oauth/grants",
        "oauth/device_code",
        "oauth/registry",
        "oauth/resource",
        "oauth/manage",
        "oauth/enrol",
        "oidc/notify",
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

/// Tests are short, too, and say what they show.
#[test]
fn the_tests_keep_the_form() {
    let mut tests = Vec::new();
    walk(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests")), "", &mut tests);
    let faults = tests.iter().filter(|test| !test.opens || test.lines > LONGEST_FILE);
    let faults: Vec<String> =
        faults.map(|test| format!("{}: {} lines, opens: {}", test.file, test.lines, test.opens)).collect();
    assert!(tests.len() > 50 && faults.is_empty(), "{}", faults.join("\n"));
}

/// The samples and their helpers, among the files of `demo`: they know the server as any other client does.
const SAMPLES: &[&str] = &["dashboard", "gateway", "issuer", "jwt", "page", "web"];

/// What a sample names that it could not have: anything of the server but the ground floors and the toolbox for HTTP.
fn reaches_inside(source: &Source) -> Vec<String> {
    let [demo, sample, ..] = source.module.as_slice() else { return Vec::new() };
    if demo != "demo" || !SAMPLES.contains(&sample.as_str()) {
        return Vec::new();
    }
    let inside = source.paths.iter().filter(|named| match CHANCERY.room(&named.path) {
        // Each other, and what `demo` itself says both are given.
        Some("demo") => named.path.get(1).is_some_and(|name| {
            !SAMPLES.contains(&name.as_str()) && !name.starts_with(|first: char| first.is_ascii_uppercase())
        }),
        Some("http") => false,
        Some(room) => CHANCERY.place(room).0 > 1,
        None => true,
    });
    inside.map(|named| format!("{}:{}: a sample names {}", source.file, named.line, named.path.join("::"))).collect()
}

#[test]
fn the_samples_know_the_server_by_http_alone() {
    let mut sources = Vec::new();
    walk(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo")), "demo/", &mut sources);
    let samples = sources.iter().filter(|source| source.module.len() > 1);
    assert!(samples.clone().filter(|source| SAMPLES.contains(&source.module[1].as_str())).count() > 20);
    let faults: Vec<String> = sources.iter().flat_map(reaches_inside).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // The rule bites.
    for (file, text, wrong) in [
        ("demo/gateway/feed.rs", "use crate::store::Tx;", true),
        ("demo/dashboard/mod.rs", "use crate::{clock, app::App};", true),
        ("demo/web.rs", "use super::cast::Cast;", true),
        (
            "demo/dashboard/calls.rs",
            "use super::super::web; use crate::http::headers; use super::super::Trouble;",
            false,
        ),
        ("demo/cast.rs", "use crate::store::Tx;", false),
    ] {
        assert_eq!(!reaches_inside(&Source::read(file, text)).is_empty(), wrong, "{file}: {text}");
    }
}

/// The table of `docs/ARCHITECTURE.md` names the same rooms on the same floors in the same order.
#[test]
fn the_plan_shows_the_house() {
    let plan = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ARCHITECTURE.md")).unwrap();
    for (floor, rooms) in FLOORS.iter().enumerate() {
        let begins = format!("| {floor} | ");
        let line = plan.lines().find(|line| line.starts_with(&begins)).unwrap_or_else(|| panic!("no floor {floor}"));
        let column = line.split('|').nth(2).unwrap();
        // Every other piece stands between backticks. `main` and `lib` are no rooms: they join the house together.
        let drawn: Vec<String> =
            column.split('`').skip(1).step_by(2).flat_map(expand).filter(|room| room != "main").collect();
        assert_eq!(drawn, *rooms, "floor {floor}");
    }
}

/// `oauth/{reply, par ◇}` names `oauth/reply` and `oauth/par`.
fn expand(text: &str) -> Vec<String> {
    let text = text.replace('◇', "");
    match text.split_once('{') {
        Some((corridor, rooms)) => {
            rooms.trim_end_matches('}').split(',').map(|room| format!("{corridor}{}", room.trim())).collect()
        }
        None => vec![text.trim().to_owned()],
    }
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
