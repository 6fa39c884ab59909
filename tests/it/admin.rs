//! `POST /admin/v1/revocations`: who may, what is answered, and what is told of it.

use chancery::store::audit;
use reqwest::header;
use serde_json::{Value, json};

use crate::kit::actors::{Answer, Browser, claims, http};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(what_is_named_ends_and_is_told, what_can_not_be_read_is_refused, only_whom_the_scope_was_given);

const SCOPE: &str = "chancery:revocations:write";

async fn post(issuer: &Issuer, token: &str, body: &Value) -> Answer {
    let request = http().post(issuer.url("/admin/v1/revocations")).bearer_auth(token).json(body);
    Answer::of(request.send().await.unwrap()).await
}

/// A problem (RFC 9457) of this status and code.
#[track_caller]
fn problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
    assert!(answer.text.contains(code) && answer.json["status"] == status, "{}", answer.text);
    assert!(
        answer.json["title"].is_string() && answer.json["instance"].as_str().unwrap().starts_with("urn:uuid:"),
        "{}",
        answer.text
    );
}

async fn what_is_named_ends_and_is_told(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let alice = issuer.user("alice").await;
    let (rp, service) = (issuer.client().await, issuer.service(SCOPE, &[]).await);
    let token = service.own_token(SCOPE).await;
    let mut browser = Browser::new(&issuer);
    for kind in ["jti", "family", "session"] {
        let held = rp.tokens(&mut browser, "alice").await;
        let carried = claims(held.str("access_token"));
        let name = match kind {
            "family" => "family_id",
            "session" => "sid",
            other => other,
        };
        let ask = json!({ "kind": kind, "value": carried[name], "reason": "laptop stolen" });
        let written = post(&issuer, &token, &ask).await;
        assert_eq!(written.status, 201, "{}", written.text);
        assert_eq!((&written.json["kind"], &written.json["value"]), (&json!(kind), &carried[name]));
        assert!(
            written.json["seq"].as_i64().unwrap() > 0 && written.json["at"].is_i64() && written.json["until"].is_i64()
        );
        // Asked again, it is what had ended: the same entry, and nothing is written.
        let again = post(&issuer, &token, &ask).await;
        assert_eq!((again.status.as_u16(), &again.json["seq"]), (200, &written.json["seq"]), "{}", again.text);
        rp.userinfo(held.str("access_token")).await.is(401, "invalid_token");
        let alive = rp.refresh(held.str("refresh_token")).await.status == 200;
        assert_eq!(alive, kind == "jti", "{kind}");
    }
    // Every kind of end is told as such, by whom, and why.
    let rows = audit::newest(&issuer.app.store, None, 1000).await.unwrap();
    let of = |event: &str| rows.iter().filter(|row| row.event == event).collect::<Vec<_>>();
    let by = format!("client:{}", service.id);
    assert_eq!(of("revocation.written").len(), 3);
    for row in of("revocation.written").into_iter().chain(of("session.ended")) {
        assert_eq!(row.actor, by, "{row:?}");
    }
    let ended = of("session.ended");
    assert_eq!((ended.len(), ended[0].user_id), (1, Some(alice.id)), "told once, however often it is asked for");
    assert!(of("revocation.written").iter().all(|row| row.detail.0["reason"] == "laptop stolen"));
    issuer.stop().await;
}

async fn what_can_not_be_read_is_refused(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let service = issuer.service(SCOPE, &[]).await;
    let token = service.own_token(SCOPE).await;
    for (body, status, code) in [
        (json!({}), 400, "invalid_request"),
        (json!({ "kind": "user" }), 400, "invalid_request"),
        (json!({ "kind": "everyone", "value": "x" }), 400, "invalid_request"),
        (json!({ "kind": "user", "value": "alice" }), 400, "invalid_request"),
        (json!({ "kind": "user", "value": uuid::Uuid::nil() }), 404, "not_found"),
        (json!({ "kind": "family", "value": uuid::Uuid::nil() }), 404, "not_found"),
        (json!({ "kind": "all", "value": "x" }), 400, "invalid_request"),
        (json!({ "kind": "token", "value": "ch_rt_none" }), 404, "not_found"),
        (json!({ "kind": "all", "value": "", "reason": "r".repeat(101) }), 400, "invalid_request"),
        (json!({ "kind": "all", "value": "", "reason": "a\nb" }), 400, "invalid_request"),
        (json!({ "kind": "all", "value": "", "until": 1 }), 400, "invalid_request"),
        (json!([1]), 400, "invalid_request"),
    ] {
        problem(&post(&issuer, &token, &body).await, status, code);
    }
    let rows = audit::newest(&issuer.app.store, None, 1000).await.unwrap();
    assert!(rows.iter().all(|row| row.event != "revocation.written"), "nothing was ended");
    issuer.stop().await;
}

async fn only_whom_the_scope_was_given(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let ask = json!({ "kind": "all", "value": "" });
    let other = issuer.service("chancery:feed", &[]).await.own_token("chancery:feed").await;
    problem(&post(&issuer, &other, &ask).await, 403, "insufficient_scope");
    let users = issuer.client().await.tokens(&mut Browser::new(&issuer), "alice").await;
    problem(&post(&issuer, users.str("access_token"), &ask).await, 403, "insufficient_scope");
    for token in ["", "x", users.str("id_token"), users.str("refresh_token")] {
        problem(&post(&issuer, token, &ask).await, 401, "invalid_token");
    }
    issuer.stop().await;
}
