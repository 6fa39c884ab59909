//! Where the records are kept: `sqlite://path`, `sqlite:///absolute/path`, `sqlite::memory:` or `postgres://…`.
//! Refuses a PostgreSQL server reached over a network without `sslmode=verify-full`, an address that names no host or
//! two, parameters the driver would ignore. A password in the address is never printed.

use super::problem::Refusal;
use std::{collections::BTreeSet, fmt, net::IpAddr, path::PathBuf, str::FromStr};
use url::Url;
use zeroize::Zeroizing;

/// Where the records are kept.
#[derive(Clone, Debug)]
pub struct Database {
    /// Which database.
    pub url: DatabaseUrl,
    /// Connections of one node.
    pub pool: u32,
}

/// Which database.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    /// A PostgreSQL server.
    Postgres(PostgresUrl),
    /// Embedded, for one machine.
    Sqlite(SqliteLocation),
}

/// Where an embedded database lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SqliteLocation {
    /// In a file.
    File(PathBuf),
    /// In memory: gone with the process.
    Memory,
}

/// The address of a PostgreSQL server, which may hold a password: printed without it.
#[derive(Clone)]
pub struct PostgresUrl(Zeroizing<String>);

impl PostgresUrl {
    /// The whole address, for the driver alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(mut url) = Url::parse(&self.0) else {
            return out.write_str("(redacted)");
        };
        // `query_pairs_mut` would encode the brackets, so both redactions are written by hand.
        let query: Vec<String> = url.query().unwrap_or_default().split('&').map(redact_parameter).collect();
        let query = query.join("&");
        let had_password = url.password().is_some();
        url.set_query(None);
        let _ = url.set_password(None);
        let text = url.to_string();
        let text = if had_password { text.replacen('@', ":(redacted)@", 1) } else { text };
        out.write_str(&text)?;
        if query.is_empty() { Ok(()) } else { write!(out, "?{query}") }
    }
}

fn redact_parameter(pair: &str) -> String {
    let name: String = pair.split('=').next().unwrap_or_default().to_owned();
    // The driver decodes names: `p%61ssword` is a password, too.
    let decoded = form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name.into_owned());
    match decoded.as_deref() {
        Some("password" | "sslkey" | "ssl-key") => format!("{name}=(redacted)"),
        _ => pair.to_owned(),
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PostgresUrl({self})")
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(url) => url.fmt(out),
            Self::Sqlite(SqliteLocation::Memory) => out.write_str("sqlite::memory:"),
            Self::Sqlite(SqliteLocation::File(path)) => write!(out, "sqlite://{}", path.display()),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return postgres(text).map(Self::Postgres);
        }
        if text == "sqlite::memory:" {
            return Ok(Self::Sqlite(SqliteLocation::Memory));
        }
        match text.strip_prefix("sqlite://") {
            Some(path) => sqlite(path).map(|path| Self::Sqlite(SqliteLocation::File(path))),
            None => Err(Refusal::new(
                "is not the address of a database",
                "write \"sqlite://data/chancery.db\", \"sqlite:///var/lib/chancery/chancery.db\", \"sqlite::memory:\" \
                 or \"postgres://user@host/database?sslmode=verify-full\"",
            )),
        }
    }
}

fn sqlite(path: &str) -> Result<PathBuf, Refusal> {
    match path {
        "" => Err(Refusal::new("names no file", "write a path after \"sqlite://\"")),
        ":memory:" => Err(Refusal::new("names a file called \":memory:\"", "write \"sqlite::memory:\"")),
        _ if path.contains(['?', '#']) => {
            Err(Refusal::new("carries parameters, which an embedded database doesn't take", "write the path alone"))
        }
        _ if path.contains(char::is_control) => {
            Err(Refusal::new("has control characters in its path", "write a plain path"))
        }
        _ => Ok(PathBuf::from(path)),
    }
}

/// What the driver understands; it would log anything else, with its value, and go on.
const PARAMETERS: [&str; 12] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];

fn postgres(text: &str) -> Result<PostgresUrl, Refusal> {
    let url = Url::parse(text).map_err(|error| {
        Refusal::new(
            format!("is not a URL ({error})"),
            "write \"postgres://user:password@host:5432/database\", special characters of the password percent-encoded",
        )
    })?;
    if url.fragment().is_some() {
        return Err(Refusal::new("carries a fragment", "write \"#\" as %23"));
    }
    let mut hosts = Vec::from_iter(url.host_str().filter(|host| !host.is_empty()).map(str::to_owned));
    let mut mode = None;
    let mut seen = BTreeSet::new();
    for (name, value) in url.query_pairs() {
        let is_option = name == "options" || (name.starts_with("options[") && name.ends_with(']'));
        if !is_option && !PARAMETERS.contains(&name.as_ref()) {
            return Err(Refusal::new(
                format!("carries the unknown parameter {name:?}"),
                format!("remove it (known: {}, options)", PARAMETERS.join(", ")),
            ));
        }
        match name.as_ref() {
            "host" | "hostaddr" => hosts.push(value.into_owned()),
            "sslmode" => mode = Some(value.into_owned()),
            _ => {}
        }
        if !seen.insert(name.clone().into_owned()) {
            return Err(Refusal::new(format!("carries the parameter {name:?} twice"), "write it once"));
        }
    }
    verified(&hosts, mode.as_deref())?;
    Ok(PostgresUrl(Zeroizing::new(text.to_owned())))
}

/// Whether the connection stays on this machine, or is verified TLS.
fn verified(hosts: &[String], mode: Option<&str>) -> Result<(), Refusal> {
    let [host] = hosts else {
        let wrong = if hosts.is_empty() { "names no host" } else { "names more than one host" };
        return Err(Refusal::new(
            wrong,
            "write one, as in \"postgres://user@host/database\", or \"postgres:///database?host=/run/postgresql\" \
             for a socket",
        ));
    };
    const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
    if let Some(other) = mode.filter(|mode| !MODES.contains(mode)) {
        return Err(Refusal::new(
            format!("has the unknown sslmode {other:?}"),
            format!("write one of {}", MODES.join(", ")),
        ));
    }
    let socket = host.starts_with('/') || host.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("%2f"));
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    if socket || loopback || mode == Some("verify-full") {
        return Ok(());
    }
    let found = mode.map_or_else(|| "without sslmode".to_owned(), |mode| format!("with sslmode={mode}"));
    Err(Refusal::new(
        format!("reaches PostgreSQL at {host:?} over the network {found}"),
        "add \"sslmode=verify-full\" (and \"sslrootcert=/path/ca.pem\" for a private authority); only loopback and unix \
         sockets may do without",
    ))
}
