//! The token endpoint (RFC 6749, 3.2): it owns the steps every grant shares; a grant owns only what is unique to it.
//!
//! Authenticate the client → find the grant and ask whether this client may use it → ask where the request comes from, if its
//! refresh token travels in a cookie → redeem → mint → reply. A client whose
//! registration moved meanwhile begins again, and so does one whose keys stand in a document that has to be read again. Everything it refuses is JSON with `no-store`.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::client_auth::authenticate_again;
use super::enrol;
use super::error::{Code, Error};
use super::grants::request::{Redeemed, TokenRequest};
use super::registry;
use super::reply::{self, Posted, Read};
use crate::app::App;
use crate::event::Caller;
use crate::oidc::id_token;
use crate::token::mint;

/// How often a request begins again because its client's registration moved.
const TRIES: usize = 3;

/// `POST /oauth2/token`
pub async fn token(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Read,
) -> Response {
    reply::client(&app, &caller, &headers, (body, &["resource"]), |posted| Box::pin(answer(posted))).await
}

async fn answer(posted: &Posted<'_>) -> Result<Response, Error> {
    let Posted { app, caller, authorization, form, .. } = *posted;
    // A node that can't be trusted with the time or the log must not spend a code to find out.
    app.live.issuing_allowed().map_err(Error::unavailable)?;
    let mut before = None;
    for _ in 0..TRIES {
        let client = authenticate_again(app, before.as_ref(), authorization, form).await?;
        if enrol::document::renewed(app, caller, &client).await? {
            before = Some(client);
            continue;
        }
        let name = form.get("grant_type").ok_or_else(|| Error::invalid_request("grant_type is missing"))?;
        let grant = registry::grant(name)
            .ok_or_else(|| Error::new(Code::UnsupportedGrantType, "this grant_type is not supported"))?;
        if !client.client().may_use_grant(grant.name) || (client.client().is_public() && !grant.public_clients) {
            return Err(Error::new(Code::UnauthorizedClient, "this client is not registered for this grant_type"));
        }
        // Nor one that can't sign.
        let algs = [mint::ACCESS_ALG, id_token::alg(client.client().registration())?];
        app.keyring.ready(&algs, |kid| app.live.has_ended_key(kid)).await.map_err(Error::unavailable)?;
        let page = posted.from_page(&client)?;
        let request = TokenRequest { app, client: &client, params: form, caller, page };
        if let Redeemed::Entitled(entitlement) = (grant.redeem)(&request).await? {
            let minted = mint::issue(app, &entitlement)?;
            enrol::used(app, client.client().registration());
            let answer = reply::json(200, &minted);
            return match &minted.cookie {
                None => Ok(answer),
                Some(kept) => posted.with_cookie(answer, client.id(), &kept.refresh_token, kept.seconds),
            };
        }
        before = Some(client);
    }
    Err(Error::unavailable("the client's registration kept changing"))
}
