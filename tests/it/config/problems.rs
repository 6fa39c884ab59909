//! What is refused, and that it is said all at once, with path, source and mend.

use super::{in_file, loaded, refused, the_problem, variables, with_issuer};

#[test]
fn the_issuer_must_be_given() {
    let problem = the_problem(variables(&[]));
    assert_eq!(problem.path, "issuer");
    assert!(problem.wrong.contains("is not set and has no default"), "{problem}");
    assert!(problem.mend.contains("CHANCERY_ISSUER") && problem.mend.contains("chancery.toml"), "{problem}");
}

#[test]
fn everything_wrong_is_told_at_once_with_its_source() {
    let (_directory, sources) = in_file(
        "issuer = \"https://id.example.com/\"\nlisten = \"localhost\"\n\n[tokens]\ncode_lifetime = \"5m\"\n\
         acess_token_lifetime = \"5m\"\n[proxies]\ntrusted = [\"10.0.0.1/8\"]\n",
    );
    let sources = sources
        .with_variable("CHANCERY_SESSIONS__IDLE", "31d")
        .with_variable("CHANCERY_TOKENS_RETRY_WINDOW", "60s")
        .with_variable("CHANCERY_TLS__KEY", "key.pem")
        .with_flag("log.format", "xml");
    let text = refused(sources).to_string();
    for line in [
        "the settings have 9 problems",
        "chancery.toml line 1) ends with a slash: write \"https://id.example.com\".",
        "chancery.toml line 2) \"localhost\" is not an address with a port: write \"127.0.0.1:7600\"",
        "chancery.toml line 5) is too large: write a duration, 1s to 1m.",
        "chancery.toml line 6) is not a setting: did you mean tokens.access_token_lifetime?",
        "chancery.toml line 8) \"10.0.0.1/8\" has bits set beyond its prefix: write \"10.0.0.0/8\"",
        "CHANCERY_TOKENS_RETRY_WINDOW is the variable of no setting: did you mean CHANCERY_TOKENS__RETRY_WINDOW?",
        "sessions.idle (CHANCERY_SESSIONS__IDLE) is longer than sessions.absolute: write no more than \"30d\".",
        "tls.certificate is not set, but tls.key is: set both, or neither.",
        "log.format (command line) \"xml\" is not one of its words: write \"text\" or \"json\".",
    ] {
        assert!(text.contains(line), "{line:?} is missing in\n{text}");
    }
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_known() {
    for (line, mend) in [
        ("isuer = \"x\"", "did you mean issuer?"),
        ("retry_window = \"1s\"", "did you mean tokens.retry_window?"),
        ("keys = \"dir\"", "write one of keys.directory, keys.sealing, keys.rsa_bits, keys.ed25519"),
        ("[wholly.unheard.of]\nthing = 1", "remove it, or see `chancery config reference`"),
        ("[tls]\nkey_file = \"x\"", "write tls.key"),
    ] {
        let (_directory, sources) = in_file(line);
        let problem = the_problem(sources.with_variable("CHANCERY_ISSUER", "https://id.example.com"));
        assert_eq!(problem.mend, mend, "{line}");
    }
    let problem = the_problem(with_issuer(&[("CHANCERY_NOTHING_LIKE_IT_AT_ALL", "1")]));
    assert!(problem.mend.contains("chancery config reference"), "{problem}");
    let problem = the_problem(with_issuer(&[]).with_flag("log.fromat", "text"));
    assert_eq!(problem.mend, "did you mean log.format?");
}

#[test]
fn variables_that_kubernetes_makes_up_are_passed_over() {
    loaded(with_issuer(&[
        ("CHANCERY_SERVICE_HOST", "10.96.0.7"),
        ("CHANCERY_SERVICE_PORT", "7600"),
        ("CHANCERY_SERVICE_PORT_HTTP", "7600"),
        ("CHANCERY_PORT", "tcp://10.96.0.7:7600"),
        ("CHANCERY_PORT_7600_TCP", "tcp://10.96.0.7:7600"),
        ("CHANCERY_PORT_7600_TCP_PROTO", "tcp"),
        ("CHANCERY_PORT_7600_TCP_PORT", "7600"),
        ("CHANCERY_PORT_7600_TCP_ADDR", "10.96.0.7"),
        ("CHANCERY_ADMIN_SERVICE_HOST", "10.96.0.8"),
        ("OTHER_THING", "1"),
    ]));
    the_problem(with_issuer(&[("CHANCERY_PORT", "7600")]));
    the_problem(with_issuer(&[("CHANCERY_LISTEN__PORT", "tcp://10.96.0.7:7600")]));
}

#[test]
fn a_file_that_is_not_toml_is_refused_by_line_and_nothing_else_is_guessed() {
    let (_directory, sources) = in_file("[log]\nformat = \"json\nlevel = \"info\"\n");
    let problems = refused(sources.with_variable("CHANCERY_LISTEN", "nonsense"));
    let text = problems.to_string();
    assert!(text.contains("chancery.toml line 2) is not valid TOML"), "{text}");
    assert!(text.contains("listen (CHANCERY_LISTEN)"), "{text}");
    assert!(!problems.iter().any(|problem| problem.path == "issuer"), "{text}");
}

#[test]
fn values_no_setting_can_have_are_refused() {
    for line in ["listen = true", "listen = 1979-05-27", "listen = [[\"a\"]]", "listen = 1.5"] {
        let (_directory, sources) = in_file(line);
        let problems = refused(sources);
        assert!(problems.to_string().contains("listen ("), "{problems}");
        assert!(problems.to_string().contains("has a value of a type that no setting has"), "{problems}");
    }
    let (_directory, sources) = in_file("issuer = \"https://id.example.com\"\nlisten = [\"127.0.0.1:80\"]");
    assert_eq!(the_problem(sources).wrong, "is a list");
}

#[test]
fn each_kind_has_its_limits() {
    for (variable, text, wrong) in [
        ("CHANCERY_TOKENS__ACCESS_TOKEN_LIFETIME", "61m", "is too large"),
        ("CHANCERY_TOKENS__ACCESS_TOKEN_LIFETIME", "0", "is too small"),
        ("CHANCERY_TOKENS__RETRY_WINDOW", "60", "\"60\" has no unit"),
        ("CHANCERY_TOKENS__RETRY_WINDOW", "-1s", "\"-1s\" is not a duration"),
        ("CHANCERY_TOKENS__RETRY_WINDOW", "1h30m", "\"1h30m\" is not a duration"),
        ("CHANCERY_TOKENS__RETRY_WINDOW", "99999999999999999999d", "is too long"),
        ("CHANCERY_DATABASE__POOL", "1", "is too small"),
        ("CHANCERY_DATABASE__POOL", "+16", "\"+16\" is not a whole number"),
        ("CHANCERY_LIMITS__BODY", "64kb", "\"64kb\" is not a size"),
        ("CHANCERY_LIMITS__BODY", "17MiB", "is too large"),
        ("CHANCERY_LOGIN__PASSWORD_MIN_LENGTH", "7", "is too small"),
        ("CHANCERY_LOGIN__PASSWORD__MEMORY_KIB", "1024", "is too small"),
        ("CHANCERY_THROTTLE__ACCOUNT_HARD_STOP", "101", "is too large"),
        ("CHANCERY_THROTTLE__ACCOUNT_HARD_STOP", "3", "is more than throttle.account_hard_stop"),
        ("CHANCERY_PROXIES__TRUSTED", "0.0.0.0/0", "trusts everyone"),
        ("CHANCERY_PROXIES__TRUSTED", "10.0.0.0/8,proxy", "\"proxy\" is not a network"),
        ("CHANCERY_PROXIES__HEADER", "x-real-ip", "is not one of its words"),
        ("CHANCERY_LOG__LEVEL", "inof", "\"inof\" is not a level"),
        ("CHANCERY_LOG__LEVEL", "chancery=loud", "is not a log filter"),
        ("CHANCERY_BRAND__ACCENT", "red", "\"red\" is not a colour"),
        ("CHANCERY_BRAND__ACCENT", "#12345g", "is not a colour"),
        ("CHANCERY_BRAND__ACCENT", "#fff;}", "is not a colour"),
        ("CHANCERY_BRAND__NAME", "two\nlines", "is not a short line of text"),
        ("CHANCERY_BRAND__TERMS_URL", "javascript:alert(1)", "is not an address to show to people"),
        ("CHANCERY_BRAND__TERMS_URL", "mailto:a@example.com", "is not an address to show to people"),
        ("CHANCERY_MANAGEMENT", "no", "\"no\" is not an address with a port"),
        ("CHANCERY_MANAGEMENT", "127.0.0.1:7600", "is the same address as listen"),
        ("CHANCERY_KEYS", "a\0b", "contains a NUL byte"),
    ] {
        let problem = the_problem(with_issuer(&[(variable, text)]));
        assert!(problem.wrong.contains(wrong), "{variable}={text}: {problem}");
        assert!(!problem.mend.is_empty());
    }
}

#[test]
fn tls_wants_both_files_and_an_https_issuer() {
    let both = [("CHANCERY_TLS__CERTIFICATE", "c.pem"), ("CHANCERY_TLS__KEY", "k.pem")];
    let tls = loaded(with_issuer(&both)).tls.unwrap();
    assert_eq!((tls.certificate.to_str(), tls.key.to_str()), (Some("c.pem"), Some("k.pem")));
    let problem = the_problem(with_issuer(&both[..1]));
    assert_eq!((problem.path.as_str(), problem.wrong.as_str()), ("tls.key", "is not set, but tls.certificate is"));
    let problem = the_problem(variables(&both).with_variable("CHANCERY_ISSUER", "http://localhost:7600"));
    assert_eq!((problem.path.as_str(), problem.mend.as_str()), ("issuer", "write \"https://localhost:7600\""));
}

#[test]
fn idle_times_stay_below_absolute_ones() {
    let sources = with_issuer(&[("CHANCERY_TOKENS__FAMILY_ABSOLUTE", "7d")]);
    assert_eq!(the_problem(sources).path, "tokens.family_idle");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let bytes = std::ffi::OsString::from_vec(vec![0xff, 0xfe]);
    let problem = the_problem(with_issuer(&[]).with_variable("CHANCERY_BRAND__NAME", bytes));
    assert_eq!((problem.path.as_str(), problem.wrong.as_str()), ("brand.name", "is not UTF-8"));
}
