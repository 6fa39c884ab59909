//! Connections: who says nothing is shown out, and no more come in than there is room for.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{certificate, variables};
use crate::kit::issuer::{Issuer, Kind};
use crate::kit::server::{Server, port};

/// A server of its own, its port, and the issuer it is another node of.
async fn server(more: &[(&str, &str)], tls: bool) -> (Server, u16, Issuer) {
    limited(more, tls, None).await
}

/// The same, with no more than so many files.
async fn limited(more: &[(&str, &str)], tls: bool, files: Option<u32>) -> (Server, u16, Issuer) {
    // Its database and keys are there already: making keys takes its time.
    let seeded = Issuer::start(Kind::Sqlite).await;
    let keys = seeded.keys();
    let folder = keys.parent().unwrap();
    let (port, management) = (port(), format!("127.0.0.1:{}", port()));
    let (listen, scheme) = (format!("127.0.0.1:{port}"), if tls { "https" } else { "http" });
    let issuer = format!("{scheme}://localhost:{port}");
    let mut given = variables(&[
        ("CHANCERY_ISSUER", &issuer),
        ("CHANCERY_LISTEN", &listen),
        ("CHANCERY_MANAGEMENT", &management),
        ("CHANCERY_DATABASE_URL", &seeded.database),
        ("CHANCERY_KEYS", keys.to_str().unwrap()),
        ("CHANCERY_LIMITS__HEADER_TIMEOUT", "1s"),
    ]);
    given.extend(more);
    if tls {
        certificate(folder);
        given.extend([("CHANCERY_TLS__CERTIFICATE", "server.pem"), ("CHANCERY_TLS__KEY", "server.key")]);
    }
    let mut server = match files {
        Some(files) => Server::start_with_files(files, folder, given),
        None => Server::start(folder, given),
    };
    server.ready(&format!("http://{management}")).await;
    (server, port, seeded)
}

/// A connection that has sent this.
fn open(port: u16, sends: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    stream.write_all(sends).unwrap();
    stream
}

/// Reads to the end, whether it comes in order or as a reset; what came, and after how long.
fn ended(mut stream: TcpStream, what: &str) -> (Vec<u8>, Duration) {
    let (from, mut out) = (Instant::now(), Vec::new());
    if let Err(error) = stream.read_to_end(&mut out) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{what}: {error}");
    }
    (out, from.elapsed())
}

/// The connection preface of HTTP/2 and empty settings (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
const WHOLE: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test]
async fn who_says_nothing_is_shown_out() {
    let (_server, port, _seeded) = server(&[], false).await;
    let half = b"GET /healthz HTTP/1.1\r\nhost: loc";
    let again = [WHOLE, b"GET /hea"].concat();
    let ways: [(&str, &[u8], bool); 7] = [
        ("nothing", b"", false),
        ("one letter", b"G", false),
        ("the beginning of a request", half, false),
        ("the beginning of a preface", b"PRI * HT", false),
        ("a preface", PREFACE, false),
        ("a request, and then nothing", WHOLE, true),
        ("a request, and the beginning of another", &again, true),
    ];
    let all = ways.map(|(what, sends, answered)| (what, open(port, sends), answered));
    let closed = all.map(|(what, stream, answered)| {
        std::thread::spawn(move || {
            let (out, took) = ended(stream, what);
            assert!(took < Duration::from_secs(8), "{what}: closed after {took:?}");
            let text = String::from_utf8_lossy(&out).into_owned();
            assert_eq!(text.starts_with("HTTP/1.1 200"), answered, "{what}: {text}");
        })
    });
    tokio::task::spawn_blocking(|| closed.map(|thread| thread.join().unwrap())).await.unwrap();
}

#[tokio::test]
async fn who_begins_no_handshake_is_shown_out() {
    let (_server, port, _seeded) = server(&[], true).await;
    for (what, sends) in [("nothing", &b""[..]), ("the beginning of a handshake", b"\x16\x03\x01\x02\x00\x01")] {
        let (out, took) = ended(open(port, sends), what);
        assert!(took < Duration::from_secs(8), "{what}: closed after {took:?}");
        assert!(out.len() < 64, "{what}");
    }
}

#[tokio::test]
async fn no_more_come_in_than_there_is_room_for() {
    let small = [("CHANCERY_LIMITS__CONNECTIONS", "8"), ("CHANCERY_LIMITS__HEADER_TIMEOUT", "5s")];
    let (server, port, _seeded) = server(&small, false).await;
    let silent: Vec<_> = (0..13).map(|_| open(port, b"")).collect();
    let closed: Vec<_> = silent.into_iter().map(|stream| std::thread::spawn(|| ended(stream, "silent"))).collect();
    let closed = tokio::task::spawn_blocking(|| closed.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>());
    let at_once = closed.await.unwrap().into_iter().filter(|(_, took)| *took < Duration::from_secs(3)).count();
    assert_eq!(at_once, 5, "those too many are closed at once, the others when they have said nothing for so long");
    // Their places are free again, and none is lost.
    // A peer may see the end a moment before the server has counted it.
    let answered = |stream: &mut TcpStream| {
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).is_ok_and(|()| &answer == b"HTTP/1.1 200")
    };
    crate::kit::wait_until("all places to be free", Duration::from_secs(5), || {
        let mut together: Vec<_> = (0..8).map(|_| open(port, WHOLE)).collect();
        together.iter_mut().all(answered)
    });
    let log = server.log();
    assert!((1..=2).contains(&log.matches("a connection was closed at once").count()), "once in ten seconds: {log}");
    assert!(log.contains("limits.connections"), "{log}");
}

#[tokio::test]
async fn too_few_files_are_told_of_and_outlived() {
    let pool = ("CHANCERY_DATABASE__POOL", "2");
    let (server, port, _seeded) = limited(&[pool, ("CHANCERY_LIMITS__HEADER_TIMEOUT", "3s")], false, Some(64)).await;
    assert!(server.log().contains("fewer files than limits.connections"), "{}", server.log());
    let many: Vec<_> = (0..100).map(|_| open(port, b"")).collect();
    let told = |log: &str| log.matches("connections can't be accepted").count();
    crate::kit::wait_until("it is told of", Duration::from_secs(5), || told(&server.log()) > 0);
    drop(many);
    let (out, _) = ended(open(port, b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"), "afterwards");
    assert!(out.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&out));
    assert!(told(&server.log()) <= 2, "once in ten seconds: {}", server.log());
}
