//! The device authorization endpoint (RFC 8628, 3.1 and 3.2): a device that has no browser gets a code to poll with, and another
//! one that a person enters elsewhere.
//!
//! The client authenticates as at the token endpoint; a public one gives its word. Refused: a client that isn't registered for
//! the grant, scopes and resources it may not ask a user for, and more than a network or a client may have waiting.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;

use super::client_auth::authenticate;
use super::device_code::ask::{self, Ask};
use super::error::{Code, Error};
use super::grants::{audience, device_code};
use super::reply::{self, Posted, Read};
use super::scope::Scopes;
use crate::app::App;
use crate::event::Caller;
use crate::http::params;

/// How often a request begins again because its client's registration moved.
const TRIES: usize = 3;

/// Where it stands, and where people enter their code.
pub const PATH: &str = "/oauth2/device";
pub const PAGE: &str = "/device";

/// `POST /oauth2/device`
pub async fn authorize(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Read,
) -> Response {
    reply::client(&app, &caller, &headers, (body, &["resource"]), |posted| Box::pin(answer(posted))).await
}

async fn answer(posted: &Posted<'_>) -> Result<Response, Error> {
    let Posted { app, caller, authorization, form } = *posted;
    app.live.issuing_allowed().map_err(Error::unavailable)?;
    for _ in 0..TRIES {
        let client = authenticate(app, authorization, form).await?;
        if !client.client().may_use_grant(device_code::GRANT.name) {
            return Err(Error::new(Code::UnauthorizedClient, "this client is not registered for the device grant"));
        }
        let registration = client.client().registration();
        let scopes = Scopes::of_user(form.get("scope").unwrap_or_default(), &registration.scopes)?;
        let resources = audience::of_request(app, registration, form).await?;
        let ask = Ask { client: &client, scopes: &scopes, resources: &resources, caller };
        if let Some(given) = ask::begin(app, &ask).await? {
            let page = app.config.issuer.endpoint(PAGE);
            let user_code = given.user_code.shown();
            let complete = format!("{page}?{}", params::encode([("user_code", user_code.as_str())]));
            return Ok(reply::json(
                200,
                &json!({
                    "device_code": given.device_code.expose(),
                    "user_code": user_code,
                    "verification_uri": page,
                    "verification_uri_complete": complete,
                    "expires_in": given.lifetime.as_secs(),
                    "interval": given.interval,
                }),
            ));
        }
    }
    Err(Error::unavailable("the client's registration kept changing"))
}
