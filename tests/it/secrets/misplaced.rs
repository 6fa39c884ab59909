//! Secrets where they don't belong: each is sent as every parameter, credential and cookie of every endpoint, so that whatever is
//! logged or kept of a refused request is logged and kept of these.
//!
//! Left out is what a client has kept or told again on purpose: `state`, `nonce`, `login_hint`, a `reason`, the user agent.

use std::fmt::Write as _;

use reqwest::{Client, Method, RequestBuilder, header};

use super::issued::Issued;
use crate::kit::actors;
use crate::kit::operator::Server;

/// Sends each secret, or each of so many, everywhere; what the refusals said.
pub async fn everywhere(server: &Server, issued: &Issued, each: usize) -> String {
    let http = actors::http();
    let mut told = String::new();
    let mut refused = 0;
    for (name, secret) in issued.held.iter().step_by(each) {
        let requests = token(&http, server, secret)
            .into_iter()
            .chain(owned(&http, server, issued, secret))
            .chain(borne(&http, server, secret))
            .chain(pages(&http, server, secret))
            .chain(gateways(&http, server, issued, secret));
        for request in requests {
            let answer = request.send().await.unwrap();
            let (status, headers) = (answer.status(), answer.headers().clone());
            assert!(!status.is_server_error(), "{name}: {status}");
            // Whoever may have a page or a redirect, gets with it what is his.
            if status.is_client_error() {
                refused += 1;
                writeln!(told, "{status} {headers:?}\n{}", answer.text().await.unwrap()).unwrap();
            }
        }
    }
    assert!(refused > 20 * issued.held.len() / each, "only {refused} were refused");
    told
}

fn post(http: &Client, url: &str, form: &[(&str, &str)]) -> RequestBuilder {
    http.post(url).form(form)
}

/// The token endpoint, to nobody's client.
fn token(http: &Client, server: &Server, secret: &str) -> Vec<RequestBuilder> {
    let url = format!("{}/oauth2/token", server.at);
    let names = [
        "grant_type",
        "code",
        "refresh_token",
        "code_verifier",
        "client_id",
        "client_secret",
        "scope",
        "resource",
        "redirect_uri",
        "device_code",
        "assertion",
        "subject_token",
        "username",
        "password",
    ];
    let mut out: Vec<_> = names.map(|name| post(http, &url, &[("grant_type", "refresh_token"), (name, secret)])).into();
    let id = "0199a3f2-7c1f-7b44-9d0e-4f2a91c0d3e8";
    out.push(http.post(&url).basic_auth(id, Some(secret)).form(&[("grant_type", "client_credentials")]));
    out.push(http.post(&url).basic_auth(secret, Some(secret)).form(&[("grant_type", "client_credentials")]));
    out.push(http.post(&url).header(header::AUTHORIZATION, secret).form(&[("grant_type", "refresh_token")]));
    out.push(http.post(&url).bearer_auth(secret).form(&[("grant_type", "refresh_token")]));
    let form = "application/x-www-form-urlencoded";
    for body in [secret.to_owned(), format!("{secret}&{secret}"), format!("{secret}=%00"), format!("%{secret}")] {
        out.push(http.post(&url).header(header::CONTENT_TYPE, form).body(body));
    }
    out.push(http.post(&url).header(header::CONTENT_TYPE, "application/json").body(format!("{secret:?}")));
    out.push(http.post(format!("{url}?code={secret}&access_token={secret}")).body("x"));
    out
}

/// Endpoints for clients, asked by one: what is presented is another's, or of another kind.
fn owned(http: &Client, server: &Server, issued: &Issued, secret: &str) -> Vec<RequestBuilder> {
    let (id, own) = (issued.rp.id.to_string(), issued.rp.secret.clone().unwrap());
    let asked = |path: &str, form: &[(&str, &str)]| {
        post(http, &format!("{}{path}", server.at), form).basic_auth(&id, Some(&own))
    };
    let code = [("grant_type", "authorization_code"), ("redirect_uri", &issued.rp.redirect), ("code_verifier", secret)];
    vec![
        asked("/oauth2/token", &[&code[..], &[("code", secret)]].concat()),
        asked("/oauth2/token", &[("grant_type", secret)]),
        asked("/oauth2/token", &[("grant_type", "refresh_token"), ("refresh_token", &format!("{secret}x"))]),
        asked("/oauth2/token", &[("grant_type", "refresh_token"), ("refresh_token", secret), ("scope", secret)]),
        asked("/oauth2/token", &[("grant_type", "refresh_token"), ("refresh_token", secret), ("resource", secret)]),
        asked("/oauth2/introspect", &[("token", secret), ("token_type_hint", secret)]),
        asked("/oauth2/introspect", &[("token", &format!("{secret}x"))]),
        asked("/oauth2/introspect", &[(secret, secret)]),
        asked("/oauth2/revoke", &[("token", &format!("{secret}x"))]),
        asked("/oauth2/revoke", &[(secret, secret)]),
        post(http, &format!("{}/oauth2/introspect", server.at), &[("token", secret), ("client_id", &id)]),
        post(
            http,
            &format!("{}/oauth2/revoke", server.at),
            &[("token", secret), ("client_secret", secret), ("client_id", &id)],
        ),
    ]
}

/// As a bearer token, in the header, the form and the query.
fn borne(http: &Client, server: &Server, secret: &str) -> Vec<RequestBuilder> {
    let userinfo = format!("{}/oauth2/userinfo", server.at);
    vec![
        http.get(&userinfo).bearer_auth(format!("{secret}x")),
        http.get(&userinfo).header(header::AUTHORIZATION, secret),
        http.get(&userinfo).basic_auth(secret, Some(secret)),
        http.get(format!("{userinfo}?access_token={secret}")),
        post(http, &userinfo, &[("access_token", &format!("{secret}x"))]),
        http.get(format!("{}/{secret}", server.at)),
        http.get(format!("{}/static/{secret}?v={secret}", server.at)),
        http.request(Method::from_bytes(b"PURGE").unwrap(), format!("{}/oauth2/token/{secret}", server.at)),
        http.get(format!("{}/{secret}?{secret}", server.management)),
    ]
}

/// As a parameter, a field or a cookie of the pages.
fn pages(http: &Client, server: &Server, secret: &str) -> Vec<RequestBuilder> {
    let at = |path: &str, pairs: &[(&str, &str)]| {
        format!("{}{path}?{}", server.at, chancery::http::params::encode(pairs.iter().copied()))
    };
    let mut out = Vec::new();
    let names = [
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "prompt",
        "max_age",
        "scope",
        "id_token_hint",
        "request",
        "request_uri",
        "code_challenge",
        "code_challenge_method",
        "resource",
        "code",
    ];
    for name in names {
        out.push(http.get(at("/oauth2/authorize", &[(name, secret)])));
        out.push(post(http, &format!("{}/oauth2/authorize", server.at), &[(name, secret), (name, secret)]));
    }
    for name in ["client_id", "post_logout_redirect_uri", "code"] {
        out.push(http.get(at("/oauth2/logout", &[(name, secret)])));
    }
    let cookie = format!("ch_session={secret}; ch_browser={secret}; ch_known_01020304={secret}");
    let login = format!("{}/login", server.at);
    out.push(http.get(at("/login", &[("interaction", secret)])).header(header::COOKIE, &cookie));
    let fields = [("form_token", secret), ("interaction", secret), ("username", secret), ("password", secret)];
    for origin in [server.at.as_str(), "https://evil.test", secret] {
        let form = post(http, &login, &fields).header(header::ORIGIN, origin).header(header::COOKIE, &cookie);
        out.push(form.header("x-request-id", secret).header("x-forwarded-for", secret));
    }
    let logout = format!("{}/oauth2/logout", server.at);
    out.push(http.get(&logout).header(header::COOKIE, &cookie).header(header::REFERER, format!("https://x/{secret}")));
    out.push(post(http, &logout, &[("form_token", secret), ("logout-confirm", "yes")]).header(header::COOKIE, &cookie));
    out
}

/// The feed and revocations, by a service that may; and by what may not.
fn gateways(http: &Client, server: &Server, issued: &Issued, secret: &str) -> Vec<RequestBuilder> {
    let (feed, admin) = (format!("{}/gateway/revocations", server.at), format!("{}/admin/v1/revocations", server.at));
    let asked = |kind: &str, value: &str| {
        let body = serde_json::json!({ "kind": kind, "value": value, "reason": "hunt" });
        http.post(&admin).bearer_auth(&issued.bearer).json(&body)
    };
    vec![
        http.get(&feed).bearer_auth(secret),
        http.get(format!("{feed}?after={secret}")).bearer_auth(&issued.bearer),
        http.get(format!("{feed}?{secret}")).bearer_auth(&issued.bearer).header(header::IF_NONE_MATCH, secret),
        asked("token", &format!("{secret}x")),
        asked("family", secret),
        asked("client", secret),
        asked(secret, secret),
        http.post(&admin).bearer_auth(secret).json(&serde_json::json!({ "kind": "token", "value": secret })),
        http.post(&admin).bearer_auth(&issued.bearer).json(&secret),
        http.post(&admin).bearer_auth(&issued.bearer).json(&serde_json::json!({ secret: secret })),
    ]
}
