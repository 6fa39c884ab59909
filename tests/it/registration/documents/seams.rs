//! Where documents meet what was built beside them: pairwise subjects, signed userinfo, keys of the client's own.

use std::time::Duration;

use chancery::clock::Clock;
use chancery::keyring::{Alg, Expect};
use chancery::store::{clients, revocations};
use chrono::Utc;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Host, asks, flow, refused, token, tokens};
use crate::assertions::TYPE;
use crate::kit::actors::{Answer, Browser, claims, http};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;
use crate::kit::signer::{Signer, part};

on_both!(
    the_end_of_a_grant_names_the_pairwise_subject_beside_the_url,
    signed_userinfo_is_for_the_url,
    a_key_taken_out_of_the_document_proves_nothing,
    what_keeps_users_apart_is_not_left_out,
    a_host_that_is_taken_off_the_list_has_no_clients_left,
);

const HTTPS: &str = "https://localhost.test/cb";

/// `pairwise` for a client of one host that is somebody's.
fn pairwise() -> Value {
    json!({ "redirect_uris": [HTTPS], "subject_type": "pairwise" })
}

async fn started(kind: Kind, host: &Host) -> Issuer {
    let issuer = Issuer::start_with(kind, host.setup(Setup::patient())).await;
    issuer.user("alice").await;
    issuer
}

async fn the_end_of_a_grant_names_the_pairwise_subject_beside_the_url(kind: Kind) {
    let host = Host::new().await;
    let issuer = started(kind, &host).await;
    host.says(&host.with(pairwise()), "");
    let url = host.url();
    let got = tokens(&issuer, &url, HTTPS, &mut Browser::new(&issuer)).await;
    let access = got.str("access_token");
    let sub = claims(access)["sub"].as_str().unwrap().to_owned();
    assert!(chancery::token::access::verify(&issuer.app, access).await.is_ok());
    Operator::of(&issuer).run(&["user", "consents", "alice", "--remove", &url]).ok();
    let value = format!("{sub} {url}");
    let entry = revocations::find(&issuer.app.store, "grant", &value, "lineage").await.unwrap();
    assert!(entry.is_some(), "what tokens carry: {value}");
    issuer
        .until("its token is dead wherever tokens are looked at alone", async |issuer| {
            chancery::token::access::verify(&issuer.app, access).await.is_err()
        })
        .await;
    issuer.stop().await;
}

async fn signed_userinfo_is_for_the_url(kind: Kind) {
    let host = Host::new().await;
    let issuer = started(kind, &host).await;
    host.says(&host.with(json!({ "redirect_uris": [HTTPS], "userinfo_signed_response_alg": "ES256" })), "");
    let url = host.url();
    let got = tokens(&issuer, &url, HTTPS, &mut Browser::new(&issuer)).await;
    let told = http().get(issuer.url("/oauth2/userinfo")).bearer_auth(got.str("access_token")).send().await.unwrap();
    assert_eq!(told.status(), StatusCode::OK);
    let told = told.text().await.unwrap();
    let verified = issuer.app.keyring.verify(&told, Expect::new(&["JWT"], &[Alg::Es256])).unwrap();
    assert_eq!(verified.claims["aud"], json!(url));
    assert!(!Value::Object(verified.claims).to_string().contains(&clients::id_of(&url).unwrap().to_string()));
    issuer.stop().await;
}

/// A refresh, with an assertion by this key.
async fn refresh(issuer: &Issuer, clock: &Clock, (url, key): (&str, &Signer), refresh_token: &str) -> Answer {
    let now = clock.now().timestamp();
    let jti = part(chancery::secret::bytes::<16>());
    let assertion =
        key.sign(&json!({ "iss": url, "sub": url, "aud": issuer.name, "iat": now, "exp": now + 60, "jti": jti }));
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
        ("client_assertion_type", TYPE),
        ("client_assertion", &assertion),
    ];
    token(issuer, url, &form).await
}

async fn a_key_taken_out_of_the_document_proves_nothing(kind: Kind) {
    let (host, clock) = (Host::new().await, Clock::held(Utc::now()));
    let issuer = Issuer::start_with(kind, host.setup(Setup::held(&clock))).await;
    issuer.user("alice").await;
    let url = host.url();
    let (stolen, new) = (Signer::new("ES256", "stolen"), Signer::new("ES256", "new"));
    let keyed = |key: &Signer| {
        let more =
            json!({ "redirect_uris": [HTTPS], "token_endpoint_auth_method": "private_key_jwt", "jwks": key.set() });
        host.with(more)
    };
    host.says(&keyed(&stolen), "");
    let asked = flow(&issuer, &url, HTTPS, &[]);
    let code = Browser::new(&issuer).code(&asked, "alice").await;
    let now = clock.now().timestamp();
    let assertion =
        stolen.sign(&json!({ "iss": url, "sub": url, "aud": issuer.name, "iat": now, "exp": now + 60, "jti": "once" }));
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", HTTPS),
        ("code_verifier", &asked.verifier),
        ("client_assertion_type", TYPE),
        ("client_assertion", &assertion),
    ];
    let got = token(&issuer, &url, &form).await.ok();
    let got = refresh(&issuer, &clock, (&url, &stolen), got.str("refresh_token")).await.ok();
    assert_eq!(host.server.connections(), 1, "what holds is not read again");

    // Its holder takes the key out of the document. What was read of it is over in its time, whoever comes first then.
    host.says(&keyed(&new), "");
    clock.advance(Duration::from_hours(2));
    refresh(&issuer, &clock, (&url, &stolen), got.str("refresh_token")).await.is(401, "invalid_client");
    assert_eq!(host.server.connections(), 2);
    let got = refresh(&issuer, &clock, (&url, &new), got.str("refresh_token")).await.ok();
    assert_eq!(host.server.connections(), 2);

    // One that can't be read proves nobody; the family lives on until it can.
    host.answer("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
    clock.advance(Duration::from_hours(2));
    refresh(&issuer, &clock, (&url, &new), got.str("refresh_token")).await.is(401, "invalid_client");
    host.says(&keyed(&new), "");
    // An assertion is asked for once, though the request begins again.
    refresh(&issuer, &clock, (&url, &new), got.str("refresh_token")).await.ok();
    issuer.stop().await;
}

async fn what_keeps_users_apart_is_not_left_out(kind: Kind) {
    let host = Host::new().await;
    let issuer = started(kind, &host).await;
    let url = host.url();
    for more in [
        // Whose hosts are several, or anybody's.
        json!({ "subject_type": "pairwise", "redirect_uris": [HTTPS, "http://127.0.0.1/cb"] }),
        json!({ "subject_type": "pairwise", "redirect_uris": [HTTPS, "https://other.test/cb"] }),
    ] {
        host.says(&host.with(more), "");
        refused(&asks(&issuer, &url).await, 400, "subject_type");
    }
    // Of no use, and no harm.
    host.says(&host.with(json!({ "sector_identifier_uri": "https://localhost/sector.json" })), "");
    assert_eq!(asks(&issuer, &url).await.status, 303);
    issuer.stop().await;
}

async fn a_host_that_is_taken_off_the_list_has_no_clients_left(kind: Kind) {
    let host = Host::new().await;
    let issuer = started(kind, &host).await;
    let (url, bye) = (host.url(), "https://localhost.test/bye");
    host.says(&host.with(json!({ "redirect_uris": [HTTPS], "post_logout_redirect_uris": [bye] })), "");
    let got = tokens(&issuer, &url, HTTPS, &mut Browser::new(&issuer)).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", got.str("refresh_token"))];
    let out = format!("client_id={url}&post_logout_redirect_uri={bye}");
    let status =
        async |issuer: &Issuer| http().get(issuer.url(&format!("/oauth2/logout?{out}"))).send().await.unwrap().status();
    for (hosts, good) in [("localhost", true), ("elsewhere.test", false)] {
        let change = move |config: &mut chancery::config::Config| {
            config.registration.document_hosts = vec![hosts.to_owned()];
        };
        let setup = host.setup(Setup { change: Box::new(change), ..Setup::patient() });
        let node = issuer.another_node(setup).await;
        let answer = token(&node, &url, &form).await;
        if good {
            answer.ok();
            assert_eq!(status(&node).await, StatusCode::OK);
        } else {
            answer.is(401, "invalid_client");
            assert_eq!(status(&node).await, StatusCode::BAD_REQUEST);
            refused(&asks(&node, &url).await, 400, "of this host");
        }
        node.stop().await;
    }
    issuer.stop().await;
}
