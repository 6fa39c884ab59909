//! Revocation (RFC 7009). A refresh token, of whatever authentic generation, ends its family; an access token ends alone.
//!
//! A client whose refresh token travels in a cookie leaves `token` out, and the cookie goes with the family; it is honoured from
//! the client's own pages and beside the family's own browser session alone. A token that is unknown, over, or another client's
//! answers 200 without effect (2.2). A kill that could not be committed answers 503, never 200. One client, and of a public one
//! each user, may add ten entries a second, with a burst of a thousand: beyond that 429, so that nobody can fill the log that
//! every gateway holds. What has ended already adds none and costs nothing.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::client_auth::{AuthenticatedClient, authenticate};
use super::delivery::{self, FromPage};
use super::error::{Code, Error};
use super::reply::{self, Posted, Read};
use crate::app::App;
use crate::event::{Actor, Caller};
use crate::http::params::Params;
use crate::revocation::{self, Cause};
use crate::token::{presented, refresh};

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
    let client = authenticate(posted.app, posted.authorization, posted.form).await?;
    let page = posted.from_page(&client)?;
    let (token, by_cookie) = named(posted.form, page.as_ref())?;
    end(posted, &client, (token, page.as_ref())).await?;
    let answer = (StatusCode::OK, [("cache-control", "no-store")]).into_response();
    if by_cookie { posted.with_cookie(answer, client.id(), "", 0) } else { Ok(answer) }
}

/// What is to end: the token that is named, else the one in the refresh cookie, which goes with it.
fn named<'a>(form: &'a Params, page: Option<&'a FromPage<'_>>) -> Result<(&'a str, bool), Error> {
    let missing = || Error::invalid_request("token is missing");
    match (form.get("token"), page) {
        (Some(token), Some(_)) if token.starts_with(refresh::PREFIX) => {
            Err(Error::invalid_request("this client's refresh token travels in its cookie"))
        }
        (Some(token), _) => Ok((token, false)),
        (None, Some(page)) => page.token()?.map(|token| (token, true)).ok_or_else(missing),
        (None, None) => Err(missing()),
    }
}

async fn end(
    posted: &Posted<'_>,
    client: &AuthenticatedClient,
    (token, page): (&str, Option<&FromPage<'_>>),
) -> Result<(), Error> {
    let Posted { app, caller, .. } = *posted;
    let Some(owned) = presented::find(app, token).await?.filter(|owned| owned.client_id == client.id()) else {
        return Ok(());
    };
    // A cookie counts beside its own session alone: who else sits at this browser ends nothing of it.
    if let Some(session) = &owned.session
        && delivery::carrier(client.client(), page, Some(session)).is_none()
    {
        return Err(
            Error::invalid_grant("the refresh cookie is not this browser session's").because(delivery::ELSEWHERE)
        );
    }
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
