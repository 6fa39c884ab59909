//! `chancery key`: the first sealing key, and the signing keys.
//!
//! A key that is revoked signs and verifies no more, leaves the key set, and stands in the revocation log for good; the
//! announced successor signs in its place.

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::desk::Desk;
use super::out::{Done, Failure, Out, print, safe, table, time};
use super::revoke::check_reason;
use super::view;
use crate::config::Config;
use crate::event::Event;
use crate::keyring::{self, Alg, Format, Listed, SealingKeys};
use crate::revocation::{self, Killed};
use crate::store::audit;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make the first sealing key in the directory of keys; every server of one database needs the same
    Init,
    /// The signing keys
    List,
    /// Let the announced key sign from now on
    Rotate {
        /// ES256, RS256 or EdDSA; all of them otherwise
        #[arg(long, value_name = "ALG")]
        alg: Option<String>,
    },
    /// Revoke a signing key: nothing it signed is good any more
    Revoke {
        #[arg(allow_hyphen_values = true)]
        kid: String,
        /// A short word for the log
        #[arg(long, default_value = "operator")]
        reason: String,
    },
    /// Write the public half of a key, or the whole key set, to standard output
    Export {
        /// Without one: the key set
        #[arg(allow_hyphen_values = true)]
        kid: Option<String>,
        #[arg(long, value_enum, default_value = "jwk", requires = "kid")]
        format: Form,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Form {
    Jwk,
    Pem,
    Certificate,
}

fn init(config: &Config, out: Out) -> Done {
    if config.keys.sealing.is_some() {
        return Err(Failure::new("keys.sealing gives the sealing key, so no file is needed; nothing was made"));
    }
    let directory = config.keys.directory.display().to_string();
    let keys = SealingKeys::init(&config.keys.directory)?;
    let id = keys.current().id().to_string();
    let says = format!(
        "made sealing key {id} in {directory}\nKeep a copy apart from the database's backups: neither is worth anything alone.\n"
    );
    out.give(&json!({ "id": id, "directory": directory }), || says)
}

/// All but the first of these work on a database; that one makes what a database is opened with.
pub(super) async fn run(config: Config, out: Out, command: Command) -> Done {
    let desk = async || Desk::open(config.clone(), out).await;
    match command {
        Command::Init => init(&config, out),
        Command::List => list(&desk().await?).await,
        Command::Rotate { alg } => rotate(&desk().await?, alg.as_deref()).await,
        Command::Revoke { kid, reason } => {
            check_reason(&reason)?;
            revoke(&desk().await?, &kid, &reason).await
        }
        Command::Export { kid: None, .. } => {
            let set = desk().await?.keyring().await?.jwks();
            print(&format!("{}\n", String::from_utf8_lossy(&set.bytes).trim_end()))
        }
        Command::Export { kid: Some(kid), format } => {
            let format = match format {
                Form::Jwk => Format::Jwk,
                Form::Pem => Format::Pem,
                Form::Certificate => Format::Certificate,
            };
            print(&desk().await?.keyring().await?.export(&kid, format).await?)
        }
    }
}

async fn list(desk: &Desk) -> Done {
    let all = keyring::list(&desk.store, desk.now()).await?;
    let view = |key: &Listed| {
        json!({
            "kid": key.kid,
            "alg": key.alg,
            "state": key.state.name(),
            "announced_at": key.announced_at,
            "signs_from": key.signs_from,
            "signs_until": key.signs_until,
            "gone_at": key.gone_at,
            "revoked_at": key.revoked_at,
            "sealing_key": key.sealing.map(|id| id.to_string()),
        })
    };
    let row = |key: &Listed| {
        vec![key.kid.clone(), key.alg.clone(), key.state.name().to_owned(), time(key.signs_from), time(key.signs_until)]
    };
    let json: Value = all.iter().map(view).collect();
    let heads = ["KID", "ALG", "STATE", "SIGNS FROM", "UNTIL"];
    desk.out.give(&json, || table(&heads, &all.iter().map(row).collect::<Vec<_>>()))
}

async fn rotate(desk: &Desk, alg: Option<&str>) -> Done {
    let algs: Vec<Alg> = match alg {
        Some(name) => vec![name.parse()?],
        None => {
            let known = keyring::list(&desk.store, desk.now()).await?;
            Alg::ALL.into_iter().filter(|alg| known.iter().any(|key| key.alg == alg.name())).collect()
        }
    };
    let (ring, by) = (desk.keyring().await?, desk.by());
    let mut done = Vec::new();
    let mut tx = desk.store.begin().await?;
    for alg in algs {
        let rotated = ring.rotate(&mut tx, alg).await?;
        let told =
            json!({ "alg": alg.name(), "from": rotated.from, "to": rotated.to, "announced_at": rotated.announced_at });
        audit::insert(&mut tx, &by.record(Event::KeyRotated).detail(told.clone())).await?;
        done.push((told, alg, rotated));
    }
    tx.commit().await?;
    ring.maintain().await?;
    let json: Value = done.iter().map(|(told, ..)| told.clone()).collect();
    let line = |rotated: &keyring::Rotated, alg: Alg| {
        format!(
            "{alg}: {} signs now, and on running servers within a minute; published since {}\n",
            rotated.to,
            time(rotated.announced_at)
        )
    };
    desk.out.give(&json, || done.iter().map(|(_, alg, rotated)| line(rotated, *alg)).collect())
}

/// Revokes a key, with its entry in the revocation log.
pub(super) async fn revoke(desk: &Desk, kid: &str, reason: &str) -> Done {
    let (revoked, killed) = end(desk, kid, reason).await?;
    if !killed.written {
        return Err(Failure::new(format!("key {} is revoked already", safe(kid))));
    }
    let Some(entry) = &killed.entry else { return Ok(()) };
    desk.out.give(&view::entry(entry, killed.written), || match &revoked.successor {
        Some(successor) => format!("revoked as entry {}; {successor} signs now\n", entry.seq),
        None => format!("revoked as entry {}\n", entry.seq),
    })
}

/// The revocation itself: the key's end and its entry together, then whatever key is due.
pub(super) async fn end(desk: &Desk, kid: &str, reason: &str) -> Done<(keyring::Revoked, Killed)> {
    let (ring, by) = (desk.keyring().await?, desk.by());
    let mut tx = desk.store.begin().await?;
    let (revoked, killed) = revocation::key::end(&ring, &mut tx, kid, &by.cause(reason)).await?;
    tx.commit().await?;
    ring.maintain().await?;
    Ok((revoked, killed))
}
