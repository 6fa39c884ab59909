//! Families: born of a code or a device code, rotated by each refresh, answered again for an honest retry, ended for a thief.
//!
//! A refresh is two round trips: `oauth/grants/refresh_token` reads and judges; here the verdict is carried out. Each of
//! these writes before it returns the right to tokens: nothing is handed out that is not enrolled, and nothing is spent for a
//! client that has no name for its user. Whatever ends a family does so in a transaction of its own before the answer leaves; if
//! that fails the caller answers 503.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::entitlement::{Authentication, Draft, Entitlement};
use super::life;
use super::refresh::{Authentic, FamilySecret};
use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::oauth::client_auth::AuthenticatedClient;
use crate::oauth::delivery::Carrier;
use crate::oauth::error::Error;
use crate::oauth::pkce::VerifiedPkce;
use crate::oauth::redirect::ValidRedirect;
use crate::oauth::scope::Scopes;
use crate::oidc::subject;
use crate::policy::Standing;
use crate::revocation::{self, Cause, Reach, Target};
use crate::session;
use crate::store::codes::{self, Code, Redemption, Spent};
use crate::store::device_codes::{self, DeviceCode, Proved};
use crate::store::families::{Family, Rotated, Rotation};
use crate::store::{self, families, lineage};

/// How many generations in a row retried from another network raise an alarm.
const CONTENDED: i64 = 3;

/// Everything a code had to pass before it may be spent.
#[derive(Debug)]
pub struct Redeemable<'a> {
    pub client: &'a AuthenticatedClient,
    pub origin: Origin<'a>,
    pub standing: Standing,
    pub draft: Draft,
    pub with_refresh: bool,
    /// How its refresh token will travel, and what was proved for that.
    pub carrier: Carrier,
}

/// What a family is born of, with what had to be proved of that kind.
#[derive(Debug)]
pub enum Origin<'a> {
    Code {
        code: &'a Code,
        pkce: VerifiedPkce,
        redirect: ValidRedirect,
    },
    /// What its user allowed on the page.
    Device {
        code: &'a DeviceCode,
        proved: &'a Proved,
    },
}

impl Origin<'_> {
    fn digest(&self) -> &[u8] {
        match self {
            Self::Code { code, .. } => &code.digest,
            Self::Device { code, .. } => &code.digest,
        }
    }

    fn scopes(&self) -> Scopes {
        match self {
            Self::Code { code, .. } => Scopes::stored(&code.scopes),
            Self::Device { code, .. } => Scopes::stored(&code.scopes),
        }
    }

    fn family_id(&self) -> Uuid {
        match self {
            Self::Code { code, .. } => code.family_id,
            Self::Device { code, .. } => code.family_id,
        }
    }

    fn event(&self) -> Event {
        match self {
            Self::Code { .. } => Event::CodeRedeemed,
            Self::Device { .. } => Event::DeviceRedeemed,
        }
    }

    async fn spend(&self, app: &App, redemption: &Redemption<'_>) -> store::Result<Spent> {
        match self {
            Self::Code { pkce: VerifiedPkce { .. }, redirect: ValidRedirect { .. }, .. } => {
                codes::redeem(&app.store, redemption).await
            }
            Self::Device { .. } => device_codes::redeem(&app.store, redemption).await,
        }
    }

    fn authentication(&self, hangs_on_session: bool) -> Authentication {
        let family_id = self.family_id();
        let (auth_time, acr, amr, nonce) = match self {
            Self::Code { code, .. } => (code.auth_time, code.acr.clone(), code.amr.0.clone(), code.nonce.clone()),
            Self::Device { proved, .. } => (proved.auth_time, proved.acr.clone(), proved.amr.0.clone(), None),
        };
        let named = match self {
            Self::Code { code, .. } => code.claims.clone(),
            Self::Device { .. } => None,
        };
        let claims = named.map(|named| named.0).unwrap_or_default();
        Authentication { family_id, hangs_on_session, auth_time, acr, amr, nonce, claims }
    }
}

/// Spends a code: its family begins, at generation 0. None when the code had been spent before.
pub async fn begin(app: &App, ask: Redeemable<'_>, caller: &Caller) -> Result<Option<Entitlement>, Error> {
    let Redeemable { client, origin, standing, draft, with_refresh, carrier } = ask;
    let registration = client.client().registration().clone();
    subject::known_to(&registration, &standing)?;
    let secret = with_refresh.then(FamilySecret::generate);
    let row = draft.row(&standing, caller);
    let family_id = origin.family_id();
    let record = Record::new(origin.event(), Actor::Client(client.id()), caller, standing.now())
        .user(standing.user().map(|user| user.user_id))
        .client(client.id())
        .session(standing.session().map(|session| session.session_id))
        .family(family_id)
        .detail(json!({ "jti": draft.jti }));
    let outlives_session = life::outlives(&registration, &origin.scopes());
    let redemption = Redemption {
        digest: origin.digest(),
        born_seq: standing.as_of(),
        secret_digest: secret.as_ref().map(|secret| secret.digest().as_bytes().to_vec()),
        outlives_session,
        family_expires_at: end_of(app, &standing, outlives_session),
        issued: &row,
        record: &record,
    };
    if origin.spend(app, &redemption).await? == Spent::Before {
        return Ok(None);
    }
    let authentication = origin.authentication(!outlives_session);
    let refresh = secret.map(|secret| (Authentic { family_id, generation: 0, secret }, carrier));
    Ok(Some(Entitlement { standing, client: registration, draft, authentication: Some(authentication), refresh }))
}

/// When a family born now ends whatever happens: its own life, and its session's unless it outlives it.
#[must_use]
pub fn end_of(app: &App, standing: &Standing, outlives_session: bool) -> DateTime<Utc> {
    let own = standing.now() + app.config.tokens.family_absolute;
    match standing.session() {
        Some(session) if !outlives_session => own.min(session.session_expires_at),
        _ => own,
    }
}

/// A presented refresh token that passed everything but the look at its generation.
#[derive(Debug)]
pub struct Refreshable<'a> {
    pub client: &'a AuthenticatedClient,
    pub token: &'a Authentic,
    pub family: &'a Family,
    pub standing: Standing,
    pub draft: Draft,
    /// How it travels, and what was proved for that.
    pub carrier: Carrier,
}

impl Refreshable<'_> {
    /// A refresh is a use of the browser session its family hangs on, and keeps it from idling out.
    fn used(&self, app: &App) {
        if !self.family.outlives_session {
            session::touch(app, &self.standing);
        }
    }

    fn record(&self, event: Event, caller: &Caller) -> Record {
        Record::new(event, Actor::Client(self.client.id()), caller, self.standing.now())
            .user(self.standing.user().map(|user| user.user_id))
            .client(self.client.id())
            .session(self.standing.session().map(|session| session.session_id))
            .family(self.family.id)
    }

    /// The right to the tokens of `generation`.
    fn entitled(self, generation: i64) -> Entitlement {
        let authentication = Authentication {
            family_id: self.family.id,
            hangs_on_session: !self.family.outlives_session,
            auth_time: self.family.auth_time,
            acr: self.family.acr.clone(),
            amr: self.family.amr.0.clone(),
            nonce: None,
            claims: self.family.claims.clone().map(|named| named.0).unwrap_or_default(),
        };
        Entitlement {
            standing: self.standing,
            client: self.client.client().registration().clone(),
            draft: self.draft,
            authentication: Some(authentication),
            refresh: Some((Authentic { generation, ..self.token.clone() }, self.carrier)),
        }
    }
}

/// The live generation was presented: rotate. `Err` gives the presentation back when another one rotated first.
pub async fn rotate<'a>(
    app: &App,
    ask: Refreshable<'a>,
    caller: &Caller,
) -> Result<Result<Entitlement, Refreshable<'a>>, Error> {
    subject::known_to(ask.client.client().registration(), &ask.standing)?;
    let row = ask.draft.row(&ask.standing, caller);
    let next = ask.token.generation + 1;
    let record = ask.record(Event::RefreshRotated, caller).detail(json!({ "generation": next, "jti": ask.draft.jti }));
    let rotation = Rotation { family_id: ask.family.id, from: ask.token.generation, issued: &row, record: &record };
    if families::rotate(&app.store, &rotation).await? == Rotated::Moved {
        return Ok(Err(ask));
    }
    ask.used(app);
    if differs(ask.family, caller) {
        note(app, &ask.record(Event::RefreshMoved, caller).detail(json!({ "generation": next }))).await;
    }
    Ok(Ok(ask.entitled(next)))
}

/// An honest retry: the generation the row shows, again, and a new access token. Nothing advances.
pub async fn retry(app: &App, ask: Refreshable<'_>, caller: &Caller) -> Result<Entitlement, Error> {
    subject::known_to(ask.client.client().registration(), &ask.standing)?;
    let row = ask.draft.row(&ask.standing, caller);
    let (current, ordinal) = (ask.family.generation, ask.family.ordinal);
    let record =
        ask.record(Event::RefreshRetried, caller).detail(json!({ "generation": current, "jti": ask.draft.jti }));
    lineage::note_retry(&app.store, ask.family.id, ordinal, &row, &record).await?;
    ask.used(app);
    if ask.family.network.is_some() && ask.family.network != caller.network() {
        let run = families::contended(&app.store, ask.family.id, current).await?;
        if run == Some(CONTENDED) {
            tracing::warn!(family = %ask.family.id, "generations are retried again and again from another network");
            note(app, &ask.record(Event::RefreshContended, caller).detail(json!({ "generations": run }))).await;
        }
    }
    Ok(ask.entitled(current))
}

/// Ends a family for what was presented: the event that tells it, and the kill, in one transaction. False when a kill had ended
/// it before: then nothing is written, so that one theft is one alarm however often its spoils are presented.
pub async fn end(app: &App, family_id: Uuid, why: &Ending<'_>) -> Result<bool, Error> {
    let mut tx = app.store.begin().await?;
    store::locks::lock(&mut tx, &[store::locks::Owner::Family(family_id)]).await?;
    if families::mark(&mut tx, family_id).await?.is_some_and(|mark| mark > 0) {
        return Ok(false);
    }
    store::audit::insert(&mut tx, &why.record).await?;
    let actor = why.record.actor;
    let cause = Cause { reason: why.reason, actor, caller: &why.record.caller, at: app.clock.after_stamps() };
    let killed = revocation::kill(&mut tx, &Target::Family(family_id), Reach::Lineage, &cause).await?;
    revocation::settle(app, tx, &[killed]).await?;
    if why.alarms {
        tracing::warn!(event = why.record.event.name(), family = %family_id, client = ?why.record.client_id, "a family was ended: a copy of its tokens is in use");
    }
    Ok(true)
}

/// Why a family ends.
#[derive(Debug)]
pub struct Ending<'a> {
    pub reason: &'a str,
    pub record: Record,
    /// Whether someone should look.
    pub alarms: bool,
}

impl Refreshable<'_> {
    /// The ending of a late presentation: an alarm only from another network or user agent than the last one's.
    #[must_use]
    pub fn late(&self, caller: &Caller) -> Ending<'static> {
        self.ending(Event::RefreshLate, "late", differs(self.family, caller), caller)
    }

    /// The ending of a reuse.
    #[must_use]
    pub fn reused(&self, caller: &Caller) -> Ending<'static> {
        self.ending(Event::RefreshReused, "reuse", true, caller)
    }

    /// The ending of a generation the rolls never saw.
    #[must_use]
    pub fn lost(&self, caller: &Caller) -> Ending<'static> {
        self.ending(Event::RefreshLost, "lost", true, caller)
    }

    fn ending(&self, event: Event, reason: &'static str, alarms: bool, caller: &Caller) -> Ending<'static> {
        let detail = json!({ "presented": self.token.generation, "current": self.family.generation, "alarm": alarms });
        Ending { reason, record: self.record(event, caller).outcome("ended").detail(detail), alarms }
    }
}

fn differs(family: &Family, caller: &Caller) -> bool {
    let other = |last: &Option<String>, now: Option<&str>| last.as_deref().is_some_and(|last| Some(last) != now);
    other(&family.network, caller.network().as_deref()) || other(&family.user_agent, caller.user_agent.as_deref())
}

/// An event beside what it tells of: its loss is logged, and loses nothing else.
async fn note(app: &App, record: &Record) {
    if let Err(error) = store::audit::append(&app.store, record).await {
        tracing::warn!(%error, event = record.event.name(), "an audit row could not be written");
    }
}
