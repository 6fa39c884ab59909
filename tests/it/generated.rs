//! Files that are generated from the code and compared here; `make bless` rewrites them.

use std::path::Path;

/// Compares a file of the tree with what the code says it is.
#[track_caller]
pub fn compare(path: &str, wanted: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("CHANCERY_BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, wanted).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(there == wanted, "{path} is not what the code says: run `make bless` and look at the difference");
}

#[test]
fn the_api_description() {
    compare("openapi/chancery.json", &chancery::openapi::document());
}

#[test]
fn the_events() {
    compare("docs/EVENTS.md", &chancery::event::reference());
}

/// Every test that the rows of a page name is there; answers how many.
fn tests_named_by(page: &str, is_row: fn(&str) -> bool) -> usize {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(tree.join(page)).unwrap();
    let mut named = 0;
    for row in text.lines().filter(|line| is_row(line)) {
        let shown = row.rsplit('|').nth(1).unwrap();
        for quoted in shown.split('`').skip(1).step_by(2).filter(|text| !text.starts_with("src/")) {
            let (file, test) = quoted.split_once("::").unwrap_or((quoted, ""));
            let text = std::fs::read_to_string(tree.join("tests/it").join(file))
                .unwrap_or_else(|error| panic!("{quoted}: {error}"));
            let there = test.is_empty() || text.contains(&format!("fn {test}("));
            assert!(there, "{page} names {quoted}, which is not there");
            named += 1;
        }
    }
    named
}

#[test]
fn the_attacks_name_tests_that_are_there() {
    let named = tests_named_by("docs/ATTACKS.md", |line| line.starts_with("| V") || line.starts_with("| —"));
    assert!(named > 40, "only {named} tests are named");
}

#[test]
fn what_is_asked_of_a_provider_names_tests_that_are_there() {
    let row = |line: &str| line.starts_with("| ") && line.contains("::");
    let named = tests_named_by("docs/CONFORMANCE.md", row);
    assert!(named > 50, "only {named} tests are named");
}
