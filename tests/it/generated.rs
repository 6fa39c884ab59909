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
