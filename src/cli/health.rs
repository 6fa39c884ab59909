//! `chancery healthcheck`: asks the server on this machine, over its management listener, whether it is ready. For
//! container images that have no other program to ask with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::out::{Done, Failure, Out};
use crate::config::Config;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn check(config: &Config, out: Out) -> Done {
    let Some(address) = config.management else {
        return Err(Failure::new("management is off, so there is nobody to ask; set it to an address"));
    };
    let address = reachable(address);
    let asked = tokio::time::timeout(PATIENCE, ask(address)).await;
    let answer = asked.map_err(|_| Failure::new(format!("{address} did not answer within {PATIENCE:?}")))?;
    let answer = answer.map_err(|error| Failure::new(format!("{address}: {error}")))?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).trim();
    if status != "200" {
        return Err(Failure::new(format!("not ready: {body} ({status})")));
    }
    out.give(&json!({ "ready": true }), || "ready\n".to_owned())
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator's own server, at the address of the operator's settings"
    )]
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(16 * 1024).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A server that listens on every address is reached on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
