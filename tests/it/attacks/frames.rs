//! V201: HTTP/2 by raw frames, in clear text with prior knowledge: a rapid reset and a flood of CONTINUATION. The server
//! stays, others are answered meanwhile, and what never ends is cut off.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::kit::actors::http;
use crate::kit::figure;
use crate::kit::issuer::{Issuer, Kind, Setup};

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// GET http://a/oauth2/userinfo, by the static table of RFC 7541.
fn request() -> Vec<u8> {
    [&[0x82, 0x86, 0x04, 16][..], b"/oauth2/userinfo", &[0x41, 1, b'a']].concat()
}

fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[a, b, c, kind, flags][..], &stream.to_be_bytes(), body].concat()
}

/// Sends these until the server closes or they are all sent; how much was sent, and whether it closed.
async fn flood(at: &str, frames: impl Iterator<Item = Vec<u8>>) -> (usize, bool) {
    let stream = TcpStream::connect(at.strip_prefix("http://").unwrap()).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    // Whatever is answered is taken, so that the server is never held up by us.
    let reading = tokio::spawn(async move {
        let (mut buffer, mut total) = (vec![0; 64 * 1024], 0);
        while let Ok(n @ 1..) = read.read(&mut buffer).await {
            total += n;
        }
        total
    });
    write.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    write.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    let mut sent = 0;
    for frame in frames {
        match timeout(Duration::from_secs(10), write.write_all(&frame)).await {
            Ok(Ok(())) => sent += frame.len(),
            Ok(Err(_)) => break,
            Err(_) => panic!("neither read nor closed after {sent} bytes"),
        }
    }
    // It closes, or waits for more: both are seen by whether reading ends while we still hold the other half.
    let ended = timeout(Duration::from_secs(5), reading).await;
    let closed = ended.is_ok();
    assert!(ended.map_or(1, |total| total.unwrap()) > 0, "HTTP/2 is spoken");
    drop(write);
    (sent, closed)
}

/// Someone else is answered.
async fn others(issuer: &Issuer) {
    let request = http().get(issuer.url("/.well-known/openid-configuration")).send();
    assert_eq!(timeout(Duration::from_secs(20), request).await.expect("an answer").unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn v201_a_flood_of_frames_harms_nobody() {
    let issuer = Issuer::start_with(Kind::Sqlite, Setup::patient()).await;
    let get = request();
    let resets = (0..20_000_u32).map(|n| {
        let stream = 2 * n + 1;
        let begun = frame(HEADERS, END_STREAM | END_HEADERS, stream, &get);
        [begun, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    });
    let ((reset, reset_closed), ()) = tokio::join!(flood(&issuer.at, resets), others(&issuer));

    // Headers that never end: a field of nothing but a name and value, again and again.
    let field = [&[0, 1, b'x', 100][..], &[b'y'; 100]].concat().repeat(150);
    let begin = frame(HEADERS, END_STREAM, 1, &get);
    let endless = std::iter::once(begin).chain((0..4_000).map(|_| frame(CONTINUATION, 0, 1, &field)));
    let ((more, closed), ()) = tokio::join!(flood(&issuer.at, endless), others(&issuer));
    assert!(closed, "headers without end are cut off, not kept: {more} bytes sent");
    others(&issuer).await;
    figure(&format!(
        "frames: {reset} bytes of resets (closed: {reset_closed}), {more} bytes of endless headers (closed: {closed})"
    ));
    issuer.stop().await;
}
