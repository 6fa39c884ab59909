//! V116 and its siblings: only the client's own pages may call in its name, and only they may read with cookies.

use chancery::event::Event;
use chancery::oauth::registry;
use reqwest::{Method, header};

use super::{APP, REFRESH, Sent, by_cookie, ground, page, refs, refused, rolls, told};
use crate::kit::actors::http;
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(
    v116_nobody_else_calls_in_its_name,
    v235_every_grant_asks_where_it_comes_from,
    credentials_are_for_origins_of_such_clients_alone,
    an_origin_off_the_site_is_refused_however_it_got_registered,
);

/// No origin, and origins that look alike; the other dashboard's among them.
const FOREIGN: [Option<&str>; 10] = [
    None,
    Some("http://127.0.0.1:7611"),
    Some("http://127.0.0.1"),
    Some("https://127.0.0.1:7610"),
    Some("http://localhost:7610"),
    Some("http://127.0.0.1:7610/"),
    Some("http://127.0.0.1:7610.evil.test"),
    Some("HTTP://127.0.0.1:7610"),
    Some("null"),
    Some("%"),
];

async fn v116_nobody_else_calls_in_its_name(kind: Kind) {
    let (issuer, mut own) = ground(kind).await;
    let other = page(&issuer, "http://127.0.0.1:7611").await;
    own.sign_in("alice").await;
    let form = own.code("alice").await;
    let access = own.refresh().await.ok().str("access_token").to_owned();
    let before = rolls(&issuer).await;
    let mut asked = 0;
    for origin in FOREIGN.into_iter().chain([Some(issuer.name.as_str())]) {
        let sent = Sent { origin, cookies: None };
        for (path, form) in [
            ("/oauth2/token", refs(&form)),
            ("/oauth2/token", REFRESH.to_vec()),
            ("/oauth2/revoke", vec![]),
            ("/oauth2/revoke", vec![("token", access.as_str())]),
        ] {
            let answer = own.sends(path, &form, sent).await;
            refused(&answer, 400, "unauthorized_client");
            assert!(answer.str("error_description").contains("Origin"), "{}", answer.text);
            asked += 1;
        }
    }
    assert_eq!(rolls(&issuer).await, before, "nothing is spent, burnt, rotated or ended");
    let said = told(&issuer, Event::ClientRefused).await;
    assert!(said.len() == asked || said.len() >= 10, "told, or counted beyond ten a second: {}", said.len());
    assert!(said.iter().all(|why| why.contains("Origin")), "{said:?}");
    // Two origins are none.
    let twice = http()
        .post(issuer.url("/oauth2/token"))
        .header(header::ORIGIN, APP)
        .header(header::ORIGIN, APP)
        .form(&[("grant_type", "refresh_token"), ("client_id", &own.rp.id.to_string())]);
    assert_eq!(twice.send().await.unwrap().status(), 400);
    // A client of the other kind at an origin of this one: its cookies, whosever they are, don't count.
    let plain = issuer.client_with(|row| row.auth_method = "none".to_owned()).await;
    let mut foreign = own.clone();
    foreign.rp = plain;
    foreign.plant(&own.token());
    refused(&foreign.post("/oauth2/token", &REFRESH).await, 400, "invalid_request");
    assert_ne!(other.rp.id, own.rp.id);
    own.post("/oauth2/token", &refs(&form)).await.ok();
    own.refresh().await.ok();
    issuer.stop().await;
}

/// A grant that is added later is asked as well: the endpoint does it, not the grant.
async fn v235_every_grant_asks_where_it_comes_from(kind: Kind) {
    let (issuer, mut page) = ground(kind).await;
    let grants = registry::grant_names(|grant| grant.public_clients);
    assert!(grants.len() >= 2, "{grants:?}");
    let all = grants.iter().map(|name| (*name).to_owned()).collect();
    page.rp = issuer
        .client_with(|row| {
            by_cookie(row, APP);
            row.grants.0 = all;
        })
        .await;
    for name in grants {
        for origin in [None, Some("http://127.0.0.1:7611")] {
            let answer = page.sends("/oauth2/token", &[("grant_type", name)], Sent { origin, cookies: None }).await;
            refused(&answer, 400, "unauthorized_client");
            assert!(answer.str("error_description").contains("Origin"), "{name}: {}", answer.text);
        }
    }
    issuer.stop().await;
}

/// What a preflight is answered: the allowed origin, whether with credentials, and `Vary`.
async fn preflight(issuer: &Issuer, path: &str, origin: &str) -> (Option<String>, Option<String>, String) {
    let request = http()
        .request(Method::OPTIONS, issuer.url(path))
        .header(header::ORIGIN, origin)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type");
    seen(request.send().await.unwrap().headers())
}

fn seen(headers: &header::HeaderMap) -> (Option<String>, Option<String>, String) {
    let one = |name| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let vary = headers.get_all(header::VARY).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(",");
    (one(header::ACCESS_CONTROL_ALLOW_ORIGIN), one(header::ACCESS_CONTROL_ALLOW_CREDENTIALS), vary.to_lowercase())
}

async fn credentials_are_for_origins_of_such_clients_alone(kind: Kind) {
    const PLAIN: &str = "http://127.0.0.1:7612";
    let (issuer, mut own) = ground(kind).await;
    let plain = issuer
        .client_with(|row| {
            row.auth_method = "none".to_owned();
            row.origins.0 = vec![PLAIN.to_owned()];
        })
        .await;
    for path in ["/oauth2/token", "/oauth2/revoke"] {
        let (origin, credentials, vary) = preflight(&issuer, path, APP).await;
        assert_eq!((origin.as_deref(), credentials.as_deref()), (Some(APP), Some("true")), "{path}");
        assert!(vary.contains("origin"), "{path}: {vary}");
        let (origin, credentials, vary) = preflight(&issuer, path, PLAIN).await;
        assert_eq!((origin.as_deref(), credentials), (Some(PLAIN), None), "{path}");
        assert!(vary.contains("origin"), "{path}: {vary}");
        for stranger in ["http://127.0.0.1:7613", "http://localhost:7610", "null", "https://evil.test"] {
            let (origin, _, vary) = preflight(&issuer, path, stranger).await;
            assert_eq!(origin, None, "{path} for {stranger}");
            assert!(vary.contains("origin"), "{path}: {vary}");
        }
    }
    // Cookies have no business elsewhere.
    for path in ["/oauth2/userinfo", "/.well-known/jwks.json", "/.well-known/openid-configuration"] {
        assert_eq!(preflight(&issuer, path, APP).await.1, None, "{path}");
    }
    assert_eq!(preflight(&issuer, "/oauth2/authorize", APP).await.0, None);
    // The answers themselves, refusals too: a page has to be able to read why.
    let first = own.sign_in("alice").await;
    let wrong = own.post("/oauth2/token", &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await;
    refused(&wrong, 400, "invalid_request");
    for answer in [&first, &wrong] {
        let (origin, credentials, vary) = seen(&answer.headers);
        assert_eq!((origin.as_deref(), credentials.as_deref()), (Some(APP), Some("true")));
        assert!(vary.contains("origin"), "{vary}");
    }
    let mut other = own.clone();
    (other.rp, other.origin) = (plain, PLAIN.to_owned());
    let (origin, credentials, _) = seen(&other.post("/oauth2/token", &REFRESH).await.headers);
    assert_eq!((origin.as_deref(), credentials), (Some(PLAIN), None));
    let evil = Sent { origin: Some("http://127.0.0.1:7613"), cookies: None };
    let (origin, ..) = seen(&own.sends("/oauth2/token", &REFRESH, evil).await.headers);
    assert_eq!(origin, None);
    issuer.stop().await;
}

/// Registered before the issuer moved, or past the command line: the endpoints ask for themselves.
async fn an_origin_off_the_site_is_refused_however_it_got_registered(kind: Kind) {
    const AWAY: &str = "https://app.example.test";
    let (issuer, _) = ground(kind).await;
    let rp = issuer.client_with(|row| by_cookie(row, AWAY)).await;
    let mut away = page(&issuer, AWAY).await;
    away.rp = rp;
    let form = away.code("alice").await;
    refused(&away.post("/oauth2/token", &refs(&form)).await, 400, "unauthorized_client");
    let (origin, credentials, _) = preflight(&issuer, "/oauth2/token", AWAY).await;
    assert_eq!((origin.as_deref(), credentials), (Some(AWAY), None));
    issuer.stop().await;
}
