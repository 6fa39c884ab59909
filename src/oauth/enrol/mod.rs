//! Clients that no administrator registers: what they may say of themselves (RFC 7591, 2; OpenID Connect Dynamic Client
//! Registration 1.0, 2), how that becomes the same draft an administrator's registration is, and how it is told back (RFC 7592,
//! 3).
//!
//! Refused whatever would give them more than users can judge: grants without a redirect to a user's browser, the scopes of this
//! server's own APIs, a client that acts for itself. They are always asked for; nothing they say makes them skip consent or
//! outlive a session.

pub mod document;
mod read;
mod tell;

use std::cmp::Ordering;

use chrono::{TimeDelta, Utc};
pub use read::read;
pub use tell::information;

use super::client::{Registration, Source};
use super::error::{Code, Error};
use super::grants::{authorization_code, refresh_token};
use super::manage::Draft;
use super::profile::Profile;
use super::scope::{STANDARD, Scopes};
use crate::app::App;
use crate::change::{By, Problem, Refused};
use crate::config;
use crate::event::{Actor, Caller};
use crate::store::initial_tokens::Terms as Stored;
use crate::store::{enrolled, resources};

/// The grants they may have: those that lead through a user's browser, and what these give.
pub const GRANTS: &[&str] = &[authorization_code::GRANT.name, refresh_token::GRANT.name];

/// Members of a registration that are kept as they are: those of [`crate::store::client_metadata::Metadata`] that a client may say
/// of itself. What is not here an administrator alone may say.
pub const MEMBERS: &[&str] = &[
    "client_uri",
    "logo_uri",
    "contacts",
    "jwks",
    "jwks_uri",
    "subject_type",
    "sector_identifier_uri",
    "id_token_signed_response_alg",
    "userinfo_signed_response_alg",
    "default_max_age",
    "default_acr_values",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "frontchannel_logout_uri",
    "frontchannel_logout_session_required",
    "application_type",
];

/// What a client that registers itself may have.
#[derive(Debug, Clone)]
pub struct Terms {
    pub profile: Profile,
    pub scopes: Scopes,
    pub resources: Vec<String>,
}

impl Terms {
    /// As the settings say, and an initial access token otherwise. Of resources those that are there, and of their scopes.
    pub async fn of(app: &App, token: Option<&Stored>) -> Result<Self, Error> {
        let config: &config::Registration = &app.config.registration;
        let profile = token.and_then(|terms| terms.profile.as_deref()).unwrap_or(config.profile);
        let profile =
            Profile::parse(profile).ok_or_else(|| Error::server("the profile of registrations is unknown"))?;
        let asked = token.and_then(|terms| terms.resources.as_ref()).unwrap_or(&config.resources);
        let known = resources::list(&app.store).await?;
        let living = |uri: &str| known.iter().find(|known| known.uri == uri && known.retired_at.is_none());
        let resources: Vec<String> = asked.iter().filter(|uri| living(uri).is_some()).cloned().collect();
        let theirs = |scope: &str| {
            let mut living = resources.iter().filter_map(|uri| living(uri));
            living.any(|resource| resource.scopes.iter().any(|own| own.name == scope))
        };
        let standard = || STANDARD.iter().map(|scope| (*scope).to_owned());
        let allowed: Vec<String> = match token.and_then(|terms| terms.scopes.clone()) {
            Some(scopes) => scopes,
            None => standard().chain(config.scopes.iter().cloned()).collect(),
        };
        let scopes = Scopes::stored(&allowed.join(" ")).only(|scope| STANDARD.contains(&scope) || theirs(scope));
        Ok(Self { profile, scopes, resources })
    }

    /// What a registration begins from.
    #[must_use]
    pub fn draft(&self) -> Draft {
        Draft { profile: self.profile, resources: self.resources.clone(), scopes: Vec::new(), ..Draft::default() }
    }
}

/// Why a registration is refused, in the words of RFC 7591, 3.2.2.
#[must_use]
pub fn refusal(refused: Refused) -> Error {
    match refused {
        Refused::Invalid(problems) => invalid(&problems),
        Refused::Unknown(why) => Error::new(Code::InvalidToken, "the client is not registered here").because(why),
        Refused::Conflict(why) => Error::new(Code::Forbidden, why),
        Refused::Store(error) => error.into(),
    }
}

/// Refuses addresses that this server would never go to: told now, not when it first should go there. A sector's document is
/// fetched at once, and tells by itself.
pub fn reachable(app: &App, draft: &Draft) -> Result<(), Error> {
    let gone_to =
        [("jwks_uri", &draft.metadata.jwks_uri), ("backchannel_logout_uri", &draft.metadata.backchannel_logout_uri)];
    for (member, uri) in gone_to {
        let Some(uri) = uri else { continue };
        // Why is this network's own affair: who registers learns that, not what lies there.
        app.fetch.permits(uri).map_err(|why| {
            let says = format!("{member}: this server would never go there");
            Error::new(Code::InvalidClientMetadata, says).because(why)
        })?;
    }
    Ok(())
}

fn invalid(problems: &[Problem]) -> Error {
    let redirect = problems.iter().find(|problem| problem.field == "redirect_uris");
    let code = if redirect.is_some() { Code::InvalidRedirectUri } else { Code::InvalidClientMetadata };
    let told = redirect.or_else(|| problems.first());
    let says = told.map(|problem| format!("{}: {}", member(problem.field), discreet(&problem.says)));
    let says = says.unwrap_or_default();
    // One is told, all are logged.
    let all: Vec<&str> = problems.iter().map(|problem| member(problem.field)).collect();
    Error::new(code, says).because(format!("wrong: {}", all.join(", ")))
}

/// So much is repeated of what stands between quotation marks: it was sent, and may be a secret in the wrong place.
const REPEATED: usize = 12;

/// A problem in the words of the checks, which repeat what is wrong in full.
fn discreet(says: &str) -> String {
    let (mut out, mut quoted, mut escaped) = (String::new(), None::<usize>, false);
    for letter in says.chars() {
        match quoted {
            None => {
                quoted = (letter == '"').then_some(0);
                out.push(letter);
            }
            Some(_) if letter == '"' && !escaped => {
                quoted = None;
                out.push(letter);
            }
            Some(count) => {
                match count.cmp(&REPEATED) {
                    Ordering::Less => out.push(letter),
                    Ordering::Equal => out.push_str("..."),
                    Ordering::Greater => {}
                }
                quoted = Some(count + 1);
            }
        }
        escaped = letter == '\\' && !escaped;
    }
    out
}

/// A field of a draft, as registrations name it.
fn member(field: &'static str) -> &'static str {
    match field {
        "name" => "client_name",
        "auth_method" => "token_endpoint_auth_method",
        "grants" => "grant_types",
        "scopes" => "scope",
        other => other,
    }
}

/// How often the use of a client is noted at most.
const NOTED: TimeDelta = TimeDelta::days(1);

/// Notes that a client was given tokens, if that matters: beside the request, and without ever failing or delaying it.
pub fn used(app: &App, client: &Registration) {
    let now = app.clock.now();
    if client.source == Source::Admin || client.last_used_at.is_some_and(|last| now - last < NOTED) {
        return;
    }
    let (app, id) = (app.clone(), client.id);
    tokio::spawn(async move {
        if let Err(error) = enrolled::touch(&app.store, id, now, now - NOTED).await {
            tracing::debug!(%error, "a client's use could not be noted");
        }
    });
}

/// How many clients go in one turn, at most: each is an entry of the revocation log.
const BATCH: i64 = 20;

/// Deletes some of the clients that have gone unused; answers how many.
pub async fn expire_unused(app: &App) -> Result<usize, Error> {
    let (caller, now, config) = (Caller::default(), app.clock.now(), &app.config.registration);
    let limits = (now - config.unused_after, now - config.idle_after);
    let mut gone = 0;
    for id in enrolled::unused(&app.store, limits.0, limits.1, BATCH).await? {
        let by = By { actor: Actor::System, caller: &caller, at: app.clock.after_stamps() };
        if let Some(change) = super::manage::enrol::expire(&app.store, &by, id, limits).await.map_err(refusal)? {
            change.settle(app).await?;
            gone += 1;
        }
    }
    Ok(gone)
}

/// Sweeps what is left of clients that were deleted: at once what was never given a token, the others with their lineage.
pub async fn sweep(app: &App) -> Result<u64, Error> {
    let now: chrono::DateTime<Utc> = app.clock.now();
    let longest = TimeDelta::seconds(app.live.longest_access_seconds()) + TimeDelta::hours(1);
    let lineage = now - app.config.lineage.keep - longest;
    Ok(enrolled::sweep(&app.store, now - longest, lineage, crate::store::sweep::BATCH).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_not_repeated_in_full() {
        let secret = "ch_rat_0123456789abcdefghij";
        let told = discreet(&format!("redirect URI {secret:?}: is no URI; {:?} is short", "x"));
        assert_eq!(told, "redirect URI \"ch_rat_01234...\": is no URI; \"x\" is short");
        let told = discreet(&format!("{:?} and {secret:?}", format!("a\"{secret}")));
        assert!(!told.contains("0123456"), "{told}");
    }
}
