//! The suite is whole: every public function of every file of the store is called by it, and so every statement text is
//! prepared, on both databases.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn sources(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn every_function_is_called() {
    let suite: String = sources("tests/it/store").into_iter().map(|(_, text)| text).collect();
    let mut missing = BTreeSet::new();
    let mut found = 0;
    for (file, text) in sources("src/store") {
        for line in text.lines() {
            let Some((_, rest)) = line.split_once("pub async fn ").or_else(|| line.split_once("pub fn ")) else {
                continue;
            };
            let name = rest.split(['(', '<']).next().unwrap();
            found += 1;
            // Functions of a file by their file; methods by their dot or their type.
            let is_method = line.starts_with(' ');
            let called = if is_method {
                suite.contains(&format!(".{name}(")) || suite.contains(&format!("::{name}("))
            } else {
                suite.contains(&format!("{file}::{name}(")) || (file == "locks" && suite.contains(&format!("{name}(")))
            };
            if !called {
                missing.insert(format!("{file}::{name}"));
            }
        }
    }
    // Whether an error passes is asked by the endpoints, and tried there.
    missing.remove("error::is_passing");
    assert!(found > 80, "only {found} functions were found");
    assert!(missing.is_empty(), "not in the contract suite: {missing:?}");
}
