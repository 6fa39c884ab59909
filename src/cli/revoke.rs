//! `chancery revoke`: ends access through the one kill path. Running servers see it when they next read the log.
//!
//! A token itself is read from standard input, never taken as an argument. Refused: what the rolls don't know, but for a jti: a
//! client's own tokens stand in no lineage.

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::desk::Desk;
use super::out::{Done, Failure, confirm, line};
use super::{key, view};
use crate::revocation::find::Found;
use crate::revocation::{self, Killed};
use crate::store::{families, grants, sessions};
use crate::token::presented;

#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    what: What,
    /// A short word for the log
    #[arg(long, global = true, default_value = "operator", value_name = "WORD")]
    reason: String,
}

#[derive(Debug, Subcommand)]
enum What {
    /// One access token by jti, or, with -, the token on standard input: a refresh token ends its family
    #[command(alias = "jti")]
    Token { value: String },
    /// One family: a refresh token of every generation, and its access tokens
    Family { id: Uuid },
    /// One browser session and everything born in it
    Session { id: Uuid },
    /// What one user allowed one client
    Grant {
        #[arg(value_name = "USER/CLIENT")]
        value: String,
    },
    /// Everything a user holds; they may sign in again
    User { user: String },
    /// Everything a client holds
    Client { client: String },
    /// The access tokens for a resource
    Resource { resource: String },
    /// A signing key and everything it signed
    Key {
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
    /// Everything
    All,
}

pub(super) async fn run(desk: &Desk, command: Command) -> Done {
    let Command { what, reason } = command;
    check_reason(&reason)?;
    if let What::Key { kid } = &what {
        return key::revoke(desk, kid, &reason).await;
    }
    if matches!(what, What::All) {
        confirm("everything that anybody holds ends")?;
    }
    let found = find(desk, what).await?;
    let killed = end(desk, &found, &reason).await?;
    let Some(entry) = &killed.entry else { return desk.out.say("had ended before") };
    desk.out.give(&view::entry(entry, killed.written), || {
        let what = format!("{} {}", entry.kind, entry.value);
        let how = if killed.written { "is revoked" } else { "had been revoked before" };
        format!("{} {how}: entry {}\n", what.trim_end(), entry.seq)
    })
}

/// Whether a reason may stand in the log.
pub(super) fn check_reason(reason: &str) -> Done {
    if reason.is_empty() || reason.chars().count() > 100 || reason.chars().any(char::is_control) {
        return Err(Failure::new("--reason: 1 to 100 characters, none of them control characters"));
    }
    Ok(())
}

async fn find(desk: &Desk, what: What) -> Done<Found> {
    let missing = |what: &str, id: Uuid| Failure::new(format!("there is no {what} {id}"));
    Ok(match what {
        What::Token { value } if value == "-" => {
            let owned = presented::find(&desk.app().await?, &line()?).await?;
            owned.ok_or_else(|| Failure::new("that is no live token of this issuer: there is nothing to revoke"))?.found
        }
        What::Token { value } => {
            // A token must not stand in the list of processes.
            let says = "not a jti; a token itself is read from standard input: `chancery revoke token -`";
            Found::Jti(Uuid::try_parse(&value).map_err(|_| Failure::new(says))?)
        }
        What::Family { id } => {
            families::owners(&desk.store, id).await?.ok_or_else(|| missing("family", id))?;
            Found::Family(id)
        }
        What::Session { id } => {
            sessions::get(&desk.store, id).await?.ok_or_else(|| missing("session", id))?;
            Found::Session(id)
        }
        What::Grant { value } => {
            // A client that is a document is called by its URL, which has slashes of its own.
            let document = value.find("/https://").map(|at| value.split_at(at));
            let pair = document.map(|(user, rest)| (user, rest.trim_start_matches('/')));
            let pair = pair.or_else(|| value.rsplit_once('/'));
            let (user, client) = pair.ok_or_else(|| Failure::new(format!("{value:?}: write USER/CLIENT")))?;
            let (user, client) = (desk.user(user).await?, desk.client(client).await?);
            let grant = grants::find(&desk.store, user.id, client.id).await?;
            let none = || Failure::new(format!("{} has allowed {} nothing", user.username, client.name));
            Found::Grant { id: grant.ok_or_else(none)?.id, sub: user.sub, client_id: client.id }
        }
        What::User { user } => {
            let user = desk.user(&user).await?;
            Found::User { id: user.id, sub: user.sub }
        }
        What::Client { client } => Found::Client(desk.client(&client).await?.id),
        What::Resource { resource } => {
            let resource = desk.resource(&resource).await?;
            Found::Resource { id: resource.id, uri: resource.uri }
        }
        What::Key { kid } => Found::Key(kid),
        What::All => Found::All,
    })
}

async fn end(desk: &Desk, found: &Found, reason: &str) -> Done<Killed> {
    let mut tx = desk.store.begin().await?;
    let target = found.target();
    let killed = revocation::kill(&mut tx, &target, target.usual_reach(), &desk.by().cause(reason)).await?;
    tx.commit().await?;
    Ok(killed)
}
