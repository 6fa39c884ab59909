//! Someone in the middle of everything when the database goes: a page open, a code at hand, tokens held, a gateway reading.

use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, StatusCode, header};

use crate::kit::actors::{Answer, Browser, Flow, PASSWORD, RelyingParty, claims, form_of, http, location, parameter};
use crate::kit::issuer::Issuer;

/// What is asked for while the database is away: a name for it, and the request.
pub type Asked = (&'static str, RequestBuilder);

/// Everything about to happen.
pub struct World {
    pub rp: RelyingParty,
    pub service: RelyingParty,
    bearer: String,
    /// Held, and used while the database is away.
    pub tokens: Answer,
    /// Not redeemed yet.
    pub code: (Flow, String),
    /// Signed in, at the question whether to sign out.
    leaving: Browser,
    question: Answer,
    /// At the sign-in page, about to send it.
    arriving: Browser,
    pub flow: Flow,
    page: Answer,
}

impl World {
    pub async fn new(issuer: &Issuer) -> Self {
        issuer.user("alice").await;
        let rp = issuer.client().await;
        let service = issuer.service("chancery:feed chancery:revocations:write", &[]).await;
        let bearer = service.own_token("chancery:feed chancery:revocations:write").await;
        let mut browser = Browser::new(issuer);
        let tokens = rp.tokens(&mut browser, "alice").await;
        let flow = rp.flow(&[]);
        let code = browser.code(&flow, "alice").await;
        let mut leaving = Browser::new(issuer);
        rp.tokens(&mut leaving, "alice").await;
        let question = leaving.get(&issuer.url("/oauth2/logout")).await.ok();
        let (mut arriving, at) = (Browser::new(issuer), rp.flow(&[]));
        let page = arriving.begin(&at).await.ok();
        Self { rp, service, bearer, tokens, code: (flow, code), leaving, question, arriving, flow: at, page }
    }

    /// What a client sends by itself, answered in JSON: whatever writes.
    pub fn writes(&self) -> Vec<Asked> {
        let (flow, code) = &self.code;
        let redeem = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.rp.redirect),
            ("code_verifier", &flow.verifier),
        ];
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", self.tokens.str("refresh_token"))];
        let own = [("grant_type", "client_credentials"), ("scope", "chancery:feed")];
        let revocation = serde_json::json!({ "kind": "user", "value": self.sub(), "reason": "outage" });
        let admin = format!("{}/admin/v1/revocations", self.rp.at);
        vec![
            ("a code", sent(&self.rp, "/oauth2/token", &redeem)),
            ("a refresh", sent(&self.rp, "/oauth2/token", &refresh)),
            ("client credentials", sent(&self.service, "/oauth2/token", &own)),
            ("a revocation", sent(&self.rp, "/oauth2/revoke", &[("token", self.tokens.str("refresh_token"))])),
            ("a revocation by an administrator", http().post(admin).bearer_auth(&self.bearer).json(&revocation)),
        ]
    }

    /// What is answered in JSON and only reads.
    pub fn reads(&self) -> Vec<Asked> {
        let access = self.tokens.str("access_token");
        let at = |path: &str| format!("{}{path}", self.rp.at);
        vec![
            ("introspection", sent(&self.rp, "/oauth2/introspect", &[("token", access)])),
            ("introspection of a refresh token", {
                sent(&self.rp, "/oauth2/introspect", &[("token", self.tokens.str("refresh_token"))])
            }),
            ("userinfo", http().get(at("/oauth2/userinfo")).bearer_auth(access)),
            ("the feed", http().get(at("/gateway/revocations")).bearer_auth(&self.bearer)),
        ]
    }

    /// Pages that only read.
    pub fn shown(&self) -> Vec<Asked> {
        let leaving = |request: RequestBuilder| cookies(&self.leaving, request);
        let login = self.page_address();
        vec![
            ("the sign-in page", cookies(&self.arriving, http().get(login))),
            ("the question whether to sign out", leaving(http().get(format!("{}/oauth2/logout", self.rp.at)))),
        ]
    }

    /// Pages that write.
    pub fn pressed(&self) -> Vec<Asked> {
        vec![
            ("an authorization request", http().get(&self.rp.flow(&[]).url)),
            ("one of somebody signed in", cookies(&self.leaving, http().get(&self.rp.flow(&[]).url))),
            ("a sign-in", self.form(&self.arriving, &self.page, &[("username", "alice"), ("password", PASSWORD)])),
            ("a sign-out", self.form(&self.leaving, &self.question, &[("logout-confirm", "yes")])),
        ]
    }

    fn sub(&self) -> String {
        claims(self.tokens.str("access_token"))["sub"].as_str().unwrap().to_owned()
    }

    fn page_address(&self) -> String {
        let (action, fields) = form_of(&self.page);
        let interaction = fields.iter().find(|(name, _)| name == "interaction").unwrap();
        format!("{action}?interaction={}", interaction.1)
    }

    fn form(&self, browser: &Browser, page: &Answer, more: &[(&str, &str)]) -> RequestBuilder {
        let (action, mut fields) = form_of(page);
        fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        cookies(browser, http().post(action).header(header::ORIGIN, &browser.origin).form(&fields))
    }

    /// Everything that was asked for meanwhile is asked for again and works; nothing of it was half done.
    pub async fn goes_on(self, issuer: &Issuer) {
        let (rp, access) = (&self.rp, self.tokens.str("access_token"));
        let held = patiently(async || rp.userinfo(access).await).await.ok();
        assert_eq!(held.json["email"], "alice@example.test");
        assert_eq!(patiently(async || rp.introspect(access).await).await.ok().json["active"], true);
        let next = patiently(async || rp.refresh(self.tokens.str("refresh_token")).await).await.ok();
        let (flow, code) = &self.code;
        let redeemed = patiently(async || rp.redeem(flow, code).await).await.ok();
        let own = [("grant_type", "client_credentials"), ("scope", "chancery:feed")];
        patiently(async || self.service.token(&own).await).await.ok();
        let (mut arriving, mut leaving) = (self.arriving, self.leaving);
        let moved = arriving.sign_in(&self.page, &self.flow.url, "alice", PASSWORD).await;
        assert_eq!(moved.status, StatusCode::SEE_OTHER, "{}", moved.text);
        let out = leaving.press(&self.question, &issuer.url("/oauth2/logout"), "logout-confirm").await;
        assert!(out.text.contains("Signed out"), "{}", out.text);
        assert_eq!(patiently(async || rp.revoke(redeemed.str("refresh_token")).await).await.status, 200);
        patiently(async || rp.userinfo(redeemed.str("access_token")).await).await.is(401, "invalid_token");
        patiently(async || rp.userinfo(next.str("access_token")).await).await.ok();
    }
}

/// As a client does: on a machine that is busy with other tests, "come again" is still an answer.
async fn patiently(mut ask: impl AsyncFnMut() -> Answer) -> Answer {
    for _ in 0..50 {
        let answer = ask().await;
        if answer.status != StatusCode::SERVICE_UNAVAILABLE {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("still 503 after 5 s");
}

fn cookies(browser: &Browser, request: RequestBuilder) -> RequestBuilder {
    let line = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    request.header(header::COOKIE, line)
}

fn sent(rp: &RelyingParty, path: &str, form: &[(&str, &str)]) -> RequestBuilder {
    http().post(format!("{}{path}", rp.at)).basic_auth(rp.id, rp.secret.as_ref()).form(form)
}

/// Sends all at once, and says how the slowest did.
pub async fn all(asked: Vec<Asked>) -> (Vec<(&'static str, Answer)>, Duration) {
    let from = Instant::now();
    let mut sent = tokio::task::JoinSet::new();
    for (name, request) in asked {
        sent.spawn(async move { (name, Answer::of(request.send().await.unwrap()).await) });
    }
    (sent.join_all().await, from.elapsed())
}

/// "Come again", in the words of the endpoint: a problem, an OAuth error, a page, or an error taken to the client.
pub fn come_again(name: &str, answer: &Answer, page: bool) {
    let seen = format!("{name}: {} {:?} {}", answer.status, answer.headers, answer.text);
    if let Some(to) = location(answer).filter(|_| page) {
        // The client is known, so it is the client that is told (RFC 6749, 4.1.2.1).
        assert_eq!(parameter(&to, "error").as_deref(), Some("temporarily_unavailable"), "{seen}");
        assert!(to.starts_with("https://rp.test/cb?") && parameter(&to, "state").is_some(), "{seen}");
        return;
    }
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{seen}");
    let after = answer.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    assert!(after.is_some_and(|text| (1..=60).contains(&text.parse::<u32>().unwrap())), "{seen}");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store", "{seen}");
    let kind = answer.headers[header::CONTENT_TYPE].to_str().unwrap();
    if page {
        assert!(kind.starts_with("text/html"), "{seen}");
        assert!(["id=\"error\"", "id=\"login-submit\""].iter().any(|mark| answer.text.contains(mark)), "{seen}");
        return;
    }
    let told = match kind {
        "application/problem+json" => &answer.json["type"],
        "application/json" => &answer.json["error"],
        other => panic!("{other}: {seen}"),
    };
    let words =
        ["temporarily_unavailable", "urn:chancery:problem:temporarily_unavailable", "urn:chancery:problem:not_ready"];
    assert!(words.iter().any(|word| told == word), "{seen}");
}
