//! Proving who one is by password. Charged before it is checked, and forgiven only when something came of it; the proof keeps the
//! log's number of the snapshot that held the hash, so that a kill while it waited in the queue kills what comes of it.

use uuid::Uuid;

use super::device::Device;
use super::key;
use super::password::{self, Looked, Password, Unhashed};
use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::keyring::mac::NAME;
use crate::store::rolls::UserRoll;
use crate::store::sessions::Proof;
use crate::store::signin_rolls;
use crate::store::{self, audit, users};
use crate::throttle::Charged;
use crate::throttle::account::{self, Attempt, Budget, Paid};

/// A user who has just proved something. Only this room makes one.
#[derive(Debug, Clone)]
pub struct Proven {
    user: UserRoll,
    proof: Proof,
    device: Device,
    paid: Paid,
}

impl Proven {
    /// Something came of it: its owner's failures are forgotten, and so is what it cost.
    pub async fn forgive(&self, app: &App) {
        forgive(app, &self.paid).await;
    }

    /// Nothing came of it: the one trace by which its owner can see that the password was found right. Written whatever happens
    /// to the step, and never left out for being one of many.
    pub async fn came_to_nothing(
        &self,
        app: &App,
        why: &'static str,
        client: Uuid,
        caller: &Caller,
    ) -> store::Result<()> {
        let user = self.user_id();
        let record = Record::new(Event::SigninRefused, Actor::User(user), caller, app.clock.now());
        audit::append(&app.store, &record.user(user).client(client).outcome(why)).await
    }

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

    /// The browser, as one that is known from now on.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
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
    /// Far too many attempts: nothing but a new password helps.
    #[error("too many attempts: closed until a new password is set")]
    Closed,
    #[error(transparent)]
    Busy(Unhashed),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// The method of RFC 8176.
pub const METHOD: &str = "pwd";

/// A user name and a password, as typed, and the devices the browser is known as.
#[derive(Clone, Copy)]
pub struct Typed<'a> {
    pub name: &'a str,
    pub password: &'a str,
    pub devices: &'a [Device],
}

impl std::fmt::Debug for Typed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(redacted)")
    }
}

/// Checks a user name and password.
pub async fn by_password(app: &App, typed: Typed<'_>, caller: &Caller) -> Result<Proven, Unproven> {
    let (key, at) = (key::of(typed.name), app.clock.now());
    let roll = signin_rolls::of_signin(&app.store, &key).await?;
    let user_id = roll.user.as_ref().map(|(user, _)| user.user_id);
    let device = typed.devices.iter().find(|device| device.is_of(&roll, at));
    let (_, name) = app.keyring.mac(NAME).sign(key.as_bytes());
    let anywhere = user_id.map_or(Budget::Name(&name), Budget::User);
    let budget = device.map_or(anywhere, |device| Budget::Device(device.user_id, device.id));
    let attempt = Attempt { rules: &app.config.throttle, budget, address: caller.address, at };
    pay(app, &attempt, user_id, caller).await?;
    // Held to the end: nobody fills the queue with one account, whose successes cost nothing.
    let _turn = match app.hashing.turn(&anywhere.key()) {
        Ok(turn) => turn,
        Err(busy) => return Err(unlooked(app, &attempt, busy.into()).await?),
    };
    let hash = roll.user.as_ref().and_then(|(_, hash)| hash.as_deref());
    let looked = match Password::typed(typed.password) {
        Ok(password) => Some((look(app, &password, hash, &attempt).await?, password)),
        Err(_) => None,
    };
    let (right, upgrade) = match &looked {
        Some((Looked::Right, _)) => (true, None),
        Some((Looked::RightButOld, password)) => (true, Some(password)),
        Some((Looked::Wrong, _)) | None => (false, None),
    };
    let Some((user, hash)) = roll.user.filter(|(user, _)| right && user.user_disabled_at.is_none()) else {
        let record = Record::new(Event::SigninRefused, Actor::Anonymous, caller, at);
        note(app, &record.user(user_id).outcome("refused")).await;
        return Err(Unproven::Wrong);
    };
    if let (Some(password), Some(old)) = (upgrade, hash) {
        upgrade_hash(app, user.user_id, &old, password).await;
    }
    let proof = Proof { method: METHOD.to_owned(), at, seq: roll.counter.as_of };
    let device = Device::after(device, user.user_id, proof.seq, at);
    Ok(Proven { user, proof, device, paid: attempt.paid() })
}

/// Forgives what was paid for. Its failure is logged: what it was paid for is done.
pub(super) async fn forgive(app: &App, paid: &Paid) {
    if let Err(error) = account::forgive(&app.store, paid).await {
        tracing::warn!(%error, "failures could not be forgotten after a success");
    }
}

/// Pays for an attempt. Closed when the budgets can't be read: an unguarded password is worse than a failed sign-in.
pub(super) async fn pay(
    app: &App,
    attempt: &Attempt<'_>,
    user_id: Option<Uuid>,
    caller: &Caller,
) -> Result<(), Unproven> {
    let (refused, outcome) = match account::charge(&app.store, attempt).await? {
        Charged::Go => return Ok(()),
        Charged::Wait(time) => (Unproven::Throttled(time.as_secs().max(1)), "throttled"),
        Charged::Closed => (Unproven::Closed, "closed"),
    };
    let record = Record::new(Event::SigninThrottled, Actor::Anonymous, caller, attempt.at);
    note(app, &record.user(user_id).outcome(outcome)).await;
    Err(refused)
}

/// Looks at the password. An attempt for which there was no room is not paid for.
pub(super) async fn look(
    app: &App,
    password: &Password,
    hash: Option<&str>,
    attempt: &Attempt<'_>,
) -> Result<Looked, Unproven> {
    match password::look(app, password, hash).await {
        Ok(looked) => Ok(looked),
        Err(busy) => Err(unlooked(app, attempt, busy).await?),
    }
}

/// What is answered when nothing was looked at; it is not paid for.
async fn unlooked(app: &App, attempt: &Attempt<'_>, busy: Unhashed) -> Result<Unproven, Unproven> {
    account::give_back(&app.store, &attempt.paid()).await?;
    Ok(Unproven::Busy(busy))
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

async fn note(app: &App, record: &Record) {
    app.audit_rate.note(&app.store, record, app.clock.monotonic()).await;
}
