//! Sector documents (OpenID Connect Core 8.1): fetched through the guard at registration and at each change, by the command line
//! as by a server; who isn't listed doesn't join.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use chancery::change::{By, Refused};
use chancery::event::{Actor, Caller};
use chancery::oauth::manage::{self, Draft, sector};
use chancery::store::client_metadata::SubjectType;
use tempfile::TempDir;

use crate::fetch::servers::{Authority, Script, Server, endless, good, says};
use crate::kit::actors::{Browser, RelyingParty, claims};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;

on_both!(
    clients_of_several_hosts_share_a_sector,
    what_does_not_list_them_is_refused,
    v056_a_document_inside_is_never_asked_for,
    who_did_not_look_registers_nothing,
);

/// A host with sector documents, and an operator whose server may ask it.
struct Host {
    server: Server,
    operator: Operator,
    folder: TempDir,
}

impl Host {
    async fn of(issuer: &Issuer, script: Script) -> Self {
        let (authority, folder) = (Authority::new("Sector CA"), TempDir::new().unwrap());
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, authority.pem()).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::at(address, Some(authority.server("127.0.0.1")), script).await;
        let operator = Operator::of(issuer)
            .and("CHANCERY_FETCH__ALLOW", "127.0.0.1")
            .and("CHANCERY_FETCH__TIMEOUT", "3s")
            .and("CHANCERY_FETCH__EXTRA_CA", ca.as_os_str());
        Self { server, operator, folder }
    }

    fn url(&self) -> String {
        format!("https://{}/sector.json", self.server.address)
    }
}

const TWO: &str = r#"["https://a.test/cb","https://b.test/cb","https://rp.test/cb"]"#;

async fn clients_of_several_hosts_share_a_sector(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let alice = issuer.user("alice").await;
    let host = Host::of(&issuer, good(TWO)).await;
    let (operator, url) = (&host.operator, host.url());
    let usual = ["--subject-type", "pairwise", "--sector-identifier-uri", &url];
    let one = operator.client(&issuer.at, &[&usual[..], &["--redirect-uri", "https://a.test/cb"]].concat());
    let other = operator.client(&issuer.at, &usual);
    assert_eq!(host.server.requests().len(), 2);
    assert!(host.server.requests()[0].starts_with("GET /sector.json HTTP/1.1\r\n"), "{:?}", host.server.requests());
    let mut names = Vec::new();
    for rp in [&one, &other, &RelyingParty { redirect: "https://a.test/cb".to_owned(), ..one.clone() }] {
        let given = rp.tokens(&mut Browser::new(&issuer), "alice").await;
        names.push(claims(given.str("id_token"))["sub"].as_str().unwrap().to_owned());
    }
    names.dedup();
    assert!(names.len() == 1 && names[0] != alice.sub.to_string(), "{names:?}");
    // What has nothing to do with it asks nobody.
    let id = one.id.to_string();
    operator.run(&["client", "update", &id, "--contact", "ops@a.test"]).ok();
    assert_eq!(host.server.connections(), 2);
    // Each change of what it says is held against it again.
    operator
        .run(&[
            "client",
            "update",
            &id,
            "--redirect-uri",
            "https://a.test/cb",
            "--redirect-uri",
            "https://evil.test/cb",
        ])
        .refused("sector_identifier_uri: does not list the redirect URI \"https://evil.test/cb\"");
    assert_eq!(host.server.connections(), 3);
    operator.run(&["client", "update", &id, "--redirect-uri", "https://b.test/cb"]).ok();
    issuer.stop().await;
}

async fn what_does_not_list_them_is_refused(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let status = |line: &str, body: &str| {
        says(format!(
            "HTTP/1.1 {line}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    for (script, says) in [
        (
            good(r#"["https://a.test/cb/","https://A.test/cb","https://a.test/cb?x"]"#),
            "does not list the redirect URI \"https://a.test/cb\"",
        ),
        (good("[]"), "does not list"),
        (good("{}"), "is no JSON array of redirect URIs"),
        (good(r#"{"redirect_uris":["https://a.test/cb"]}"#), "is no JSON array"),
        (good(r#"["https://a.test/cb",null]"#), "is no JSON array"),
        (good("https://a.test/cb"), "is no JSON array"),
        (status("404 Not Found", r#"["https://a.test/cb"]"#), "the answer has the status 404"),
        (status("302 Found\r\nLocation: https://b.test/", r#"["https://a.test/cb"]"#), "redirect"),
        (good(&format!("[\"https://a.test/cb\",\"{}\"]", "x".repeat(70_000))), "too large"),
        (status("200 OK\r\nContent-Encoding: gzip", r#"["https://a.test/cb"]"#), "compressed"),
        (endless("HTTP/1.1 200 OK\r\n\r\n[", "\"https://a.test/cb\",".repeat(99), Duration::ZERO), "too large"),
        (endless("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", "[", Duration::from_millis(20)), "too long"),
    ] {
        let host = Host::of(&issuer, script).await;
        let url = host.url();
        host.operator
            .run(&[
                "client",
                "create",
                "--name",
                "Dash",
                "--redirect-uri",
                "https://a.test/cb",
                "--subject-type",
                "pairwise",
                "--sector-identifier-uri",
                &url,
            ])
            .refused("sector_identifier_uri: ")
            .refused(says);
    }
    assert_eq!(Operator::of(&issuer).json(&["client", "list"]), serde_json::json!([]));
    issuer.stop().await;
}

/// V056: an address inside is refused without a connection, whoever registers it.
async fn v056_a_document_inside_is_never_asked_for(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let host = Host::of(&issuer, good(TWO)).await;
    let careful = Operator::of(&issuer);
    let port = host.server.address.port();
    for url in [
        format!("https://127.0.0.1:{port}/s"),
        format!("https://localhost:{port}/s"),
        format!("https://[::ffff:127.0.0.1]:{port}/s"),
        format!("https://2130706433:{port}/s"),
        format!("https://0x7f000001:{port}/s"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://10.0.0.1/s".to_owned(),
        format!("http://127.0.0.1:{port}/s"),
        "file:///etc/passwd".to_owned(),
    ] {
        careful
            .run(&[
                "client",
                "create",
                "--name",
                "Dash",
                "--redirect-uri",
                "https://a.test/cb",
                "--subject-type",
                "pairwise",
                "--sector-identifier-uri",
                &url,
            ])
            .refused("sector_identifier_uri: ");
    }
    assert_eq!(host.server.connections(), 0);
    issuer.stop().await;
}

/// The rule stands where clients are written, not where somebody may forget to ask.
async fn who_did_not_look_registers_nothing(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let host = Host::of(&issuer, good(TWO)).await;
    let caller = Caller::default();
    let (store, by) = (&issuer.app.store, By { actor: Actor::Operator, caller: &caller, at: issuer.app.clock.now() });
    let mut draft =
        Draft { name: "Dash".to_owned(), redirect_uris: vec!["https://a.test/cb".to_owned()], ..Draft::default() };
    draft.metadata.subject_type = SubjectType::Pairwise;
    draft.metadata.sector_identifier_uri = Some(host.url());
    let says = |refused: Refused| {
        assert!(refused.to_string().contains("sector_identifier_uri: was not fetched"), "{refused}");
    };
    says(manage::create(store, &by, &draft).await.unwrap_err());
    // Nor does what one document lists speak for another.
    let mut settings = issuer.app.config.fetch.clone();
    settings.allow = vec!["127.0.0.1/32".parse().unwrap()];
    settings.extra_ca = Some(host.folder.path().join("ca.pem"));
    let fetch = chancery::fetch::Fetch::new(&settings).unwrap();
    draft.listed = sector::listed(&fetch, &draft).await.unwrap();
    let mut elsewhere = draft.clone();
    elsewhere.metadata.sector_identifier_uri = Some("https://victim.test/sector.json".to_owned());
    says(manage::create(store, &by, &elsewhere).await.unwrap_err());
    let (client, _) = manage::create(store, &by, &draft).await.unwrap().settle(&issuer.app).await.unwrap();
    let moves = |draft: &mut Draft| draft.redirect_uris.push("https://b.test/cb".to_owned());
    says(manage::update(store, &by, client.id, moves).await.unwrap_err());
    issuer.stop().await;
}
