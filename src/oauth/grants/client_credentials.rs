//! `client_credentials` (RFC 6749, 4.4): a confidential client acts for itself. No refresh token, no user, no session.

use super::audience;
use super::request::{ActsFor, Grant, Redeemed, Refresh, TokenRequest};
use crate::oauth::error::{Code, Error};
use crate::oauth::scope::Scopes;
use crate::policy::{self, Question};
use crate::store::rolls;
use crate::token::entitlement;

pub const GRANT: Grant = Grant {
    name: "client_credentials",
    public_clients: false,
    acts_for: ActsFor::Itself,
    refresh: Refresh::Without,
    redeem: |request| Box::pin(redeem(request)),
};

async fn redeem(request: &TokenRequest<'_>) -> Result<Redeemed, Error> {
    let TokenRequest { app, client, params, caller, .. } = *request;
    let registration = client.client().registration();
    let question = Question::now(&app.clock, app.config.sessions.idle);
    let snapshot = rolls::of_client(&app.store, client.id()).await?.ok_or_else(Error::invalid_client)?;
    let standing = policy::judge(snapshot, &question)?;
    if standing.client().is_none_or(|row| row.client_version != client.version()) {
        return Ok(Redeemed::ClientMoved);
    }
    // Scopes about a user mean nothing here; `openid` would promise an ID token.
    let own = registration.scopes.only(|scope| !crate::oauth::scope::STANDARD.contains(&scope));
    let scopes = match params.get("scope") {
        None => own,
        Some(text) => {
            let asked = Scopes::parse(text)?;
            if asked.beyond(&own).is_some() {
                return Err(Error::new(
                    Code::InvalidScope,
                    "a scope is not registered for this client, or is about a user",
                ));
            }
            asked
        }
    };
    let allowed = audience::settle(app, registration, &audience::asked(params)?, scopes).await?;
    let entitlement = entitlement::for_client(app, client, standing, allowed, caller).await?;
    Ok(Redeemed::Entitled(Box::new(entitlement)))
}
