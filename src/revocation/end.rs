//! Ending what an admin, an operator or its own user names: the event that tells of it, and the kill.
//!
//! A signing key ends by [`super::key::end`], because the ring has to hear of it.

use super::find::Found;
use super::{Cause, Killed, kill};
use crate::event::{Event, Record};
use crate::store::locks::{Owner, lock};
use crate::store::{self, Tx, audit, sessions};

/// Ends it in the caller's transaction, and last in it. What had ended before stays as it is.
pub async fn end(tx: &mut Tx, found: &Found, cause: &Cause<'_>) -> store::Result<Killed> {
    if let Found::Session(id) = found {
        lock(tx, &[Owner::Session(*id)]).await?;
        let session = sessions::get(&mut *tx, *id).await?.filter(|session| session.ended_at.is_none());
        if let Some(session) = session {
            let record = Record::new(Event::SessionEnded, cause.actor, cause.caller, cause.at)
                .user(session.user_id)
                .session(session.id);
            audit::insert(tx, &record).await?;
        }
    }
    let target = found.target();
    kill(tx, &target, target.usual_reach(), cause).await
}
