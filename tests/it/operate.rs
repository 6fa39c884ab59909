//! Running it: TLS, a stop that finishes what is in flight, logs, metrics, and starts that must be refused.

mod connections;
mod telling;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509NameBuilder};
use std::io::{Read, Write};
use std::net::TcpStream;
use tempfile::TempDir;

use crate::kit::actors::{Browser, http};
use crate::kit::figure;
use crate::kit::issuer::{Issuer, Kind, on_both};
use crate::kit::postgres;
use crate::kit::server::{Server, port};
use crate::lineage::desk::{family_of, lineage_of};

on_both!(a_stop_finishes_what_is_in_flight);

/// Two kinds of variables of one server: its own, and what differs.
fn variables<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all =
        vec![("CHANCERY_MANAGEMENT", "off"), ("CHANCERY_KEYS", "keys"), ("CHANCERY_DATABASE_URL", "sqlite://data.db")];
    all.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    all.extend(more);
    all
}

async fn a_stop_finishes_what_is_in_flight(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let feed = issuer.service("chancery:feed", &[]).await;
    let rp = issuer.client().await;
    let first = rp.tokens(&mut Browser::new(&issuer), "alice").await;
    let token = first.str("refresh_token").to_owned();
    let port = port();
    let (listen, at, keys) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"), issuer.keys());
    let folder = keys.parent().unwrap();
    let given = variables(&[
        ("CHANCERY_ISSUER", &issuer.name),
        ("CHANCERY_LISTEN", &listen),
        ("CHANCERY_DATABASE_URL", &issuer.database),
        ("CHANCERY_KEYS", keys.to_str().unwrap()),
        ("CHANCERY_LOG__FORMAT", "json"),
    ]);
    let mut server = Server::start(folder, given);
    server.ready(&at).await;
    let (mut feed, mut rp) = (feed, rp);
    feed.at.clone_from(&at);
    rp.at.clone_from(&at);
    let bearer = feed.own_token("chancery:feed").await;
    let cursor = feed.http.get(format!("{at}/gateway/revocations")).bearer_auth(&bearer).send().await.unwrap();
    let cursor = cursor.json::<serde_json::Value>().await.unwrap()["cursor"].as_str().unwrap().to_owned();
    let waiting = {
        let url = format!("{at}/gateway/revocations?after={cursor}&wait=30");
        let request = feed.http.get(url).bearer_auth(&bearer);
        tokio::spawn(async move { request.send().await.unwrap().status() })
    };
    let stopping = Arc::new(AtomicBool::new(false));
    let mut storms = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (rp, token, stopping) = (rp.clone(), token.clone(), Arc::clone(&stopping));
        storms.spawn(async move {
            let mut answers = 0;
            loop {
                let id = rp.id.to_string();
                let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
                let sent = rp
                    .http
                    .post(format!("{}/oauth2/token", rp.at))
                    .basic_auth(&id, rp.secret.as_ref())
                    .form(&form)
                    .send()
                    .await;
                match sent {
                    // Every request that was taken is answered whole.
                    Ok(answer) => {
                        assert_eq!(answer.status(), 200);
                        assert!(answer.text().await.unwrap().contains("refresh_token"));
                        answers += 1;
                    }
                    // It takes no more connections; or it closed one at rest while we wrote on it. What it had taken is counted below.
                    Err(error) if error.is_connect() => return answers,
                    Err(error) if error.is_request() && stopping.load(Ordering::SeqCst) => return answers,
                    Err(error) => panic!("an answer broke off: {error:?}"),
                }
            }
        });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stopping.store(true, Ordering::SeqCst);
    server.terminate();
    assert!(waiting.await.unwrap().is_success(), "a long poll is answered when the server stops");
    let answers: usize = storms.join_all().await.into_iter().sum();
    let status = server.ended(Duration::from_secs(10));
    assert!(status.success(), "{status}");
    assert!(answers > 0);
    // One rotation, and a retry for each answer after it: nothing was done whose answer broke off.
    let (rows, _) = lineage_of(&issuer, family_of(&first)).await;
    let done: i64 = rows.iter().map(|row| row.retries).sum::<i64>() + 1;
    assert_eq!((rows.len(), usize::try_from(done).unwrap()), (2, answers), "every request that was taken is answered");
    for line in server.log().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
    }
    issuer.stop().await;
}

#[tokio::test]
async fn it_serves_tls_1_2_and_1_3_and_nothing_older() {
    let folder = TempDir::new().unwrap();
    certificate(folder.path());
    let port = port();
    let (listen, issuer) = (format!("127.0.0.1:{port}"), format!("https://localhost:{port}"));
    let management = format!("127.0.0.1:{}", crate::kit::server::port());
    let given = variables(&[
        ("CHANCERY_ISSUER", &issuer),
        ("CHANCERY_LISTEN", &listen),
        ("CHANCERY_MANAGEMENT", &management),
        ("CHANCERY_TLS__CERTIFICATE", "server.pem"),
        ("CHANCERY_TLS__KEY", "server.key"),
    ]);
    let mut server = Server::start(folder.path(), given);
    server.ready(&format!("http://{management}")).await;
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let answer = handshake(port, version, "/.well-known/openid-configuration").unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("strict-transport-security: max-age="), "{answer}");
    }
    for version in [SslVersion::TLS1, SslVersion::TLS1_1] {
        assert!(handshake(port, version, "/healthz").is_err(), "{version:?} must not be spoken");
    }
    let metrics = http().get(format!("http://{management}/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(
        metrics.contains(
            "chancery_http_requests_total{method=\"GET\",route=\"/.well-known/openid-configuration\",status=\"200\"} 2"
        ),
        "{metrics}"
    );
    assert!(metrics.contains("chancery_ready 1") && metrics.trim_end().ends_with("# EOF"), "{metrics}");
}

fn handshake(port: u16, version: SslVersion, path: &str) -> Result<String, String> {
    let mut builder = SslConnector::builder(SslMethod::tls()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    // The library's own floor is lifted, so that it is the server that refuses.
    builder.set_security_level(0);
    builder.set_min_proto_version(Some(version)).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut stream = builder.build().connect("localhost", stream).map_err(|error| error.to_string())?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut out = Vec::new();
    let _ = stream.read_to_end(&mut out);
    Ok(String::from_utf8_lossy(&out).to_lowercase().replacen("http/1.1", "HTTP/1.1", 1))
}

/// A self-signed certificate for localhost.
pub fn certificate(folder: &Path) {
    let key =
        PKey::from_ec_key(EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    let names = SubjectAlternativeName::new().dns("localhost").build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    std::fs::write(folder.join("server.pem"), builder.build().to_pem().unwrap()).unwrap();
    std::fs::write(folder.join("server.key"), key.private_key_to_pem_pkcs8().unwrap()).unwrap();
}

fn chancery(folder: &Path, arguments: &[&str], given: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chancery"))
        .args(arguments)
        .env_clear()
        .envs(variables(given))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Refused: not a zero exit, and a line that says what to do.
#[track_caller]
fn refused(output: &Output, says: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "it should have been refused: {text}");
    for word in says {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}

#[tokio::test]
async fn bad_starts_are_refused_in_one_clear_line() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let listen = format!("127.0.0.1:{}", port());
    let own = [("CHANCERY_ISSUER", "http://127.0.0.1:7600"), ("CHANCERY_LISTEN", listen.as_str())];
    let with = |more: &[(&'static str, &'static str)]| -> Vec<(&str, &str)> {
        own.iter()
            .filter(|(name, _)| !more.iter().any(|(other, _)| other == name))
            .copied()
            .chain(more.iter().copied())
            .collect()
    };
    refused(&chancery(at, &["serve"], &[]), &["issuer", "CHANCERY_ISSUER"]);
    refused(&chancery(at, &["serve"], &with(&[("CHANCERY_ISSUER", "http://id.example.com")])), &["issuer", "https"]);
    refused(&chancery(at, &["serve"], &with(&[("CHANCERY_ISUER", "x")])), &["CHANCERY_ISUER", "CHANCERY_ISSUER"]);
    refused(&chancery(at, &["serve"], &with(&[("CHANCERY_DATABASE_URL", "mysql://x")])), &["database"]);
    refused(&chancery(at, &["serve"], &with(&[("CHANCERY_DATABASE_URL", "sqlite:///proc/no/data.db")])), &["/proc/no"]);
    assert!(!at.join("data.db").exists(), "nothing was made");

    // What is fetched with.
    let ca = [("CHANCERY_FETCH__EXTRA_CA", "/proc/no/ca.pem")];
    refused(&chancery(at, &["serve"], &with(&ca)), &["fetch.extra_ca", "/proc/no/ca.pem"]);
    refused(
        &chancery(at, &["serve"], &with(&[("CHANCERY_FETCH__ALLOW", "0.0.0.0/8")])),
        &["fetch.allow", "unspecified"],
    );

    // PostgreSQL: nothing is done by itself.
    let url = postgres::database().await;
    let pg = [own[0], own[1], ("CHANCERY_DATABASE_URL", url.as_str())];
    refused(&chancery(at, &["serve"], &pg), &["chancery migrate"]);
    assert!(chancery(at, &["migrate"], &pg).status.success());
    refused(&chancery(at, &["serve"], &pg), &["chancery key init"]);
    assert!(chancery(at, &["key", "init"], &pg).status.success());
    let key = std::fs::read_dir(at.join("keys"))
        .unwrap()
        .map(Result::unwrap)
        .find(|entry| entry.path().extension().is_some())
        .unwrap()
        .path();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    refused(&chancery(at, &["serve"], &pg), &["keys", "chmod 600"]);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = busy.local_addr().unwrap().to_string();
    refused(
        &chancery(at, &["serve"], &[own[0], ("CHANCERY_LISTEN", &taken), ("CHANCERY_DATABASE_URL", &url)]),
        &[&taken],
    );
    // The keys that opened it are gone, and others stand in their place.
    std::fs::rename(at.join("keys"), at.join("old")).unwrap();
    assert!(chancery(at, &["key", "init"], &[own[0]]).status.success());
    refused(&chancery(at, &["serve"], &pg), &["key"]);
}

#[tokio::test]
async fn the_first_answer_comes_soon_and_little_memory_is_held() {
    let issuer = Issuer::start(Kind::Sqlite).await;
    let port = port();
    let (listen, at, keys) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"), issuer.keys());
    let given = variables(&[
        ("CHANCERY_ISSUER", &issuer.name),
        ("CHANCERY_LISTEN", &listen),
        ("CHANCERY_DATABASE_URL", &issuer.database),
        ("CHANCERY_KEYS", keys.to_str().unwrap()),
    ]);
    let mut server = Server::start(keys.parent().unwrap(), given);
    let took = server.ready(&at).await;
    // Printed, never asserted: the machine may be busy, and this is a build without optimisation.
    figure(&format!("operate: first ready answer after {took:?}; {} KiB resident when idle", server.resident()));
    issuer.stop().await;
}
