//! Revocation (RFC 7009). A refresh token, of whatever authentic generation, ends its family; an access token ends alone.
//!
//! A token that is unknown, over, or another client's answers 200 without effect (2.2). A kill that could not be committed
//! answers 503, never 200. One client, and of a public one each user, may add ten entries a second, with a burst of a thousand:
//! beyond that 429, so that nobody can fill the log that every gateway holds. What has ended already adds none and costs nothing.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::client_auth::authenticate;
use super::error::{Code, Error};
use super::reply::{self, Posted, Read};
use crate::app::App;
use crate::event::{Actor, Caller};
use crate::revocation::{self, Cause};
use crate::token::presented;

/// `POST /oauth2/revoke`
pub async fn revoke(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Read,
) -> Response {
    reply::client(&app, &caller, &headers, (body, &[]), |posted| Box::pin(answer(posted))).await
}

async fn answer(posted: &Posted<'_>) -> Result<Response, Error> {
    end(posted).await?;
    Ok((StatusCode::OK, [("cache-control", "no-store")]).into_response())
}

async fn end(posted: &Posted<'_>) -> Result<(), Error> {
    let Posted { app, caller, authorization, form } = *posted;
    let client = authenticate(app, authorization, form).await?;
    let token = form.get("token").ok_or_else(|| Error::invalid_request("token is missing"))?;
    let Some(owned) = presented::find(app, token).await?.filter(|owned| owned.client_id == client.id()) else {
        return Ok(());
    };
    // Anyone can speak for a public client: one of its users doesn't use up what the others may.
    let user = client.client().is_public().then_some(owned.sub.as_str());
    let target = owned.found.target();
    let cause =
        Cause { reason: "client_revoked", actor: Actor::Client(client.id()), caller, at: app.clock.after_stamps() };
    let may = || app.revocation_rate.take(client.id(), user, app.clock.monotonic());
    // Ended now, or by an earlier kill: to the client it is the same.
    let ended = revocation::run_if(app, &target, target.usual_reach(), &cause, may).await?;
    ended.map(|_| ()).ok_or_else(|| Error::new(Code::TooMany, "ten tokens may be revoked a second"))
}
