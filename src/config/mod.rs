//! Settings: one table ([`SETTINGS`]) says what there is, from where it may come and within which limits; reading,
//! `chancery config show` and `docs/CONFIGURATION.md` all follow it.
//!
//! A value comes from the built-in default, then `chancery.toml`, then the environment, then flags; the last one wins.
//! Refused: keys that don't exist, values outside their limits, an issuer that is not a canonical `https` URL
//! (RFC 8414 section 2; `http` on loopback only), PostgreSQL over an unverified network connection, a `/0` of trusted
//! proxies. Everything that is wrong is told at once.

mod assemble;
mod brand;
mod check;
mod database;
mod duration;
mod environment;
mod file;
mod issuer;
mod kind;
mod problem;
mod reference;
mod resolve;
mod sealing;
mod sections;
mod settings;
mod show;
mod site;
mod sources;
mod table;
mod value;

pub use brand::{Brand, Colour};
pub use database::{Database, DatabaseUrl, PostgresUrl, SqliteLocation};
pub use duration::{parse_duration, write_duration};
pub use issuer::Issuer;
pub use kind::Kind;
pub use problem::{Origin, Problem, Problems, Refusal};
pub use reference::{EXAMPLE, reference};
pub use sealing::SealingSecret;
pub use sections::{
    Argon2, Fetch, Keys, Limits, Lineage, Log, LogFormat, Login, Logout, Proxies, ProxyHeader, Registration,
    RegistrationMode, Sessions, Throttle, Tls, Tokens,
};
pub use settings::SETTINGS;
pub use site::Site;
pub use sources::Sources;
pub use table::{Fallback, Setting};

use std::net::SocketAddr;

/// All settings of one server, read and checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The public address of this server, and the `iss` of everything it makes.
    pub issuer: Issuer,
    /// Where the public endpoints are served.
    pub listen: SocketAddr,
    /// Where metrics and health are served; `None` when switched off.
    pub management: Option<SocketAddr>,
    /// Where the records are kept.
    pub database: Database,
    /// Where the sealing keys are.
    pub keys: Keys,
    /// Certificate and key, when this process speaks TLS itself.
    pub tls: Option<Tls>,
    /// Which peers may say whom they speak for.
    pub proxies: Proxies,
    /// How long tokens and codes live.
    pub tokens: Tokens,
    /// How long browser sessions live.
    pub sessions: Sessions,
    /// Sign-in and password hashing.
    pub login: Login,
    /// How often someone may be wrong.
    pub throttle: Throttle,
    /// What one request, and all together, may take.
    pub limits: Limits,
    /// How long the lineage of ended families is kept.
    pub lineage: Lineage,
    /// What is logged, and how.
    pub log: Log,
    /// How the pages present themselves.
    pub brand: Brand,
    /// What this server may fetch.
    pub fetch: Fetch,
    /// Clients that no administrator registers.
    pub registration: Registration,
    /// How clients are told of logouts.
    pub logout: Logout,
    /// Where dashboards may live that get their refresh token as a cookie.
    pub site: Site,
    /// What was read and from where, for [`Config::show`].
    resolved: resolve::Resolved,
}

impl Config {
    /// Reads all sources and checks every setting.
    ///
    /// # Errors
    /// Everything that is wrong, each with its path, its source and what to write instead.
    pub fn load(sources: Sources) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let layers = sources.read(&mut problems);
        let resolved = resolve::resolve(layers, sources.cores, &mut problems);
        check::together(&resolved, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        assemble::assemble(resolved)
    }

    /// The settings in force as TOML, as they were loaded: secrets redacted, each line with its source as a comment.
    #[must_use]
    pub fn show(&self) -> String {
        show::show(&self.resolved)
    }

    /// The same for programs: each setting by its path, with its value (null when it is not set) and its source.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        show::json(&self.resolved)
    }

    /// The files that secrets were read from, each with the setting it holds.
    #[must_use]
    pub fn secret_files(&self) -> Vec<(&'static str, std::path::PathBuf)> {
        show::secret_files(&self.resolved)
    }
}
