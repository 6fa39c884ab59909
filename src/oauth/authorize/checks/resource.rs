//! Whom the tokens are for (RFC 8707): live resources of the client; its default one where none is named. And which of the scopes
//! mean something there: the others are not asked of the user. Refused: a request none of whose scopes does.

use super::{Asked, Check, Draft, Run};
use crate::oauth::error::{Code, Error};
use crate::oauth::grants::audience;
use crate::oauth::scope::Scopes;

pub(super) const RESOURCE: Check =
    Check { name: "resource", run: Run::Asking(|asked, draft| Box::pin(all(asked, draft))) };

/// After the resources are known.
pub(super) const SCOPES: Check =
    Check { name: "scope of resource", run: Run::Asking(|asked, draft| Box::pin(scopes(asked, draft))) };

async fn scopes(asked: &Asked<'_>, draft: &mut Draft) -> Result<(), Error> {
    let scopes = Scopes::stored(&draft.kept.scopes);
    let narrowed = audience::known_at(asked.app, &draft.kept.resources, &scopes).await?;
    if narrowed.is_empty() && !scopes.is_empty() {
        return Err(Error::new(Code::InvalidScope, "none of the scopes is one of the resource that is asked for"));
    }
    draft.kept.scopes = narrowed.to_string();
    Ok(())
}

async fn all(asked: &Asked<'_>, draft: &mut Draft) -> Result<(), Error> {
    let registration = asked.client.registration();
    let resources = audience::asked(asked.params)?;
    for uri in &resources {
        audience::live(asked.app, registration, uri).await?;
    }
    draft.kept.resources =
        if resources.is_empty() { registration.resources.first().cloned().into_iter().collect() } else { resources };
    Ok(())
}
