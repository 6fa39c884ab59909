//! A name that resolves to something else the next time: the connection goes to what was checked, and nowhere else. V056.

use std::net::{Ipv4Addr, SocketAddr};

use chancery::fetch::FetchError;

use super::servers::{Authority, Server, good};
use super::{Names, knowing};

#[tokio::test]
async fn the_connection_goes_to_the_address_that_was_checked() {
    let (authority, folder) = (Authority::new("ours"), tempfile::tempdir().unwrap());
    let pem = folder.path().join("ca.pem");
    std::fs::write(&pem, authority.pem()).unwrap();
    let elsewhere = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0));
    let server = Server::at(elsewhere, Some(authority.server("rp.test")), good("checked")).await;
    // The same port of the machine itself, where nobody may come.
    let port = server.address.port();
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let canary = Server::at(here, Some(authority.server("rp.test")), good("rebound")).await;
    let names = Names::default().with("rp.test", &[&["127.0.0.2"], &["127.0.0.1"]]);
    let (way, names) = knowing(names, |settings| {
        settings.allow = vec!["127.0.0.2/32".parse().unwrap()];
        settings.extra_ca = Some(pem);
    });
    let url = format!("https://rp.test:{port}/keys");
    assert_eq!(way.get(&url, "*/*").await.unwrap().body, b"checked");
    assert_eq!((names.times("rp.test"), server.connections(), canary.connections()), (1, 1, 0));
    // The next request resolves anew, and is judged anew.
    let refused = way.get(&url, "*/*").await;
    assert!(matches!(refused, Err(FetchError::Refused(told, "loopback")) if told == here.ip()), "{refused:?}");
    assert_eq!((names.times("rp.test"), server.connections(), canary.connections()), (2, 1, 0));
}

#[tokio::test]
async fn one_address_that_may_not_be_is_enough() {
    let server = Server::plain(good("{}")).await;
    let names = Names::default().with("rp.test", &[&["127.0.0.1", "127.0.0.2"], &["127.0.0.2", "127.0.0.1"]]);
    let (way, _) = knowing(names, |settings| settings.allow = vec!["127.0.0.1/32".parse().unwrap()]);
    for _ in 0..2 {
        let refused = way.get(&format!("https://rp.test:{}/", server.address.port()), "*/*").await;
        assert!(matches!(refused, Err(FetchError::Refused(..))), "{refused:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_without_an_address_is_told() {
    let (way, _) = knowing(Names::default().with("empty.test", &[&[]]), |_| {});
    for name in ["empty.test", "unknown.test"] {
        assert_eq!(way.get(&format!("https://{name}/"), "*/*").await, Err(FetchError::Unresolved), "{name}");
    }
}
