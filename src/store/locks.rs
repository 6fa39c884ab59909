//! Row locks, always taken in one order: issuer, resource, client, user, grant, session, family, each by id.
//!
//! SQLite needs none: its transactions hold the write lock from the start.

use uuid::Uuid;

use super::{Result, Tx};

/// A row that owns tokens. The derived order is the order of locking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    Issuer,
    Resource(Uuid),
    Client(Uuid),
    User(Uuid),
    Grant(Uuid),
    Session(Uuid),
    Family(Uuid),
}

/// Locks the rows until the transaction ends.
pub async fn lock(tx: &mut Tx, owners: &[Owner]) -> Result<()> {
    let Tx::Postgres(tx) = tx else { return Ok(()) };
    let mut owners = owners.to_vec();
    owners.sort();
    owners.dedup();
    for owner in owners {
        let (text, id) = match owner {
            Owner::Issuer => {
                sqlx::query("SELECT 1 FROM issuer WHERE id = 1 FOR NO KEY UPDATE").execute(&mut **tx).await?;
                continue;
            }
            Owner::Resource(id) => ("SELECT 1 FROM resource WHERE id = $1 FOR NO KEY UPDATE", id),
            Owner::Client(id) => ("SELECT 1 FROM client WHERE id = $1 FOR NO KEY UPDATE", id),
            Owner::User(id) => ("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE", id),
            Owner::Grant(id) => ("SELECT 1 FROM grants WHERE id = $1 FOR NO KEY UPDATE", id),
            Owner::Session(id) => ("SELECT 1 FROM session WHERE id = $1 FOR NO KEY UPDATE", id),
            Owner::Family(id) => ("SELECT 1 FROM family WHERE id = $1 FOR NO KEY UPDATE", id),
        };
        sqlx::query(text).bind(id).execute(&mut **tx).await?;
    }
    Ok(())
}
