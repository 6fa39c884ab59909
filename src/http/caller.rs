//! Who is calling: the client's address through configured trusted proxies only, the user agent, and a request id.
//!
//! The peer's own address is believed; a forwarding header only when the peer is a trusted proxy, and then its right-most hop
//! that isn't one. What can't be read counts as the proxy itself, never as "no address" (ASVS 15.3.4). Underscore forms of the
//! header and other headers are never looked at.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::clock::Clock;
use crate::config::{Proxies, ProxyHeader};
use crate::event::Caller;
use crate::secret;

/// What the middleware needs to know.
#[derive(Debug, Clone)]
pub struct Gate {
    pub proxies: Arc<Proxies>,
    pub clock: Clock,
}

/// Puts a [`Caller`] beside every request, and its id on every answer.
pub async fn identify(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let id = secret::uuid_v7(gate.clock.now());
    let caller = Caller {
        address: peer.map(|peer| address(peer, request.headers(), &gate.proxies)),
        user_agent: request.headers().get(header::USER_AGENT).map(|value| agent(value.as_bytes())),
        request_id: Some(id),
    };
    request.extensions_mut().insert(caller);
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// The user agent in 200 characters, none of them control characters.
fn agent(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw)
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}'))
        .take(200)
        .collect()
}

/// The address of whoever the peer speaks for.
#[must_use]
pub fn address(peer: IpAddr, headers: &HeaderMap, proxies: &Proxies) -> IpAddr {
    let peer = peer.to_canonical();
    let trusted = |address: IpAddr| proxies.trusted.iter().any(|net| net.contains(&address));
    if !trusted(peer) {
        return peer;
    }
    let (name, read): (_, fn(&str) -> Option<IpAddr>) = match proxies.header {
        ProxyHeader::XForwardedFor => ("x-forwarded-for", hop),
        ProxyHeader::Forwarded => ("forwarded", forwarded),
    };
    let lines: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect();
    let joined = lines.join(",");
    let mut believed = peer;
    for text in joined.rsplit(',').filter(|_| !joined.is_empty()) {
        let Some(address) = read(text.trim()) else {
            tracing::warn!(%peer, header = name, "a trusted proxy sent a forwarding header that can't be read");
            return believed;
        };
        believed = address;
        if !trusted(address) {
            break;
        }
    }
    believed
}

/// One element of `X-Forwarded-For`: an address, perhaps with a port.
fn hop(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(text, |(inside, _)| inside);
    let parsed = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()));
    parsed.map(|address: IpAddr| address.to_canonical())
}

/// One element of `Forwarded` (RFC 7239): its `for` parameter.
fn forwarded(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(name, _)| name.eq_ignore_ascii_case("for")).map(|(_, value)| value);
    let value = values.next().filter(|_| values.next().is_none())?;
    hop(value.trim_matches('"'))
}
