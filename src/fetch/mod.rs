//! The one way out: every HTTP request this server makes, for the keys of clients, sector identifiers, logout notices and metadata
//! documents. Whoever may register a URL may choose where this server knocks, so that everything about it is guarded (OWASP's
//! server-side request forgery; OpenID Connect Core 16; RFC 7591, 5).
//!
//! The name is resolved here, once; every address it has is judged; the connection goes to exactly what was judged, and TLS is
//! for the name. Refused: other schemes than `https` (`http` to loopback only where `fetch.allow_http` says so), private and
//! special addresses that `fetch.allow` doesn't name, redirects, encodings, what is too large, too slow or too much at once.
//! Proxies of the environment aren't asked.

mod address;
mod error;
mod exchange;
mod key_sets;
mod places;
mod resolve;
mod target;
mod trust;

pub use error::{FetchError, Unusable};
pub use key_sets::{KeySets, Unavailable};
pub use resolve::{Resolver, Resolving};

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config;
use places::{Place, Places, Turn};
use target::{Host, Target};

/// How long one address may take to answer the knock.
const KNOCK: Duration = Duration::from_secs(2);
/// So many addresses of a name are tried.
const TRIED: usize = 4;

/// The way out. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetch {
    settings: Arc<config::Fetch>,
    tls: Arc<ClientConfig>,
    resolver: Arc<dyn Resolver>,
    places: Places,
}

/// What was answered, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub status: u16,
    pub content_type: Option<String>,
    pub body: Vec<u8>,
    /// How long the answer may be kept: `max-age` of its `Cache-Control`; nothing of it where that forbids keeping.
    pub max_age: Option<Duration>,
}

/// What is asked.
#[derive(Debug, Clone)]
enum Asked<'a> {
    Get { accept: &'a str },
    Post { form: String },
}

impl Fetch {
    /// The way out that these settings leave.
    pub fn new(settings: &config::Fetch) -> Result<Self, Unusable> {
        let tls = trust::client(settings.extra_ca.as_deref())?;
        for network in &settings.allow {
            if let Some(what) = address::never(network.network()) {
                return Err(Unusable(format!("fetch.allow names {network}: it is {what}, and never connected to")));
            }
        }
        let settings = Arc::new(settings.clone());
        Ok(Self { settings, tls, resolver: Arc::new(resolve::System), places: Places::new() })
    }

    /// With another resolver than the machine's.
    #[must_use]
    pub fn with_resolver(self, resolver: Arc<dyn Resolver>) -> Self {
        Self { resolver, ..self }
    }

    /// Whether a URL could be fetched, as far as that can be told without the network.
    pub fn permits(&self, url: &str) -> Result<(), FetchError> {
        self.target(url).map(drop)
    }

    /// `GET`. Any status is answered; it is the caller's to judge.
    pub async fn get(&self, url: &str, accept: &str) -> Result<Fetched, FetchError> {
        self.send(url, Asked::Get { accept }).await
    }

    /// `POST` of a form. Any status is answered; it is the caller's to judge.
    pub async fn post_form(&self, url: &str, pairs: &[(&str, &str)]) -> Result<Fetched, FetchError> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.send(url, Asked::Post { form }).await
    }

    async fn send(&self, url: &str, asked: Asked<'_>) -> Result<Fetched, FetchError> {
        let target = self.target(url)?;
        timeout(self.settings.timeout, self.converse(&target, asked)).await.map_err(|_| FetchError::Timeout)?
    }

    /// From the name to the answer; all of it within one time.
    async fn converse(&self, target: &Target, asked: Asked<'_>) -> Result<Fetched, FetchError> {
        let place = Arc::new(self.places.take(&target.host)?);
        let addresses = self.addresses(target, &place).await?;
        for address in &addresses {
            self.judge(target, *address)?;
        }
        let (stream, _turn) = self.connect(&addresses, target.port).await?;
        let largest = self.settings.max_body;
        if !target.secure {
            return exchange::exchange(stream, target, asked, largest).await;
        }
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(target.server.clone(), stream).await;
        exchange::exchange(tls.map_err(|error| FetchError::unsecured(&error))?, target, asked, largest).await
    }

    /// The URL taken apart, and judged where it names an address itself.
    fn target(&self, url: &str) -> Result<Target, FetchError> {
        let target = Target::read(url)?;
        match target.literal() {
            Some(address) => self.judge(&target, address)?,
            None if !target.secure => return Err(FetchError::BadUrl("is not https")),
            None => {}
        }
        Ok(target)
    }

    fn judge(&self, target: &Target, address: IpAddr) -> Result<(), FetchError> {
        if !target.secure {
            let permitted = self.settings.allow_http && address.is_loopback();
            let why = if address.is_loopback() {
                "is not https, and plain http of loopback is off (fetch.allow_http)"
            } else {
                "is not https"
            };
            return if permitted { Ok(()) } else { Err(FetchError::BadUrl(why)) };
        }
        address::judge(address, &self.settings.allow).map_err(|range| FetchError::Refused(address, range))
    }

    /// Every address of the host. A lookup that outlives its request keeps the place until it ends: it keeps a thread, too.
    async fn addresses(&self, target: &Target, place: &Arc<Place>) -> Result<Vec<IpAddr>, FetchError> {
        let name = match &target.host {
            Host::Address(address) => return Ok(vec![*address]),
            Host::Name(name) => name,
        };
        let (resolving, place) = (self.resolver.resolve(name), Arc::clone(place));
        let looked_up = tokio::spawn(async move {
            let found = resolving.await;
            drop(place);
            found
        });
        looked_up.await.ok().and_then(Result::ok).ok_or(FetchError::Unresolved)
    }

    /// A connection to the first of these addresses that answers.
    async fn connect(&self, addresses: &[IpAddr], port: u16) -> Result<(TcpStream, Turn), FetchError> {
        let mut failed = FetchError::Unresolved;
        for address in addresses.iter().take(TRIED) {
            let turn = self.places.at(*address)?;
            #[expect(clippy::disallowed_methods, reason = "this is the door")]
            let connecting = TcpStream::connect(SocketAddr::new(*address, port));
            failed = match timeout(KNOCK, connecting).await {
                Ok(Ok(stream)) => return Ok((stream, turn)),
                Ok(Err(error)) => FetchError::unconnected(&error),
                Err(_) => FetchError::Timeout,
            };
        }
        Err(failed)
    }
}
