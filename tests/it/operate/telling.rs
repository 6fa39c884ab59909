//! What the log tells: what is most often a mistake of the operator's, once, and nothing that a stranger wrote as he wrote it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::{certificate, variables};
use crate::kit::actors::http;
use crate::kit::issuer::{Issuer, Kind};
use crate::kit::server::{Server, port};

fn times(server: &Server, what: &str) -> usize {
    server.log().matches(what).count()
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_proxy_that_is_not_trusted_is_told_of() {
    let seeded = Issuer::start(Kind::Sqlite).await;
    let keys = seeded.keys();
    for (trusted, warned) in [("", true), ("127.0.0.1", false)] {
        let port = port();
        let (listen, at) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"));
        let given = variables(&[
            ("CHANCERY_ISSUER", "https://id.example.com"),
            ("CHANCERY_LISTEN", &listen),
            ("CHANCERY_DATABASE_URL", &seeded.database),
            ("CHANCERY_KEYS", keys.to_str().unwrap()),
            ("CHANCERY_PROXIES__TRUSTED", trusted),
        ]);
        let folder = TempDir::new().unwrap();
        let mut server = Server::start(folder.path(), given);
        server.ready(&at).await;
        assert_eq!(times(&server, "proxies.trusted is empty"), usize::from(warned), "{}", server.log());
        let named = "names a client";
        assert_eq!(times(&server, named), 0);
        for _ in 0..3 {
            http().get(format!("{at}/healthz")).header("forwarded", "for=192.0.2.1").send().await.unwrap();
        }
        assert_eq!(times(&server, named), 0, "another header than the one that is set");
        for _ in 0..3 {
            http().get(format!("{at}/healthz")).header("x-forwarded-for", "192.0.2.1").send().await.unwrap();
        }
        assert_eq!(times(&server, named), usize::from(warned), "{}", server.log());
    }
}

#[tokio::test]
async fn a_secret_that_everybody_may_read_is_told_of() {
    let folder = TempDir::new().unwrap();
    certificate(folder.path());
    let (port, management) = (port(), port());
    let seeded = Issuer::start(Kind::Sqlite).await;
    let files = std::fs::read_dir(seeded.keys()).unwrap().map(|entry| entry.unwrap().path());
    let key = files.into_iter().find(|path| path.extension().is_some_and(|end| end == "key")).unwrap();
    let sealing = std::fs::read_to_string(key).unwrap().trim().to_owned();
    let file = format!(
        "issuer = \"https://localhost:{port}\"\nlisten = \"127.0.0.1:{port}\"\nmanagement = \"127.0.0.1:{management}\"\n\
         [tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n[database]\nurl = \"{}\"\n[keys]\nsealing = \"{sealing}\"\n",
        seeded.database
    );
    let settings = folder.path().join("chancery.toml");
    std::fs::write(&settings, file).unwrap();
    for (bits, warned) in [(0o640, 0), (0o644, 1)] {
        mode(&settings, bits);
        mode(&folder.path().join("server.key"), bits);
        let mut server = Server::start(folder.path(), []);
        server.ready(&format!("http://127.0.0.1:{management}")).await;
        for what in ["chancery.toml holds a secret", "server.key holds a secret", "keys.sealing", "mode 0644"] {
            assert!(
                times(&server, what) >= warned && (warned > 0 || times(&server, what) == 0),
                "{what}: {}",
                server.log()
            );
        }
        assert!(!server.log().contains(&sealing) && !server.log().contains("database.url"), "{}", server.log());
        server.terminate();
        server.ended(std::time::Duration::from_secs(15));
    }
}

#[tokio::test]
async fn a_stranger_writes_no_line_of_the_log() {
    let (seeded, folder, port) = (Issuer::start(Kind::Sqlite).await, TempDir::new().unwrap(), port());
    let (listen, at, keys) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"), seeded.keys());
    let given = variables(&[
        ("CHANCERY_ISSUER", &at),
        ("CHANCERY_LISTEN", &listen),
        ("CHANCERY_DATABASE_URL", &seeded.database),
        ("CHANCERY_KEYS", keys.to_str().unwrap()),
        ("CHANCERY_LOG__FORMAT", "json"),
    ]);
    let mut server = Server::start(folder.path(), given);
    server.ready(&at).await;
    let before = server.log().lines().count();
    let name = format!("ab\u{2028}\u{202e}\u{2066}{}", "n".repeat(20_000));
    let form = chancery::http::params::encode([(name.as_str(), "1"), (name.as_str(), "2")]);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let post = http().post(format!("{at}/oauth2/token")).header(kind.0, kind.1).body(form);
    let told = post.send().await.unwrap().json::<serde_json::Value>().await.unwrap();
    let cut = "(an unusual name)";
    assert!(told["error_description"].as_str().unwrap().contains(cut), "{told}");
    let log = server.log();
    let lines: Vec<_> = log.lines().skip(before).collect();
    assert!(lines.iter().any(|line| line.contains(cut)), "{log}");
    for line in lines {
        assert!(line.len() < 1000 && !line.contains(['\u{2028}', '\u{202e}', '\u{2066}']), "{line}");
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    // What is told of a request is told under the id that its client got.
    let answer =
        http().post(format!("{at}/oauth2/token")).header(kind.0, kind.1).body("grant_type=none").send().await.unwrap();
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let log = server.log();
    let lines: Vec<serde_json::Value> =
        log.lines().skip(before).map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines.iter().filter(|line| line["span"]["id"] == id.as_str()).collect();
    assert!(!told.is_empty() && told.iter().all(|line| line["span"]["name"] == "request"), "{log}");
}
