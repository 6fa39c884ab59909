//! Bodies without end, lists without measure, methods and paths that are none, names nobody knows: V189, V195, V197.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Ground;
use super::forms::basic;
use super::wire::{self, Got, Raw};
use crate::kit::issuer::{Kind, on_both};

on_both!(
    v195_no_body_is_read_past_the_limit,
    v197_long_lists_cost_nothing,
    wrong_methods_and_paths_are_told,
    what_is_no_request_is_dropped,
    what_is_unknown_is_told,
    clients_nobody_knows,
);

async fn v195_no_body_is_read_past_the_limit(kind: Kind) {
    const LIMIT: usize = 64 << 10;
    let ground = Ground::new(kind).await;
    let (at, before) = (ground.issuer.at.clone(), ground.state().await);
    let token = ground.service.own_token("chancery:revocations:write").await;
    for path in [
        "/oauth2/token",
        "/oauth2/introspect",
        "/oauth2/revoke",
        "/oauth2/device",
        "/device",
        "/oauth2/userinfo",
        "/oauth2/authorize",
        "/login",
        "/oauth2/logout",
        "/admin/v1/revocations",
    ] {
        let kind = if path.contains("admin") { "application/json" } else { "application/x-www-form-urlencoded" };
        let post = |path| {
            Raw::new("POST", path).header("content-type", kind).header("authorization", format!("Bearer {token}"))
        };
        // Just past the limit, in one piece: a clear answer.
        let got = post(path).body(vec![b'a'; LIMIT + 1]).send(&at).await;
        got.refused(path);
        assert!(got.body.contains("too large"), "{path}: {got:?}");
        // At the limit it is read, and judged for what it is.
        post(path).body(vec![b'a'; LIMIT]).send(&at).await.sound(path);
        // Announced as huge: refused without waiting for it.
        let got = post(path).header("content-length", "68719476736").send(&at).await;
        got.refused(path);
    }
    // Chunks without end: the peer is stopped after little more than the limit, whatever the path.
    for path in ["/oauth2/token", "/login", "/nowhere", "/healthz"] {
        let taken = endless(&at, path).await;
        assert!(taken < 24 << 20, "{path}: {taken} bytes were taken");
    }
    ground.unchanged(&before, &ground.state().await);
    ground.goes_on().await;
    ground.issuer.stop().await;
}

/// Sends chunks until the other side has had enough; how many bytes it let go out (the kernels' buffers included).
async fn endless(at: &str, path: &str) -> usize {
    let stream = TcpStream::connect(at.strip_prefix("http://").unwrap()).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    to.write_all(head.as_bytes()).await.unwrap();
    let chunk = [b"4000\r\n".to_vec(), vec![b'a'; 0x4000], b"\r\n".to_vec()].concat();
    let sending = tokio::spawn(async move {
        let mut sent = 0;
        while sent < 32 << 20 && to.write_all(&chunk).await.is_ok() {
            sent += chunk.len();
        }
        sent
    });
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), from.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "{path}: never told to stop");
    drop(from);
    if !answer.is_empty() {
        Got::parse(&answer).sound(path);
    }
    sending.await.unwrap()
}

async fn v197_long_lists_cost_nothing(kind: Kind) {
    let ground = Ground::new(kind).await;
    let (at, basic, before) = (ground.issuer.at.clone(), basic(&ground), ground.state().await);
    let refresh = ground.tokens.str("refresh_token");
    let scopes: String = (0..12_000).map(|n| format!("s{n:x}+")).collect();
    let same = "openid+".repeat(9000);
    let resources = "&resource=https%3A%2F%2Fa".repeat(2000);
    let params: String = (0..9000).map(|n| format!("&p{n:x}=")).collect();
    let form = |more: &str| format!("grant_type=refresh_token&refresh_token={refresh}{more}");
    for (what, body) in [
        ("many scopes", form(&format!("&scope={}", &scopes[..60_000]))),
        ("one long scope", form(&format!("&scope={}", "a".repeat(60_000)))),
        ("many resources", form(&resources)),
        ("many parameters", form(&params)),
    ] {
        let (clock, from) = (&ground.issuer.app.clock, ground.issuer.app.clock.monotonic());
        let got = Raw::form("/oauth2/token", body).header("authorization", &basic).send(&at).await;
        got.refused(what);
        assert!(
            ["invalid_scope", "invalid_request", "invalid_target"].contains(&got.error().as_str()),
            "{what}: {got:?}"
        );
        let took = clock.monotonic().saturating_sub(from);
        // Generous: what would not end is caught, not a busy machine.
        assert!(took < Duration::from_secs(5), "{what} took {took:?}");
    }
    for (what, more) in
        [("scopes", format!("&scope={}", &scopes[..30_000])), ("resources", "&resource=https%3A%2F%2Fa".repeat(300))]
    {
        let flow = ground.web.flow(&[("scope", "")]);
        let target = format!("{}{more}", flow.url.strip_prefix(&ground.web.at).unwrap());
        let got = Raw::get(&target).send(&at).await;
        got.sound(what);
        let told = got.header("location").unwrap_or(&got.body);
        assert!(told.contains("error=invalid_scope") || told.contains("more than 200"), "{what}: {got:?}");
    }
    // Eleven resources are one too many; the same scope a thousand times is one scope.
    let eleven: String = (0..11).map(|n| format!("&resource=https%3A%2F%2Fa{n}.test")).collect();
    let got = Raw::form("/oauth2/token", form(&eleven)).header("authorization", &basic).send(&at).await;
    got.refused("eleven resources");
    ground.unchanged(&before, &ground.state().await);
    let got =
        Raw::form("/oauth2/token", form(&format!("&scope={same}"))).header("authorization", &basic).send(&at).await;
    assert_eq!((got.status, got.json()["scope"].as_str()), (200, Some("openid")), "{got:?}");
    ground.issuer.stop().await;
}

async fn wrong_methods_and_paths_are_told(kind: Kind) {
    let ground = Ground::new(kind).await;
    let (at, before) = (ground.issuer.at.clone(), ground.state().await);
    for (path, allowed) in [
        ("/oauth2/token", "POST"),
        ("/oauth2/introspect", "POST"),
        ("/oauth2/revoke", "POST"),
        ("/oauth2/device", "POST"),
        ("/oauth2/register", "POST"),
        ("/device", "GET,HEAD,POST"),
        ("/oauth2/authorize", "GET,HEAD,POST"),
        ("/oauth2/userinfo", "GET,HEAD,POST"),
        ("/oauth2/logout", "GET,HEAD,POST"),
        ("/login", "GET,HEAD,POST"),
        ("/admin/v1/revocations", "POST"),
        ("/gateway/revocations", "GET,HEAD"),
        ("/gateway/protected-resource", "GET,HEAD"),
        ("/.well-known/jwks.json", "GET,HEAD"),
        ("/.well-known/openid-configuration", "GET,HEAD"),
        ("/healthz", "GET,HEAD"),
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "BREW"] {
            // What scripts of other origins may call answers their browser's question first: `cors.rs` looks at that.
            let asked_first = method == "OPTIONS" && crate::cors::answers(path);
            if asked_first || allowed.split(',').any(|known| known == method) {
                continue;
            }
            let got = Raw::new(method, path).header("content-length", "0").send(&at).await;
            got.refused(&format!("{method} {path}"));
            assert_eq!((got.status, got.header("allow")), (405, Some(allowed)), "{method} {path}");
            assert_eq!(got.error(), "invalid_request");
        }
    }
    // A path has one spelling, and a cache is never fooled into keeping what is not a file (V189, V229).
    for path in [
        "//login",
        "/login/",
        "/Login",
        "/login%2f",
        "/%6cogin",
        "/oauth2/token/",
        "/oauth2//token",
        "/OAUTH2/token",
        "/oauth2/userinfo/.js",
        "/oauth2/userinfo%2f.js",
        "/login/x.css",
        "/device/",
        "/device/x.css",
        "/oauth2/authorize/a.png",
        "/static/../login",
        "/static/%2e%2e/login",
        "/static/..%2f..%2fetc%2fpasswd",
        "/static/%00",
        "/static/nothing.css",
        "/%ff",
        "/\u{e9}",
        "/admin",
        "/account",
        "/oauth2/par",
        "/oauth2/device",
        "/gateway/verify",
        "/.env",
        "/.git/config",
    ] {
        for method in ["GET", "POST"] {
            let got = Raw::new(method, path).header("content-length", "0").send(&at).await;
            assert!([400, 404, 405].contains(&got.status), "{method} {path}: {got:?}");
            if !path.starts_with("/static/") {
                got.refused(&format!("{method} {path}"));
            }
        }
    }
    ground.unchanged(&before, &ground.state().await);
    ground.goes_on().await;
    ground.issuer.stop().await;
}

async fn what_is_no_request_is_dropped(kind: Kind) {
    let ground = Ground::new(kind).await;
    let (at, before) = (ground.issuer.at.clone(), ground.state().await);
    // Not HTTP at all: an answer or none, and the server stands.
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(at.strip_prefix("http://").unwrap()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 4") || answer.starts_with(b"HTTP/1.0 4"),
            "{answer:?}"
        );
    }
    // Headers without measure.
    let huge = Raw::get("/healthz").header("x-filler", vec![b'a'; 1 << 20]).bytes();
    let many = (0..2000).fold(Raw::get("/healthz"), |raw, n| raw.header(&format!("x-{n}"), "a")).bytes();
    for bytes in [huge, many] {
        let got = wire::send(&at, &bytes).await;
        assert_eq!(got.status, 431, "{got:?}");
    }
    ground.unchanged(&before, &ground.state().await);
    ground.goes_on().await;
    ground.issuer.stop().await;
}

async fn what_is_unknown_is_told(kind: Kind) {
    let ground = Ground::new(kind).await;
    let before = ground.state().await;
    let (web, service) = (&ground.web, &ground.service);
    web.token(&[]).await.is(400, "invalid_request");
    for grant in [
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "Refresh_Token",
        "refresh_token ",
        "x",
    ] {
        web.token(&[("grant_type", grant), ("username", "alice")]).await.is(400, "unsupported_grant_type");
    }
    web.token(&[("grant_type", "client_credentials")]).await.is(400, "unauthorized_client");
    service.token(&[("grant_type", "refresh_token"), ("refresh_token", "x")]).await.is(400, "unauthorized_client");
    service.token(&[("grant_type", "client_credentials"), ("scope", "openid")]).await.is(400, "invalid_scope");
    service.token(&[("grant_type", "client_credentials"), ("scope", "admin")]).await.is(400, "invalid_scope");
    let target = [("grant_type", "client_credentials"), ("resource", "https://nobody.test")];
    service.token(&target).await.is(400, "invalid_target");
    for form in [
        &[("grant_type", "authorization_code")][..],
        &[("grant_type", "authorization_code"), ("code", "")],
        &[("grant_type", "refresh_token")],
    ] {
        web.token(form).await.is(400, "invalid_request");
    }
    for token in ["", "x", "ch_rt_", "ch_rt_x", "a.b.c", "....", "\u{1F98A}", &"a".repeat(50_000)] {
        web.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
            .await
            .is(400, if token.is_empty() { "invalid_request" } else { "invalid_grant" });
        if !token.is_empty() {
            assert_eq!(web.introspect(token).await.ok().text, r#"{"active":false}"#);
            assert_eq!(web.revoke(token).await.status, 200, "RFC 7009, 2.2");
        }
    }
    for code in ["x", "ch_ac_x", ground.tokens.str("refresh_token"), ground.tokens.str("access_token")] {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", "https://rp.test/cb"),
            ("code_verifier", "v"),
        ];
        web.token(&form).await.is(400, "invalid_grant");
    }
    web.introspect("").await.is(400, "invalid_request");
    web.revoke("").await.is(400, "invalid_request");
    for hint in ["access_token", "refresh_token", "id_token", "nonsense"] {
        let form = [("token", ground.tokens.str("access_token")), ("token_type_hint", hint)];
        assert_eq!(web.post("/oauth2/introspect", &form).await.ok().json["active"], true, "a hint is but a hint");
    }
    ground.unchanged(&before, &ground.state().await);
    ground.goes_on().await;
    ground.issuer.stop().await;
}

async fn clients_nobody_knows(kind: Kind) {
    let ground = Ground::new(kind).await;
    let (before, web) = (ground.state().await, &ground.web);
    let at = &ground.issuer.at;
    let stranger = chancery::secret::uuid_v4().to_string();
    let upper = web.id.to_string().to_uppercase();
    for id in [
        "",
        "x",
        "00000000-0000-0000-0000-000000000000",
        stranger.as_str(),
        &upper,
        &web.id.simple().to_string(),
        "' OR '1'='1",
    ] {
        let query = chancery::http::params::encode([
            ("client_id", id),
            ("redirect_uri", "https://rp.test/cb"),
            ("response_type", "code"),
        ]);
        let got = Raw::get(&format!("/oauth2/authorize?{query}")).send(at).await;
        got.refused(id);
        assert!(got.body.contains("client_id"), "{got:?}");
        let form = chancery::http::params::encode([
            ("client_id", id),
            ("grant_type", "refresh_token"),
            ("refresh_token", "x"),
        ]);
        for path in ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke", "/oauth2/device"] {
            let got = Raw::form(path, &form).send(at).await;
            got.refused(id);
            assert_eq!((got.status, got.error().as_str()), (401, "invalid_client"));
        }
    }
    ground.unchanged(&before, &ground.state().await);
    ground.issuer.stop().await;
}
