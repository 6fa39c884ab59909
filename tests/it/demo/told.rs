//! What the dashboard takes for word of a sign-out (OpenID Connect Back-Channel Logout 1.0, 2.6): everything else ends nothing.

use serde_json::{Value, json};

use super::{Browser, Harbour};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

async fn post(harbour: &Harbour, kind: &str, body: String) -> u16 {
    let request = harbour.http.post(format!("{}/backchannel-logout", harbour.dashboard));
    let answer = request.header("content-type", kind).body(body).send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    answer.status().as_u16()
}

async fn told(harbour: &Harbour, token: &str) -> u16 {
    post(harbour, "application/x-www-form-urlencoded", format!("logout_token={token}")).await
}

fn claims(harbour: &Harbour, change: impl FnOnce(&mut Value)) -> Value {
    let now = chrono::Utc::now().timestamp();
    let mut claims = json!({
        "iss": harbour.fake.issuer, "aud": "dashboard", "iat": now, "exp": now + 120, "jti": "1", "sub": "user-1", "sid": "session-1",
        "events": { EVENT: {} },
    });
    change(&mut claims);
    claims
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_logout_token_of_its_issuer_ends_a_session() {
    let harbour = Harbour::open().await;
    let mut browser = Browser::new(&harbour);
    browser.sign_in().await;
    let good = claims(&harbour, |_| {});
    let token = |claims: &Value| harbour.fake.token("logout+jwt", claims, true);
    let cut = |change: fn(&mut Value)| token(&claims(&harbour, change));
    for (what, bad) in [
        ("an ID token's type", harbour.fake.token("JWT", &good, true)),
        ("an access token", harbour.fake.access_token(|_| {})),
        ("another key", harbour.fake.token("logout+jwt", &good, false)),
        ("nothing", String::new()),
        ("no token", "x.y.z".to_owned()),
        ("a nonce", cut(|claims| claims["nonce"] = "n".into())),
        ("no event", cut(|claims| claims["events"] = json!({}))),
        ("another event", cut(|claims| claims["events"] = json!({ "http://other.test": {} }))),
        ("another audience", cut(|claims| claims["aud"] = "gateway".into())),
        ("another issuer", cut(|claims| claims["iss"] = "https://evil.test".into())),
        ("an old one", cut(|claims| claims["iat"] = (claims["iat"].as_i64().unwrap() - 3600).into())),
        ("an expired one", cut(|claims| claims["exp"] = claims["iat"].clone())),
        ("nobody", cut(|claims| claims.as_object_mut().unwrap().retain(|name, _| name != "sub" && name != "sid"))),
    ] {
        assert_eq!(told(&harbour, &bad).await, 400, "{what}");
    }
    let form = format!("logout_token={}", token(&good));
    assert_eq!(post(&harbour, "text/plain", form.clone()).await, 400);
    assert_eq!(post(&harbour, "application/x-www-form-urlencoded", format!("{form}&{form}")).await, 400);
    assert_eq!(
        harbour.http.get(format!("{}/backchannel-logout", harbour.dashboard)).send().await.unwrap().status(),
        405
    );
    assert_eq!(
        told(&harbour, &cut(|claims| claims["sid"] = "another".into())).await,
        200,
        "of a session that isn't here"
    );
    assert!(browser.get("/").await.text.contains("id=\"who\""), "nothing of that ended it");
    assert_eq!(told(&harbour, &token(&good)).await, 200);
    let page = browser.get("/").await.text;
    assert!(!page.contains("id=\"who\"") && page.contains("id=\"told\""), "{page}");
    assert_eq!(told(&harbour, &token(&good)).await, 200, "told twice is told");
}
