//! The machine for a device (RFC 8628, 3.3): a person enters the device's code in a browser, signs in there if need be, and
//! answers.
//!
//! The code is the browser's that entered it first, and of that browser only the interaction's own. Entries are charged before the
//! code is looked for. Consent is always asked for: nobody can tell who holds the device. Refused: an unknown code, one that is
//! over and one that was answered, all told alike; one that another browser has entered.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::browser::Browser;
use super::machine::{self, Moved, Next, Present};
use super::open::{Open, Refused};
use super::request::AuthorizationRequest;
use super::step::Step;
use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::oauth::client;
use crate::oauth::code::{NoCode, Signed};
use crate::oauth::device_code::answer::{self, Yes};
use crate::oauth::device_code::user_code::UserCode;
use crate::oauth::error::{Code, Error};
use crate::secret::{self, BrowserSecret, Digest, Opaque, SessionSecret};
use crate::session;
use crate::store::device_codes::{self, Claimed, Decided, DeviceCode, State};
use crate::store::interactions::Interaction;
use crate::store::{self, Tx, audit, interactions};
use crate::throttle::Charged;
use crate::throttle::user_codes::{self, Entry};

/// Which device an interaction is about.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The family its code will become.
    pub family_id: Uuid,
    /// As it was entered, to be compared with what the device shows.
    pub user_code: String,
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").field("family_id", &self.family_id).finish_non_exhaustive()
    }
}

/// Why a code that was entered leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum NotEntered {
    /// None, over, or answered: nobody is told which.
    #[error("no device waits under that code")]
    Unknown,
    #[error("another browser has entered that code")]
    Elsewhere,
    #[error("too many wrong codes: come again in {0} s")]
    Throttled(u64),
    /// Its client is gone or disabled.
    #[error("its client is gone or disabled")]
    NoClient,
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<store::Error> for NotEntered {
    fn from(error: store::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// A user code, entered in a browser that has a secret: an interaction begins.
pub async fn enter(app: &App, typed: &str, browser: &Browser, caller: &Caller) -> Result<Moved, NotEntered> {
    let secret = browser.secret().ok_or(NotEntered::Unknown)?;
    let held = session::of_cookie(app, browser.session()).await?;
    let entry = Entry {
        rules: &app.config.throttle,
        browser: &secret.digest(),
        session: held.as_ref().map(|held| held.session_id),
        address: caller.address,
        at: app.clock.now(),
    };
    if let Charged::Wait(time) = user_codes::charge(&app.store, &entry).await? {
        note(app, caller, "throttled", None).await;
        return Err(NotEntered::Throttled(time.as_secs().max(1)));
    }
    let Some((code, user_code)) = find(app, typed).await? else {
        note(app, caller, "unknown", None).await;
        return Err(NotEntered::Unknown);
    };
    let client = client::find(app, code.client_id).await?.filter(|client| !client.registration().disabled);
    let client = client.ok_or(NotEntered::NoClient)?;
    if !answer::may_ask(app, &client, &code).await? {
        return Err(NotEntered::Unknown);
    }
    // What follows is written down, and anybody may come this far who has a code.
    if !app.beginnings.take(caller, app.clock.monotonic()) {
        return Err(Error::new(Code::TooMany, "too many sign-ins are begun from this network: come again").into());
    }
    let request = AuthorizationRequest::of_device(code.client_id, &code, user_code.shown());
    let mut interaction = machine::draft(app, &request, browser);
    let asked = session::of_cookie_at(app, browser.session(), code.client_id).await?;
    if let Some(held) = &asked {
        interaction.step = Step::Consent.name().to_owned();
        interaction.session_id = Some(held.session_id);
    }
    if keep(app, &interaction, secret, &code, caller).await? == Claimed::Elsewhere {
        note(app, caller, "elsewhere", Some(&code)).await;
        return Err(NotEntered::Elsewhere);
    }
    if let Err(error) = user_codes::give_back(&app.store, &entry).await {
        tracing::warn!(%error, "a right user code could not be given its charge back");
    }
    Ok(Next::Page(interaction.id).into())
}

/// The code that waits under what was typed.
async fn find(app: &App, typed: &str) -> store::Result<Option<(DeviceCode, UserCode)>> {
    let Some(user_code) = UserCode::read(typed) else { return Ok(None) };
    let now: DateTime<Utc> = app.clock.now();
    for tag in user_code.tags(app) {
        if let Some(code) = device_codes::by_user_code(&app.store, &tag).await? {
            let waits = code.state() == State::Pending && code.expires_at > now;
            return Ok(waits.then_some((code, user_code)));
        }
    }
    Ok(None)
}

/// The claim and the interaction, together.
async fn keep(
    app: &App,
    interaction: &Interaction,
    browser: &Opaque<BrowserSecret>,
    code: &DeviceCode,
    caller: &Caller,
) -> Result<Claimed, NotEntered> {
    let mut tx = app.store.begin().await?;
    let claimed = device_codes::claim(&mut tx, code.family_id, browser.digest().as_bytes()).await?;
    if claimed == Claimed::Now {
        interactions::insert(&mut tx, interaction).await?;
        let record = Record::new(Event::DeviceClaimed, Actor::Anonymous, caller, app.clock.now())
            .client(code.client_id)
            .session(interaction.session_id)
            .family(code.family_id);
        audit::insert(&mut tx, &record).await?;
        tx.commit().await?;
    }
    Ok(claimed)
}

async fn note(app: &App, caller: &Caller, why: &'static str, code: Option<&DeviceCode>) {
    let record = Record::new(Event::UserCodeRefused, Actor::Anonymous, caller, app.clock.now())
        .client(code.map(|code| code.client_id))
        .family(code.map(|code| code.family_id))
        .outcome(why);
    app.audit_rate.note(&app.store, &record, app.clock.monotonic()).await;
}

/// What the page asks about, if it can still be answered.
pub async fn asked(app: &App, open: &Open, device: &Device) -> Result<DeviceCode, Refused> {
    answer::open(app, &open.client, device.family_id).await?.ok_or(Refused::Over)
}

/// Allowed on the page, just now.
pub(super) async fn allow(app: &App, open: &Open, device: &Device, present: Present<'_>) -> Result<Next, NoCode> {
    let Present { held, browser, caller } = present;
    let presented = browser.session().and_then(Opaque::<SessionSecret>::parse);
    let presented: Digest = presented.ok_or(NoCode::SignInAgain("no session cookie"))?.digest();
    let yes = Yes {
        signed: Signed { client: &open.client, session_id: held.session_id, session_secret: &presented },
        family_id: device.family_id,
        acr: session::acr(&held.proofs),
        amr: &session::amr(&held.proofs),
        finishes: &open.interaction,
        caller,
    };
    answer::allow(app, &yes).await?;
    Ok(Next::Page(open.interaction.id))
}

/// Denied, in the transaction that ends the interaction; told as the row of that tells it. Refused when it was answered in
/// another window: nobody is told that a device was denied which is let in.
pub(super) async fn deny(
    app: &App,
    tx: &mut Tx,
    open: &Open,
    device: &Device,
    record: Option<&Record>,
) -> Result<(), Refused> {
    if answer::deny(app, tx, device.family_id, &open.interaction).await? == Decided::Before {
        return Err(Refused::Over);
    }
    if let Some(record) = record {
        let denied = Record { id: secret::uuid_v7(record.at), event: Event::DeviceDenied, ..record.clone() };
        audit::insert(tx, &denied.family(device.family_id)).await?;
    }
    Ok(())
}
