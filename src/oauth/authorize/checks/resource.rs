//! Whom the tokens are for (RFC 8707): live resources of the client; its default one where none is named.

use super::{Asked, Check, Draft, Run};
use crate::oauth::error::Error;
use crate::oauth::grants::audience;

pub(super) const RESOURCE: Check =
    Check { name: "resource", run: Run::Asking(|asked, draft| Box::pin(all(asked, draft))) };

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
