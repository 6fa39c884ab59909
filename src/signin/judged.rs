//! What is decided on, read together: session, consent, and what of the scopes the user may have; and what the client is told when
//! no page would help.

use super::browser::Browser;
use super::decide::{Decision, Facts, decide};
use super::open::{Open, Refused};
use super::request::AuthorizationRequest;
use super::step::Step;
use crate::app::App;
use crate::oauth::client::Client;
use crate::oauth::consent;
use crate::oauth::error::{Code, Error};
use crate::oauth::grants::audience;
use crate::oauth::scope::Scopes;
use crate::oidc::requested;
use crate::session::{self, Held};

/// Whether a page that asks to sign in has become needless, because the browser has signed in elsewhere since: then the same
/// request, made once more, is answered without it.
pub async fn is_needless(app: &App, open: &Open, browser: &Browser) -> Result<bool, Refused> {
    if open.step != Step::Password {
        return Ok(false);
    }
    let held = session::of_cookie_at(app, browser.session(), open.request.client_id).await?;
    let decision = decided(app, (&open.client, &open.request), held.as_ref(), Said::Nothing).await?;
    Ok(matches!(decision, Decision::Consent | Decision::Ready))
}

/// What the user has said in this interaction of who it shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    /// To be whoever is signed in.
    Chosen,
    /// A proof.
    Proved,
}

pub(super) async fn decided(
    app: &App,
    (client, request): (&Client, &AuthorizationRequest),
    held: Option<&Held>,
    said: Said,
) -> Result<Decision, Error> {
    let scopes = match held {
        Some(held) => scopes_of(app, request, held).await?,
        None => Scopes::default(),
    };
    let audience = consent::audience(app, &request.resources);
    let beyond = requested::beyond(&request.wanted.named, &scopes);
    let remembered = held.is_some_and(|held| {
        let redirect = &request.redirect_uri;
        consent::remembers(client, redirect, (&scopes, &audience), &held.standing)
            && consent::remembers_claims(client, redirect, &beyond, &held.standing)
    });
    let (proved_here, chosen) = (said == Said::Proved, said == Said::Chosen);
    let accepted = held.is_some_and(|held| request.accepts(client.registration(), &held.standing));
    Ok(decide(&Facts {
        held,
        request,
        proved_here,
        chosen,
        accepted,
        scopes: &scopes,
        now: app.clock.now(),
        remembered,
    }))
}

/// What of the scopes asked for this user may have.
pub async fn scopes_of(app: &App, request: &AuthorizationRequest, held: &Held) -> Result<Scopes, Error> {
    let groups = held.standing.user().map(|user| user.groups.0.as_slice()).unwrap_or_default();
    audience::for_user(app, &request.resources, &Scopes::stored(&request.scopes), groups).await
}

/// What the client is told when there is nothing to ask that would help.
pub(super) fn refusal(decision: Decision) -> Option<Error> {
    match decision {
        Decision::Unmet => Some(Error::new(Code::UnmetRequirements, "the essential acr was not met")),
        Decision::Nothing => {
            Some(Error::new(Code::AccessDenied, "the user may have none of the scopes that were asked for"))
        }
        Decision::SignIn | Decision::Choose | Decision::Consent | Decision::Ready => None,
    }
}
