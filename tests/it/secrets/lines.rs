//! What others send forges no line of the log (V205): one event is one line, JSON is JSON, and a terminal is told nothing but text.

use std::time::Duration;

use reqwest::header::{self, HeaderValue};
use serde_json::Value;

use crate::kit::actors::{Browser, RelyingParty, http};
use crate::kit::issuer::{Issuer, Kind};
use crate::kit::server::{Server, port};

/// Line ends of all kinds, the end of a JSON line, colours and titles for a terminal, text that runs backwards.
const FORGED: &str = "x\"}\r\n{\"level\":\"FORGED\"}\n2026-01-01T00:00:00Z FORGED\u{2028}FORGED\u{85}\u{1b}[31m\u{1b}]0;FORGED\u{7}\u{202e}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_event_is_one_line() {
    let issuer = Issuer::start(Kind::Sqlite).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    for format in ["json", "text"] {
        let port = port();
        let (at, listen) = (format!("http://127.0.0.1:{port}"), format!("127.0.0.1:{port}"));
        let folder = tempfile::tempdir().unwrap();
        let keys = issuer.keys();
        let variables = [
            ("CHANCERY_ISSUER", issuer.name.as_str()),
            ("CHANCERY_LISTEN", &listen),
            ("CHANCERY_MANAGEMENT", "off"),
            ("CHANCERY_DATABASE_URL", &issuer.database),
            ("CHANCERY_KEYS", keys.to_str().unwrap()),
            ("CHANCERY_LOG__FORMAT", format),
            ("CHANCERY_LOG__LEVEL", "chancery=trace,sqlx=trace,axum=trace"),
            ("CHANCERY_PROXIES__TRUSTED", "127.0.0.1/32"),
        ];
        let mut server = Server::start(folder.path(), variables);
        server.ready(&at).await;
        sent(&RelyingParty { at: at.clone(), ..rp.clone() }).await;
        server.terminate();
        assert!(server.ended(Duration::from_secs(20)).success());
        let log = server.log();
        assert!(log.lines().count() > 20, "there is something to look at: {log}");
        for line in log.split_inclusive('\n') {
            let text = line.strip_suffix('\n').expect("a line has its end");
            assert!(!text.chars().any(char::is_control), "{text:?}");
            match format {
                "json" => {
                    let read: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
                    assert!(read["level"] != "FORGED" && read["timestamp"].is_string(), "{text}");
                }
                _ => assert!(text.starts_with("20") && !text.starts_with("2026-01-01T00:00:00Z"), "{text:?}"),
            }
        }
    }
    issuer.stop().await;
}

/// As every name and value that is taken from outside.
async fn sent(rp: &RelyingParty) {
    let forged = HeaderValue::from_bytes(FORGED.replace(|c: char| c.is_ascii_control(), "\t").as_bytes()).unwrap();
    let (id, at) = (rp.id.to_string(), &rp.at);
    for name in ["grant_type", "client_id", "refresh_token", "scope", FORGED] {
        let form = [(name, FORGED), ("token", FORGED)];
        for path in [
            "/oauth2/token",
            "/oauth2/introspect",
            "/oauth2/revoke",
            "/oauth2/device",
            "/device",
            "/oauth2/authorize",
            "/oauth2/logout",
        ] {
            let request = http().post(format!("{at}{path}")).header(header::USER_AGENT, &forged).form(&form);
            request.basic_auth(&id, rp.secret.as_ref()).send().await.unwrap();
            let query = chancery::http::params::encode(form);
            let request = http().get(format!("{at}{path}?{query}")).header("x-forwarded-for", &forged);
            request.header(header::ACCEPT_LANGUAGE, &forged).send().await.unwrap();
        }
    }
    http().get(format!("{at}/oauth2/userinfo")).header(header::AUTHORIZATION, &forged).send().await.unwrap();
    // A name that is kept and told again: the client's own state, and whoever signs in.
    let (mut browser, flow) = (Browser::at(at), rp.flow(&[("login_hint", "a\u{2028}\u{202e}b")]));
    let page = browser.begin(&flow).await;
    browser.sign_in(&page, &flow.url, FORGED, FORGED).await;
    browser.sign_in(&page, &flow.url, "alice\u{2028}\u{202e}", "wrong").await;
}
