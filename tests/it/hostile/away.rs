//! Nothing that is sent leads a browser away: V066, V067, V069, V072, V105, V117.

use chancery::http::params::encode;

use super::Ground;
use super::wire::{self, Raw};
use crate::kit::actors::{location, parameter};
use crate::kit::issuer::{Kind, on_both};

on_both!(v069_a_sign_out_ends_where_it_is_registered, v072_no_parameter_leads_away, v105_the_host_is_never_believed,);

/// What parameters that lead somewhere are called, here and elsewhere.
const NAMES: &[&str] = &[
    "redirect_uri",
    "post_logout_redirect_uri",
    "redirect",
    "redirect_url",
    "redirectUri",
    "next",
    "return",
    "return_to",
    "returnTo",
    "continue",
    "url",
    "uri",
    "target",
    "dest",
    "rd",
    "r",
    "back",
    "goto",
    "callback",
    "client_id",
    "client_uri",
    "state",
    "iss",
    "issuer",
    "login_hint",
    "ui_locales",
    "id_token_hint",
    "resource",
    "request_uri",
    "interaction",
    "form_token",
    "error",
    "error_uri",
    "error_description",
    "acr_values",
    "display",
    "prompt",
    "scope",
    "nonce",
    "v",
    "after",
];

/// Where a browser may be sent by a link.
const PATHS: &[&str] = &[
    "/oauth2/authorize",
    "/oauth2/logout",
    "/login",
    "/device",
    "/healthz",
    "/static/chancery.css",
    "/.well-known/openid-configuration",
    "/gateway/revocations",
    "/nowhere",
    "/oauth2/userinfo",
];

async fn v069_a_sign_out_ends_where_it_is_registered(kind: Kind) {
    let mut ground = Ground::new(kind).await;
    let hint = ground.tokens.str("id_token").to_owned();
    let before = ground.state().await;
    let wrong = [
        "https://rp.test/bye/",
        "https://rp.test/byex",
        "https://rp.test.evil.test/bye",
        "https://rp.test:444/bye",
        "https://rp.test/cb",
        "//evil.test",
        "/\\evil.test",
        "/%09/evil.test",
        "\t//evil.test",
        "https:evil.test",
        "/\nevil.test",
        "\u{2028}//evil.test",
        "javascript:alert(1)",
        "https://rp.test@evil.test/bye",
    ];
    let id = ground.web.id.to_string();
    for uri in wrong {
        for hinted in [vec![("id_token_hint", hint.as_str())], vec![("client_id", id.as_str())], vec![]] {
            let mut query = hinted.clone();
            query.extend([("post_logout_redirect_uri", uri), ("state", "s")]);
            let url = ground.issuer.url(&format!("/oauth2/logout?{}", encode(query)));
            let answer = ground.browser.get(&url).await;
            assert!(location(&answer).is_none(), "{uri}: {:?}", answer.headers);
            assert!(
                !answer.text.contains("href=\"https://evil") && !answer.text.contains("href=\"javascript"),
                "{uri}"
            );
        }
    }
    // Nothing was ended by any of these, nor by a hint that is forged, another's or no ID token at all (V117).
    let access = ground.tokens.str("access_token").to_owned();
    for hint in [&format!("{}x", &hint[..hint.len() - 4]), access.as_str(), "x", "e30.e30."] {
        let url = ground.issuer.url(&format!("/oauth2/logout?{}", encode([("id_token_hint", hint)])));
        let answer = ground.browser.get(&url).await;
        assert!(answer.status.is_client_error(), "{}", answer.status);
    }
    ground.unchanged(&before, &ground.state().await);
    let query = encode([
        ("id_token_hint", hint.as_str()),
        ("post_logout_redirect_uri", "https://rp.test/bye"),
        ("state", "a b&c"),
    ]);
    let answer = ground.browser.get(&ground.issuer.url(&format!("/oauth2/logout?{query}"))).await;
    let to = location(&answer).expect("registered, hinted, signed out");
    assert!(to.starts_with("https://rp.test/bye?"), "{to}");
    assert_eq!(parameter(&to, "state").as_deref(), Some("a b&c"));
    ground.web.refresh(ground.tokens.str("refresh_token")).await.is(400, "invalid_grant");
    ground.issuer.stop().await;
}

async fn v072_no_parameter_leads_away(kind: Kind) {
    let mut ground = Ground::new(kind).await;
    let flow = ground.web.flow(&[("prompt", "login")]);
    let (_, good) = flow.url.split_once('?').unwrap();
    for path in PATHS {
        for evil in ["https://evil.test", "//evil.test/%2e%2e", "javascript:alert(1)//evil.test"] {
            for name in NAMES {
                let query = encode([(*name, evil)]);
                let mut targets = vec![format!("{path}?{query}")];
                if path.ends_with("authorize") && !["redirect_uri", "client_id"].contains(name) {
                    targets.push(format!("{path}?{query}&{good}"));
                }
                for target in targets {
                    let answer = ground.browser.get(&ground.issuer.url(&target)).await;
                    let to = location(&answer).unwrap_or_default();
                    // In a query of our own or the client's address it is only text.
                    let place = to.split(['?', '#']).next().unwrap();
                    assert!(!place.contains("evil"), "{target}: {to}");
                    let refresh = answer.headers.contains_key("refresh") || answer.text.contains("http-equiv");
                    assert!(
                        !refresh
                            && !answer.text.contains("href=\"https://evil")
                            && !answer.text.contains("href=\"//evil"),
                        "{target}"
                    );
                    assert!(
                        !answer.text.contains("href=\"javascript") && !answer.text.contains("action=\"https://evil"),
                        "{target}"
                    );
                    assert!(!answer.status.is_server_error(), "{target}: {}", answer.status);
                }
            }
            if kind == Kind::Postgres {
                break;
            }
        }
    }
    ground.goes_on().await;
    ground.issuer.stop().await;
}

async fn v105_the_host_is_never_believed(kind: Kind) {
    let ground = Ground::new(kind).await;
    let flow = ground.web.flow(&[("prompt", "login")]);
    for (name, value) in [
        ("host", "evil.test"),
        ("x-forwarded-host", "evil.test"),
        ("forwarded", "host=evil.test;proto=javascript"),
        ("x-forwarded-proto", "gopher"),
        ("x-original-uri", "https://evil.test"),
    ] {
        let target = flow.url.strip_prefix(&ground.web.at).unwrap();
        for path in [target, "/.well-known/openid-configuration", "/oauth2/logout"] {
            let bytes = Raw::get(path).header(name, value).bytes();
            let bytes = if name == "host" {
                String::from_utf8(bytes).unwrap().replace("Host: rp.test\r\n", "").into_bytes()
            } else {
                bytes
            };
            let got = wire::send(&ground.issuer.at, &bytes).await;
            got.sound(path);
            assert!(
                !got.headers.iter().any(|(_, told)| told.contains("evil")) && !got.body.contains("evil"),
                "{path} {name}"
            );
        }
    }
    ground.goes_on().await;
    ground.issuer.stop().await;
}
