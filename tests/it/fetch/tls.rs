//! Whose certificates are believed, and for which names.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use chancery::fetch::{Fetch, FetchError};

use super::servers::{Authority, Server, good, says};
use super::{Names, knowing};

fn at_home() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// A way out to loopback as `rp.test` and `other.test`, trusting this file as well.
fn trusting(pem: Option<&Path>) -> Fetch {
    let names = Names::default().with("rp.test", &[&["127.0.0.1"]]).with("other.test", &[&["127.0.0.1"]]);
    let (way, _) = knowing(names, |settings| {
        settings.allow = vec!["127.0.0.0/8".parse().unwrap()];
        settings.extra_ca = pem.map(Path::to_path_buf);
    });
    way
}

#[tokio::test]
async fn an_unknown_authority_is_refused_and_an_extra_one_believed() {
    let (authority, stranger, folder) =
        (Authority::new("ours"), Authority::new("theirs"), tempfile::tempdir().unwrap());
    let (ours, theirs) = (folder.path().join("ours.pem"), folder.path().join("theirs.pem"));
    std::fs::write(&ours, [stranger.pem(), authority.pem()].concat()).unwrap();
    std::fs::write(&theirs, stranger.pem()).unwrap();
    let server = Server::at(at_home(), Some(authority.server("rp.test")), good("{}")).await;
    let url = |name: &str| format!("https://{name}:{}/keys", server.address.port());
    let unknown = Err(FetchError::Tls("the certificate's issuer isn't known here (setting fetch.extra_ca)"));
    assert_eq!(trusting(None).get(&url("rp.test"), "*/*").await, unknown);
    assert_eq!(trusting(Some(&theirs)).get(&url("rp.test"), "*/*").await, unknown);
    let way = trusting(Some(&ours));
    assert_eq!(way.get(&url("rp.test"), "*/*").await.unwrap().body, b"{}");
    assert_eq!(way.get(&url("rp.test."), "*/*").await.unwrap().body, b"{}", "a last dot is no part of the name");
    // Nothing was asked before the certificate was believed.
    assert_eq!(server.requests().iter().filter(|request| !request.is_empty()).count(), 2);
    let another = Err(FetchError::Tls("the certificate is for another name"));
    for name in ["other.test", "127.0.0.1"] {
        assert_eq!(way.get(&url(name), "*/*").await, another, "{name}");
    }
}

#[tokio::test]
async fn an_address_has_certificates_of_its_own() {
    let (authority, folder) = (Authority::new("ours"), tempfile::tempdir().unwrap());
    let pem = folder.path().join("ca.pem");
    std::fs::write(&pem, authority.pem()).unwrap();
    let server = Server::at(at_home(), Some(authority.server("127.0.0.1")), good("{}")).await;
    let way = trusting(Some(&pem));
    assert_eq!(way.get(&format!("https://{}/", server.address), "*/*").await.unwrap().status, 200);
}

#[tokio::test]
async fn what_is_no_tls_is_told() {
    let server = Server::plain(says("HTTP/1.1 200 OK\r\n\r\n\r\n\r\n")).await;
    let url = format!("https://{}/", server.address);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = format!("https://{}/", silent.local_addr().unwrap());
    let (way, _) = knowing(Names::default(), |settings| {
        settings.allow = vec!["127.0.0.0/8".parse().unwrap()];
        settings.timeout = std::time::Duration::from_millis(500);
    });
    // A handshake that is never answered ends with the time.
    assert_eq!(way.get(&slow, "*/*").await, Err(FetchError::Timeout));
    let plain = way.get(&url, "*/*").await;
    assert!(matches!(plain, Err(FetchError::Tls(_) | FetchError::Timeout)), "{plain:?}");
}
