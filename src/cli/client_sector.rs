//! `chancery client`: the sector document that a registration names is fetched before anything is changed, as a server does.

use super::desk::Desk;
use super::out::Done;
use crate::oauth::manage::Draft;
use crate::oauth::manage::sector::{self, Listed};
use crate::store::clients::Client;

/// What the document lists, if there is one.
pub(super) async fn listed(desk: &Desk, draft: &Draft) -> Done<Option<Listed>> {
    Ok(sector::listed(&desk.fetch()?, draft).await?)
}

/// The same for a client that is changed. A registration this version can't read is refused further on.
pub(super) async fn listed_once_changed(
    desk: &Desk,
    client: &Client,
    edit: impl FnOnce(&mut Draft),
) -> Done<Option<Listed>> {
    let Some(mut draft) = Draft::of(client) else { return Ok(None) };
    let was = draft.clone();
    edit(&mut draft);
    let about = |draft: &Draft| {
        let metadata = &draft.metadata;
        (draft.redirect_uris.clone(), metadata.sector_identifier_uri.clone(), metadata.subject_type)
    };
    let same = about(&draft) == about(&was);
    if same { Ok(None) } else { listed(desk, &draft).await }
}
