//! The way out by `jwks_uri`: what the guard refuses proves no client, and nobody is knocked at who shouldn't be. V055, V056.

use std::time::Duration;

use serde_json::json;

use super::{Keyed, ask, by_key};
use crate::fetch::servers::{Server, endless, says};
use crate::kit::issuer::{Kind, on_both};
use crate::kit::signer::{Signer, good_claims};

on_both!(v056_no_private_address_is_knocked_at, hostile_answers_are_no_keys);

/// An assertion by a client whose keys are there, refused with this reason.
async fn refused(keyed: &Keyed, url: &str, why: &str) {
    let key = Signer::new("ES256", "k");
    let rp = keyed.issuer.client_with(|row| by_key(row, None, Some(url.to_owned()))).await;
    let assertion = key.sign(&good_claims(&keyed.issuer.name, rp.id, keyed.clock.now()));
    keyed.refuses(&rp, &assertion, why).await;
    assert_eq!(ask(&rp, &assertion).await.status, 401, "{url}");
}

async fn v056_no_private_address_is_knocked_at(kind: Kind) {
    let keyed = Keyed::new(kind).await;
    let canary = Server::plain(says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")).await;
    let port = canary.address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "169.254.169.254",
        "10.0.0.1",
        "[fd00::1]",
        "a.localhost.",
    ] {
        refused(&keyed, &format!("https://{host}:{port}/jwks"), "where this server doesn't connect").await;
    }
    refused(&keyed, &canary.url("/jwks"), "the URL is not https").await;
    for (url, why) in [
        ("https://user@rp.test/jwks", "carries user information"),
        ("file:///etc/passwd", "names no host"),
        ("gopher://rp.test/", "is not https"),
        ("https://rp.test:25/", "a port of another protocol"),
        ("", "is not absolute"),
    ] {
        refused(&keyed, url, why).await;
    }
    // Other names than the registered one aren't even looked at.
    let there = canary.url("/jwks");
    let claims = keyed.bent(|claims| (claims["jku"], claims["jwks_uri"]) = (json!(there), json!(there)));
    keyed.ask(&claims).await.ok();
    assert_eq!(canary.connections(), 0);
    keyed.issuer.stop().await;
}

async fn hostile_answers_are_no_keys(kind: Kind) {
    let settings = |config: &mut chancery::config::Config| {
        config.fetch.allow_http = true;
        config.fetch.timeout = Duration::from_secs(4);
    };
    let keyed = Keyed::with(kind, settings, |_| {}).await;
    let canary = Server::plain(says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")).await;
    let redirect = format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", canary.url("/jwks"));
    let none = Duration::ZERO;
    let slow = Duration::from_millis(20);
    for (script, why) in [
        (says(redirect), "the answer is a redirect"),
        (endless("HTTP/1.1 200 OK\r\n\r\n{\"keys\":[", "{},".repeat(1000), none), "the answer is too large"),
        (endless("HTTP/1.1 200 OK\r\n", format!("X: {}\r\n", "a".repeat(1000)), none), "the answer is too large"),
        (
            says("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\u{8b}"),
            "the answer is compressed",
        ),
        (endless("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", "{", slow), "it took too long"),
        (endless("HTTP/1.1 200 OK\r\nX: ", "a", slow), "it took too long"),
        (says("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"), "the answer has the status 404"),
        (says("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), "the answer has the status 500"),
        (says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html/>"), "the answer is cut short"),
        (says("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n<html/>"), "the answer is no JWK set"),
        (says("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"keys\":[]}"), "names a key that isn't known"),
        (says("nonsense"), "is not HTTP/1.1"),
    ] {
        let server = Server::plain(script).await;
        refused(&keyed, &server.url("/jwks"), why).await;
        assert_eq!(server.connections(), 1, "{why}: asked once, and not again at the next request");
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    refused(&keyed, &format!("http://{nobody}/jwks"), "no connection: refused by the other side").await;
    assert_eq!(canary.connections(), 0);
    keyed.issuer.stop().await;
}
