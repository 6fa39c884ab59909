//! Proving who one is by password. Charged before it is checked; the proof keeps the log's number of the snapshot that held
//! the hash, so that a kill while it waited in the queue kills what comes of it.

use uuid::Uuid;

use super::key;
use super::password::{self, Looked, Password, Unhashed};
use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::store::rolls::{self, UserRoll};
use crate::store::sessions::Proof;
use crate::store::{self, users};
use crate::throttle::{Charged, account};

/// A user who has just proved something. Only this room makes one.
#[derive(Debug, Clone)]
pub struct Proven {
    user: UserRoll,
    proof: Proof,
}

impl Proven {
    #[must_use]
    pub fn user_id(&self) -> Uuid {
        self.user.user_id
    }

    #[must_use]
    pub fn user(&self) -> &UserRoll {
        &self.user
    }

    #[must_use]
    pub fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// Why nothing was proved.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// The name, the password, or the user: nobody is told which.
    #[error("that user name and password don't belong together")]
    Wrong,
    /// Too many attempts: come again after so many seconds.
    #[error("too many attempts: come again in {0} s")]
    Throttled(u64),
    #[error(transparent)]
    Busy(Unhashed),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// The method of RFC 8176.
pub const METHOD: &str = "pwd";

/// Checks a user name and password.
pub async fn by_password(app: &App, name: &str, typed: &str, caller: &Caller) -> Result<Proven, Unproven> {
    let key = key::of(name);
    let at = app.clock.now();
    // Closed when the budgets can't be read: an unguarded password is worse than a failed sign-in.
    let charged = account::charge(&app.store, &app.config.throttle, &key, caller, at).await?;
    if let Charged::Wait(time) = charged {
        note(app, Record::new(Event::SigninThrottled, Actor::Anonymous, caller, at).outcome("throttled")).await;
        return Err(Unproven::Throttled(time.as_secs().max(1)));
    }
    let roll = rolls::of_signin(&app.store, &key).await?;
    let hash = roll.user.as_ref().and_then(|(_, hash)| hash.as_deref());
    let looked = match Password::typed(typed) {
        Ok(password) => Some((password::look(app, &password, hash).await.map_err(Unproven::Busy)?, password)),
        Err(_) => None,
    };
    let user_id = roll.user.as_ref().map(|(user, _)| user.user_id);
    let (right, upgrade) = match &looked {
        Some((Looked::Right, _)) => (true, None),
        Some((Looked::RightButOld, password)) => (true, Some(password)),
        Some((Looked::Wrong, _)) | None => (false, None),
    };
    let Some((user, hash)) = roll.user.filter(|(user, _)| right && user.user_disabled_at.is_none()) else {
        note(app, Record::new(Event::SigninRefused, Actor::Anonymous, caller, at).user(user_id).outcome("refused"))
            .await;
        return Err(Unproven::Wrong);
    };
    account::forgive(&app.store, &key, caller, &app.config.throttle).await?;
    if let (Some(password), Some(old)) = (upgrade, hash) {
        upgrade_hash(app, user.user_id, &old, password).await;
    }
    let proof = Proof { method: METHOD.to_owned(), at, seq: roll.counter.as_of };
    Ok(Proven { user, proof })
}

/// The same password under today's parameters; its failure is no reason to refuse the sign-in.
async fn upgrade_hash(app: &App, user_id: Uuid, old: &str, password: &Password) {
    let work = async {
        let new = password::hash(app, password).await.map_err(|error| error.to_string())?;
        let mut tx = app.store.begin().await.map_err(|error| error.to_string())?;
        users::upgrade_password(&mut tx, user_id, old, &new).await.map_err(|error| error.to_string())?;
        tx.commit().await.map_err(|error| error.to_string())
    };
    if let Err(error) = work.await {
        tracing::warn!(error, "a password hash could not be upgraded");
    }
}

async fn note(app: &App, record: Record) {
    if let Err(error) = store::audit::append(&app.store, &record).await {
        tracing::warn!(%error, event = record.event.name(), "an audit row could not be written");
    }
}
