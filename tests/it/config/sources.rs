//! Default, file, environment, flags: the last one wins.

use super::{in_file, loaded, minutes, refused, the_problem, variables, with_issuer, written};
use chancery::config::{DatabaseUrl, LogFormat, ProxyHeader, Sources, SqliteLocation};
use std::path::PathBuf;

#[test]
fn the_later_source_wins() {
    let (_directory, sources) = in_file(
        "issuer = \"https://file.example\"\n[tokens]\naccess_token_lifetime = \"1m\"\nid_token_lifetime = \"1m\"\n\
         retry_window = \"10s\"\n",
    );
    let sources = sources
        .with_variable("CHANCERY_TOKENS__ID_TOKEN_LIFETIME", "2m")
        .with_variable("CHANCERY_TOKENS__RETRY_WINDOW", "20s")
        .with_flag("tokens.retry_window", "30s");
    let config = loaded(sources);
    assert_eq!(config.issuer.as_str(), "https://file.example");
    assert_eq!(config.tokens.access_token_lifetime, minutes(1));
    assert_eq!(config.tokens.id_token_lifetime, minutes(2));
    assert_eq!(config.tokens.retry_window.as_secs(), 30);
    assert_eq!(config.tokens.code_lifetime, minutes(1), "the default");
    let shown = config.show();
    for line in [
        "chancery.toml line 3\n",
        "id_token_lifetime = \"2m\"  # CHANCERY_TOKENS__ID_TOKEN_LIFETIME\n",
        "retry_window = \"30s\"  # command line\n",
        "code_lifetime = \"1m\"  # default\n",
    ] {
        assert!(shown.contains(line), "{line:?} is missing in\n{shown}");
    }
}

#[test]
fn a_bad_value_that_is_overridden_does_no_harm() {
    let sources = with_issuer(&[("CHANCERY_LISTEN", "nonsense")]).with_flag("listen", "[::1]:80");
    assert_eq!(loaded(sources).listen, "[::1]:80".parse().unwrap());
}

#[test]
fn the_file_is_the_one_of_the_flag_then_of_the_variable_then_the_default_one() {
    let (_a, flag) = written("a.toml", "issuer = \"https://a.example\"");
    let (_b, variable) = written("b.toml", "issuer = \"https://b.example\"");
    let (_c, default_file) = written("c.toml", "issuer = \"https://c.example\"");
    let sources = Sources { default_file: Some(default_file), cores: 1, ..Sources::default() };
    assert_eq!(loaded(sources.clone()).issuer.as_str(), "https://c.example");
    let sources = sources.with_variable("CHANCERY_CONFIG", variable);
    assert_eq!(loaded(sources.clone()).issuer.as_str(), "https://b.example");
    assert_eq!(loaded(sources.with_config(Some(flag))).issuer.as_str(), "https://a.example");
}

#[test]
fn the_default_file_may_be_absent_and_a_named_one_may_not() {
    let absent = PathBuf::from("/nonexistent/chancery.toml");
    loaded(Sources { default_file: Some(absent.clone()), ..with_issuer(&[]) });
    let problem = the_problem(variables(&[]).with_config(Some(absent)));
    assert!(problem.path == "/nonexistent/chancery.toml" && problem.wrong.contains("can't be read"), "{problem}");
    let problem = the_problem(variables(&[("CHANCERY_CONFIG", "/nonexistent/chancery.toml")]));
    assert!(problem.to_string().contains("(CHANCERY_CONFIG)"), "{problem}");
}

#[test]
fn short_forms_stand_for_their_settings() {
    let config = loaded(variables(&[
        ("CHANCERY_ISSUER", "http://localhost:7600"),
        ("CHANCERY_LISTEN", "0.0.0.0:80"),
        ("CHANCERY_MANAGEMENT", "off"),
        ("CHANCERY_DATABASE_URL", "sqlite::memory:"),
        ("CHANCERY_KEYS", "/var/lib/chancery/keys"),
    ]));
    assert_eq!(config.issuer.as_str(), "http://localhost:7600");
    assert_eq!((config.listen, config.management), ("0.0.0.0:80".parse().unwrap(), None));
    assert!(matches!(config.database.url, DatabaseUrl::Sqlite(SqliteLocation::Memory)));
    assert_eq!(config.keys.directory, PathBuf::from("/var/lib/chancery/keys"));
}

#[test]
fn long_and_short_form_together_are_refused() {
    let sources = with_issuer(&[("CHANCERY_KEYS", "a"), ("CHANCERY_KEYS__DIRECTORY", "b")]);
    let problem = the_problem(sources);
    assert_eq!(problem.path, "keys.directory");
    assert!(problem.wrong.contains("also given by CHANCERY_KEYS"), "{problem}");
}

#[test]
fn a_file_can_hold_numbers_lists_and_nested_sections() {
    let (_directory, sources) = in_file(
        "issuer = \"https://id.example.com/auth\"\nmanagement = \"off\"\n[proxies]\n\
         trusted = [\"10.0.0.0/8\", \"fd00::/8\", \"192.0.2.7\"]\nheader = \"forwarded\"\n\
         [login]\nhash_queue = 7\npassword = { memory_kib = 65536, iterations = 3 }\n\
         [limits]\nbody = \"1MiB\"\nstop_grace = \"0\"\n[log]\nformat = \"json\"\nlevel = \"info,chancery=debug\"\n\
         [brand]\nname = \"Ärzte & Co\"\naccent = \"#ABC\"\nsupport_url = \"mailto:help@example.com\"\n",
    );
    let config = loaded(sources);
    assert_eq!(config.issuer.path_prefix(), "/auth");
    assert_eq!(config.management, None);
    let trusted: Vec<String> = config.proxies.trusted.iter().map(ToString::to_string).collect();
    assert_eq!(trusted, ["10.0.0.0/8", "fd00::/8", "192.0.2.7/32"]);
    assert_eq!(config.proxies.header, ProxyHeader::Forwarded);
    assert_eq!((config.login.hash_queue, config.login.password.memory_kib), (7, 65_536));
    assert_eq!((config.limits.body, config.limits.stop_grace.as_millis()), (1_048_576, 0));
    assert_eq!((config.log.format, config.log.level.as_str()), (LogFormat::Json, "info,chancery=debug"));
    assert_eq!((config.brand.name.as_str(), config.brand.accent.unwrap().as_str()), ("Ärzte & Co", "#aabbcc"));
    assert_eq!(config.brand.support_url.unwrap().as_str(), "mailto:help@example.com");
}

#[test]
fn a_list_in_a_variable_is_separated_by_commas_and_an_empty_one_takes_it_back() {
    let (_directory, sources) = in_file(
        "issuer = \"https://id.example.com\"\n[proxies]\ntrusted = [\"10.0.0.0/8\"]\n[brand]\naccent = \"#123456\"\n",
    );
    let config = loaded(sources.clone().with_variable("CHANCERY_PROXIES__TRUSTED", "10.0.0.0/8, ::1"));
    assert_eq!(config.proxies.trusted.len(), 2);
    let sources = sources.with_variable("CHANCERY_PROXIES__TRUSTED", "").with_variable("CHANCERY_BRAND__ACCENT", "");
    let config = loaded(sources);
    assert!(config.proxies.trusted.is_empty() && config.brand.accent.is_none());
    let problems = refused(with_issuer(&[("CHANCERY_LISTEN", "")]));
    assert!(problems.to_string().contains("listen (CHANCERY_LISTEN) is empty"), "{problems}");
}

#[test]
fn what_is_shown_can_be_loaded_again() {
    let config = loaded(with_issuer(&[
        ("CHANCERY_PROXIES__TRUSTED", "10.0.0.0/8,fd00::/8"),
        ("CHANCERY_BRAND__NAME", "The \"House\" \\ of # cards"),
        ("CHANCERY_BRAND__TERMS_URL", "https://example.com/terms?a=b"),
        ("CHANCERY_LIMITS__REQUEST_TIMEOUT", "1500ms"),
        ("CHANCERY_MANAGEMENT", "off"),
    ]));
    let (_directory, sources) = in_file(&config.show());
    let again = loaded(sources);
    let values = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.rsplit_once("  # ").map_or(line, |(value, _)| value).to_owned()).collect()
    };
    assert_eq!(values(&again.show()), values(&config.show()));
    assert_eq!(again.brand.name, config.brand.name);
    assert_eq!(again.limits.request_timeout.as_millis(), 1500);
}

#[test]
fn the_process_brings_its_environment_its_directory_and_its_cores() {
    let sources = Sources::from_process();
    assert_eq!((sources.config, sources.default_file), (None, Some(PathBuf::from("chancery.toml"))));
    assert!(sources.flags.is_empty() && sources.cores >= 1);
    let path = sources.environment.get("PATH").cloned();
    assert_eq!(path, std::env::var_os("PATH"));
}
