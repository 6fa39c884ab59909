//! What a token, as text, would end when revoked: a refresh token its family, an access token itself.

use uuid::Uuid;

use super::mint::REFRESH_LABEL;
use super::refresh::{self, Authentic, PREFIX};
use super::{access, life};
use crate::app::App;
use crate::oauth::error::{Code, Error};
use crate::oidc::subject;
use crate::revocation::find::Found;
use crate::store::rolls::{self, SessionRoll};

/// A token that is ours, and whose.
#[derive(Debug)]
pub struct Owned {
    pub found: Found,
    pub client_id: Uuid,
    /// Whom it stands for: a user's subject, or the client's own.
    pub sub: String,
    /// The browser session a refresh token's family was born in.
    pub session: Option<SessionRoll>,
}

/// The presented refresh token, if this issuer made it: not yet a word on whether it may be used.
#[must_use]
pub fn recognise(app: &App, text: &str) -> Option<Authentic> {
    refresh::read(&app.keyring.mac(REFRESH_LABEL), app.config.issuer.as_str(), text)
}

/// Finds what a token would end: any authentic generation of a family, or an access token that still stands.
pub async fn find(app: &App, text: &str) -> Result<Option<Owned>, Error> {
    if text.starts_with(PREFIX) {
        let Some(token) = recognise(app, text) else { return Ok(None) };
        return family(app, &token).await;
    }
    match access::verify(app, text).await {
        Ok(token) => {
            Ok(Some(Owned { found: Found::Jti(token.jti), client_id: token.client_id, sub: token.sub, session: None }))
        }
        Err(error) if error.code == Code::InvalidToken => Ok(None),
        Err(error) => Err(error),
    }
}

async fn family(app: &App, token: &Authentic) -> Result<Option<Owned>, Error> {
    let Some((family, snapshot)) = rolls::of_family(&app.store, token.family_id).await? else { return Ok(None) };
    if !life::fits(&family, token) {
        return Ok(None);
    }
    let (Some(client), Some(sub)) = (&snapshot.client, subject::carried(&snapshot)) else { return Ok(None) };
    let client_id = client.client_id;
    Ok(Some(Owned { found: Found::Family(family.id), client_id, sub, session: snapshot.session }))
}
