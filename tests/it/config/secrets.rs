//! Secrets come from variables or files, and are never shown.

use super::{in_file, loaded, refused, the_problem, with_issuer, written};
use chancery::config::{Config, DatabaseUrl, Sources};

/// Bytes 1 to 32 in base64url.
const SEALING: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA";
const URL: &str = "postgres://chancery:hunter2@localhost/chancery?password=hunter3&application_name=c";

fn exposed(config: &Config) -> &str {
    match &config.database.url {
        DatabaseUrl::Postgres(url) => url.expose(),
        other => panic!("{other:?}"),
    }
}

fn sealing(config: &Config) -> [u8; 32] {
    *config.keys.sealing.as_ref().unwrap().expose()
}

fn one_to_32() -> [u8; 32] {
    std::array::from_fn(|index| u8::try_from(index + 1).unwrap())
}

#[test]
fn secrets_are_redacted_wherever_settings_are_printed() {
    let config = loaded(with_issuer(&[("CHANCERY_DATABASE_URL", URL), ("CHANCERY_KEYS__SEALING", SEALING)]));
    assert_eq!(exposed(&config), URL);
    assert_eq!(sealing(&config), one_to_32());
    let shown = config.show();
    let redacted = "postgres://chancery:(redacted)@localhost/chancery?password=(redacted)&application_name=c";
    assert!(shown.contains(&format!("url = \"{redacted}\"  # CHANCERY_DATABASE_URL\n")), "{shown}");
    assert!(shown.contains("sealing = \"(redacted)\"  # CHANCERY_KEYS__SEALING\n"), "{shown}");
    for text in [shown, format!("{config:?}"), format!("{config:#?}")] {
        for secret in ["hunter2", "hunter3", SEALING, "[1, 2, 3"] {
            assert!(!text.contains(secret), "{secret} stands in\n{text}");
        }
    }
}

#[test]
fn sources_are_not_printed() {
    let sources = with_issuer(&[("CHANCERY_KEYS__SEALING", SEALING), ("OTHER_PASSWORD", "hunter2")]);
    let text = format!("{sources:?}");
    assert!(!text.contains(SEALING) && !text.contains("hunter2"), "{text}");
}

#[test]
fn a_password_with_an_encoded_name_is_redacted_too() {
    let url: DatabaseUrl = "postgres://localhost/c?p%61ssword=hunter2".parse().unwrap();
    assert!(!format!("{url} {url:?}").contains("hunter2"), "{url}");
}

#[test]
fn secrets_can_be_read_from_files() {
    let (_key, key) = written("sealing", &format!("{SEALING}\n"));
    let (_url, url) = written("url", &format!("{URL}\r\n"));
    for name in ["CHANCERY_DATABASE_URL_FILE", "CHANCERY_DATABASE__URL_FILE"] {
        let sources = with_issuer(&[]).with_variable(name, &url).with_variable("CHANCERY_KEYS__SEALING_FILE", &key);
        let config = loaded(sources);
        assert_eq!(exposed(&config), URL);
        assert_eq!(sealing(&config), one_to_32());
        let shown = config.show();
        assert!(shown.contains(&format!("# file {}, named by {name}\n", url.display())), "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains(SEALING), "{shown}");
    }
    let text = format!("issuer = \"https://id.example.com\"\n[keys]\nsealing_file = {:?}\n", key.to_str().unwrap());
    let (_directory, sources) = in_file(&text);
    assert_eq!(sealing(&loaded(sources)), one_to_32());
}

#[test]
fn only_the_last_line_end_is_cut() {
    let (_directory, path) = written("sealing", &format!("{SEALING}\n\n"));
    let problem = the_problem(with_issuer(&[]).with_variable("CHANCERY_KEYS__SEALING_FILE", path));
    assert_eq!(problem.wrong, "is not base64url");
}

#[test]
fn a_secret_file_that_is_not_there_is_named() {
    let problem = the_problem(with_issuer(&[("CHANCERY_KEYS__SEALING_FILE", "/nonexistent/key")]));
    let text = problem.to_string();
    assert!(text.starts_with("keys.sealing (CHANCERY_KEYS__SEALING_FILE) names a file that can't be read"), "{text}");
}

#[test]
fn a_secret_and_its_file_together_are_refused_within_one_source_and_override_between_two() {
    let (_directory, path) = written("url", URL);
    let both =
        with_issuer(&[("CHANCERY_DATABASE_URL", "sqlite::memory:")]).with_variable("CHANCERY_DATABASE_URL_FILE", &path);
    assert!(the_problem(both).wrong.contains("is also given by CHANCERY_DATABASE_URL"));
    let (_file, sources) = in_file("issuer = \"https://id.example.com\"\n[database]\nurl = \"sqlite::memory:\"\n");
    assert_eq!(exposed(&loaded(sources.with_variable("CHANCERY_DATABASE_URL_FILE", &path))), URL);
}

#[test]
fn only_secrets_have_files() {
    let problem = the_problem(with_issuer(&[("CHANCERY_LISTEN_FILE", "/etc/listen")]));
    assert_eq!(problem.path, "CHANCERY_LISTEN_FILE");
}

#[test]
fn a_refused_secret_is_not_repeated() {
    let cases: [(&str, &str); 6] = [
        ("CHANCERY_KEYS__SEALING", "hunter2"),
        ("CHANCERY_KEYS__SEALING", "hunter2+/hunter2"),
        ("CHANCERY_KEYS__SEALING", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ("CHANCERY_DATABASE_URL", "mysql://root:hunter2@db/x"),
        ("CHANCERY_DATABASE_URL", "postgres://c:hunter2@db/x"),
        ("CHANCERY_DATABASE_URL", "postgres://c:hunter2@localhost/x?passwort=hunter2"),
    ];
    for (name, value) in cases {
        let problems = refused(with_issuer(&[(name, value)]));
        let text = format!("{problems} {problems:?}");
        assert!(text.contains(name) && !text.contains("hunter2") && !text.contains("AAAA"), "{text}");
    }
    let (_directory, sources) = in_file("[keys]\nsealing = \"hunter2\" hunter2\n[keys\nx = 'hunter2\n");
    let problems = refused(sources);
    let text = format!("{problems} {problems:?}");
    assert!(text.contains("is not valid TOML") && !text.contains("hunter2"), "{text}");
}

#[test]
fn a_sealing_key_is_32_bytes_and_not_one_repeated() {
    for (text, wrong) in [
        ("AQID", "holds 3 bytes instead of 32"),
        ("AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=", "is not base64url"),
        ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "repeats one byte"),
    ] {
        let problem = the_problem(with_issuer(&[("CHANCERY_KEYS__SEALING", text)]));
        assert!(problem.wrong.contains(wrong) && problem.mend.contains("openssl rand"), "{problem}");
    }
    let none: Sources = with_issuer(&[("CHANCERY_KEYS__SEALING", "")]);
    assert!(loaded(none).keys.sealing.is_none());
}
