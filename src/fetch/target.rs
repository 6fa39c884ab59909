//! A URL that may be fetched, taken apart (RFC 3986; the URL Standard reads hosts, so that `0x7f000001`, `2130706433`, `127.1`,
//! `%31…` and full-width digits are the addresses they stand for).
//!
//! Refused: other schemes than `https`, and `http` to anything but loopback; user information, blanks and backslashes anywhere;
//! ports that belong to other protocols; what is longer than 2,048 bytes. A fragment is not sent.

use std::net::{IpAddr, Ipv4Addr};

use rustls::pki_types::ServerName;
use url::Url;

use super::error::FetchError;

const LONGEST: usize = 2048;

/// Where a request goes.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Whether TLS is spoken.
    pub secure: bool,
    pub host: Host,
    pub port: u16,
    /// The name that the certificate must be for.
    pub server: ServerName<'static>,
    /// The `Host` header.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Host {
    Address(IpAddr),
    /// A name, in lower case and without a last dot.
    Name(String),
}

impl Target {
    pub(super) fn read(text: &str) -> Result<Self, FetchError> {
        if text.len() > LONGEST {
            return Err(FetchError::BadUrl("is longer than 2048 bytes"));
        }
        // What a parser would pass over or mend, another would read differently.
        if text.contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '\\') {
            return Err(FetchError::BadUrl("holds blanks, control characters or backslashes"));
        }
        let (_, rest) = text.split_once("://").ok_or(FetchError::BadUrl("is not absolute"))?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.is_empty() {
            return Err(FetchError::BadUrl("names no host"));
        }
        if authority.contains('@') {
            return Err(FetchError::BadUrl("carries user information"));
        }
        let url = Url::parse(text).map_err(|_| FetchError::BadUrl("can't be read"))?;
        let (secure, usual) = match url.scheme() {
            "https" => (true, 443),
            "http" => (false, 80),
            _ => return Err(FetchError::BadUrl("is not https")),
        };
        let port = url.port().unwrap_or(usual);
        if port < 1024 && port != usual {
            return Err(FetchError::BadUrl("names a port of another protocol"));
        }
        let (host, server) = host(&url)?;
        let host_text = url.host_str().unwrap_or_default();
        let authority = url.port().map_or_else(|| host_text.to_owned(), |port| format!("{host_text}:{port}"));
        let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        Ok(Self { secure, host, port, server, authority, path })
    }

    /// The address, when no name has to be resolved: `localhost` is loopback by definition (RFC 6761, 6.3).
    pub(super) fn literal(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Address(address) => Some(*address),
            Host::Name(name) if name == "localhost" || name.ends_with(".localhost") => Some(Ipv4Addr::LOCALHOST.into()),
            Host::Name(_) => None,
        }
    }
}

fn host(url: &Url) -> Result<(Host, ServerName<'static>), FetchError> {
    let address = |address: IpAddr| (Host::Address(address), ServerName::from(address));
    match url.host() {
        Some(url::Host::Ipv4(v4)) => Ok(address(v4.into())),
        Some(url::Host::Ipv6(v6)) => Ok(address(v6.into())),
        Some(url::Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
            let server = ServerName::try_from(name.clone()).map_err(|_| FetchError::BadUrl("names no DNS host"))?;
            Ok((Host::Name(name), server))
        }
        None => Err(FetchError::BadUrl("names no host")),
    }
}
