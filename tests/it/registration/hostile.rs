//! What a registration must not get: V056, V124, V168, V169, V211 and what is near them.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chancery::store::clients;
use serde_json::{Value, json};

use super::{Registered, modest, open, register, with};
use crate::kit::actors::{Browser, PASSWORD, location};
use crate::kit::issuer::{Kind, on_both};
use crate::kit::operator::Operator;
use crate::kit::raw::{Raw, differences};

on_both!(
    v168_one_registration_per_dangerous_member,
    v056_nothing_that_is_registered_is_connected_to,
    v211_what_is_not_its_to_say_is_not_heard,
    v169_what_an_administrator_disabled_stays_so,
    v124_a_name_is_only_text,
    no_metadata_makes_a_public_client_confidential,
);

async fn v168_one_registration_per_dangerous_member(kind: Kind) {
    let issuer = open(kind).await;
    let script = "javascript:alert(document.cookie)";
    let mut dangerous = vec![
        (json!({ "redirect_uris": [script] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["https://rp.test/cb", "data:text/html,x"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["https://rp.test@evil.test/cb"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["https://rp.test\\@evil.test/cb"] }), "invalid_redirect_uri"),
        (json!({ "scope": "openid chancery:revocations:write" }), "invalid_client_metadata"),
        (json!({ "scope": "chancery:feed" }), "invalid_client_metadata"),
        (json!({ "grant_types": ["authorization_code", "password"] }), "invalid_client_metadata"),
        (json!({ "grant_types": ["client_credentials"] }), "invalid_client_metadata"),
        (
            json!({ "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"] }),
            "invalid_client_metadata",
        ),
        (json!({ "response_types": ["token"] }), "invalid_client_metadata"),
        (json!({ "response_types": ["code token"] }), "invalid_client_metadata"),
        (json!({ "id_token_signed_response_alg": "none" }), "invalid_client_metadata"),
    ];
    for name in [
        "client_uri",
        "logo_uri",
        "policy_uri",
        "tos_uri",
        "jwks_uri",
        "sector_identifier_uri",
        "backchannel_logout_uri",
        "frontchannel_logout_uri",
    ] {
        for uri in [script, "data:text/html,x", "file:///etc/passwd", "http://169.254.169.254/latest"] {
            dangerous.push((json!({ name: uri }), "invalid_client_metadata"));
        }
    }
    // Nor is a key set or a logout address taken that this server would never go to.
    for uri in [
        "https://127.0.0.1/x",
        "https://10.0.0.1/x",
        "https://[::1]/x",
        "https://169.254.169.254/x",
        "https://0x7f000001/x",
    ] {
        dangerous.push((json!({ "backchannel_logout_uri": uri }), "invalid_client_metadata"));
        let keys = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": uri });
        dangerous.push((keys, "invalid_client_metadata"));
    }
    for (more, error) in dangerous {
        let answer = register(&issuer, None, &with(more.clone())).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json["error"].as_str()),
            (400, Some(error)),
            "{more}: {}",
            answer.text
        );
    }
    assert!(clients::list(&issuer.app.store, None, 10).await.unwrap().is_empty());
    issuer.stop().await;
}

/// Addresses of this machine and of those near it, however they are spelled.
async fn v056_nothing_that_is_registered_is_connected_to(kind: Kind) {
    let issuer = open(kind).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let knocks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&knocks);
    std::thread::spawn(move || {
        for _ in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    for name in [
        "jwks_uri",
        "sector_identifier_uri",
        "logo_uri",
        "client_uri",
        "policy_uri",
        "tos_uri",
        "backchannel_logout_uri",
        "frontchannel_logout_uri",
    ] {
        for host in [
            "127.0.0.1",
            "0.0.0.0",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "localhost",
            "localhost.",
            "0x7f000001",
            "2130706433",
            "127.1",
        ] {
            for scheme in ["https", "http"] {
                let body = with(
                    json!({ name: format!("{scheme}://{host}:{port}/x"), "subject_type": "pairwise", "scope": "openid" }),
                );
                let answer = register(&issuer, None, &body).await;
                assert!(!answer.status.is_server_error(), "{body}: {}", answer.text);
            }
        }
    }
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(knocks.load(Ordering::SeqCst), 0);
    issuer.stop().await;
}

async fn v211_what_is_not_its_to_say_is_not_heard(kind: Kind) {
    let issuer = open(kind).await;
    let greedy = json!({
        "id": "x", "client_id": "chosen", "client_secret": "chosen", "registration_access_token": "chosen", "client_id_issued_at": 1,
        "profile": "oidc", "consent": "skip", "skips_consent": true, "outlives_session": true, "source": "admin", "verified": true,
        "resources": ["https://tide.test/"], "origins": ["https://evil.test"], "retry_window": 600, "id_token_claims": true,
        "claims": { "salary": "salary" }, "refresh_token_delivery": "cookie", "version": 99, "disabled_at": null, "metadata": { "a": 1 },
        "pkce_optional": true, "require_pkce": false, "last_used_at": "2100-01-01T00:00:00Z", "document": "https://evil.test/",
    });
    let client = Registered::at(&issuer, &with(greedy.clone())).await;
    let plain = Registered::at(&issuer, &modest()).await;
    let row = async |client: &Registered| clients::get(&issuer.app.store, client.id).await.unwrap().unwrap();
    let (greedy_row, plain_row) = (row(&client).await, row(&plain).await);
    let same = |row: clients::Client| {
        let row =
            clients::Client { id: plain.id, created_at: plain_row.created_at, updated_at: plain_row.updated_at, ..row };
        format!("{row:?}")
    };
    assert_eq!(same(greedy_row), same(plain_row.clone()));
    for name in greedy.as_object().unwrap().keys() {
        let own =
            ["client_id", "client_secret", "registration_access_token", "client_id_issued_at"].contains(&name.as_str());
        assert!(own || client.told.get(name).is_none(), "{name}");
        assert_ne!(client.told.get(name), Some(&json!("chosen")));
    }

    // Nor is what it was given, or another was: a PUT that names another's is refused, each alone.
    let before = Raw::open(&issuer.database).await.dump().await;
    let own = client.get().await.ok().json;
    for (name, value) in [
        ("client_id", json!(plain.id)),
        ("client_id", json!([own["client_id"]])),
        ("registration_access_token", json!(plain.token)),
        ("registration_access_token", json!("")),
        ("registration_client_uri", json!(plain.uri)),
        ("client_secret", plain.told["client_secret"].clone()),
        ("client_secret", json!("chosen")),
        ("client_secret", json!(7)),
        ("client_id_issued_at", json!(1)),
        ("client_secret_expires_at", json!(4_000_000_000_u32)),
    ] {
        let mut body = own.clone();
        body[name] = value;
        let answer = client.put(&body).await;
        answer.is(400, "invalid_client_metadata");
        assert!(answer.str("error_description").starts_with(name), "{}", answer.text);
    }
    let mut after = Raw::open(&issuer.database).await.dump().await;
    after.insert("audit".to_owned(), before["audit"].clone());
    assert_eq!(differences(&before, &after), [""; 0]);
    issuer.stop().await;
}

async fn v169_what_an_administrator_disabled_stays_so(kind: Kind) {
    let issuer = open(kind).await;
    let client = Registered::at(&issuer, &modest()).await;
    Operator::of(&issuer).run(&["client", "disable", &client.id.to_string()]).ok();
    let before = Raw::open(&issuer.database).await.dump().await;
    for answer in [client.put(&client.told).await, client.get().await, client.delete().await] {
        answer.is(403, "access_denied");
    }
    let mut after = Raw::open(&issuer.database).await.dump().await;
    after.insert("audit".to_owned(), before["audit"].clone());
    assert_eq!(differences(&before, &after), [""; 0], "still disabled, its secret the same");
    client.party(&issuer).introspect("x").await.is(401, "invalid_client");
    issuer.stop().await;
}

async fn v124_a_name_is_only_text(kind: Kind) {
    let issuer = open(kind).await;
    issuer.user("alice").await;
    let evil = "\"><svg onload=alert(1)><script>alert(2)</script>{{7*7}}";
    let client =
        Registered::at(&issuer, &with(json!({ "client_name": evil, "policy_uri": "https://rp.test/\"><b>" }))).await;
    let rp = client.party(&issuer);
    let mut browser = Browser::new(&issuer);
    let flow = rp.flow(&[]);
    let page = browser.begin(&flow).await;
    let moved = browser.sign_in(&page, &flow.url, "alice", PASSWORD).await;
    let page = browser.get(&location(&moved).unwrap()).await;
    assert!(page.text.contains("consent-allow"));
    for text in ["<svg onload", "<script>alert", "><b>"] {
        assert!(!page.text.contains(text), "{text}");
    }
    issuer.stop().await;
}

/// "No metadata makes a public client confidential or the reverse."
async fn no_metadata_makes_a_public_client_confidential(kind: Kind) {
    let issuer = open(kind).await;
    let methods = ["none", "client_secret_basic", "client_secret_post"];
    let public = |method: &str| method == "none";
    for first in methods {
        let client = Registered::at(&issuer, &with(json!({ "token_endpoint_auth_method": first }))).await;
        for second in methods.into_iter().map(|method| json!(method)).chain([Value::Null]) {
            let mut body = with(json!({ "client_id": client.id, "token_endpoint_auth_method": second }));
            body["client_secret"] = Value::Null;
            let answer = client.put(&body).await;
            let second = second.as_str().unwrap_or("client_secret_basic");
            if public(first) == public(second) {
                assert_eq!(answer.ok().json["token_endpoint_auth_method"], second);
            } else {
                answer.is(400, "invalid_client_metadata");
                assert!(answer.text.contains("token_endpoint_auth_method"), "{}", answer.text);
            }
            let row = clients::get(&issuer.app.store, client.id).await.unwrap().unwrap();
            assert_eq!(public(&row.auth_method), public(first));
            let secrets = clients::secrets(&issuer.app.store, client.id).await.unwrap().len();
            assert_eq!(secrets, usize::from(!public(first)));
        }
    }
    issuer.stop().await;
}
