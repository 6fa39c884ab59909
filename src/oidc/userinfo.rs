//! Userinfo (OpenID Connect Core 5.3): GET, POST with the header, POST with the token in the form; signed where the client
//! registered that (5.3.2).
//!
//! What the authorization's request asked for by name comes to what the scopes of the token tell (5.5).
//!
//! It looks at lineage, not only at the signature: the family's standing is read together with the claims, in one snapshot.
//! Refused: a token without the scope `openid`, and one that stands for no user.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{claims, id_token, requested};
use crate::app::App;
use crate::event::Caller;
use crate::keyring::Alg;
use crate::oauth::client;
use crate::oauth::error::{Code, Error};
use crate::oauth::reply::{self, Read};
use crate::policy::Question;
use crate::store::rolls;
use crate::token::{access, life};

/// `GET` and `POST /oauth2/userinfo`
pub async fn userinfo(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    method: Method,
    headers: HeaderMap,
    body: Read,
) -> Response {
    match answer(&app, &method, &headers, body).await {
        Ok(response) => response,
        Err(error) => reply::bearer_error(&error, &caller),
    }
}

async fn answer(app: &App, method: &Method, headers: &HeaderMap, body: Read) -> Result<Response, Error> {
    let posted = *method == Method::POST && headers.contains_key(header::CONTENT_TYPE);
    let form = if posted { Some(reply::form(headers, body, &[])?) } else { None };
    let token = access::verify(app, reply::bearer(headers, form.as_ref())?).await?;
    if !token.scopes.has("openid") {
        return Err(Error::new(Code::InsufficientScope, "the token needs the scope openid"));
    }
    let invalid =
        |why: &str| Error::new(Code::InvalidToken, "the access token is invalid, expired or revoked").because(why);
    let family_id =
        token.family_id.ok_or_else(|| Error::new(Code::InsufficientScope, "the token stands for no user"))?;
    let question = Question::now(&app.clock, app.config.sessions.idle);
    let (family, snapshot, client) =
        rolls::of_family_told(&app.store, family_id).await?.ok_or_else(|| invalid("unknown family"))?;
    let standing = life::judge(&family, snapshot, question).map_err(|why| invalid(&why.to_string()))?;
    if let Some(over) = life::over(&family, standing.now(), app.config.tokens.family_idle) {
        return Err(invalid(over.why()));
    }
    let user = standing.user().ok_or_else(|| invalid("no user"))?;
    let mut out = Map::from_iter([("sub".to_owned(), json!(token.sub))]);
    out.extend(claims::of_user(user, &client.claims, &token.scopes));
    if let Some(named) = family.claims.filter(|named| !named.userinfo.is_empty()) {
        // What the client is no longer registered for is no longer told.
        let registered = client::find(app, token.client_id).await?.ok_or_else(|| invalid("no client"))?;
        let names = requested::allowed(named.0.userinfo, &registered.registration().scopes);
        out.extend(claims::of_user_named(user, &names));
    }
    match id_token::registered(client.userinfo_signed_response_alg.as_deref())? {
        None => Ok(reply::json(200, &out)),
        Some(alg) => {
            let client = client::find(app, token.client_id).await?.ok_or_else(|| invalid("no client"))?;
            signed(app, alg, &client.registration().public_id(), out).await
        }
    }
}

/// The same, signed: from whom and for whom stands in it, and no `exp`, so that it is no ID token.
async fn signed(app: &App, alg: Alg, client_id: &str, mut told: Map<String, Value>) -> Result<Response, Error> {
    app.keyring.ready(&[alg], |kid| app.live.has_ended_key(kid)).await.map_err(Error::unavailable)?;
    told.insert("iss".to_owned(), json!(app.config.issuer.as_str()));
    told.insert("aud".to_owned(), json!(client_id));
    Ok(reply::jwt(app.keyring.sign(alg, "JWT", &told).map_err(Error::server)?.compact))
}
