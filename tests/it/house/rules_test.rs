//! The rules, tried on houses made up for it: each fault is found, and nothing else.

use super::rules::House;
use super::source::Source;
use super::{CHANCERY, FLOORS};

const SMALL: House<'static> = House {
    floors: &[&["clock"], &["store", "http"], &["oauth/error", "oauth/code"], &["oauth/token", "login"]],
    axum_floor: 3,
    axum_rooms: &["http"],
    longest_file: 5,
};

/// Faults of files that each open as they should.
fn faults(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Vec<_> = files.iter().map(|(file, text)| Source::read(file, &format!("//! Opens.\n{text}"))).collect();
    SMALL.faults(&sources)
}

#[track_caller]
fn assert_faults(files: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(faults(files), expected);
}

#[test]
fn what_is_allowed_passes() {
    assert_faults(
        &[
            ("lib.rs", "pub mod clock;\npub mod login;"),
            ("main.rs", "use chancery::login;"),
            ("clock.rs", "pub(crate) fn now() {}"),
            ("store/mod.rs", "use crate::clock::Clock;\nuse super::clock;\nmod rows;"),
            ("store/rows.rs", "use super::Store;\nuse crate::store::{Tx, mod_of::Row as R};"),
            ("http/reply.rs", "use crate::store;\nuse axum::response::Response;"),
            ("oauth/mod.rs", "pub mod error;\npub mod token;"),
            ("oauth/code.rs", "use super::error::Error;\nuse std::fmt;"),
            ("oauth/token/mod.rs", "use axum::Form;\nuse crate::{clock::{self, *}, oauth::{code, error::Error}};"),
        ],
        &[],
    );
}

#[test]
fn upward_imports_are_found_however_they_are_written() {
    let expected = |line| format!("store/mod.rs:{line}: store (floor 1) reaches up to login (floor 3)");
    for (line, text) in [
        (2, "use crate::login::Page;"),
        (3, "use crate::{\n  login,\n};"),
        (4, "use {crate::clock,\n crate::{clock::Clock,\n login::{self}}};"),
        (2, "fn page() -> crate::login::Page { todo() }"),
        (2, "use super::login;"),
        (2, "mod inner { use super::super::login as page; }"),
        (2, "fn a() { r#\"\"#; '\"'; b'\\''; let x: &'static str = \"}\"; crate::login::a::<u8>() }"),
        (3, "/* /* */ crate::clock */\npub use crate::login::*;"),
    ] {
        assert_faults(&[("store/mod.rs", text)], &[&expected(line)]);
    }
}

#[test]
fn a_room_that_stands_later_on_the_floor_is_found() {
    let files = [("oauth/error.rs", "use super::code::Code;")];
    assert_faults(&files, &["oauth/error.rs:2: oauth/error uses oauth/code, which stands after it on floor 2"]);
}

#[test]
fn a_circle_is_told_as_one() {
    let files = [
        ("clock.rs", "use crate::oauth::error::Error;"),
        ("oauth/error.rs", "use crate::store;"),
        ("store.rs", "use crate::clock;"),
    ];
    let up = "clock.rs:2: clock (floor 0) reaches up to oauth/error (floor 2)";
    assert_faults(&files, &["a circle: clock → oauth/error → store → clock", up]);
}

#[test]
fn tests_are_free() {
    let tests = "#[cfg(test)]\nmod tests {\n use crate::login;\n fn a() { [1; 2] }\n}\n";
    assert_faults(&[("store.rs", &format!("{tests}use crate::clock;\n{tests}"))], &[]);
    assert_faults(
        &[
            ("store/mod.rs", "#[cfg(test)]\nmod contract;\nmod rows;"),
            ("store/contract/a.rs", "use crate::login;\n\n\n\n\n"),
        ],
        &[],
    );
    let after = format!("{tests}use crate::login;");
    assert_faults(&[("store.rs", &after)], &["store.rs:7: store (floor 1) reaches up to login (floor 3)"]);
}

#[test]
fn words_in_comments_and_strings_are_no_imports() {
    let text = "// crate::login\n/// [`crate::login`]\nconst A: &str = \"crate::login \\\" axum\";";
    assert_faults(&[("clock.rs", text)], &[]);
}

#[test]
fn axum_stays_upstairs() {
    let files = [("store.rs", "use axum::Json;"), ("oauth/code.rs", "\nfn f(_: axum::Json<u8>) {}")];
    let expected = ["oauth/code.rs:3: axum is not known on floor 2", "store.rs:2: axum is not known on floor 1"];
    assert_faults(&files, &expected);
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let sources = [Source::read("clock.rs", "use std::time;\n\n\n\n\n\n"), Source::read("store.rs", "//! Short.")];
    let expected = ["clock.rs: 6 lines without its tests; 5 at most", "clock.rs: does not open with //!"];
    assert_eq!(SMALL.faults(&sources), expected);
}

#[test]
fn every_file_and_every_path_has_a_room() {
    let files = [
        ("attic.rs", ""),
        ("oauth/mod.rs", "pub mod error;\npub use error::Error;"),
        ("oauth/dust.rs", ""),
        ("login.rs", "use crate::oauth::{self, Error};\nuse crate::oauth_error;"),
    ];
    assert_faults(
        &files,
        &[
            "attic.rs: stands in no room of the table",
            "login.rs:2: crate::oauth names no room of the table",
            "login.rs:2: crate::oauth::Error names no room of the table",
            "login.rs:3: crate::oauth_error names no room of the table",
            "oauth/dust.rs: stands in no room of the table",
            "oauth/mod.rs:3: a corridor has mod lines only",
        ],
    );
}

#[test]
fn the_table_names_each_room_once() {
    let mut rooms = FLOORS.concat();
    rooms.sort_unstable();
    assert!(rooms.windows(2).all(|pair| pair[0] != pair[1]), "{rooms:?}");
    assert!(CHANCERY.axum_rooms.iter().all(|room| rooms.contains(room)));
}
