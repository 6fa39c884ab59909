//! The device authorization endpoint (RFC 8628, 3.1 and 3.2): a device that has no browser gets a code to poll with, and another
//! one that a person enters elsewhere.
//!
//! The client authenticates as at the token endpoint; a public one gives its word. Refused: a client that isn't registered for
//! the grant, scopes and resources it may not ask a user for, and more than a network or a client may have waiting.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::client_auth::authenticate_again;
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

/// What a device may ask for. A client that can prove nothing names itself; any other authenticates as at the token endpoint.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "a form, described")]
pub struct Wish {
    /// Of a public client.
    client_id: Option<String>,
    /// Separated by spaces; each is registered for the client.
    scope: Option<String>,
    /// A resource the tokens are to be for (RFC 8707); may be repeated.
    resource: Option<String>,
}

/// The codes of a device.
#[derive(Serialize, ToSchema)]
pub struct Authorization {
    /// To poll the token endpoint with.
    device_code: String,
    /// To be shown to the person.
    user_code: String,
    /// Where the person enters it.
    verification_uri: String,
    /// The same with the code filled in, for a link or a QR code.
    verification_uri_complete: String,
    /// Seconds.
    expires_in: u64,
    /// Seconds between two polls; `slow_down` adds five.
    interval: i64,
}

impl std::fmt::Debug for Authorization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authorization(redacted)")
    }
}

/// `POST /oauth2/device`
#[utoipa::path(
    post, path = "/oauth2/device", tag = "device",
    request_body(content = Wish, content_type = "application/x-www-form-urlencoded"),
    security(("client" = []), ()),
    responses(
        (status = 200, description = "Show the user code, and poll.", body = Authorization),
        (status = 400, description = "`invalid_request`, `invalid_scope`, `invalid_target`, `unauthorized_client`.", body = reply::Told),
        (status = 401, description = "`invalid_client`.", body = reply::Told),
        (status = 429, description = "Too many wait, or are asked for from here; see Retry-After.", body = reply::Told),
        (status = 503, description = "Come again; see Retry-After.", body = reply::Told),
    )
)]
pub async fn authorize(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Read,
) -> Response {
    reply::client(&app, &caller, &headers, (body, &["resource"]), |posted| Box::pin(answer(posted))).await
}

async fn answer(posted: &Posted<'_>) -> Result<Response, Error> {
    let Posted { app, caller, authorization, form, .. } = *posted;
    app.live.issuing_allowed().map_err(Error::unavailable)?;
    let mut before = None;
    for _ in 0..TRIES {
        let client = authenticate_again(app, before.as_ref(), authorization, form).await?;
        if !client.client().may_use_grant(device_code::GRANT.name) {
            return Err(Error::new(Code::UnauthorizedClient, "this client is not registered for the device grant"));
        }
        let registration = client.client().registration();
        let scopes = Scopes::of_user(form.get("scope").unwrap_or_default(), &registration.scopes)?;
        let resources = audience::of_request(app, registration, form).await?;
        let scopes = audience::known_at(app, &resources, &scopes).await?;
        let ask = Ask { client: &client, scopes: &scopes, resources: &resources, caller };
        if let Some(given) = ask::begin(app, &ask).await? {
            let page = app.config.issuer.endpoint(PAGE);
            let user_code = given.user_code.shown();
            let complete = format!("{page}?{}", params::encode([("user_code", user_code.as_str())]));
            let told = Authorization {
                device_code: given.device_code.expose(),
                user_code,
                verification_uri: page,
                verification_uri_complete: complete,
                expires_in: given.lifetime.as_secs(),
                interval: given.interval,
            };
            return Ok(reply::json(200, &told));
        }
        before = Some(client);
    }
    Err(Error::unavailable("the client's registration kept changing"))
}
