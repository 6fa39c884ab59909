//! Every endpoint against what can't be read: escapes, encodings, sizes, types, methods, repeated parameters.

use super::Ground;
use super::wire::Raw;
use crate::kit::issuer::{Kind, on_both};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

on_both!(what_can_not_be_read_is_refused, what_no_program_means_is_refused, v223_a_parameter_stands_once,);

/// Where a form is posted, with one that could be good.
const FORMS: &[(&str, &str)] = &[
    ("/oauth2/token", "grant_type=refresh_token&refresh_token=x&scope=openid&code=x&redirect_uri=x&code_verifier=x"),
    ("/oauth2/introspect", "token=x&token_type_hint=access_token"),
    ("/oauth2/revoke", "token=x&token_type_hint=refresh_token"),
    ("/oauth2/device", "scope=openid"),
    ("/oauth2/userinfo", "access_token=x"),
    ("/oauth2/logout", "id_token_hint=x&client_id=x&state=x&post_logout_redirect_uri=x&form_token=x"),
    ("/login", "interaction=x&form_token=x&username=alice&password=x"),
    ("/device", "code=x&form_token=x"),
];

/// Where parameters stand in the address.
const QUERIES: &[(&str, &str)] = &[
    ("/oauth2/authorize", "response_type=code&redirect_uri=https://rp.test/cb&scope=openid&state=s&code_challenge=x"),
    ("/oauth2/logout", "client_id=x&state=s&post_logout_redirect_uri=https://rp.test/bye"),
    ("/login", "interaction=x"),
    ("/device", "user_code=x"),
];

/// What no form and no query can be.
const UNREADABLE: &[&[u8]] = &[
    b"%",
    b"a=%",
    b"a=%2",
    b"a=%zz",
    b"%g1=a",
    b"a=%c3%28",
    b"a=%ff%fe",
    b"a=%ed%a0%80",
    b"a=%00",
    b"%00=a",
    b"a%0d%0ab=c",
    b"a=%1b[31m",
    b"a=%7f",
    b"a=%c2%85",
];

pub fn basic(ground: &Ground) -> String {
    let secret = ground.web.secret.as_ref().unwrap();
    format!("Basic {}", STANDARD.encode(format!("{}:{secret}", ground.web.id)))
}

async fn what_can_not_be_read_is_refused(kind: Kind) {
    let ground = Ground::new(kind).await;
    let (at, basic, before) = (ground.issuer.at.clone(), basic(&ground), ground.state().await);
    for (path, good) in FORMS {
        let post = |kind: &str, body: &[u8]| {
            let raw = Raw::new("POST", path).header("origin", &ground.issuer.name);
            let raw = if kind.is_empty() { raw } else { raw.header("content-type", kind) };
            // The token endpoint and its like are asked by a client that proves itself; pages by a browser.
            let raw =
                if path.contains("user") || path.contains("log") { raw } else { raw.header("authorization", &basic) };
            raw.body(body)
        };
        let form = "application/x-www-form-urlencoded";
        for bytes in UNREADABLE.iter().copied().chain([&b"a=\xff\xfe"[..], b"a=\x00", b"\x01=a"]) {
            for body in [bytes.to_vec(), [good.as_bytes(), b"&", bytes].concat()] {
                let got = post(form, &body).send(&at).await;
                got.refused(&format!("{path} {}", String::from_utf8_lossy(&body)));
                assert_eq!(got.status, 400, "{path}: {got:?}");
            }
        }
        let json = r#"{"grant_type":"refresh_token","token":["x"],"username":null}"#;
        for (kind, body) in [
            ("application/json", json),
            ("application/json", good),
            ("text/plain", good),
            (
                "multipart/form-data; boundary=x",
                "--x\r\ncontent-disposition: form-data; name=\"token\"\r\n\r\nx\r\n--x--",
            ),
            ("", good),
            ("application/x-www-form-urlencoded-not", good),
            ("\u{e9}", good),
        ] {
            let got = post(kind, body.as_bytes()).send(&at).await;
            // Userinfo takes its token in the header, and then no body at all.
            got.refused(&format!("{path} {kind:?}"));
        }
        for body in ["", "&", "&&&=&=", "=", "=x", json] {
            post(form, body.as_bytes()).send(&at).await.sound(&format!("{path} {body:?}"));
        }
    }
    for (path, good) in QUERIES {
        for bytes in UNREADABLE {
            let query = String::from_utf8_lossy(bytes).into_owned();
            for target in [format!("{path}?{query}"), format!("{path}?client_id={}&{good}&{query}", ground.web.id)] {
                let got = Raw::get(&target).send(&at).await;
                got.refused(&target);
                assert_eq!(got.status, 400, "{target}");
            }
        }
    }
    ground.unchanged(&before, &ground.state().await);
    ground.goes_on().await;
    ground.issuer.stop().await;
}

async fn what_no_program_means_is_refused(kind: Kind) {
    let ground = Ground::new(kind).await;
    let (at, before) = (ground.issuer.at.clone(), ground.state().await);
    let token = ground.service.own_token("chancery:revocations:write chancery:feed").await;
    for body in [
        &b"{"[..],
        b"",
        b"null",
        b"[]",
        b"7",
        b"{\"kind\":\"user\"}x",
        b"{\"kind\":7}",
        b"{\"kind\":\"user\",\"value\":null}",
        b"{\"kind\":\"user\",\"value\":\"x\",\"more\":1}",
        b"{\"kind\":\"user\",\"kind\":\"all\"}",
        b"{\"kind\":\"user\",\"value\":\"\\u0000\"}",
        b"{\"kind\":\"user\",\"value\":\"x\",\"reason\":\"\\n\"}",
        b"{\"kind\":\"\xff\"}",
        b"{\"kind\":\"everything\",\"value\":\"\"}",
        b"{\"kind\":\"all\",\"value\":\"but not this\"}",
        b"{\"kind\":\"user\",\"value\":\"' OR 1=1 --\"}",
        b"{\"kind\":\"grant\",\"value\":\"x\"}",
        b"{\"kind\":\"grant\",\"value\":\"x y z\"}",
        b"{\"kind\":\"token\",\"value\":\"ch_rt_AAAA\"}",
        b"{\"kind\":\"key\",\"value\":\"../../etc/passwd\"}",
        b"{\"kind\":\"resource\",\"value\":\"https://nobody.test\"}",
    ] {
        let raw = Raw::new("POST", "/admin/v1/revocations").header("authorization", format!("Bearer {token}"));
        let got = raw.clone().header("content-type", "application/json").body(body).send(&at).await;
        got.refused(&String::from_utf8_lossy(body));
        assert_eq!(got.header("content-type"), Some("application/problem+json"));
        raw.header("content-type", "text/plain").body(body).send(&at).await.refused("another type");
    }
    for query in
        ["after=x", "after=-1", "after=1&after=2", "wait=3", "after=%", "after=%00", "after=99999999999999999999"]
    {
        let raw = Raw::get(&format!("/gateway/revocations?{query}"));
        raw.header("authorization", format!("Bearer {token}")).send(&at).await.refused(query);
    }
    ground.unchanged(&before, &ground.state().await);
    ground.goes_on().await;
    ground.issuer.stop().await;
}

async fn v223_a_parameter_stands_once(kind: Kind) {
    let ground = Ground::new(kind).await;
    let (at, basic, before) = (ground.issuer.at.clone(), basic(&ground), ground.state().await);
    for (path, good) in FORMS {
        for pair in good.split('&') {
            let name = pair.split('=').next().unwrap();
            for body in [format!("{good}&{pair}"), format!("{good}&{name}=other"), format!("{good}&{name}=")] {
                let raw = Raw::form(path, body).header("origin", &ground.issuer.name);
                let proves = !path.contains("user") && !path.contains("log");
                let got = if proves { raw.header("authorization", &basic) } else { raw }.send(&at).await;
                got.refused(&format!("{path} {name}"));
                assert!(got.body.contains(name), "it says which: {got:?}");
            }
        }
    }
    // At the authorization endpoint: to the client once the redirect is known to be its own, else on a page.
    let flow = ground.web.flow(&[("prompt", "login"), ("max_age", "60"), ("login_hint", "a"), ("ui_locales", "en")]);
    let target = flow.url.strip_prefix(&ground.web.at).unwrap();
    let query = target.split_once('?').unwrap().1;
    for pair in query.split('&') {
        let name = pair.split('=').next().unwrap();
        let got = Raw::get(&format!("{target}&{pair}")).send(&at).await;
        if ["client_id", "redirect_uri"].contains(&name) {
            got.refused(name);
            assert!(got.body.contains(name), "{got:?}");
        } else {
            let to = got.header("location").unwrap_or_else(|| panic!("{name}: {got:?}"));
            assert!(to.starts_with("https://rp.test/cb?error=invalid_request&"), "{name}: {to}");
            assert_eq!(to.matches("state=").count(), 1, "{to}");
        }
        // Posted: refused there, before it becomes an address.
        Raw::form("/oauth2/authorize", format!("{query}&{pair}")).send(&at).await.refused(name);
    }
    // `resource` may stand ten times: what is wrong with these is that nobody knows them.
    let ten = "&resource=https%3A%2F%2Fapi.test".repeat(2);
    let got = Raw::get(&format!("{target}{ten}")).send(&at).await;
    assert!(got.header("location").unwrap().contains("error=invalid_target"), "{got:?}");
    ground.unchanged(&before, &ground.state().await);
    ground.goes_on().await;
    ground.issuer.stop().await;
}
