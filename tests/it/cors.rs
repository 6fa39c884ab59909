//! Cross-origin requests: what pages of other origins may read and call, and that nobody's cookies take part.

use reqwest::{Method, StatusCode, header};

use crate::kit::actors::{Browser, RelyingParty, http};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

on_both!(
    registered_origins_call_what_they_need,
    public_documents_are_for_everyone,
    an_issuer_with_a_path_answers_alike,
);

const APP: &str = "https://app.example.test";
const CALLED: [&str; 3] = ["/oauth2/token", "/oauth2/revoke", "/oauth2/userinfo"];
const READ: [&str; 3] =
    ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json"];
/// Whether a path answers preflights.
pub fn answers(path: &str) -> bool {
    CALLED.contains(&path) || READ.contains(&path) || path == "/gateway/protected-resource"
}

const NEITHER: [&str; 6] = [
    "/oauth2/authorize",
    "/oauth2/introspect",
    "/oauth2/logout",
    "/login",
    "/admin/v1/revocations",
    "/gateway/revocations",
];

/// What a browser asks before a script's request, and what it is allowed.
async fn preflight(issuer: &Issuer, path: &str, origin: &str) -> (StatusCode, Option<String>, header::HeaderMap) {
    let request = http()
        .request(Method::OPTIONS, issuer.url(path))
        .header(header::ORIGIN, origin)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization,content-type");
    let answer = request.send().await.unwrap();
    let headers = answer.headers().clone();
    (answer.status(), allowed(&headers), headers)
}

fn allowed(headers: &header::HeaderMap) -> Option<String> {
    headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap().to_owned())
}

async fn registered_origins_call_what_they_need(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let other = issuer.client().await;
    let spa = issuer
        .client_with(|row| {
            row.auth_method = "none".to_owned();
            row.origins.0 = vec![APP.to_owned()];
        })
        .await;
    for path in CALLED {
        let (status, origin, headers) = preflight(&issuer, path, APP).await;
        assert_eq!((status.is_success(), origin.as_deref()), (true, Some(APP)), "{path}");
        assert!(headers[header::ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap().contains("authorization"));
        assert!(headers.get_all(header::VARY).iter().any(|vary| vary.to_str().unwrap().contains("origin")), "{path}");
        assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS), "{path}: cookies stay out of it");
        for stranger in
            ["https://evil.test", "https://app.example.test.evil.test", "null", "http://app.example.test", "%"]
        {
            assert_eq!(preflight(&issuer, path, stranger).await.1, None, "{path} for {stranger}");
        }
    }
    for path in NEITHER {
        assert_eq!(preflight(&issuer, path, APP).await.1, None, "{path}");
    }
    for path in NEITHER {
        let answer = http().get(issuer.url(path)).header(header::ORIGIN, APP).send().await.unwrap();
        assert_eq!(allowed(answer.headers()), None, "{path}");
        let answer =
            http().post(issuer.url(path)).header(header::ORIGIN, APP).form(&[("a", "b")]).send().await.unwrap();
        assert_eq!(allowed(answer.headers()), None, "{path}");
    }
    // A script's whole way: what it is answered can be read, errors too.
    let tokens = spa.tokens(&mut Browser::new(&issuer), "alice").await;
    let script = |rp: &RelyingParty, origin: &str| {
        let mut headers = header::HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        RelyingParty { http: reqwest::Client::builder().default_headers(headers).build().unwrap(), ..rp.clone() }
    };
    let (ours, evil) = (script(&spa, APP), script(&spa, "https://evil.test"));
    let next = ours.refresh(tokens.str("refresh_token")).await.ok();
    assert_eq!(allowed(&next.headers).as_deref(), Some(APP));
    let claims = ours.userinfo(next.str("access_token")).await.ok();
    assert_eq!(allowed(&claims.headers).as_deref(), Some(APP));
    let refused = ours.refresh("ch_rt_nothing").await;
    refused.is(400, "invalid_grant");
    assert_eq!(allowed(&refused.headers).as_deref(), Some(APP));
    assert_eq!(allowed(&evil.userinfo(next.str("access_token")).await.headers), None);
    assert_eq!(allowed(&ours.revoke(next.str("refresh_token")).await.ok().headers).as_deref(), Some(APP));
    // A server behind an origin that nobody registered is no browser, and goes on as ever.
    assert_eq!(allowed(&other.refresh("ch_rt_nothing").await.headers), None);
    issuer.stop().await;
}

async fn public_documents_are_for_everyone(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    for path in READ {
        let answer = http().get(issuer.url(path)).header(header::ORIGIN, "https://any.test").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), allowed(answer.headers()).as_deref()), (200, Some("*")), "{path}");
        assert!(!answer.headers().contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS), "{path}");
        let wrong = http().post(issuer.url(path)).send().await.unwrap();
        assert_eq!(wrong.status(), 405, "{path}");
    }
    issuer.stop().await;
}

/// Its metadata stands at the root as well; everything else beneath the path, with the same rules.
async fn an_issuer_with_a_path_answers_alike(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup { path: "/auth", ..Setup::default() }).await;
    issuer
        .client_with(|row| {
            row.auth_method = "none".to_owned();
            row.origins.0 = vec![APP.to_owned()];
        })
        .await;
    let root = issuer.at.strip_suffix("/auth").unwrap();
    let documents = ["/.well-known/oauth-authorization-server/auth", "/.well-known/openid-configuration/auth"];
    let documents = documents.map(|path| format!("{root}{path}"));
    for url in documents.into_iter().chain(READ.map(|path| issuer.url(path))) {
        let answer = http().get(&url).header(header::ORIGIN, "https://any.test").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), allowed(answer.headers()).as_deref()), (200, Some("*")), "{url}");
    }
    for path in CALLED {
        assert_eq!(preflight(&issuer, path, APP).await.1.as_deref(), Some(APP), "{path}");
        assert_eq!(preflight(&issuer, path, "https://evil.test").await.1, None, "{path}");
    }
    issuer.stop().await;
}
