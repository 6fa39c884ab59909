//! Clients, as an administrator keeps them: registered, changed, disabled, enabled, given new secrets, deleted.
//!
//! A client's row is never removed while lineage needs its mark: it is marked deleted. A secret is shown once, when it is
//! made. Whether a client is public or confidential is settled at registration: a public one never had a secret to keep.
//! Refused: whatever `draft` finds wrong, all of it at once.

mod check;
pub mod document;
mod draft;
mod end;
pub mod enrol;
pub mod initial_token;
mod metadata;
mod secrets;
pub mod sector;

pub use draft::Draft;
pub use end::{delete, disable, enable};
pub use secrets::{Rotation, rotate_secret};
use serde_json::json;
use uuid::Uuid;

use crate::change::{By, Change, Problems, Refused};
use crate::config::Site;
use crate::event::Event;
use crate::revocation::{self, Reach, Target};
use crate::secret::{self, ClientSecret, Opaque};
use crate::store::client_metadata::Delivery;
use crate::store::clients::{self, Client};
use crate::store::locks::{Owner, lock};
use crate::store::{Reader, Store, Tx, audit, resources};

/// Registers a client. A confidential one gets its first secret with it: shown now and never again.
pub async fn create(
    store: &Store,
    by: &By<'_>,
    draft: &Draft,
) -> Result<Change<(Client, Option<Opaque<ClientSecret>>)>, Refused> {
    let mut tx = store.begin().await?;
    check::check(draft, None, &resources::list(&mut tx).await?)?;
    let client = draft.row(secret::uuid_v7(by.at), by.at);
    clients::insert(&mut tx, &client).await?;
    let secret = if draft.needs_secret() { Some(secrets::add(&mut tx, by, client.id).await?) } else { None };
    let detail = json!({ "profile": client.profile, "auth_method": client.auth_method, "grants": client.grants.0 });
    audit::insert(&mut tx, &by.record(Event::ClientCreated).client(client.id).detail(detail)).await?;
    Ok(Change::new(tx, (client, secret)))
}

/// Changes a client's registration, from what it is. Some changes end what the client holds ([`Draft::ends`]).
pub async fn update(
    store: &Store,
    by: &By<'_>,
    id: Uuid,
    edit: impl FnOnce(&mut Draft),
) -> Result<Change<Client>, Refused> {
    let (mut tx, before) = locked(store, id).await?;
    let was = Draft::of(&before).ok_or_else(|| {
        Refused::Conflict(format!(
            "this version does not know the client's profile, {:?}; use a newer one",
            before.profile
        ))
    })?;
    if before.document.is_some() {
        let says = "this client is what its document says; disable it, or let its owner change that";
        return Err(Refused::Conflict(says.to_owned()));
    }
    let mut draft = was.clone();
    edit(&mut draft);
    if draft.is_public() != was.is_public() {
        let says = "a client stays public or confidential as it was registered; register another one";
        return Err(Refused::Conflict(says.to_owned()));
    }
    check::check(&draft, Some(&was), &resources::list(&mut tx).await?)?;
    let after = draft.onto(&before);
    clients::update(&mut tx, &after, by.at).await?;
    if !draft.needs_secret() {
        secrets::remove_all(&mut tx, id).await?;
    }
    let record = by.record(Event::ClientUpdated).client(id).detail(json!({ "changed": was.differing(&draft) }));
    audit::insert(&mut tx, &record).await?;
    let Some(reason) = draft.ends(&was) else { return Ok(Change::new(tx, after)) };
    let killed = revocation::kill(&mut tx, &Target::Client(id), Reach::Lineage, &by.cause(reason)).await?;
    Ok(Change::new(tx, after).and(killed))
}

/// Whether a client's pages stand where this issuer's cookies reach, if its refresh token is to travel in one. The records don't
/// know the issuer's site: who holds the settings asks this of a change before it is made; the endpoints ask again.
pub fn on_site(client: &Client, site: &Site) -> Result<(), Refused> {
    let mut problems = Problems::default();
    if client.metadata.refresh_token_delivery == Delivery::Cookie {
        for origin in client.origins.iter().filter(|origin| !site.holds(origin)) {
            problems.add(
                "origins",
                format!(
                    "{origin:?} is not on this issuer's site, {:?}: no browser would bring the refresh cookie from there; \
                     if they share a domain, name it in the setting cookies.site",
                    site.domain()
                ),
            );
        }
    }
    problems.into_result()
}

async fn locked(store: &Store, id: Uuid) -> Result<(Tx, Client), Refused> {
    let mut tx = store.begin().await?;
    lock(&mut tx, &[Owner::Client(id)]).await?;
    let client = living((&mut tx).into(), id).await?;
    Ok((tx, client))
}

async fn living(reader: Reader<'_>, id: Uuid) -> Result<Client, Refused> {
    let client = clients::get(reader, id).await?.filter(|client| client.deleted_at.is_none());
    client.ok_or_else(|| Refused::Unknown(format!("there is no client {id}")))
}
