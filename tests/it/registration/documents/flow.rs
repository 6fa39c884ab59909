//! A document signs people in, and is called by its URL everywhere: in tokens, in the log, by the operator.

use chancery::store::{audit, clients, revocations};
use reqwest::StatusCode;
use serde_json::json;

use super::{Host, flow, refused, token, tokens};
use crate::kit::actors::{Answer, Browser, PASSWORD, claims, http, location};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;

on_both!(a_document_signs_people_in, it_is_called_by_its_url_when_it_ends, an_administrator_has_the_last_word);

const HTTPS: &str = "https://localhost/cb";

async fn started(kind: Kind, host: &Host) -> Issuer {
    let issuer = Issuer::start_with(kind, host.setup(Setup::patient())).await;
    issuer.user("alice").await;
    host.says(&host.document(), "");
    issuer
}

async fn a_document_signs_people_in(kind: Kind) {
    let host = Host::new().await;
    let issuer = started(kind, &host).await;
    let url = host.url();
    let metadata = http().get(issuer.url("/.well-known/oauth-authorization-server")).send().await.unwrap();
    assert_eq!(Answer::of(metadata).await.json["client_id_metadata_document_supported"], true);

    // Users are told that nobody has looked at it, where it stands and where it would take them.
    let mut browser = Browser::new(&issuer);
    let loopback = "http://127.0.0.1:7777/cb";
    let asked = flow(&issuer, &url, loopback, &[]);
    let page = browser.begin(&asked).await;
    let moved = browser.sign_in(&page, &asked.url, "alice", PASSWORD).await;
    let page = browser.get(&location(&moved).unwrap()).await;
    assert!(page.text.contains("id=\"unverified\"") && page.text.contains("id=\"consent-allow\""), "{}", page.text);
    assert!(page.text.contains("<bdi>localhost → 127.0.0.1</bdi>"), "{}", page.text);

    let got = tokens(&issuer, &url, HTTPS, &mut browser).await;
    let (access, id) = (claims(got.str("access_token")), claims(got.str("id_token")));
    assert_eq!((&access["client_id"], &id["aud"], &id["azp"]), (&json!(url), &json!(url), &json!(url)));
    let bearer = http().get(issuer.url("/oauth2/userinfo")).bearer_auth(got.str("access_token")).send().await.unwrap();
    assert_eq!(Answer::of(bearer).await.ok().json["email"], "alice@example.test");
    let next =
        token(&issuer, &url, &[("grant_type", "refresh_token"), ("refresh_token", got.str("refresh_token"))]).await;
    assert_eq!(claims(next.ok().str("access_token"))["client_id"], json!(url));
    assert_eq!(host.server.connections(), 1, "read once, and kept");

    // Allowed once is remembered where the answer goes to a web site, and never on a machine of the user's own.
    let silent = async |browser: &mut Browser, redirect: &str| {
        let answer = browser.get(&flow(&issuer, &url, redirect, &[("prompt", "none")]).url).await;
        answer.headers["location"].to_str().unwrap().contains("code=")
    };
    assert!(silent(&mut browser, HTTPS).await);
    tokens(&issuer, &url, loopback, &mut browser).await;
    assert!(!silent(&mut browser, loopback).await);
    // Its internal id is no name for it, nor is another spelling.
    let row = clients::get(&issuer.app.store, clients::id_of(&url).unwrap()).await.unwrap().unwrap();
    assert_eq!((row.source.as_str(), row.consent.as_str(), row.profile.as_str()), ("document", "ask", "oauth21"));
    let page = http().get(flow(&issuer, &row.id.to_string(), HTTPS, &[]).url).send().await.unwrap();
    refused(&Answer::of(page).await, 400, "not that of a registered client");
    let form = [("grant_type", "refresh_token"), ("refresh_token", got.str("refresh_token"))];
    token(&issuer, &row.id.to_string(), &form).await.is(401, "invalid_client");
    let told = audit::newest(&issuer.app.store, None, 50).await.unwrap();
    let made = told.iter().find(|row| row.event == "client.created").unwrap();
    assert_eq!(
        (made.actor.as_str(), made.client_id, &made.detail.0["document"]),
        ("system", Some(row.id), &json!(url))
    );
    issuer.stop().await;
}

async fn it_is_called_by_its_url_when_it_ends(kind: Kind) {
    let host = Host::new().await;
    let issuer = started(kind, &host).await;
    let (url, operator) = (host.url(), Operator::of(&issuer));
    let mut browser = Browser::new(&issuer);
    let userinfo = async |token: &str| {
        http().get(issuer.url("/oauth2/userinfo")).bearer_auth(token).send().await.unwrap().status()
    };
    for what in ["client", "grant", "family"] {
        let got = tokens(&issuer, &url, HTTPS, &mut browser).await;
        let access = got.str("access_token");
        assert_eq!(userinfo(access).await, StatusCode::OK);
        let sub = claims(access)["sub"].as_str().unwrap().to_owned();
        let value = match what {
            "client" => url.clone(),
            "grant" => format!("{sub} {url}"),
            _ => claims(access)["family_id"].as_str().unwrap().to_owned(),
        };
        let named = if what == "grant" { format!("{sub}/{url}") } else { value.clone() };
        operator.run(&["revoke", what, &named]).ok();
        let reach = "lineage";
        let entry = revocations::find(&issuer.app.store, what, &value, reach).await.unwrap();
        assert!(entry.is_some(), "{what} {value}: what tokens carry");
        issuer.until("its token is dead", async |_| userinfo(access).await == StatusCode::UNAUTHORIZED).await;
        let form = [("grant_type", "refresh_token"), ("refresh_token", got.str("refresh_token"))];
        token(&issuer, &url, &form).await.is(400, "invalid_grant");
    }
    // It ends its own, as any public client does.
    let got = tokens(&issuer, &url, HTTPS, &mut browser).await;
    let form = [("token", got.str("access_token")), ("client_id", &url)];
    http().post(issuer.url("/oauth2/revoke")).form(&form).send().await.unwrap().error_for_status().unwrap();
    assert_eq!(userinfo(got.str("access_token")).await, StatusCode::UNAUTHORIZED);
    // And lineage shows what covers its tokens.
    let family = claims(got.str("access_token"))["family_id"].as_str().unwrap().to_owned();
    operator.run(&["revoke", "client", &url]).ok();
    let shown = operator.run(&["lineage", "show", &family]).ok().out;
    assert!(shown.contains("revoked"), "{shown}");
    issuer.stop().await;
}

async fn an_administrator_has_the_last_word(kind: Kind) {
    let host = Host::new().await;
    let issuer = started(kind, &host).await;
    let (url, operator) = (host.url(), Operator::of(&issuer));
    let got = tokens(&issuer, &url, HTTPS, &mut Browser::new(&issuer)).await;
    let id = clients::id_of(&url).unwrap().to_string();
    let shown = operator.json(&["client", "show", &url]);
    assert_eq!(
        (&shown["client_id"], &shown["document"], &shown["source"]),
        (&json!(url), &json!(url), &json!("document"))
    );
    operator.run(&["client", "update", &id, "--consent", "skip"]).refused("what its document says");
    operator.run(&["client", "disable", &url]).ok();
    refused(&super::asks(&issuer, &url).await, 400, "disabled");
    let form = [("grant_type", "refresh_token"), ("refresh_token", got.str("refresh_token"))];
    token(&issuer, &url, &form).await.is(401, "invalid_client");
    assert_eq!(host.server.connections(), 1, "nor is it fetched again");
    operator.run(&["client", "enable", &url]).ok();
    tokens(&issuer, &url, HTTPS, &mut Browser::new(&issuer)).await;
    // Where documents are no clients any more, those that were are none.
    let issuer = issuer.restart(Setup::patient()).await;
    refused(&super::asks(&issuer, &url).await, 400, "not that of a registered client");
    token(&issuer, &url, &form).await.is(401, "invalid_client");
    let metadata = http().get(issuer.url("/.well-known/oauth-authorization-server")).send().await.unwrap();
    assert!(Answer::of(metadata).await.json.get("client_id_metadata_document_supported").is_none());
    assert_eq!(host.server.connections(), 1);
    issuer.stop().await;
}
