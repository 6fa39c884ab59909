//! Client secrets: 256 random bits each, kept as a digest, two live at most, so that one can replace the other unnoticed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::locked;
use crate::change::{By, Change, Refused};
use crate::event::Event;
use crate::oauth::client_auth::methods;
use crate::revocation::{self, Reach, Target};
use crate::secret::{self, ClientSecret, Opaque};
use crate::store::{Store, Tx, audit, clients};

/// How a secret is replaced.
#[derive(Debug, Clone, Copy)]
pub struct Rotation {
    /// How long the previous one still works; zero: not at all.
    pub overlap: Duration,
    /// The previous one may be known to others: it stops now, and so does everything the client holds.
    pub revoke_tokens: bool,
}

/// The longest a previous secret may go on.
const LONGEST_OVERLAP: Duration = Duration::from_secs(90 * 24 * 3600);

/// Gives a confidential client a new secret; answers it, and when the previous one ends, if there is one that goes on.
pub async fn rotate_secret(
    store: &Store,
    by: &By<'_>,
    id: Uuid,
    rotation: Rotation,
) -> Result<Change<(Opaque<ClientSecret>, Option<DateTime<Utc>>)>, Refused> {
    if rotation.overlap > LONGEST_OVERLAP {
        return Err(Refused::Conflict("a previous secret may go on for 90 days at most".to_owned()));
    }
    let (mut tx, client) = locked(store, id).await?;
    if !methods::named(&client.auth_method).is_some_and(|method| method.needs_secret) {
        let says = format!("a client that authenticates by {} has no secret", client.auth_method);
        return Err(Refused::Conflict(says));
    }
    let mut live = clients::secrets(&mut tx, id).await?;
    let newest = live.pop();
    for older in live {
        clients::remove_secret(&mut tx, id, older.id).await?;
    }
    let mut ends = None;
    if let Some(previous) = newest {
        if rotation.revoke_tokens || rotation.overlap.is_zero() || previous.expires_at.is_some_and(|end| end <= by.at) {
            clients::remove_secret(&mut tx, id, previous.id).await?;
        } else {
            let end = by.at + rotation.overlap;
            let end = previous.expires_at.map_or(end, |earlier| earlier.min(end));
            clients::expire_secret(&mut tx, id, previous.id, end).await?;
            ends = Some(end);
        }
    }
    let secret = add(&mut tx, by, id).await?;
    let detail = json!({ "previous_ends": ends, "revoke_tokens": rotation.revoke_tokens });
    audit::insert(&mut tx, &by.record(Event::ClientSecretRotated).client(id).detail(detail)).await?;
    if !rotation.revoke_tokens {
        return Ok(Change::new(tx, (secret, ends)));
    }
    let killed = revocation::kill(&mut tx, &Target::Client(id), Reach::Lineage, &by.cause("secret_rotated")).await?;
    Ok(Change::new(tx, (secret, ends)).and(killed))
}

/// Takes all of a client's secrets away: it proves itself otherwise from now on.
pub(super) async fn remove_all(tx: &mut Tx, client_id: Uuid) -> Result<(), Refused> {
    for secret in clients::secrets(&mut *tx, client_id).await? {
        clients::remove_secret(tx, client_id, secret.id).await?;
    }
    Ok(())
}

/// Makes a secret and writes its digest.
pub(super) async fn add(tx: &mut Tx, by: &By<'_>, client_id: Uuid) -> Result<Opaque<ClientSecret>, Refused> {
    let secret = Opaque::<ClientSecret>::generate();
    let row = clients::ClientSecret {
        id: secret::uuid_v7(by.at),
        client_id,
        digest: secret.digest().as_bytes().to_vec(),
        created_at: by.at,
        expires_at: None,
    };
    clients::add_secret(tx, &row).await?;
    Ok(secret)
}
