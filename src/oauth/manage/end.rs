//! What ends a client's access, or opens it again: each with the kill its cause calls for.

use serde_json::json;
use uuid::Uuid;

use super::locked;
use crate::change::{By, Change, Refused};
use crate::event::Event;
use crate::revocation::{self, Reach, Target};
use crate::store::clients::{self, Client};
use crate::store::{Store, Tx, audit, enrolled};

/// Disables a client and ends everything it holds.
pub async fn disable(store: &Store, by: &By<'_>, id: Uuid) -> Result<Change<Client>, Refused> {
    let (mut tx, mut client) = locked(store, id).await?;
    if client.disabled_at.is_some() {
        return Err(Refused::Conflict(format!("client {id} is disabled already")));
    }
    client.disabled_at = Some(by.at);
    clients::update(&mut tx, &client, by.at).await?;
    audit::insert(&mut tx, &by.record(Event::ClientDisabled).client(id)).await?;
    end(tx, by, client, "disabled").await
}

/// Lets a disabled client begin anew. What was ended stays ended.
pub async fn enable(store: &Store, by: &By<'_>, id: Uuid) -> Result<Change<Client>, Refused> {
    let (mut tx, mut client) = locked(store, id).await?;
    if client.disabled_at.take().is_none() {
        return Err(Refused::Conflict(format!("client {id} is not disabled")));
    }
    clients::update(&mut tx, &client, by.at).await?;
    audit::insert(&mut tx, &by.record(Event::ClientEnabled).client(id)).await?;
    Ok(Change::new(tx, client))
}

/// Deletes a client: its secrets are gone, and what it manages itself with, its row stays for what hangs on it, everything it holds ends.
pub async fn delete(store: &Store, by: &By<'_>, id: Uuid) -> Result<Change<Client>, Refused> {
    let (tx, client) = locked(store, id).await?;
    gone(tx, by, client, "deleted").await
}

/// The same of a client whose row is locked, for a reason of the caller's.
pub(super) async fn gone(mut tx: Tx, by: &By<'_>, mut client: Client, reason: &str) -> Result<Change<Client>, Refused> {
    let id = client.id;
    client.deleted_at = Some(by.at);
    clients::update(&mut tx, &client, by.at).await?;
    for secret in clients::secrets(&mut tx, id).await? {
        clients::remove_secret(&mut tx, id, secret.id).await?;
    }
    enrolled::remove(&mut tx, id).await?;
    let record = by.record(Event::ClientDeleted).client(id).detail(json!({ "why": reason }));
    audit::insert(&mut tx, &record).await?;
    end(tx, by, client, reason).await
}

async fn end(mut tx: Tx, by: &By<'_>, client: Client, reason: &str) -> Result<Change<Client>, Refused> {
    let target = Target::Client(client.id);
    let killed = revocation::kill(&mut tx, &target, Reach::Lineage, &by.cause(reason)).await?;
    Ok(Change::new(tx, client).and(killed))
}
