//! Settings: where they come from, what is refused and how it is said, what is shown, and the generated page.

mod database;
mod issuer;
mod problems;
mod properties;
mod secrets;
mod sources;

use chancery::config::{
    Argon2, Config, DatabaseUrl, EXAMPLE, LogFormat, Problem, Problems, ProxyHeader, SETTINGS, Sources, SqliteLocation,
    reference,
};
use std::{collections::BTreeSet, path::PathBuf, time::Duration};
use tempfile::TempDir;

const ISSUER: &str = "https://id.example.com";

/// Variables alone, on a machine with three cores.
fn variables(given: &[(&str, &str)]) -> Sources {
    let start = Sources { cores: 3, ..Sources::default() };
    given.iter().fold(start, |sources, (name, value)| sources.with_variable(*name, *value))
}

/// Variables and the issuer.
fn with_issuer(given: &[(&str, &str)]) -> Sources {
    variables(given).with_variable("CHANCERY_ISSUER", ISSUER)
}

/// A settings file; it goes when the directory does.
fn in_file(text: &str) -> (TempDir, Sources) {
    let (directory, path) = written("chancery.toml", text);
    (directory, variables(&[]).with_config(Some(path)))
}

fn written(name: &str, text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    (directory, path)
}

fn loaded(sources: Sources) -> Config {
    Config::load(sources).unwrap_or_else(|problems| panic!("{problems}"))
}

fn refused(sources: Sources) -> Problems {
    match Config::load(sources) {
        Ok(config) => panic!("accepted: {config:?}"),
        Err(problems) => problems,
    }
}

/// The one problem there is.
fn the_problem(sources: Sources) -> Problem {
    let problems = refused(sources);
    assert_eq!(problems.iter().count(), 1, "{problems}");
    problems.iter().next().unwrap().clone()
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

const fn days(count: u64) -> Duration {
    minutes(24 * 60 * count)
}

#[test]
fn defaults_are_those_promised() {
    let config = loaded(with_issuer(&[]));
    assert_eq!(config.issuer.as_str(), ISSUER);
    assert_eq!(config.listen, "127.0.0.1:7600".parse().unwrap());
    assert_eq!(config.management, Some("127.0.0.1:7601".parse().unwrap()));
    let DatabaseUrl::Sqlite(SqliteLocation::File(path)) = &config.database.url else { panic!("{:?}", config.database) };
    assert_eq!((path, config.database.pool), (&PathBuf::from("data/chancery.db"), 16));
    assert_eq!(config.keys.directory, PathBuf::from("keys"));
    assert!(config.keys.sealing.is_none() && config.tls.is_none() && config.proxies.trusted.is_empty());
    assert_eq!(config.proxies.header, ProxyHeader::XForwardedFor);
    assert_eq!(config.tokens.access_token_lifetime, minutes(10));
    assert_eq!(config.tokens.id_token_lifetime, minutes(10));
    assert_eq!(config.tokens.code_lifetime, minutes(1));
    assert_eq!(config.tokens.retry_window, minutes(1));
    assert_eq!((config.tokens.family_idle, config.tokens.family_absolute), (days(14), days(90)));
    assert_eq!((config.sessions.idle, config.sessions.absolute), (minutes(12 * 60), days(30)));
    assert_eq!(config.login.interaction_lifetime, minutes(30));
    assert_eq!(config.login.password, Argon2 { memory_kib: 19_456, iterations: 2, parallelism: 1 });
    assert_eq!((config.login.hash_permits, config.login.hash_queue, config.login.password_min_length), (3, 64, 15));
    let throttle = &config.throttle;
    assert_eq!((throttle.account_free, throttle.account_cap, throttle.account_hard_stop), (5, minutes(1), 100));
    assert_eq!((throttle.network_failures, throttle.network_window), (30, minutes(10)));
    assert_eq!((throttle.ipv6_prefix, throttle.endpoint_failures), (64, 60));
    assert_eq!((config.limits.body, config.limits.in_flight), (65_536, 1024));
    assert_eq!((config.limits.request_timeout.as_secs(), config.limits.stop_grace.as_secs()), (10, 10));
    assert_eq!(config.lineage.keep, days(30));
    assert_eq!((config.log.format, config.log.level.as_str()), (LogFormat::Text, "info"));
    let brand = &config.brand;
    assert_eq!(brand.name, "Chancery");
    assert!(brand.accent.is_none() && brand.accent_dark.is_none() && brand.support_url.is_none());
    assert!(brand.privacy_url.is_none() && brand.terms_url.is_none());
}

#[test]
fn the_table_names_each_setting_once_and_keeps_sections_together() {
    let paths: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.path).collect();
    assert_eq!(paths.len(), SETTINGS.len());
    let mut runs: Vec<_> = SETTINGS.iter().map(|setting| setting.section()).collect();
    runs.dedup();
    let sections: BTreeSet<_> = runs.iter().collect();
    assert_eq!(sections.len(), runs.len(), "a section is torn apart: {runs:?}");
    assert_eq!(runs[0], "", "what has no section must stand before the first");
}

#[test]
fn the_page_of_settings_is_the_one_generated() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/CONFIGURATION.md");
    if std::env::var_os("CHANCERY_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::write(&path, reference()).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == reference(), "docs/CONFIGURATION.md is out of date: run this test with CHANCERY_BLESS=1");
}

#[test]
fn the_page_tells_of_every_setting_and_variable() {
    let page = reference();
    for setting in SETTINGS {
        assert!(page.contains(&format!("| `{}` |", setting.key())), "{}", setting.path);
        assert!(page.contains(&format!("`{}`", setting.variable())), "{}", setting.variable());
    }
}

#[test]
fn the_example_of_the_page_can_be_used() {
    let (_directory, secret) = written("url", "postgres://chancery:pw@db/chancery?sslmode=verify-full\n");
    let text = EXAMPLE.replace("/run/secrets/database-url", secret.to_str().unwrap());
    assert_ne!(text, EXAMPLE);
    let (_file, sources) = in_file(&text);
    let config = loaded(sources);
    assert!(matches!(config.database.url, DatabaseUrl::Postgres(_)));
    assert_eq!(config.tokens.access_token_lifetime, minutes(5));
    assert_eq!(config.brand.accent.unwrap().as_str(), "#2f5d50");
}
