//! The sections of [`Config`](super::Config) that are plain values; limits and defaults stand in the table of settings.

use super::sealing::SealingSecret;
use ipnet::IpNet;
use std::{path::PathBuf, time::Duration};

/// Where the sealing keys are.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The directory with one file per sealing key.
    pub directory: PathBuf,
    /// A sealing key given by variable or file, for machines without a lasting directory.
    pub sealing: Option<SealingSecret>,
    /// Size of new RSA keys.
    pub rsa_bits: u32,
    /// Whether there is an Ed25519 key, too.
    pub ed25519: bool,
}

/// Files for TLS spoken by this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// PEM file: the certificate and its chain.
    pub certificate: PathBuf,
    /// PEM file: its private key.
    pub key: PathBuf,
}

/// Which peers may name the client they forward for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxies {
    /// Networks whose header is believed; from anyone else it is ignored.
    pub trusted: Vec<IpNet>,
    /// The one header that is believed.
    pub header: ProxyHeader,
}

/// The header in which a trusted proxy names the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`.
    XForwardedFor,
}

/// How long tokens and codes live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Life of an access token.
    pub access_token_lifetime: Duration,
    /// Life of an ID token.
    pub id_token_lifetime: Duration,
    /// Life of an authorization code.
    pub code_lifetime: Duration,
    /// How long the previous refresh token is answered as an honest retry; zero: not at all.
    pub retry_window: Duration,
    /// A family that is not refreshed for this long ends.
    pub family_idle: Duration,
    /// A family ends this long after its birth, whatever happens.
    pub family_absolute: Duration,
    /// Life of a device code and its user code.
    pub device_code_lifetime: Duration,
}

/// How long browser sessions live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// A session that is not used for this long ends.
    pub idle: Duration,
    /// A session ends this long after its sign-in, whatever happens.
    pub absolute: Duration,
}

/// Sign-in and password hashing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// How long a begun sign-in may take.
    pub interaction_lifetime: Duration,
    /// The cost of a new password hash.
    pub password: Argon2,
    /// How many hashes are computed at once.
    pub hash_permits: usize,
    /// How many may wait for a permit before the next is answered 503.
    pub hash_queue: usize,
    /// Least length of a new password, in code points.
    pub password_min_length: usize,
}

/// Parameters of argon2id (RFC 9106).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2 {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

/// How often someone may be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Failures of one account before the first wait.
    pub account_free: u32,
    /// The longest wait, which doubles from 1 s.
    pub account_cap: Duration,
    /// Consecutive failures after which the factor is closed until it is reset.
    pub account_hard_stop: u32,
    /// Failures from one network within [`network_window`](Self::network_window) before it is turned away.
    pub network_failures: u32,
    /// The time over which failures of a network are counted.
    pub network_window: Duration,
    /// The width of an IPv6 network; an IPv4 network is one address.
    pub ipv6_prefix: u8,
    /// Failures per minute of one client from one network at token, introspection and revocation endpoints.
    pub endpoint_failures: u32,
    /// Sign-ins begun per minute from one network.
    pub interactions: u32,
    /// Registrations an hour from one network, and by one initial access token.
    pub registrations: u32,
    /// Metadata documents fetched a minute for one network.
    pub documents: u32,
    /// Wrong user codes within [`network_window`](Self::network_window).
    pub user_codes: u32,
    /// Device codes asked for per minute in one client's name from one network.
    pub device_requests: u32,
    /// Device codes of one client that wait for an answer.
    pub device_codes: u32,
}

/// What one request, and all together, may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest request body in bytes.
    pub body: usize,
    /// Requests in flight before further ones are shed: so many at protocol endpoints, at pages, and as long polls.
    pub in_flight: usize,
    /// Open connections of the public listener.
    pub connections: usize,
    /// How long a connection may take to be set up, and to send the headers of a request.
    pub header_timeout: Duration,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How long a stopping server waits for what is in flight.
    pub stop_grace: Duration,
}

/// How long the lineage of ended families is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// Counted from the end of the family.
    pub keep: Duration,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Readable lines, or one JSON object a line.
    pub format: LogFormat,
    /// A level, or directives such as `info,chancery::store=debug`.
    pub level: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// What this server may fetch, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Networks that may be connected to though they are private.
    pub allow: Vec<IpNet>,
    /// Whether loopback may be asked by plain `http`.
    pub allow_http: bool,
    /// PEM file: certificates to trust beside those of the public authorities.
    pub extra_ca: Option<PathBuf>,
    /// How long one request may take, from the name to the end of the answer.
    pub timeout: Duration,
    /// Largest answer in bytes.
    pub max_body: usize,
}

/// Clients that no administrator registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Whether clients may register themselves, and who must let them.
    pub mode: RegistrationMode,
    /// The name of their profile, where their initial access token says nothing else.
    pub profile: &'static str,
    /// Scopes of resources that they may have beside the standard ones.
    pub scopes: Vec<String>,
    /// Resources that they may ask tokens for.
    pub resources: Vec<String>,
    /// How many there may be.
    pub clients: u32,
    /// One that was never used goes after so long.
    pub unused_after: Duration,
    /// One that was used goes so long after.
    pub idle_after: Duration,
    /// Whether the URL of a metadata document is a client.
    pub documents: bool,
    /// The hosts whose documents are; empty: any.
    pub document_hosts: Vec<String>,
}

impl Registration {
    /// Whether metadata documents that stand on this host are clients.
    #[must_use]
    pub fn takes_documents_of(&self, host: &str) -> bool {
        self.documents && (self.document_hosts.is_empty() || self.document_hosts.iter().any(|known| known == host))
    }
}

/// Who may register a client at the registration endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Nobody: there is no such endpoint.
    Off,
    /// Whoever holds an initial access token.
    Token,
    /// Anyone.
    Open,
}

/// How clients are told of logouts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logout {
    /// How long a sign-out waits for them.
    pub wait: Duration,
    /// How long they are tried.
    pub give_up: Duration,
}
