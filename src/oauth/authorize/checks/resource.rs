//! Whom the tokens are for (RFC 8707): live resources of the client; its default one where none is named.

use super::{Asked, Check, Draft, Run};
use crate::oauth::error::Error;
use crate::oauth::grants::audience;

pub(super) const RESOURCE: Check =
    Check { name: "resource", run: Run::Asking(|asked, draft| Box::pin(all(asked, draft))) };

async fn all(asked: &Asked<'_>, draft: &mut Draft) -> Result<(), Error> {
    let registration = asked.client.registration();
    draft.kept.resources = audience::of_request(asked.app, registration, asked.params).await?;
    Ok(())
}
