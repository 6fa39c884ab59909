//! Where a browser is sent, and where it never is: V001 to V013, V028.

use chancery::http::params::Params;
use sqlx::types::Json;

use super::Ground;
use super::wire::{Got, Raw};
use crate::kit::actors::{RelyingParty, parameter};
use crate::kit::issuer::{Kind, on_both};

on_both!(
    v001_to_v013_only_the_registered_redirect,
    v010_a_registered_query_stays,
    loopback_and_private_redirects,
    v028_errors_go_back_with_issuer_and_state,
);

async fn ask(ground: &Ground, client: &RelyingParty, redirect: &str, more: &[(&str, &str)]) -> Got {
    let mut all = vec![("redirect_uri", redirect)];
    all.extend(more);
    let url = client.flow(&all).url;
    Raw::get(url.strip_prefix(&client.at).unwrap()).send(&ground.issuer.at).await
}

/// A page of our own: nothing follows from it, and nothing of what was sent stands in it as markup.
#[track_caller]
fn page(got: &Got, sent: &str) {
    got.refused(sent);
    assert_eq!(got.status, 400, "{sent}");
    assert!(got.body.contains("redirect_uri"), "it names the parameter: {got:?}");
    for trick in ["http-equiv", "<script>", "method=\"post\"", "onload"] {
        assert!(!got.body.to_lowercase().contains(trick), "{sent}: {trick}");
    }
}

/// None of these is `https://rp.test/cb`.
const FOREIGN: &[&str] = &[
    "https://rp.test.evil.test/cb",
    "https://rp.test/cbX",
    "https://rp.test/cb/../x",
    "https://rp.test/cb/",
    "https://rp.test",
    "https://rp.test/",
    "https://rp.test/c",
    "https://rp.test/cb/..%2Fevil",
    "https://rp.test/cb%252f..%252f",
    "https://rp.test/cb/%2e%2e/x",
    "https://rp.test/%63b",
    "https://rp.test@evil.test/cb",
    "https://x@rp.test/cb",
    "https://rp.test:443/cb",
    "https://rp.test:444/cb",
    "https://rp.test%40evil.test/cb",
    "https://evil.test\\@rp.test/cb",
    "https://evil.test#@rp.test/cb",
    "https://evil.test/?https://rp.test/cb",
    "HTTPS://RP.TEST/cb",
    "https://rp.test/CB",
    "https://RP.test/cb",
    "https://rp.test./cb",
    "https://rp。test/cb",
    "https://rp.test/cb?code=x",
    "https://rp.test/cb?",
    "https://rp.test/cb#",
    "https://rp.test/cb#x",
    "https://rp.test/cb;x",
    " https://rp.test/cb",
    "https://rp.test/cb ",
    "https://rp.test/cb\r\nSet-Cookie: a=b",
    "https://rp.test/cb\t",
    "http://rp.test/cb",
    "//rp.test/cb",
    "/cb",
    "rp.test/cb",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "urn:ietf:wg:oauth:2.0:oob",
    "http://127.0.0.1:80@evil.test/cb",
    "http://localhost@evil.test/cb",
    "http://localhost/cb",
    "*",
    "https://*",
    "null",
    "\u{1F98A}",
];

async fn v001_to_v013_only_the_registered_redirect(kind: Kind) {
    let ground = Ground::new(kind).await;
    let dotted = ground.issuer.client_with(|row| row.redirect_uris = Json(vec!["https://foo.rp.test/cb".into()])).await;
    let regular = ground.issuer.client_with(|row| row.redirect_uris = Json(vec!["https://.*".into()])).await;
    let none = ground.issuer.client_with(|row| row.redirect_uris = Json(vec![])).await;
    let two = [String::from("https://rp.test/a"), "https://rp.test/b".to_owned()];
    let two = ground.issuer.client_with(|row| row.redirect_uris = Json(two.to_vec())).await;
    let before = ground.state().await;
    for uri in FOREIGN {
        // V012: whatever the response mode, known or not.
        for mode in ["", "query", "fragment", "form_post", "form_post.jwt", "unknown"] {
            page(&ask(&ground, &ground.web, uri, &[("response_mode", mode)]).await, uri);
            if kind == Kind::Postgres {
                break;
            }
        }
    }
    page(&ask(&ground, &dotted, "https://fooarp.test/cb", &[]).await, "V006");
    for uri in ["https://evil.test", "https://rp.test/cb", "https://"] {
        page(&ask(&ground, &regular, uri, &[]).await, "a literal that matches nothing else");
        page(&ask(&ground, &none, uri, &[]).await, "V007: nothing registered is nothing allowed");
    }
    page(&ask(&ground, &none, "", &[]).await, "none to fall back on");
    page(&ask(&ground, &two, "", &[]).await, "left out, and there are two");
    for (client, uri) in [(&ground.web, "https://rp.test/cb"), (&ground.web, ""), (&two, "https://rp.test/b")] {
        let got = ask(&ground, client, uri, &[("prompt", "none")]).await;
        let to = got.header("location").unwrap_or_else(|| panic!("{uri}: {got:?}"));
        let wanted = if uri.is_empty() { "https://rp.test/cb" } else { uri };
        assert!(to.starts_with(&format!("{wanted}?error=login_required&")), "{to}");
    }
    ground.unchanged(&before, &ground.state().await);
    ground.goes_on().await;
    ground.issuer.stop().await;
}

async fn v010_a_registered_query_stays(kind: Kind) {
    let mut ground = Ground::new(kind).await;
    let uri = "https://rp.test/cb?code=theirs&x=a%20b&state";
    let client = ground.issuer.client_with(|row| row.redirect_uris = Json(vec![uri.to_owned()])).await;
    let flow = client.flow(&[]);
    let answer = ground.browser.begin(&flow).await;
    let to = crate::kit::actors::location(&answer).expect("signed in already");
    let rest = to.strip_prefix(&format!("{uri}&")).unwrap_or_else(|| panic!("byte for byte: {to}"));
    let told = Params::parse(rest.as_bytes()).unwrap();
    assert_eq!(told.pairs().iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["code", "state", "iss"]);
    client.redeem(&flow, told.get("code").unwrap()).await.ok();
    ground.issuer.stop().await;
}

async fn loopback_and_private_redirects(kind: Kind) {
    let ground = Ground::new(kind).await;
    let uris = ["http://127.0.0.1/cb", "http://[::1]:9/cb", "com.example.app:/cb", "http://localhost:1234"];
    let native = ground.issuer.client_with(|row| {
        row.auth_method = "none".to_owned();
        row.redirect_uris = Json(uris.map(str::to_owned).to_vec());
    });
    let native = native.await;
    let before = ground.state().await;
    for uri in [
        "http://127.0.0.1:49152/cb",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:1/cb",
        "http://[::1]:50000/cb",
        "com.example.app:/cb",
        "http://localhost:1",
    ] {
        let got = ask(&ground, &native, uri, &[("prompt", "none")]).await;
        assert!(
            got.header("location").is_some_and(|to| to.starts_with(&format!("{uri}?error=login_required&"))),
            "{uri}: {got:?}"
        );
    }
    for uri in [
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.1:-1/cb",
        "http://127.0.0.1:80:80/cb",
        "http://127.0.0.1:80@evil.test/cb",
        "http://127.0.0.1.evil.test/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:80/cb/",
        "http://127.0.0.1:80/CB",
        "http://127.0.0.2/cb",
        "http://localhost/cb",
        "http://0x7f000001/cb",
        "http://127.1/cb",
        "http://[::ffff:127.0.0.1]:80/cb",
        "http://[::1/cb",
        "https://127.0.0.1/cb",
        "http://127.0.0.1:80\\@evil.test/cb",
        "http://localhost:80.evil.test",
        "http://localhost:80/",
        "http://localhost.evil.test",
        "com.example.app:/cbx",
        "com.example.app://cb",
        "com.example.app:cb",
        "COM.EXAMPLE.APP:/cb",
        "com.example.app:/cb?x",
    ] {
        page(&ask(&ground, &native, uri, &[]).await, uri);
    }
    ground.unchanged(&before, &ground.state().await);
    ground.issuer.stop().await;
}

async fn v028_errors_go_back_with_issuer_and_state(kind: Kind) {
    let ground = Ground::new(kind).await;
    let service = ground.issuer.client_with(|row| row.grants = Json(vec!["client_credentials".to_owned()])).await;
    let before = ground.state().await;
    let metadata =
        ground.web.http.get(ground.issuer.url("/.well-known/oauth-authorization-server")).send().await.unwrap();
    let metadata: serde_json::Value = metadata.json().await.unwrap();
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    let web = &ground.web;
    for (client, more, error) in [
        (web, &[("response_type", "")][..], "invalid_request"),
        (web, &[("response_type", "token")], "unsupported_response_type"),
        (web, &[("response_type", "code id_token")], "unsupported_response_type"),
        (web, &[("response_type", "code ")], "unsupported_response_type"),
        (web, &[("response_mode", "fragment")], "invalid_request"),
        (web, &[("code_challenge", "")], "invalid_request"),
        (web, &[("code_challenge_method", "")], "invalid_request"),
        (web, &[("code_challenge_method", "plain")], "invalid_request"),
        (web, &[("code_challenge", "tooshort")], "invalid_request"),
        (web, &[("scope", "openid admin")], "invalid_scope"),
        (web, &[("scope", "openid \"x\"")], "invalid_scope"),
        (web, &[("scope", "chancery:feed")], "invalid_scope"),
        (web, &[("resource", "https://nobody.test")], "invalid_target"),
        (web, &[("resource", "not a uri")], "invalid_target"),
        (web, &[("prompt", "none")], "login_required"),
        (web, &[("prompt", "none login")], "invalid_request"),
        (web, &[("prompt", "nonsense")], "invalid_request"),
        (web, &[("max_age", "-1")], "invalid_request"),
        (web, &[("max_age", "x")], "invalid_request"),
        (web, &[("max_age", "99999999999999999999999")], "invalid_request"),
        (web, &[("request", "e30.e30.")], "request_not_supported"),
        (web, &[("request_uri", "https://evil.test/r")], "request_uri_not_supported"),
        (web, &[("request_uri", "file:///etc/passwd")], "request_uri_not_supported"),
        (web, &[("registration", "{}")], "registration_not_supported"),
        (web, &[("nonce", &"n".repeat(5000))], "invalid_request"),
        (&service, &[], "unauthorized_client"),
    ] {
        for state in [
            "plain",
            "a b+c%20d&e=f#g?h",
            "\u{e9}\u{1F98A}\u{2028}",
            "\"><script>alert(1)</script>",
            "line\r\nbreak: x\ttab",
            &"s".repeat(2000),
        ] {
            let mut all = vec![("state", state)];
            all.extend(more);
            let got = ask(&ground, client, "https://rp.test/cb", &all).await;
            got.sound(error);
            let to = got.header("location").unwrap_or_else(|| panic!("{more:?}: {got:?}")).to_owned();
            assert_eq!((got.status, got.header("cache-control")), (303, Some("no-store")), "{more:?}");
            assert!(to.starts_with("https://rp.test/cb?error="), "{to}");
            let told = Params::parse(to.split_once('?').unwrap().1.as_bytes()).unwrap();
            assert_eq!(told.get("error"), Some(error), "{more:?}: {to}");
            assert_eq!(told.get("state"), Some(state), "byte for byte");
            assert_eq!(told.get("iss"), Some(ground.issuer.name.as_str()));
            let description = told.get("error_description").unwrap();
            assert!(
                description.len() > 8 && description.chars().all(|c| matches!(c, ' '..='~') && c != '"' && c != '\\')
            );
            assert_eq!(told.pairs().len(), 4, "{to}");
            if kind == Kind::Postgres {
                break;
            }
        }
    }
    // No state in, no state out; one that is too long is told so without repeating it.
    let got = ask(&ground, web, "https://rp.test/cb", &[("state", ""), ("prompt", "none")]).await;
    assert!(!got.header("location").unwrap().contains("state="));
    let got = ask(&ground, web, "https://rp.test/cb", &[("state", &"s".repeat(5000))]).await;
    assert_eq!(parameter(got.header("location").unwrap(), "error").as_deref(), Some("invalid_request"));
    ground.unchanged(&before, &ground.state().await);
    ground.goes_on().await;
    ground.issuer.stop().await;
}
