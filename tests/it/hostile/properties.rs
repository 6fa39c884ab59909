//! Rules as properties: the redirect matcher against a reference (M5), scopes as sets, PKCE, parameters there and back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery::http::params::{MOST, Params, decode, encode};
use chancery::oauth::pkce::{self, Challenge};
use chancery::oauth::redirect;
use chancery::oauth::scope::{self, Scopes};
use chancery::secret::sha256;
use proptest::prelude::*;
use proptest::test_runner::Config;

/// The rule in ten lines, by characters alone.
fn reference(registered: &str, sent: &str) -> bool {
    let split = |uri: &str| {
        let host =
            ["http://127.0.0.1", "http://[::1]", "http://localhost"].into_iter().find(|host| uri.starts_with(host))?;
        let rest = &uri[host.len()..];
        let port: String = rest.strip_prefix(':').unwrap_or("").chars().take_while(char::is_ascii_digit).collect();
        let tail = if rest.starts_with(':') { &rest[1 + port.len()..] } else { rest };
        let valid = !rest.starts_with(':') || port.parse::<u32>().is_ok_and(|port| port <= 65_535);
        (valid && (tail.is_empty() || tail.starts_with('/') || tail.starts_with('?'))).then(|| (host, tail.to_owned()))
    };
    registered == sent || (split(registered).is_some() && split(registered) == split(sent))
}

/// Addresses that are near each other: pieces that matter, put together anyhow.
fn uri() -> impl Strategy<Value = String> {
    let scheme =
        prop_oneof![Just("http://"), Just("https://"), Just("HTTP://"), Just("http:/"), Just("com.example.app:")];
    let host = prop_oneof![
        Just("127.0.0.1"),
        Just("[::1]"),
        Just("localhost"),
        Just("rp.test"),
        Just("127.0.0.1@evil.test"),
        Just("localhost.evil.test"),
        Just("")
    ];
    let port = prop_oneof![
        Just(String::new()),
        Just(":".to_owned()),
        (0u32..70_000).prop_map(|port| format!(":{port}")),
        Just(":80@evil.test".to_owned()),
        Just(":0080".to_owned()),
        Just(":+80".to_owned())
    ];
    let tail = prop_oneof![
        Just(""),
        Just("/"),
        Just("/cb"),
        Just("/CB"),
        Just("/cb/../x"),
        Just("?a=b"),
        Just("/cb?a=b"),
        Just("#x"),
        Just("\\@evil.test"),
        Just(".evil.test/cb")
    ];
    (scheme, host, port, tail).prop_map(|(scheme, host, port, tail)| format!("{scheme}{host}{port}{tail}"))
}

fn scopes() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop_oneof![Just("openid"), Just("email"), Just("a"), Just("b:c"), Just("!#~")], 0..8)
        .prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(Config { cases: 512, failure_persistence: None, ..Config::default() })]

    #[test]
    fn m5_the_matcher_is_the_rule(registered in uri(), sent in uri()) {
        prop_assert_eq!(redirect::matches(&registered, &sent), reference(&registered, &sent), "{} {}", registered, sent);
        prop_assert!(redirect::matches(&registered, &registered));
        // Whatever may be registered and is not loopback is matched by itself alone.
        if redirect::register(&registered, true).is_ok() && !registered.starts_with("http://") {
            prop_assert_eq!(redirect::matches(&registered, &sent), registered == sent);
        }
    }

    #[test]
    fn what_may_be_registered_is_an_address_without_tricks(text in prop_oneof![uri(), ".{0,60}", "https://[a-z.]{1,12}[/?#@*\\\\ :a-z0-9]{0,20}"], public: bool) {
        if redirect::register(&text, public).is_ok() {
            for trick in ["#", "*", "\\", " ", "\n", "\t", "\u{7f}"] {
                prop_assert!(!text.contains(trick), "{}", text);
            }
            let url = url::Url::parse(&text).unwrap();
            prop_assert!(url.username().is_empty() && url.password().is_none());
            prop_assert!(!["javascript", "data", "file", "vbscript", "blob", "about"].contains(&url.scheme()), "{}", text);
        }
    }

    #[test]
    fn scopes_are_sets(a in scopes(), b in scopes(), c in scopes()) {
        let [a, b, c] = [a, b, c].map(|text| Scopes::parse(&text).unwrap());
        let both = a.clone().with(&b);
        prop_assert!(a.within(&both) && b.within(&both));
        prop_assert_eq!(a.within(&b), a.beyond(&b).is_none());
        prop_assert_eq!(a.within(&b) && b.within(&c), a.within(&b) && b.within(&c) && a.within(&c), "it goes on");
        let narrowed = a.only(|one| b.has(one));
        prop_assert!(narrowed.within(&a) && narrowed.within(&b), "narrowing never grows");
        prop_assert_eq!(Scopes::parse(&a.to_string()).unwrap(), a.clone(), "written and read again");
        prop_assert_eq!(Scopes::stored(&a.to_string()), a.clone());
        prop_assert_eq!(a.clone().with(&a), a.clone());
        let mut seen = std::collections::HashSet::new();
        prop_assert!(both.iter().all(|one| seen.insert(one.to_owned())), "each once");
    }

    #[test]
    fn no_scope_has_other_characters(text in "[ -~\u{80}-\u{ff}\n\t]{0,30}") {
        let fits = text.chars().all(|c| matches!(c, ' ' | '!' | '#'..='[' | ']'..='~'));
        prop_assert_eq!(Scopes::parse(&text).is_ok(), fits, "{:?}", text);
    }

    #[test]
    fn only_the_verifier_fits_its_challenge(verifier in "[A-Za-z0-9._~-]{43,128}", other in "[A-Za-z0-9._~+/= -]{0,130}") {
        let challenge = URL_SAFE_NO_PAD.encode(sha256(&[verifier.as_bytes()]));
        let read = Challenge::read(Some(&challenge), Some("S256"), false).unwrap().unwrap();
        prop_assert!(pkce::verify(Some(read.as_str()), Some(&verifier)).is_ok());
        prop_assert_eq!(pkce::verify(Some(read.as_str()), Some(&other)).is_ok(), other == verifier);
        prop_assert!(pkce::verify(Some(&verifier), Some(&verifier)).is_err(), "`plain` is not spoken");
        prop_assert!(pkce::verify(Some(read.as_str()), None).is_err() && pkce::verify(None, Some(&verifier)).is_err());
        // V017: short, long or odd ones, even when their hash fits.
        for odd in [
            verifier[..42].to_owned(), format!("{verifier}{}", "a".repeat(129 - verifier.len())), format!("{}+", &verifier[..42]), format!("{}=", &verifier[..43])] {
            let fitting = URL_SAFE_NO_PAD.encode(sha256(&[odd.as_bytes()]));
            prop_assert!(pkce::verify(Some(&fitting), Some(&odd)).is_err(), "{}", odd);
        }
        for wrong in [format!("{challenge}="), challenge[..42].to_owned(), format!("{challenge}A"), challenge.replace('A', "+")] {
            prop_assert!(wrong == challenge || Challenge::read(Some(&wrong), Some("S256"), false).is_err(), "{}", wrong);
        }
    }

    #[test]
    fn parameters_there_and_back(pairs in proptest::collection::vec(("[ -~\u{a0}-\u{2ff}\u{1F980}]{1,10}", "[ -~\r\n\t\u{a0}-\u{2ff}]{0,20}"), 0..20)) {
        let text = encode(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        prop_assert!(text.is_ascii());
        let read = Params::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(read.pairs(), &pairs[..]);
    }

    #[test]
    fn any_bytes_are_read_or_refused(raw in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(params) = Params::parse(&raw) {
            prop_assert!(params.pairs().len() <= MOST);
            for (name, value) in params.pairs() {
                prop_assert!(!name.chars().any(char::is_control));
                prop_assert!(value.chars().all(|c| !c.is_control() || "\r\n\t".contains(c)));
            }
            let again = encode(params.pairs().iter().map(|(name, value)| (name.as_str(), value.as_str())));
            let read = Params::parse(again.as_bytes()).unwrap();
            prop_assert_eq!(read.pairs(), params.pairs());
        }
        let _ = decode(&raw);
    }
}

#[test]
fn there_is_a_most() {
    let many = |count: usize| (0..count).map(|n| format!("s{n}")).collect::<Vec<_>>();
    assert!(
        Scopes::parse(&many(scope::MOST).join(" ")).is_ok() && Scopes::parse(&many(scope::MOST + 1).join(" ")).is_err()
    );
    assert!(
        Params::parse(many(MOST).join("&").as_bytes()).is_ok()
            && Params::parse(many(MOST + 1).join("&").as_bytes()).is_err()
    );
}
