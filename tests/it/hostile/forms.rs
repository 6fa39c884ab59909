//! Every endpoint against what can't be read: escapes, encodings, sizes, types, methods, repeated parameters.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Ground;
use super::wire::{Got, Raw};
use crate::kit::issuer::{Kind, on_both};

on_both!(
    what_can_not_be_read_is_refused,
    v223_a_parameter_stands_once,
    v195_no_body_is_read_past_the_limit,
    v197_long_lists_cost_nothing,
    wrong_methods_and_paths_are_told,
    what_is_unknown_is_told,
);

/// Where a form is posted, with one that could be good.
const FORMS: &[(&str, &str)] = &[
    ("/oauth2/token", "grant_type=refresh_token&refresh_token=x&scope=openid&code=x&redirect_uri=x&code_verifier=x"),
    ("/oauth2/introspect", "token=x&token_type_hint=access_token"),
    ("/oauth2/revoke", "token=x&token_type_hint=refresh_token"),
    ("/oauth2/userinfo", "access_token=x"),
    ("/oauth2/logout", "id_token_hint=x&client_id=x&state=x&post_logout_redirect_uri=x&form_token=x"),
    ("/login", "interaction=x&form_token=x&username=alice&password=x"),
];

/// Where parameters stand in the address.
const QUERIES: &[(&str, &str)] = &[
    ("/oauth2/authorize", "response_type=code&redirect_uri=https://rp.test/cb&scope=openid&state=s&code_challenge=x"),
    ("/oauth2/logout", "client_id=x&state=s&post_logout_redirect_uri=https://rp.test/bye"),
    ("/login", "interaction=x"),
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

fn basic(ground: &Ground) -> String {
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

async fn v195_no_body_is_read_past_the_limit(kind: Kind) {
    const LIMIT: usize = 64 << 10;
    let ground = Ground::new(kind).await;
    let (at, before) = (ground.issuer.at.clone(), ground.state().await);
    let token = ground.service.own_token("chancery:revocations:write").await;
    for path in [
        "/oauth2/token",
        "/oauth2/introspect",
        "/oauth2/revoke",
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
        let from = Instant::now();
        let got = Raw::form("/oauth2/token", body).header("authorization", &basic).send(&at).await;
        got.refused(what);
        assert!(
            ["invalid_scope", "invalid_request", "invalid_target"].contains(&got.error().as_str()),
            "{what}: {got:?}"
        );
        assert!(from.elapsed() < Duration::from_millis(500), "{what} took {:?}", from.elapsed());
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
        ("/oauth2/authorize", "GET,HEAD,POST"),
        ("/oauth2/userinfo", "GET,HEAD,POST"),
        ("/oauth2/logout", "GET,HEAD,POST"),
        ("/login", "GET,HEAD,POST"),
        ("/admin/v1/revocations", "POST"),
        ("/gateway/revocations", "GET,HEAD"),
        ("/.well-known/jwks.json", "GET,HEAD"),
        ("/.well-known/openid-configuration", "GET,HEAD"),
        ("/healthz", "GET,HEAD"),
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "BREW"] {
            if allowed.split(',').any(|known| known == method) {
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
        "/oauth2/register",
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
        let got = super::wire::send(&at, &bytes).await;
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
    // Clients nobody knows.
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
        for path in ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"] {
            let got = Raw::form(path, &form).send(at).await;
            got.refused(id);
            assert_eq!((got.status, got.error().as_str()), (401, "invalid_client"));
        }
    }
    ground.unchanged(&before, &ground.state().await);
    ground.goes_on().await;
    ground.issuer.stop().await;
}
