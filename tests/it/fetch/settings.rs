//! The settings of the way out: what they are by default, and what is refused at the start.

use std::time::Duration;

use chancery::config::{Config, Sources};
use chancery::fetch::Fetch;

use super::{defaults, servers::Authority};

#[test]
fn nothing_is_open_by_default() {
    let settings = defaults();
    assert!(settings.allow.is_empty() && !settings.allow_http && settings.extra_ca.is_none());
    assert_eq!((settings.timeout, settings.max_body), (Duration::from_secs(5), 65_536));
}

#[test]
fn bad_values_are_refused() {
    for (variable, text, wrong) in [
        ("ALLOW", "0.0.0.0/0", "lets anyone who registers a URL reach every machine this server can"),
        ("ALLOW", "10.0.0.0/8,::/0", "lets anyone who registers"),
        ("ALLOW", "10.0.0.1/8", "has bits set beyond its prefix"),
        ("ALLOW", "intranet", "is not a network"),
        ("ALLOW_HTTP", "yes", "is not one of its words"),
        ("TIMEOUT", "0", "is too small"),
        ("TIMEOUT", "2m", "is too large"),
        ("MAX_BODY", "2MiB", "is too large"),
        ("MAX_BODY", "10", "is too small"),
    ] {
        let sources = Sources::default().with_variable("CHANCERY_ISSUER", "https://id.example.com");
        let problems = Config::load(sources.with_variable(format!("CHANCERY_FETCH__{variable}"), text)).unwrap_err();
        assert!(problems.to_string().contains(wrong), "{variable}={text}: {problems}");
    }
    let problems = Config::load(
        Sources::default()
            .with_variable("CHANCERY_ISSUER", "https://id.example.com")
            .with_variable("CHANCERY_FETCH__ALLOW", "::/0"),
    );
    assert!(problems.unwrap_err().to_string().contains("name the networks that clients are served from"));
}

#[test]
fn networks_that_are_never_connected_to_are_told() {
    for (network, what) in [
        ("0.0.0.0/8", "unspecified"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("255.255.255.255/32", "broadcast"),
        ("::ffff:0:0/96", "an IPv4 address in disguise"),
        ("ff02::/16", "multicast"),
    ] {
        let mut settings = defaults();
        settings.allow = vec!["10.0.0.0/8".parse().unwrap(), network.parse().unwrap()];
        let network = settings.allow[1];
        let told = Fetch::new(&settings).unwrap_err().to_string();
        assert_eq!(told, format!("fetch.allow names {network}: it is {what}, and never connected to"));
    }
}

#[test]
fn a_file_of_authorities_is_read_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let mut settings = defaults();
    settings.extra_ca = Some(path.clone());
    let told = |settings: &_| Fetch::new(settings).map(drop).map_err(|error| error.to_string());
    let begins = format!("fetch.extra_ca ({})", path.display());
    let pem = Authority::new("ours").pem();
    let broken = [&pem[..], b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"].concat();
    let none = [&pem[..], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"].concat();
    let torn = pem[..pem.len() / 2].to_vec();
    assert!(told(&settings).unwrap_err().starts_with(&format!("{begins} can't be read: ")));
    for (content, why) in [
        (Vec::new(), "holds no certificate in PEM"),
        (b"a certificate, perhaps".to_vec(), "holds no certificate in PEM"),
        (broken, "is broken at its certificate 2"),
        (none, "holds as its certificate 2 what is none"),
        (torn, "is broken at its certificate 1"),
    ] {
        std::fs::write(&path, content).unwrap();
        assert_eq!(told(&settings), Err(format!("{begins} {why}")));
    }
    std::fs::write(&path, [pem, Authority::new("ours").pem()].concat()).unwrap();
    assert_eq!(told(&settings), Ok(()));
}
