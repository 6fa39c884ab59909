//! Browser sessions: begun by proofs, found by a secret, ended by the one kill path.
//!
//! A session's id (`sid`) is the word of log, tokens and logout; its secret is new at every sign-in and re-authentication. It is
//! born under the lowest number of its proofs: one that was read before a kill makes a session that is dead. `acr` and `amr` are
//! computed from the proofs, never from the path taken. An unknown secret means signed out, and clears nothing.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::policy::{self, Question, Standing};
use crate::revocation::{self, Cause, Reach, Target};
use crate::secret::{self, Opaque, SessionSecret};
use crate::store::locks::{Owner, lock};
use crate::store::sessions::{self, Proof, Session};
use crate::store::{self, Tx, rolls};

/// The cookie's name, before any prefix.
pub const COOKIE: &str = "ch_session";

/// One factor.
pub const ACR_PASSWORD: &str = "urn:chancery:acr:1";

/// All that can be met here.
pub const ACRS: &[&str] = &[ACR_PASSWORD];

/// How often use is written down, at most.
const TOUCH: Duration = Duration::from_mins(1);

/// A session that a browser holds and that stands.
#[derive(Debug, Clone)]
pub struct Held {
    pub standing: Standing,
    pub session_id: Uuid,
    pub user_id: Uuid,
    pub auth_time: DateTime<Utc>,
    pub proofs: Vec<Proof>,
}

/// A session as its browser gets it.
#[derive(Debug)]
pub struct Begun {
    pub session_id: Uuid,
    pub secret: Opaque<SessionSecret>,
}

/// Begins a session in the caller's transaction.
pub async fn begin(app: &App, tx: &mut Tx, user_id: Uuid, proofs: Vec<Proof>, caller: &Caller) -> store::Result<Begun> {
    let now = app.clock.now();
    let born = proofs.iter().map(|proof| proof.seq).min().unwrap_or(0);
    begin_at(app, tx, Birth { user_id, proofs, born, now }, caller).await
}

/// A session about to be born.
#[derive(Debug)]
pub struct Birth {
    pub user_id: Uuid,
    pub proofs: Vec<Proof>,
    pub born: i64,
    pub now: DateTime<Utc>,
}

/// The same under a given number: for the browser that has just changed its own password.
pub async fn begin_at(app: &App, tx: &mut Tx, birth: Birth, caller: &Caller) -> store::Result<Begun> {
    let secret = Opaque::<SessionSecret>::generate();
    let session = Session {
        id: secret::uuid_v4(),
        secret_digest: secret.digest().as_bytes().to_vec(),
        user_id: birth.user_id,
        born_seq: birth.born,
        auth_time: birth.proofs.iter().map(|proof| proof.at).max().unwrap_or(birth.now),
        proofs: sqlx::types::Json(birth.proofs),
        created_at: birth.now,
        last_used_at: birth.now,
        expires_at: birth.now + app.config.sessions.absolute,
        address: caller.address_text(),
        user_agent: caller.user_agent.clone(),
        ended_at: None,
        revoked_seq: 0,
    };
    sessions::insert(tx, &session).await?;
    let record = Record::new(Event::SigninSucceeded, Actor::User(birth.user_id), caller, birth.now)
        .user(birth.user_id)
        .session(session.id)
        .detail(serde_json::json!({ "amr": amr(&session.proofs.0) }));
    store::audit::insert(tx, &record).await?;
    Ok(Begun { session_id: session.id, secret })
}

/// Someone who has proved himself again in a browser that holds a session.
#[derive(Debug)]
pub struct Again {
    pub session_id: Uuid,
    pub user_id: Uuid,
    pub proofs: Vec<Proof>,
}

/// The same user has proved himself again: a new secret and new proofs, the same `sid`. None when the session no longer stands
/// under its own lock, or is another user's.
pub async fn renew(app: &App, tx: &mut Tx, again: Again, caller: &Caller) -> store::Result<Option<Begun>> {
    let Again { session_id, user_id, proofs } = again;
    lock(tx, &[Owner::User(user_id), Owner::Session(session_id)]).await?;
    let question = Question::now(&app.clock, app.config.sessions.idle);
    let Some(mut session) = sessions::get(&mut *tx, session_id).await?.filter(|session| session.user_id == user_id)
    else {
        return Ok(None);
    };
    let alive = match rolls::of_browser(&mut *tx, &session.secret_digest).await? {
        Some(snapshot) => policy::judge(snapshot, &question).is_ok(),
        None => false,
    };
    let floor = proofs.iter().map(|proof| proof.seq).min().unwrap_or(0);
    if !alive || floor < session.born_seq {
        return Ok(None);
    }
    let secret = Opaque::<SessionSecret>::generate();
    session.secret_digest = secret.digest().as_bytes().to_vec();
    session.auth_time = proofs.iter().map(|proof| proof.at).max().unwrap_or(question.now);
    session.proofs = sqlx::types::Json(proofs);
    session.last_used_at = question.now;
    session.expires_at = question.now + app.config.sessions.absolute;
    session.address = caller.address_text();
    session.user_agent = caller.user_agent.clone();
    sessions::renew(tx, &session).await?;
    let record = Record::new(Event::SigninSucceeded, Actor::User(user_id), caller, question.now)
        .user(user_id)
        .session(session_id)
        .detail(serde_json::json!({ "amr": amr(&session.proofs.0), "again": true }));
    store::audit::insert(tx, &record).await?;
    Ok(Some(Begun { session_id, secret }))
}

/// The session a cookie's value stands for, if it stands.
pub async fn of_cookie(app: &App, value: Option<&str>) -> store::Result<Option<Held>> {
    let Some(secret) = value.and_then(Opaque::<SessionSecret>::parse) else { return Ok(None) };
    let question = Question::now(&app.clock, app.config.sessions.idle);
    let Some(snapshot) = rolls::of_browser(&app.store, secret.digest().as_bytes()).await? else { return Ok(None) };
    Ok(policy::judge(snapshot, &question).ok().and_then(held))
}

/// The same beside a client and what the user allowed it, in one snapshot.
pub async fn of_cookie_at(app: &App, value: Option<&str>, client_id: Uuid) -> store::Result<Option<Held>> {
    let Some(secret) = value.and_then(Opaque::<SessionSecret>::parse) else { return Ok(None) };
    let question = Question::now(&app.clock, app.config.sessions.idle);
    let Some(snapshot) = rolls::of_browser_at(&app.store, secret.digest().as_bytes(), client_id).await? else {
        return Ok(None);
    };
    Ok(policy::judge(snapshot, &question).ok().and_then(held))
}

/// What a standing with a session says of it.
fn held(standing: Standing) -> Option<Held> {
    let (session, user) = (standing.session()?, standing.user()?);
    Some(Held {
        session_id: session.session_id,
        user_id: user.user_id,
        auth_time: session.session_auth_time,
        proofs: session.session_proofs.0.clone(),
        standing,
    })
}

/// Notes that a session was used: at most once a minute, beside the request, and without ever failing it.
pub fn touch(app: &App, standing: &Standing) {
    let Some(session) = standing.session() else { return };
    let now = standing.now();
    if (now - session.session_last_used_at).to_std().is_ok_and(|idle| idle >= TOUCH) {
        let (app, id) = (app.clone(), session.session_id);
        tokio::spawn(async move {
            if let Err(error) = sessions::touch(&app.store, id, now, now - TOUCH).await {
                tracing::debug!(%error, "a session's use could not be noted");
            }
        });
    }
}

/// Ends a session: sign-out, by its own user.
pub async fn sign_out(app: &App, held: &Held, caller: &Caller) -> store::Result<()> {
    let mut tx = app.store.begin().await?;
    let cause =
        Cause { reason: revocation::SIGN_OUT, actor: Actor::User(held.user_id), caller, at: app.clock.after_stamps() };
    let killed = revocation::kill(&mut tx, &Target::Session(held.session_id), Reach::Lineage, &cause).await?;
    revocation::settle(app, tx, &[killed]).await
}

/// The authentication context class of what was proved.
#[must_use]
pub fn acr(_proofs: &[Proof]) -> &'static str {
    ACR_PASSWORD
}

/// The methods of what was proved (RFC 8176).
#[must_use]
pub fn amr(proofs: &[Proof]) -> Vec<String> {
    let mut out: Vec<String> = proofs.iter().map(|proof| proof.method.clone()).collect();
    out.sort();
    out.dedup();
    out
}
