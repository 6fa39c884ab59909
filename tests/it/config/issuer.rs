//! The issuer has one spelling.

use chancery::config::Issuer;

#[test]
fn canonical_issuers_are_accepted_and_taken_apart() {
    for (text, origin, prefix) in [
        ("https://id.example.com", "https://id.example.com", ""),
        ("https://id.example.com:8443", "https://id.example.com:8443", ""),
        ("https://id.example.com/auth", "https://id.example.com", "/auth"),
        ("https://id.example.com/a-b/c_d.~1", "https://id.example.com", "/a-b/c_d.~1"),
        ("https://a.example/a.example", "https://a.example", "/a.example"),
        ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443", "/x"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example", ""),
        ("http://localhost:7600", "http://localhost:7600", ""),
        ("http://127.0.0.2", "http://127.0.0.2", ""),
        ("http://[::1]:7600/auth", "http://[::1]:7600", "/auth"),
    ] {
        let issuer: Issuer = text.parse().unwrap_or_else(|refusal| panic!("{text}: {refusal}"));
        assert_eq!((issuer.as_str(), issuer.origin(), issuer.path_prefix()), (text, origin, prefix));
        assert_eq!(issuer.endpoint("/oauth2/token"), format!("{text}/oauth2/token"));
        assert_eq!(issuer.is_https(), text.starts_with("https:"));
    }
}

#[test]
fn other_issuers_are_refused_with_what_to_write() {
    for (text, wrong, mend) in [
        ("id.example.com", "is not an absolute URL", "https://id.example.com"),
        ("//id.example.com", "is not an absolute URL", "https://id.example.com"),
        ("https://", "is not an absolute URL", "https://id.example.com"),
        ("https://exa mple.com", "is not an absolute URL", "https://id.example.com"),
        ("ftp://id.example.com", "is not an https URL", "https://id.example.com"),
        ("localhost:7600", "is not an https URL", "https://id.example.com"),
        ("https://id.example.com/", "ends with a slash", "write \"https://id.example.com\""),
        ("https://id.example.com/a//", "ends with a slash", "write \"https://id.example.com/a\""),
        ("https://id.example.com?x=1", "carries a query", "remove"),
        ("https://id.example.com/?", "carries a query", "remove"),
        ("https://id.example.com#x", "carries a fragment", "remove"),
        ("https://@id.example.com", "carries user information", "remove"),
        ("https://id.example.com:443", "is not in canonical form", "write \"https://id.example.com\""),
        ("HTTPS://ID.example.com", "is not in canonical form", "write \"https://id.example.com\""),
        (" https://id.example.com", "is not in canonical form", "write \"https://id.example.com\""),
        ("https://bücher.example", "is not in canonical form", "write \"https://xn--bcher-kva.example\""),
        ("https://id.example.com/a/../b", "is not in canonical form", "write \"https://id.example.com/b\""),
        ("https://id.example.com/a//b", "empty segments or unusual characters", "between single slashes"),
        ("https://id.example.com/a%20b", "empty segments or unusual characters", "letters, digits"),
        ("https://id.example.com/{x}", "is not in canonical form", "write"),
        ("http://id.example.com", "is http", "write \"https://id.example.com\""),
        ("http://localhost.example.com", "is http", "write \"https://localhost.example.com\""),
        ("http://0.0.0.0:7600", "is http", "write \"https://0.0.0.0:7600\""),
        ("http://[::2]", "is http", "write \"https://[::2]\""),
    ] {
        let refusal = text.parse::<Issuer>().expect_err(text);
        assert!(refusal.wrong.contains(wrong), "{text}: {refusal}");
        assert!(refusal.mend.contains(mend), "{text}: {refusal}");
    }
}

#[test]
fn a_password_in_an_issuer_is_not_repeated() {
    for text in ["https://user:hunter2@id.example.com", "postgres://user:hunter2@db/x", "https://u:hunter2@:99999/"] {
        let refusal = text.parse::<Issuer>().expect_err(text);
        assert!(!refusal.to_string().contains("hunter2"), "{refusal}");
    }
}
