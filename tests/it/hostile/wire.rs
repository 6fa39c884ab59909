//! HTTP/1.1 over a bare socket: any bytes go out, and what comes back is read without trust.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What was answered.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// A request in the making.
#[derive(Clone)]
pub struct Raw {
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Raw {
    pub fn new(method: &str, target: &str) -> Self {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: rp.test\r\nConnection: close\r\n").into_bytes();
        Self { head, body: Vec::new() }
    }

    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A form post.
    pub fn form(target: &str, body: impl AsRef<[u8]>) -> Self {
        Self::new("POST", target).header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.head.extend_from_slice(&[name.as_bytes(), b": ", value.as_ref(), b"\r\n"].concat());
        self
    }

    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        let length = self.body.len().to_string();
        self.header("content-length", length)
    }

    /// The bytes as they go out.
    pub fn bytes(&self) -> Vec<u8> {
        [&self.head[..], b"\r\n", &self.body].concat()
    }

    /// Sends it; the answer.
    pub async fn send(&self, at: &str) -> Got {
        send(at, &self.bytes()).await
    }
}

/// Sends bytes and reads the answer, whether or not all of them were taken.
pub async fn send(at: &str, bytes: &[u8]) -> Got {
    let stream = TcpStream::connect(at.strip_prefix("http://").unwrap()).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let bytes = bytes.to_vec();
    let writing = tokio::spawn(async move {
        let _ = to.write_all(&bytes).await;
        to
    });
    let mut answer = Vec::new();
    // A peer that was refused before it was read to the end may find the connection reset after the answer.
    let read = tokio::time::timeout(Duration::from_secs(15), from.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "no end of the answer within 15 s: {}", String::from_utf8_lossy(&answer));
    writing.abort();
    Got::parse(&answer)
}

impl Got {
    pub fn parse(answer: &[u8]) -> Self {
        let text = String::from_utf8_lossy(answer).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned()));
        Self { status, headers: headers.collect(), body: body.to_owned() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }

    /// Sound, whatever was sent: not our fault, armoured, and its body is what its type says.
    #[track_caller]
    pub fn sound(&self, of: &str) {
        assert!(self.status < 500, "{of}: {self:?}");
        let has = |name: &str, value: &str| assert!(self.header(name).unwrap_or("").contains(value), "{of}: {self:?}");
        has("x-content-type-options", "nosniff");
        has("referrer-policy", "no-referrer");
        has("x-frame-options", "DENY");
        has("content-security-policy", "frame-ancestors 'none'");
        has("cross-origin-opener-policy", "same-origin");
        has("cross-origin-resource-policy", "same-origin");
        has("permissions-policy", "camera=()");
        has("x-request-id", "-");
        let kind = self.header("content-type").unwrap_or_default();
        if kind.contains("json") {
            assert!(self.json().is_object(), "{of}: {self:?}");
        } else if kind.contains("html") {
            assert!(self.body.starts_with("<!DOCTYPE html>") || self.body.starts_with("<!doctype html>"), "{of}");
        } else if self.status >= 400 {
            panic!("{of}: an error without a readable body: {self:?}");
        }
    }

    /// A refusal in clear words: sound, 4xx, never kept, no redirect.
    #[track_caller]
    pub fn refused(&self, of: &str) {
        self.sound(of);
        assert!((400..500).contains(&self.status), "{of}: {self:?}");
        assert_eq!(self.header("location"), None, "{of}: {self:?}");
        assert!(self.header("cache-control").is_some_and(|value| value.contains("no-store")), "{of}: {self:?}");
        let json = self.json();
        if json.is_object() {
            let told = ["error_description", "detail"].iter().find_map(|name| json[*name].as_str()).unwrap_or_default();
            assert!(told.len() > 8, "{of}: says nothing: {self:?}");
            if let Some(description) = json["error_description"].as_str() {
                let allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
                assert!(description.chars().all(allowed), "{of}: {description:?} (RFC 6749, 5.2)");
            }
        } else {
            assert!(self.body.contains("id=\"error\""), "{of}: {self:?}");
        }
    }
}
