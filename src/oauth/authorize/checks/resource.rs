//! Whom the tokens are for (RFC 8707): live resources of the client; its default one where none is named. And which of the scopes
//! mean something there: the others are not asked of the user. Refused: a request none of whose scopes does.

use super::{Asked, Check, Draft, Run};
use crate::oauth::error::Error;
use crate::oauth::grants::audience;
use crate::oauth::scope::Scopes;

pub(super) const RESOURCE: Check =
    Check { name: "resource", run: Run::Asking(|asked, draft| Box::pin(all(asked, draft))) };

/// After the resources are known.
pub(super) const SCOPES: Check =
    Check { name: "scope of resource", run: Run::Asking(|asked, draft| Box::pin(scopes(asked, draft))) };

async fn scopes(asked: &Asked<'_>, draft: &mut Draft) -> Result<(), Error> {
    let scopes = Scopes::stored(&draft.kept.scopes);
    draft.kept.scopes = audience::known_at(asked.app, &draft.kept.resources, &scopes).await?.to_string();
    Ok(())
}

async fn all(asked: &Asked<'_>, draft: &mut Draft) -> Result<(), Error> {
    let registration = asked.client.registration();
    draft.kept.resources = audience::of_request(asked.app, registration, asked.params).await?;
    Ok(())
}
