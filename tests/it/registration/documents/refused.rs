//! What is no document and no URL of one: a page that names `client_id`, and nothing kept, nothing knocked at.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chancery::store::clients;
use serde_json::{Value, json};

use super::{Host, asks, refused};
use crate::fetch::servers::endless;
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

on_both!(
    a_document_that_is_none,
    a_document_that_never_ends,
    v056_no_url_of_a_client_leads_inside,
    a_url_that_names_no_client,
    fetches_and_documents_are_counted,
);

async fn none_kept(issuer: &Issuer) {
    assert_eq!(clients::list(&issuer.app.store, None, 10).await.unwrap().len(), 0);
}

async fn a_document_that_is_none(kind: Kind) {
    let host = Host::new().await;
    let issuer = Issuer::start_with(kind, host.setup(Setup::patient())).await;
    let url = host.url();
    let with = |more: Value| host.with(more);
    for (document, says) in [
        (with(json!({ "client_id": format!("{url}/") })), "for another client_id"),
        (with(json!({ "client_id": "https://claude.ai/client.json" })), "for another client_id"),
        (with(json!({ "client_id": [url] })), "for another client_id"),
        (with(json!({ "client_id": null })), "for another client_id"),
        (with(json!({ "client_secret": "x" })), "shared secret"),
        (with(json!({ "client_secret_expires_at": 0 })), "shared secret"),
        (with(json!({ "token_endpoint_auth_method": "client_secret_basic" })), "token_endpoint_auth_method"),
        (with(json!({ "token_endpoint_auth_method": "client_secret_jwt" })), "token_endpoint_auth_method"),
        (with(json!({ "token_endpoint_auth_method": 7 })), "token_endpoint_auth_method"),
        (with(json!({ "redirect_uris": ["javascript:alert(1)"] })), "redirect_uris"),
        (with(json!({ "redirect_uris": "https://localhost/cb" })), "redirect_uris"),
        (with(json!({ "redirect_uris": null })), "redirect_uris"),
        (with(json!({ "client_name": "a\u{202e}b" })), "client_name"),
        (with(json!({ "grant_types": ["client_credentials"] })), "response_types"),
        (with(json!({ "response_types": ["token"] })), "response_types"),
        (json!([]), "no JSON object"),
    ] {
        host.says(&document, "");
        refused(&asks(&issuer, &url).await, 400, says);
    }
    let body = host.document().to_string();
    let answer = |head: &str, body: &str| {
        host.answer(format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    };
    let json = "Content-Type: application/json";
    let long = with(json!({ "x": "a".repeat(40_000) })).to_string();
    let twice = body.replacen('{', &format!("{{\"client_id\":\"{url}\","), 1);
    for (head, body, says) in [
        (format!("404 Not Found\r\n{json}"), &body, "not 200"),
        (format!("201 Created\r\n{json}"), &body, "not 200"),
        (format!("302 Found\r\nLocation: {url}\r\n{json}"), &body, "fetched"),
        ("200 OK\r\nContent-Type: text/html".to_owned(), &body, "application/json"),
        ("200 OK\r\nX: y".to_owned(), &body, "application/json"),
        (format!("200 OK\r\n{json}\r\nContent-Encoding: gzip"), &body, "fetched"),
        (format!("200 OK\r\n{json}"), &long, "too large"),
        (format!("200 OK\r\n{json}"), &twice, "has a member twice"),
        (format!("200 OK\r\n{json}"), &body[..40].to_owned(), "is not JSON"),
    ] {
        answer(&head, body);
        refused(&asks(&issuer, &url).await, 400, says);
    }
    none_kept(&issuer).await;
    // A finer type of JSON is one, and what servers in general are told is passed over.
    let rich = with(json!({ "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:token-exchange"],
        "response_types": ["code", "id_token"], "redirect_uris": ["https://localhost/cb", "cursor://anything"],
        "contacts": ["nobody"], "software_statement": "e30.e30.", "tos_uri": "data:text/html,x", "shoe_size": 43 }));
    answer("200 OK\r\nContent-Type: application/client+json; charset=utf-8", &rich.to_string());
    assert_eq!(asks(&issuer, &url).await.status, 303);
    let row = clients::get(&issuer.app.store, clients::id_of(&url).unwrap()).await.unwrap().unwrap();
    assert_eq!((row.redirect_uris.0.len(), row.tos_uri, row.metadata.contacts.len()), (1, None, 0));
    issuer.stop().await;
}

async fn a_document_that_never_ends(kind: Kind) {
    let (none, slow) = (Duration::ZERO, Duration::from_millis(20));
    for (script, says) in [
        (endless("HTTP/1.1 200 OK\r\n\r\n{\"x\":[", "1,".repeat(1000), none), "the answer is too large"),
        (endless("HTTP/1.1 200 OK\r\n", format!("X: {}\r\n", "a".repeat(1000)), none), "the answer is too large"),
        (endless("HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", "{", slow), "it took too long"),
    ] {
        let host = Host::that(script).await;
        let change = |config: &mut chancery::config::Config| config.fetch.timeout = Duration::from_secs(3);
        let issuer = Issuer::start_with(kind, host.setup(Setup { change: Box::new(change), ..Setup::patient() })).await;
        let page = asks(&issuer, &host.url()).await;
        assert!(page.status.is_client_error() || page.status == 503, "{says}: {}", page.text);
        assert!(page.text.contains("client_id"), "{says}: {}", page.text);
        assert_eq!(host.server.connections(), 1, "{says}");
        none_kept(&issuer).await;
        issuer.stop().await;
    }
}

/// Loopback, private and special addresses, however they are spelled, by names that lead there: never connected to.
async fn v056_no_url_of_a_client_leads_inside(kind: Kind) {
    let knocks = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let counted = Arc::clone(&knocks);
    std::thread::spawn(move || {
        for _ in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let on = Setup { change: Box::new(|config| config.registration.documents = true), ..Setup::patient() };
    let issuer = Issuer::start_with(kind, on).await;
    for host in [
        "127.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "localhost",
        "localhost.",
        "a.localhost",
        "0x7f000001",
        "2130706433",
        "127.1",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "[fd00::1]",
        "[fe80::1]",
    ] {
        refused(&asks(&issuer, &format!("https://{host}:{port}/client.json")).await, 400, "client_id");
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(knocks.load(Ordering::SeqCst), 0);
    none_kept(&issuer).await;
    issuer.stop().await;
}

async fn a_url_that_names_no_client(kind: Kind) {
    let host = Host::new().await;
    let setup = host.setup(Setup::patient());
    let issuer = Issuer::start_with(kind, setup).await;
    host.says(&host.document(), "");
    let port = host.server.address.port();
    let at = |rest: &str| format!("https://localhost:{port}{rest}");
    for url in [
        at(""),
        at("/"),
        at("/a/../tide/client.json"),
        at("/./tide/client.json"),
        at("/%2e%2e/client.json"),
        at("/tide//client.json"),
        at("/tide/client.json?x=y"),
        at("/tide/client.json?"),
        at("/tide/client.json#x"),
        at("/tide/client.json#"),
        at("/tide/client .json"),
        at("/tide\\client.json"),
        at(&format!("/{}", "a".repeat(600))),
        format!("https://LOCALHOST:{port}/tide/client.json"),
        format!("HTTPS://localhost:{port}/tide/client.json"),
        format!("https://user@localhost:{port}/tide/client.json"),
        format!("https://localhost:{port}@evil.test/tide/client.json"),
        format!("http://localhost:{port}/tide/client.json"),
        "https://localhost:443/tide/client.json".to_owned(),
        "https:///tide/client.json".to_owned(),
        "https://".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        refused(&asks(&issuer, &url).await, 400, "client_id");
    }
    assert_eq!(host.server.connections(), 0, "none was fetched");
    none_kept(&issuer).await;

    // Only documents of hosts that are named, where any are.
    let named = host.setup(Setup {
        change: Box::new(|config| config.registration.document_hosts = vec!["claude.ai".to_owned()]),
        ..Setup::patient()
    });
    let issuer = issuer.restart(named).await;
    refused(&asks(&issuer, &host.url()).await, 400, "this host");
    assert_eq!(host.server.connections(), 0);
    issuer.stop().await;
}

async fn fetches_and_documents_are_counted(kind: Kind) {
    let host = Host::new().await;
    let setup = host.setup(Setup {
        change: Box::new(|config| {
            config.throttle.documents = 3;
            config.registration.clients = 1;
        }),
        ..Setup::patient()
    });
    let issuer = Issuer::start_with(kind, setup).await;
    host.says(&host.document(), "");
    let url = host.url();
    for _ in 0..5 {
        assert_eq!(asks(&issuer, &url).await.status, 303, "what is kept costs nothing");
    }
    assert_eq!(host.server.connections(), 1);
    // Another document would be one more than there may be.
    let other = url.replace("client.json", "other.json");
    host.says(&host.with(json!({ "client_id": other })), "");
    let full = asks(&issuer, &other).await;
    assert_eq!(full.status, 503, "{}", full.text);
    assert_eq!(asks(&issuer, &other).await.status, 503);
    let many = asks(&issuer, &other).await;
    assert_eq!((many.status.as_u16(), host.server.connections()), (429, 3), "nor is it asked for without end");
    assert_eq!(asks(&issuer, &url).await.status, 303);
    issuer.stop().await;
}
