//! `docs/recipes` can be pasted: every command in it is run, and every address of the issuer is one that answers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::kit::actors::http;
use crate::kit::issuer::{Issuer, Kind, on_both};
use crate::kit::operator::Operator;

on_both!(every_command_is_taken, every_address_answers);

const ISSUER: &str = "https://id.example.com";

/// The recipes by file name, the index apart.
fn recipes() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recipes");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let named = files.map(|file| (file.file_name().unwrap().to_str().unwrap().to_owned(), file));
    named
        .filter(|(name, _)| name != "README.md")
        .map(|(name, file)| (name, fs::read_to_string(file).unwrap()))
        .collect()
}

/// The commands of an indented block, their continued lines joined, in words.
fn commands(text: &str) -> Vec<Vec<String>> {
    let joined = text.replace("\\\n", " ");
    joined.lines().filter_map(|line| line.strip_prefix("    chancery ")).map(words).collect()
}

/// The words of a command line, as a shell reads those without anything but double quotes.
fn words(line: &str) -> Vec<String> {
    assert!(!line.contains(['\'', '$', '`', '\\', '|', ';', '&', '>', '<', '#']), "more than words: {line}");
    let (mut words, mut open) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => open = !open,
            ' ' if !open => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    assert!(!open, "an open quotation: {line}");
    words.retain(|word| !word.is_empty());
    words
}

/// All addresses of the issuer that a text names, without their queries.
fn addresses(text: &str) -> Vec<&str> {
    let found = text.match_indices(ISSUER).map(|(at, _)| &text[at + ISSUER.len()..]);
    found.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && !"/.-_".contains(c)).next().unwrap()).collect()
}

async fn every_command_is_taken(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let operator = Operator::of(&issuer);
    let recipes = recipes();
    assert!(recipes.len() >= 12, "{:?}", recipes.keys());
    for (file, text) in &recipes {
        let commands = commands(text);
        let clients = commands.iter().filter(|command| command.starts_with(&["client".into(), "create".into()]));
        assert!(clients.count() >= 1, "{file} registers no client");
        for command in &commands {
            let ran = operator.run(&command.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(ran.code, 0, "{file}: chancery {}\n{}", command.join(" "), ran.err);
            // What is registered is what the application is told: its way back stands on its own side, too.
            let (_, theirs) = text.split_once("\n## ").unwrap().1.split_once("\n## ").unwrap();
            for pair in command.windows(2).filter(|pair| pair[0] == "--redirect-uri" && pair[1].starts_with("https://"))
            {
                let address = url::Url::parse(&pair[1]).unwrap();
                let named = theirs.contains(&pair[1]) || theirs.contains(address.host_str().unwrap());
                assert!(named, "{file}: {} is not on the application's side", pair[1]);
            }
        }
    }
    issuer.stop().await;
}

async fn every_address_answers(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let mut seen = 0;
    for (file, text) in &recipes() {
        for path in addresses(text) {
            let path = path.trim_end_matches('.');
            if matches!(path, "" | "/") {
                continue;
            }
            let answer = http().get(issuer.url(path)).send().await.unwrap();
            assert_ne!(answer.status(), 404, "{file}: {path}");
            seen += 1;
        }
    }
    assert!(seen > 10, "only {seen} addresses");
    issuer.stop().await;
}

/// The index names every recipe, and nothing else.
#[test]
fn the_index_is_whole() {
    let index = include_str!("../../docs/recipes/README.md");
    let linked = index.lines().filter(|line| line.starts_with("| [")).map(|line| {
        let (_, rest) = line.split_once("](").unwrap();
        rest.split_once(')').unwrap().0.to_owned()
    });
    let linked: std::collections::BTreeSet<String> = linked.collect();
    assert_eq!(linked, recipes().into_keys().collect());
}
