//! Who is calling: the client's address through configured trusted proxies only, the user agent, and a request id.
//!
//! The peer's own address is believed; a forwarding header only when the peer is a trusted proxy, and then its right-most hop
//! that isn't one. What can't be read counts as the proxy itself, never as "no address" (ASVS 15.3.4). Underscore forms of the
//! header and other headers are never looked at.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use crate::clock::Clock;
use crate::config::{Proxies, ProxyHeader};
use crate::event::Caller;
use crate::http::plain;
use crate::secret;

/// What the middleware needs to know.
#[derive(Debug, Clone)]
pub struct Gate {
    proxies: Arc<Proxies>,
    clock: Clock,
    told: Arc<AtomicBool>,
}

impl Gate {
    #[must_use]
    pub fn new(proxies: &Proxies, clock: &Clock) -> Self {
        Self { proxies: Arc::new(proxies.clone()), clock: clock.clone(), told: Arc::default() }
    }

    /// Once: a proxy that isn't trusted makes one network of everybody behind it. A stranger may send the header, too, so that
    /// it is not said again.
    fn notice(&self, peer: IpAddr, headers: &HeaderMap) {
        let name = header_name(self.proxies.header);
        if headers.contains_key(name) && !is_trusted(peer, &self.proxies) && !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(%peer, header = name, "a peer that is not in proxies.trusted names a client: ignored, now and hereafter. If it is your proxy, all its clients count as one network until you list it");
        }
    }
}

/// Puts a [`Caller`] beside every request, its id on every answer, and every line logged meanwhile under that id.
pub async fn identify(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let id = secret::uuid_v7(gate.clock.now());
    if let Some(peer) = peer {
        gate.notice(peer, request.headers());
    }
    let caller = Caller {
        address: peer.map(|peer| address(peer, request.headers(), &gate.proxies)),
        user_agent: request.headers().get(header::USER_AGENT).map(|value| agent(value.as_bytes())),
        request_id: Some(id),
    };
    request.extensions_mut().insert(caller);
    // At the highest level, so that a line of any level stands in it.
    let span = tracing::error_span!("request", %id);
    let mut response = next.run(request).instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// The user agent in 200 plain characters.
fn agent(raw: &[u8]) -> String {
    plain::cut(&String::from_utf8_lossy(raw), 200)
}

fn header_name(header: ProxyHeader) -> &'static str {
    match header {
        ProxyHeader::XForwardedFor => "x-forwarded-for",
        ProxyHeader::Forwarded => "forwarded",
    }
}

fn is_trusted(address: IpAddr, proxies: &Proxies) -> bool {
    let address = address.to_canonical();
    proxies.trusted.iter().any(|net| net.contains(&address))
}

/// The address of whoever the peer speaks for.
#[must_use]
pub fn address(peer: IpAddr, headers: &HeaderMap, proxies: &Proxies) -> IpAddr {
    let peer = peer.to_canonical();
    let trusted = |address: IpAddr| is_trusted(address, proxies);
    if !trusted(peer) {
        return peer;
    }
    let name = header_name(proxies.header);
    let read: fn(&str) -> Option<IpAddr> = match proxies.header {
        ProxyHeader::XForwardedFor => hop,
        ProxyHeader::Forwarded => forwarded,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn called(peer: &str, header: ProxyHeader, lines: &[(&'static str, &str)]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap()).to_vec();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        address(peer.parse().unwrap(), &headers, &Proxies { trusted, header }).to_string()
    }

    #[test]
    fn only_a_trusted_peer_speaks_for_others() {
        let xff = |peer, lines: &[_]| called(peer, ProxyHeader::XForwardedFor, lines);
        let (proxy, name) = ("10.0.0.1", "x-forwarded-for");
        assert_eq!(xff("192.0.2.1", &[(name, "203.0.113.9")]), "192.0.2.1");
        assert_eq!(xff("::ffff:10.0.0.1", &[(name, "203.0.113.9")]), "203.0.113.9");
        assert_eq!(xff(proxy, &[]), proxy);
        for (value, believed) in [
            ("203.0.113.9", "203.0.113.9"),
            ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
            ("1.1.1.1,203.0.113.9 , 10.9.9.9, fd00::7", "203.0.113.9"),
            ("203.0.113.9:443", "203.0.113.9"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
            // What can't be read is whoever sent it.
            ("", proxy),
            ("a", proxy),
            ("203.0.113.9,", proxy),
            ("[::1", proxy),
            ("203.0.113.9, x, 10.2.2.2", "10.2.2.2"),
            ("0x7f000001", proxy),
            ("é", proxy),
        ] {
            assert_eq!(xff(proxy, &[(name, value)]), believed, "{value}");
        }
        // Several lines are one list; other names and the header that wasn't configured are nothing.
        assert_eq!(xff(proxy, &[(name, "1.1.1.1"), (name, "203.0.113.9")]), "203.0.113.9");
        let others = [("x_forwarded_for", "1.1.1.1"), ("x-real-ip", "1.1.1.1"), ("forwarded", "for=1.1.1.1")];
        assert_eq!(xff(proxy, &others), proxy);
    }

    #[test]
    fn forwarded_names_its_client_once() {
        for (value, believed) in [
            ("for=203.0.113.9", "203.0.113.9"),
            ("For=\"[2001:db8::1]:4711\";proto=https;by=10.0.0.1", "2001:db8::1"),
            ("for=1.1.1.1, for=203.0.113.9;host=evil.test", "203.0.113.9"),
            ("for=203.0.113.9;for=1.1.1.1", "10.0.0.1"),
            ("for=unknown", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
        ] {
            assert_eq!(called("10.0.0.1", ProxyHeader::Forwarded, &[("forwarded", value)]), believed, "{value}");
        }
    }

    #[test]
    fn a_user_agent_is_short_and_one_line() {
        assert_eq!(agent("a\r\nb\u{2028}c\u{1b}[0m".as_bytes()), "abc[0m");
        assert_eq!(agent("x".repeat(1000).as_bytes()).len(), 200);
        assert_eq!(agent(b"\xff\xfe").chars().count(), 2);
    }

    proptest::proptest! {
        #[test]
        fn any_header_gives_an_address(value in "[ -~]{0,80}") {
            called("10.0.0.1", ProxyHeader::XForwardedFor, &[("x-forwarded-for", &value)]);
            called("10.0.0.1", ProxyHeader::Forwarded, &[("forwarded", &value)]);
        }
    }
}
