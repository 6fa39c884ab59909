//! Hostile answers: redirects, encodings, what never ends, what is slow, what is cut short or no HTTP at all.

use std::time::Duration;

use chancery::fetch::{Fetch, FetchError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

use super::servers::{Script, Server, good, says, script};
use super::{impatient, to_loopback, way};

/// What comes of a server that does this; it is asked once.
async fn outcome(script: Script) -> Result<Vec<u8>, FetchError> {
    outcome_of(&to_loopback(), script).await
}

async fn outcome_of(way: &Fetch, script: Script) -> Result<Vec<u8>, FetchError> {
    let server = Server::plain(script).await;
    let fetched = way.get(&server.url("/keys"), "application/json").await;
    assert_eq!(server.connections(), 1);
    fetched.map(|fetched| fetched.body)
}

/// Says `first`, then `again` until the other side has enough.
fn endless(first: &'static str, again: impl Into<Vec<u8>>) -> Script {
    let again = again.into();
    script(move |mut wire| {
        let again = again.clone();
        async move {
            wire.write_all(first.as_bytes()).await?;
            loop {
                wire.write_all(&again).await?;
            }
        }
    })
}

/// Says `first`, then one byte again and again, never in a hurry.
fn drip(first: &'static str, byte: u8) -> Script {
    script(move |mut wire| async move {
        wire.write_all(first.as_bytes()).await?;
        loop {
            wire.write_u8(byte).await?;
            wire.flush().await?;
            sleep(Duration::from_millis(20)).await;
        }
    })
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let canary = Server::plain(good("{}")).await;
    for status in [300, 301, 302, 303, 304, 305, 307, 308, 399] {
        let location = canary.url("/elsewhere");
        let answer = format!("HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(outcome(says(answer)).await, Err(FetchError::Redirect), "{status}");
    }
    // Nor by other means.
    let answer = format!(
        "HTTP/1.1 200 OK\r\nLocation: {0}\r\nRefresh: 0; url={0}\r\nContent-Length: 2\r\n\r\n{{}}",
        canary.url("/")
    );
    assert_eq!(outcome(says(answer)).await, Ok(b"{}".to_vec()));
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn nothing_encoded_is_taken() {
    for encoding in
        ["gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "gzip, identity", "aes128gcm", "", "\u{e9}"]
    {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: 2\r\n\r\n{{}}");
        assert_eq!(outcome(says(answer)).await, Err(FetchError::Encoded), "{encoding}");
    }
    for head in [
        "Content-Encoding: identity\r\nContent-Encoding: gzip",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: gzip, chunked",
    ] {
        let refused = outcome(says(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"))).await;
        assert!(matches!(refused, Err(FetchError::Encoded | FetchError::Protocol(_))), "{head}: {refused:?}");
    }
    let answer = "HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(outcome(says(answer)).await, Ok(b"{}".to_vec()));
}

#[tokio::test]
async fn what_never_ends_is_ended() {
    let big = vec![b'a'; 4096];
    let chunk = [b"1000\r\n", &big[..], b"\r\n"].concat();
    let field = [b"X-Field: ", &big[..100], b"\r\n"].concat();
    for (what, script) in [
        ("a body without a length", endless("HTTP/1.1 200 OK\r\n\r\n", big.clone())),
        ("chunks", endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk)),
        ("fields", endless("HTTP/1.1 200 OK\r\n", field)),
        ("one field", endless("HTTP/1.1 200 OK\r\nX-Field: ", big.clone())),
        ("a status line", endless("HTTP/1.1 200 ", big.clone())),
        ("a length that is too large", says("HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n{}")),
        ("a length that is absurd", says("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551000\r\n\r\n{}")),
    ] {
        let ended = outcome(script).await;
        // A length that no machine has is no length.
        let absurd = what.ends_with("absurd") && matches!(ended, Err(FetchError::Protocol(_)));
        assert!(ended == Err(FetchError::TooLarge) || absurd, "{what}: {ended:?}");
    }
    // Ended by the limits of the parser or by the time, whichever comes first.
    for (what, script) in [
        ("extensions of a chunk", endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", big.clone())),
        ("a size of a chunk", endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0000".to_vec())),
        (
            "trailers",
            endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: a\r\n".to_vec()),
        ),
        ("answers before the answer", endless("", b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())),
        ("blank lines", endless("", b"\r\n".to_vec())),
    ] {
        let ended = outcome_of(&impatient(), script).await;
        assert!(
            matches!(ended, Err(FetchError::TooLarge | FetchError::Protocol(_) | FetchError::Timeout)),
            "{what}: {ended:?}"
        );
    }
}

#[tokio::test]
async fn the_limit_is_exact() {
    let way = way(|settings| {
        settings.allow_http = true;
        settings.max_body = 2048;
    });
    for (length, taken) in [(2048, true), (2049, false)] {
        let body = "a".repeat(length);
        for answer in [
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"),
            format!("HTTP/1.1 200 OK\r\n\r\n{body}"),
            format!("HTTP/1.0 200 OK\r\n\r\n{body}"),
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"),
        ] {
            let server = Server::plain(says(answer)).await;
            let fetched = way.get(&server.url("/"), "*/*").await.map(|fetched| fetched.body.len());
            assert_eq!(fetched, if taken { Ok(length) } else { Err(FetchError::TooLarge) });
        }
    }
    // Fields: 64 are taken.
    for (count, taken) in [(63, true), (70, false)] {
        let fields: String = (0..count).map(|field| format!("X-{field}: a\r\n")).collect();
        let fetched = outcome(says(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\n{{}}"))).await;
        assert_eq!(fetched, if taken { Ok(b"{}".to_vec()) } else { Err(FetchError::TooLarge) }, "{count}");
    }
}

#[tokio::test]
async fn the_slow_are_not_waited_for() {
    for (what, script) in [
        ("silence", script(|mut wire| async move { wire.read_u8().await.map(drop) })),
        ("a slow head", drip("HTTP/1.1 200 OK\r\nX-Field: ", b'a')),
        ("a slow status", drip("", b'H')),
        ("a slow body", drip("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b'a')),
        ("slow chunks", drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b'0')),
        (
            "a body that stops",
            script(|mut wire| async move {
                wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}").await?;
                wire.read_u8().await.map(drop)
            }),
        ),
    ] {
        let ended = outcome_of(&impatient(), script).await;
        // A status line of nothing but H is told as soon as it is seen to be none.
        let told = what == "a slow status" && matches!(ended, Err(FetchError::Protocol(_)));
        assert!(ended == Err(FetchError::Timeout) || told, "{what}: {ended:?}");
    }
}

#[tokio::test]
async fn what_is_cut_short_or_no_http_is_no_answer() {
    // Half closed: it says no more, and goes on listening.
    let half = |said: &'static str| {
        script(move |mut wire| async move {
            wire.write_all(said.as_bytes()).await?;
            wire.shutdown().await?;
            wire.read_u8().await.map(drop)
        })
    };
    for said in [
        "",
        "HTTP/1.1",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        assert_eq!(outcome(half(said)).await, Err(FetchError::Protocol("is cut short")), "{said:?}");
    }
    for said in [
        "{\"keys\":[]}",
        "HTTP/0.9 200 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nbad field: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64",
    ] {
        let ended = outcome(says(said)).await;
        assert!(matches!(ended, Err(FetchError::Protocol(_))), "{said:?}: {ended:?}");
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = to_loopback().get(&format!("http://{nobody}/"), "*/*").await;
    assert_eq!(refused, Err(FetchError::Connect("refused by the other side")));
}

#[tokio::test]
async fn what_an_answer_says_is_not_repeated() {
    let server = Server::plain(says("HTTP/1.1 200 seen-marker\r\nbad seen-marker: x\r\n\r\nseen-marker")).await;
    let refused = to_loopback().get(&server.url("/seen-path"), "*/*").await.unwrap_err();
    let told = format!("{refused} {refused:?}");
    assert!(!told.contains("seen"), "{told}");
}
