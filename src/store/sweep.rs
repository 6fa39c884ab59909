//! Removing what has expired, in small steady batches, oldest first. Nothing that evidence or a mark hangs on goes early.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Result, Store, Tx, within};

/// How many rows go in one statement, at most.
pub const BATCH: i64 = 500;
/// How many interactions: anybody may begin one, so they must go as fast as they can come. Nothing hangs on them. So many
/// identifiers of assertions, too: every request of a client may leave one.
pub const INTERACTIONS: i64 = 5000;

/// How long the codes of devices that became nothing are kept past their end, so that a device that asks late is told why.
const DEVICES: TimeDelta = TimeDelta::hours(1);

/// What may go, each with the time before which it may.
#[derive(Debug, Clone, Copy)]
pub struct Horizon {
    /// Now: interactions, budgets and identifiers of assertions past their own end.
    pub now: DateTime<Utc>,
    /// Log entries whose end was before this.
    pub log: DateTime<Utc>,
    /// Unspent codes that expired before this.
    pub codes: DateTime<Utc>,
    /// Families (with their lineage and codes) and sessions that ended, and logout notices that were done, before this.
    pub lineage: DateTime<Utc>,
}

macro_rules! sweep {
    ($tx:expr, $text:expr, $at:expr) => {
        sweep!($tx, $text, $at, BATCH)
    };
    ($tx:expr, $text:expr, $at:expr, $most:expr) => {
        within!($tx, db => sqlx::query($text).bind($at).bind($most).execute(&mut *db).await?.rows_affected())
    };
}

/// The same statement for families that expired and for those that were ended earlier: each has its index.
macro_rules! over {
    ($tx:expr, $head:literal, $tail:literal, $at:expr) => {
        sweep!($tx, concat!($head, "f.expires_at < $1", $tail), $at)
            + sweep!($tx, concat!($head, "f.ended_at < $1", $tail), $at)
    };
}

/// One small batch of everything; answers how many rows went, so that the caller knows whether to come again soon.
pub async fn batch(store: &Store, horizon: &Horizon) -> Result<u64> {
    let mut gone = 0;
    let mut tx = store.begin().await?;
    gone += sweep!(
        &mut tx,
        "DELETE FROM interaction WHERE id IN (SELECT id FROM interaction WHERE expires_at < $1 LIMIT $2)",
        horizon.now,
        INTERACTIONS
    );
    gone += sweep!(
        &mut tx,
        "DELETE FROM jti WHERE (purpose, client_id, digest) IN (SELECT purpose, client_id, digest FROM jti WHERE expires_at < $1 LIMIT $2)",
        horizon.now,
        INTERACTIONS
    );
    tx.commit().await?;
    let mut tx = store.begin().await?;
    gone += sweep!(
        &mut tx,
        "DELETE FROM throttle WHERE key IN (SELECT key FROM throttle WHERE expires_at < $1 LIMIT $2)",
        horizon.now
    );
    gone += sweep!(
        &mut tx,
        "DELETE FROM revocation WHERE seq IN (SELECT seq FROM revocation WHERE until < $1 AND kind <> 'key' AND seq < (SELECT seq FROM counter) LIMIT $2)",
        horizon.log
    );
    gone += sweep!(
        &mut tx,
        "DELETE FROM code WHERE digest IN (SELECT digest FROM code WHERE expires_at < $1 AND spent_at IS NULL LIMIT $2)",
        horizon.codes
    );
    gone += sweep!(
        &mut tx,
        "DELETE FROM logout_notice WHERE id IN (SELECT id FROM logout_notice WHERE done_at < $1 LIMIT $2)",
        horizon.lineage
    );
    // Anybody may ask for one, of a public client: they go as fast as they come.
    gone += sweep!(
        &mut tx,
        "DELETE FROM device_code WHERE digest IN (SELECT digest FROM device_code WHERE expires_at < $1 AND spent_at IS NULL LIMIT $2)",
        horizon.now - DEVICES,
        INTERACTIONS
    );
    tx.commit().await?;
    let mut tx = store.begin().await?;
    gone += families(&mut tx, horizon.lineage).await?;
    tx.commit().await?;
    let mut tx = store.begin().await?;
    gone += sweep!(
        &mut tx,
        "DELETE FROM session WHERE id IN (SELECT s.id FROM session s WHERE s.expires_at < $1 \
         AND NOT EXISTS (SELECT 1 FROM family f WHERE f.session_id = s.id) AND NOT EXISTS (SELECT 1 FROM code d WHERE d.session_id = s.id) \
         AND NOT EXISTS (SELECT 1 FROM device_code d WHERE d.session_id = s.id) LIMIT $2)",
        horizon.lineage
    );
    tx.commit().await?;
    Ok(gone)
}

/// Families that ended or expired before, with everything under them. Their rows go a batch at a time; the family's own goes
/// last, when nothing is under it any more, and frees its owners.
async fn families(tx: &mut Tx, before: DateTime<Utc>) -> Result<u64> {
    let mut gone = 0;
    gone += over!(
        tx,
        "DELETE FROM lineage_retry WHERE (family_id, ordinal, number) IN (SELECT r.family_id, r.ordinal, r.number FROM family f JOIN lineage_retry r ON r.family_id = f.id WHERE ",
        " LIMIT $2)",
        before
    );
    gone += over!(
        tx,
        "DELETE FROM lineage WHERE (family_id, ordinal) IN (SELECT l.family_id, l.ordinal FROM family f JOIN lineage l ON l.family_id = f.id WHERE ",
        " AND NOT EXISTS (SELECT 1 FROM lineage_retry r WHERE r.family_id = f.id) LIMIT $2)",
        before
    );
    gone += over!(
        tx,
        "DELETE FROM code WHERE digest IN (SELECT d.digest FROM family f JOIN code d ON d.family_id = f.id WHERE ",
        " LIMIT $2)",
        before
    );
    gone += over!(
        tx,
        "DELETE FROM device_code WHERE digest IN (SELECT d.digest FROM family f JOIN device_code d ON d.family_id = f.id WHERE ",
        " LIMIT $2)",
        before
    );
    gone += over!(
        tx,
        "DELETE FROM family WHERE id IN (SELECT f.id FROM family f WHERE ",
        " AND NOT EXISTS (SELECT 1 FROM lineage l WHERE l.family_id = f.id) AND NOT EXISTS (SELECT 1 FROM code d WHERE d.family_id = f.id) \
         AND NOT EXISTS (SELECT 1 FROM device_code d WHERE d.family_id = f.id) LIMIT $2)",
        before
    );
    Ok(gone)
}
