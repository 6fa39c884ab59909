//! The table of settings: the single source of what can be set, its default, its limits and its description.

use super::{
    kind::Kind,
    table::{Fallback, Setting},
};
use std::time::Duration;

const SECOND: u64 = 1;
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A duration between two limits in seconds.
const fn lasting(min: u64, max: u64) -> Kind {
    Kind::Duration { min: Duration::from_secs(min), max: Duration::from_secs(max) }
}

const fn count(min: u64, max: u64) -> Kind {
    Kind::Integer { min, max }
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Every setting, grouped by section; the first ones have none.
pub const SETTINGS: &[Setting] = &[
    Setting::or(
        "issuer",
        Kind::Issuer,
        Fallback::Required,
        "The public address of this server, without a trailing slash; it stands as `iss` in everything it makes. \
         `http` on loopback only.",
    ),
    Setting::new("listen", Kind::Address, "127.0.0.1:7600", "Where the public endpoints are served."),
    Setting::new(
        "management",
        Kind::AddressOrOff,
        "127.0.0.1:7601",
        "Where `/metrics` and health are served. Keep it from the public network.",
    ),
    Setting::new(
        "database.url",
        Kind::Database,
        "sqlite://data/chancery.db",
        "Where the records are kept. PostgreSQL over a network needs `sslmode=verify-full`.",
    )
    .secret()
    .short("CHANCERY_DATABASE_URL"),
    Setting::new("database.pool", count(2, 1000), "16", "Database connections of one node."),
    Setting::new("keys.directory", Kind::Path, "keys", "The directory with one file per sealing key.")
        .short("CHANCERY_KEYS"),
    Setting::or(
        "keys.sealing",
        Kind::Sealing,
        Fallback::Unset,
        "A sealing key given by variable or file, for containers without a lasting directory.",
    )
    .secret(),
    Setting::new("keys.rsa_bits", count(2048, 4096), "3072", "Size of the RSA keys that are made from now on."),
    Setting::new(
        "keys.ed25519",
        Kind::Choice(&["off", "on"]),
        "off",
        "Whether there is an Ed25519 signing key beside the ES256 and the RS256 one. `off` lets one that is there go with \
         its calendar.",
    ),
    Setting::or(
        "tls.certificate",
        Kind::Path,
        Fallback::Unset,
        "PEM file with the certificate and its chain, when this process speaks TLS itself. Needs `tls.key`.",
    ),
    Setting::or("tls.key", Kind::Path, Fallback::Unset, "PEM file with the private key of `tls.certificate`."),
    Setting::new(
        "proxies.trusted",
        Kind::Networks {
            whole: "trusts everyone, so that anyone could choose the address that is logged and throttled",
            mend: "name the networks of your proxies",
        },
        "",
        "Networks of the reverse proxies whose header is believed. From anyone else the header is ignored.",
    ),
    Setting::new(
        "proxies.header",
        Kind::Choice(&["x-forwarded-for", "forwarded"]),
        "x-forwarded-for",
        "The one header in which a trusted proxy names the client. The other one is ignored.",
    ),
    Setting::new(
        "tokens.access_token_lifetime",
        lasting(SECOND, HOUR),
        "10m",
        "Life of an access token, where its resource says nothing else.",
    ),
    Setting::new("tokens.id_token_lifetime", lasting(SECOND, HOUR), "10m", "Life of an ID token."),
    Setting::new("tokens.code_lifetime", lasting(SECOND, MINUTE), "60s", "Life of an authorization code."),
    Setting::new(
        "tokens.device_code_lifetime",
        lasting(MINUTE, HOUR),
        "10m",
        "How long a person may take to allow what a device asks for, and the device to learn of it.",
    ),
    Setting::new(
        "tokens.retry_window",
        lasting(0, 10 * MINUTE),
        "60s",
        "How long the previous refresh token is answered as an honest retry, where its client says nothing else. `0`: \
         never, unless the client proves a key.",
    ),
    Setting::new("tokens.family_idle", lasting(SECOND, 730 * DAY), "14d", "A family not refreshed for this long ends."),
    Setting::new(
        "tokens.family_absolute",
        lasting(SECOND, 730 * DAY),
        "90d",
        "A family ends this long after its birth, whatever happens.",
    ),
    Setting::new("sessions.idle", lasting(SECOND, 365 * DAY), "12h", "A browser session not used for this long ends."),
    Setting::new(
        "sessions.absolute",
        lasting(SECOND, 365 * DAY),
        "30d",
        "A browser session ends this long after its sign-in, whatever happens.",
    ),
    Setting::new("login.interaction_lifetime", lasting(SECOND, DAY), "30m", "How long a begun sign-in may take."),
    Setting::or(
        "login.hash_permits",
        count(1, 1024),
        Fallback::Cores,
        "How many passwords are hashed at once. Each takes `login.password.memory_kib`.",
    ),
    Setting::new(
        "login.hash_queue",
        count(0, 10_000),
        "64",
        "How many sign-ins may wait for a permit; the next is answered 503 with `Retry-After`.",
    ),
    Setting::new(
        "login.password_min_length",
        count(8, 64),
        "15",
        "Least length of a new password, in code points. Below 15 only together with a second factor (NIST SP \
         800-63B-4).",
    ),
    Setting::new(
        "login.password.memory_kib",
        count(7 * KIB, MIB),
        "19456",
        "Memory of argon2id in KiB. A hash keeps its own parameters and is made anew at the next sign-in.",
    ),
    Setting::new("login.password.iterations", count(1, 64), "2", "Passes of argon2id."),
    Setting::new("login.password.parallelism", count(1, 64), "1", "Lanes of argon2id."),
    Setting::new(
        "throttle.account_free",
        count(1, 100),
        "5",
        "Failures of one account before the first wait, which is 1 s and doubles with each further failure.",
    ),
    Setting::new("throttle.account_cap", lasting(SECOND, HOUR), "60s", "The longest of these waits."),
    Setting::new(
        "throttle.account_hard_stop",
        count(1, 100),
        "100",
        "Consecutive failures after which the password is closed until it is set anew (NIST allows no more than 100).",
    ),
    Setting::new(
        "throttle.network_failures",
        count(1, 1_000_000),
        "30",
        "Failures from one network within `throttle.network_window` before it is turned away.",
    ),
    Setting::new(
        "throttle.network_window",
        lasting(SECOND, DAY),
        "10m",
        "The time over which failures of a network are counted.",
    ),
    Setting::new(
        "throttle.ipv6_prefix",
        count(32, 64),
        "64",
        "How many leading bits of an IPv6 address make one network; the /48 around it may have eight times its failures. \
         An IPv4 address is a network of its own.",
    ),
    Setting::new(
        "throttle.endpoint_failures",
        count(1, 1_000_000),
        "60",
        "Guesses per minute in one client's name from one network at the token, introspection, revocation and device endpoints: \
         wrong client authentication, codes and tokens that were never ours. Success is never throttled.",
    ),
    Setting::new(
        "throttle.interactions",
        count(1, 10_000_000),
        "600",
        "Sign-ins begun per minute from one network (an IPv4 /24, an IPv6 /48), on each node; the next is answered 429 \
         with `Retry-After`.",
    ),
    Setting::new(
        "throttle.registrations",
        count(1, 1_000_000),
        "60",
        "Registrations an hour from one network, and with one initial access token, on each node; the next is answered 429 \
         with `Retry-After`.",
    ),
    Setting::new(
        "throttle.documents",
        count(1, 1_000_000),
        "30",
        "Metadata documents of clients that are fetched a minute for one network, on each node; the next is answered 429 with \
         `Retry-After`.",
    ),
    Setting::new(
        "throttle.user_codes",
        count(1, 1_000_000),
        "10",
        "Wrong user codes of devices from one network, one browser or one session within `throttle.network_window` before \
         further ones are answered 429 with `Retry-After`.",
    ),
    Setting::new(
        "throttle.device_requests",
        count(1, 10_000_000),
        "10",
        "Device codes asked for per minute in one client's name from one network (an IPv4 /24, an IPv6 /48), on each node; \
         the next is answered 429 with `Retry-After`.",
    ),
    Setting::new(
        "throttle.device_codes",
        count(1, 1_000_000),
        "10000",
        "Device codes of one client that may wait for an answer at the same time; the next is answered 429 with `Retry-After`.",
    ),
    Setting::new("limits.body", Kind::Size { min: KIB, max: 16 * MIB }, "64KiB", "Largest request body."),
    Setting::new(
        "limits.in_flight",
        count(1, 1_000_000),
        "1024",
        "Requests in flight before further ones are answered 503: so many at protocol endpoints, so many at pages and \
         so many long polls. None of the three takes another's places.",
    ),
    Setting::new(
        "limits.connections",
        count(1, 1_000_000),
        "4096",
        "Open connections before further ones are closed at once. Let the process open twice as many files.",
    ),
    Setting::new(
        "limits.header_timeout",
        lasting(SECOND, 5 * MINUTE),
        "10s",
        "How long a connection may take over its TLS handshake, over its first request, and over the headers of each.",
    ),
    Setting::new("limits.request_timeout", lasting(SECOND, 5 * MINUTE), "10s", "How long a request may take."),
    Setting::new(
        "limits.stop_grace",
        lasting(0, 10 * MINUTE),
        "10s",
        "How long a stopping server waits for what is in flight.",
    ),
    Setting::new(
        "lineage.keep",
        lasting(0, 3650 * DAY),
        "30d",
        "How long the lineage of a family is kept after its end.",
    ),
    Setting::new("log.format", Kind::Choice(&["text", "json"]), "text", "Readable lines, or one JSON object a line."),
    Setting::new(
        "log.level",
        Kind::Filter,
        "info",
        "What is logged: a level, or directives such as `info,chancery::store=debug`.",
    ),
    Setting::or(
        "cookies.site",
        Kind::Text { max: 253 },
        Fallback::Unset,
        "The domain that this issuer shares with its browser dashboards, such as `example.com`: at it and below it, a \
         dashboard may get its refresh token as a cookie. Without it, the issuer's own host and what is below that. Browsers \
         send such cookies within one registrable domain only, whatever stands here.",
    ),
    Setting::new("brand.name", Kind::Text { max: 60 }, "Chancery", "The name in titles and headings."),
    Setting::or("brand.accent", Kind::Colour, Fallback::Unset, "Accent colour of light pages."),
    Setting::or("brand.accent_dark", Kind::Colour, Fallback::Unset, "Accent colour of dark pages."),
    Setting::or("brand.support_url", Kind::Link { mail: true }, Fallback::Unset, "Where people find help."),
    Setting::or("brand.privacy_url", Kind::Link { mail: false }, Fallback::Unset, "The privacy policy."),
    Setting::or("brand.terms_url", Kind::Link { mail: false }, Fallback::Unset, "The terms of service."),
    Setting::new(
        "fetch.allow",
        Kind::Networks {
            whole: "lets anyone who registers a URL reach every machine this server can",
            mend: "name the networks that clients are served from",
        },
        "",
        "Networks that this server may connect to although they are private: when it fetches what clients register, such as \
         `jwks_uri`, and delivers logout notices. Everything else that is not the public network is refused.",
    ),
    Setting::new(
        "fetch.allow_http",
        Kind::Choice(&["off", "on"]),
        "off",
        "Whether plain `http` URLs of loopback may be fetched: for development. Everything else is `https`.",
    ),
    Setting::or(
        "fetch.extra_ca",
        Kind::Path,
        Fallback::Unset,
        "PEM file with certificates of authorities to trust beside the public ones.",
    ),
    Setting::new(
        "fetch.timeout",
        lasting(SECOND, MINUTE),
        "5s",
        "How long one request may take, from resolving the name to the end of the answer.",
    ),
    Setting::new("fetch.max_body", Kind::Size { min: KIB, max: MIB }, "64KiB", "Largest answer."),
    Setting::new(
        "registration.mode",
        Kind::Choice(&["token", "off", "open"]),
        "token",
        "Who may register a client at the registration endpoint: whoever holds an initial access token (`chancery client \
         initial-token create`), nobody, or anyone.",
    ),
    Setting::new(
        "registration.profile",
        Kind::Choice(&["oauth21", "oidc"]),
        "oauth21",
        "The profile of clients that register themselves, where their initial access token says nothing else.",
    ),
    Setting::new(
        "registration.scopes",
        Kind::Words,
        "",
        "Scopes of resources that clients which register themselves may have beside the standard ones, where their initial \
         access token says nothing else.",
    ),
    Setting::new(
        "registration.resources",
        Kind::Words,
        "",
        "URIs of the resources that clients which register themselves may ask tokens for, the default one first, where their \
         initial access token says nothing else.",
    ),
    Setting::new(
        "registration.clients",
        count(1, 10_000_000),
        "10000",
        "How many clients may be there that registered themselves; the next is refused.",
    ),
    Setting::new(
        "registration.unused_after",
        lasting(SECOND, 365 * DAY),
        "24h",
        "A client that registered itself and was never given a token is deleted after this long.",
    ),
    Setting::new(
        "registration.idle_after",
        lasting(DAY, 3650 * DAY),
        "90d",
        "A client that registered itself is deleted this long after it was last given a token.",
    ),
    Setting::new(
        "registration.documents",
        Kind::Choice(&["off", "on"]),
        "off",
        "Whether the `https` URL of a client-id metadata document is a client, as MCP clients use it. The document is fetched by \
         this server, within what `fetch` allows, and users are always asked. The other settings of this section hold for such \
         clients, too.",
    ),
    Setting::new(
        "registration.document_hosts",
        Kind::Words,
        "",
        "The hosts whose metadata documents are clients, such as `claude.ai`; without any, all are.",
    ),
    Setting::new(
        "logout.wait",
        lasting(0, 30),
        "2s",
        "How long a sign-out waits for the applications that are told of it, before the browser is sent on: at most half of \
         `limits.request_timeout`. Who doesn't answer in time is told later.",
    ),
    Setting::new(
        "logout.give_up",
        lasting(MINUTE, 30 * DAY),
        "24h",
        "How long an application that doesn't answer is told of a logout again and again.",
    ),
];
