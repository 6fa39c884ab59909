//! The person's answer to a device (RFC 8628, 3.3): claimed by one browser, judged again under the locks of all it hangs on, and
//! written together with the interaction it ends.
//!
//! What is allowed is born under the number of that judgement. Refused: what is over, was answered, is another browser's, was
//! asked for before a kill of its client, or is no longer the client's to ask for.

use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::oauth::client::Client;
use crate::oauth::code::{NoCode, Signed, judged_under_locks};
use crate::oauth::consent;
use crate::oauth::error::{Code, Error};
use crate::oauth::grants::{audience, device_code};
use crate::oauth::scope::Scopes;
use crate::policy::{self, Question};
use crate::store::codes::Owners;
use crate::store::device_codes::{self, Approval, Decided, DeviceCode, Proved, State};
use crate::store::interactions::{self, Interaction, Stepped};
use crate::store::{self, Tx, grants, rolls};

/// Somebody's yes.
#[derive(Debug)]
pub struct Yes<'a> {
    pub signed: Signed<'a>,
    /// The device code, by the family it will become.
    pub family_id: Uuid,
    pub acr: &'a str,
    pub amr: &'a [String],
    /// The interaction that ends with it, in the same transaction.
    pub finishes: &'a Interaction,
    pub caller: &'a Caller,
}

/// The device code of this family, if it still waits for an answer and its client may still ask for all of it.
pub async fn open(app: &App, client: &Client, family_id: Uuid) -> Result<Option<DeviceCode>, Error> {
    let Some(code) = device_codes::by_family(&app.store, family_id).await? else { return Ok(None) };
    let waits = code.state() == State::Pending && code.expires_at > app.clock.now();
    Ok(if waits && may_ask(app, client, &code).await? { Some(code) } else { None })
}

/// Whether its client may still ask for what it asked for: the grant, the scopes, the resources.
pub async fn may_ask(app: &App, client: &Client, code: &DeviceCode) -> Result<bool, Error> {
    let registration = client.registration();
    let issuer = app.config.issuer.as_str();
    if code.client_id != registration.id
        || !client.may_use_grant(device_code::GRANT.name)
        || Scopes::of_user(&code.scopes, &registration.scopes).is_err()
    {
        return Ok(false);
    }
    for uri in code.resources.iter().filter(|uri| *uri != issuer) {
        match audience::live(app, registration, uri).await {
            Ok(_) => {}
            Err(error) if error.code == Code::InvalidTarget => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Allows it.
pub async fn allow(app: &App, yes: &Yes<'_>) -> Result<(), NoCode> {
    // A node that can't be trusted with the time or the log lets nobody in.
    app.live.issuing_allowed().map_err(Error::unavailable)?;
    let client = yes.signed.client;
    let client_id = client.registration().id;
    // Read before the transaction: resources aren't locked, and are looked at again when the code is spent.
    let Some(code) = open(app, client, yes.family_id).await? else { return Err(NoCode::Over) };
    let mut tx = app.store.begin().await?;
    let (standing, grant_id) = judged_under_locks(app, &mut tx, yes.signed).await?;
    let (Some(user), Some(session)) = (standing.user(), standing.session()) else {
        return Err(NoCode::SignInAgain("no session"));
    };
    if !stands(app, &mut tx, &code).await? {
        return Err(NoCode::Over);
    }
    let (at, seq) = (standing.now(), standing.as_of());
    let stepped =
        interactions::step(&mut tx, yes.finishes, crate::oauth::code::DONE, Some(session.session_id), Some(at)).await?;
    if stepped == Stepped::Behind {
        return Err(NoCode::Finished);
    }
    let proved = Proved {
        acr: yes.acr.to_owned(),
        amr: sqlx::types::Json(yes.amr.to_vec()),
        auth_time: session.session_auth_time,
    };
    let owners = Owners { client_id, user_id: user.user_id, grant_id, session_id: session.session_id };
    let browser = &yes.finishes.browser_digest;
    let approval = Approval { family_id: yes.family_id, browser, owners, born_seq: seq, proved, at };
    if device_codes::approve(&mut tx, &approval).await? == Decided::Before {
        return Err(NoCode::Over);
    }
    let note = |event| {
        Record::new(event, Actor::User(user.user_id), yes.caller, at)
            .user(user.user_id)
            .client(client_id)
            .session(session.session_id)
    };
    if consent::keeps_of_device(client) {
        let (scopes, resources) = consent::with(&standing, &Scopes::stored(&code.scopes), &code.resources.0);
        grants::consent(&mut tx, grant_id, (&scopes, &resources), seq, at).await?;
        let detail = json!({ "scope": scopes, "resources": resources });
        store::audit::insert(&mut tx, &note(Event::ConsentGiven).detail(detail)).await?;
    }
    // Where the device asked from: who looks into it later finds the two places side by side.
    let detail = json!({ "scope": code.scopes, "device_address": code.address, "device_user_agent": code.user_agent });
    let record = note(Event::DeviceApproved).family(yes.family_id).detail(detail);
    store::audit::insert(&mut tx, &record).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether it was asked for after whatever last ended its client or everything. The client's row is locked.
async fn stands(app: &App, tx: &mut Tx, code: &DeviceCode) -> store::Result<bool> {
    let question = Question::now(&app.clock, app.config.sessions.idle).born(code.born_seq, false);
    let snapshot = rolls::of_client(&mut *tx, code.client_id).await?;
    Ok(snapshot.is_some_and(|snapshot| policy::judge(snapshot, &question).is_ok()))
}

/// Denies it, in the transaction that ends its interaction. What was answered before stays as it was.
pub async fn deny(app: &App, tx: &mut Tx, family_id: Uuid, interaction: &Interaction) -> store::Result<Decided> {
    device_codes::deny(tx, family_id, &interaction.browser_digest, app.clock.now()).await
}
