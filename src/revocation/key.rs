//! Ending a signing key: it stops signing, leaves the JWKS, and what it signed is revoked, all in one transaction.

use serde_json::json;

use super::{Cause, Killed, Target, kill};
use crate::event::{Event, Record};
use crate::keyring::{self, Keyring, State};
use crate::store::{self, Tx, revocations};

/// Ends a key; after the commit the caller lets the ring look after itself (`Keyring::maintain`). One that a kill had ended
/// already stays as it is.
pub async fn end(
    ring: &Keyring,
    tx: &mut Tx,
    kid: &str,
    cause: &Cause<'_>,
) -> Result<(keyring::Revoked, Killed), keyring::Error> {
    let revoked = ring.revoke(tx, kid, cause.at).await?;
    let target = Target::Key(kid);
    let reach = target.usual_reach();
    if revoked.was == State::Revoked {
        let entry = revocations::find(tx, target.kind(), kid, reach.name()).await?;
        return Ok((revoked, Killed { entry, others: Vec::new(), written: false }));
    }
    let told = json!({ "kid": kid, "alg": revoked.alg, "was": revoked.was.name(), "successor": revoked.successor });
    let record = Record::new(Event::KeyRevoked, cause.actor, cause.caller, cause.at).detail(told);
    store::audit::insert(tx, &record).await?;
    let killed = kill(tx, &target, reach, cause).await?;
    Ok((revoked, killed))
}
