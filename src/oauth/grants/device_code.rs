//! `urn:ietf:params:oauth:grant-type:device_code` (RFC 8628, 3.4 and 3.5): a device asks until a person has answered, and what was
//! allowed becomes a family, once.
//!
//! While nobody has answered: `authorization_pending`, or `slow_down` to whoever comes before the interval is over, which then
//! grows by 5 s and stays so. Denied is `access_denied`, too late is `expired_token`. A spent code presented by its own client is
//! reuse: the family ends (RFC 6749, 4.1.2). By another client it is refused and told to the auditor, and the family lives.

use super::request::{ActsFor, Grant, Redeemed, Refresh, TokenRequest};
use super::{audience, refresh_token};
use crate::event::{Actor, Event, Record};
use crate::oauth::delivery;
use crate::oauth::error::{Code as ErrorCode, Error};
use crate::oauth::scope::Scopes;
use crate::policy::{self, Question, Standing};
use crate::secret::{DeviceCode as Secret, Opaque};
use crate::store::device_codes::{self, DeviceCode, Noted, State};
use crate::store::rolls;
use crate::token::entitlement::Draft;
use crate::token::family::{self, Ending, Origin, Redeemable};
use crate::token::life;

pub const GRANT: Grant = Grant {
    name: "urn:ietf:params:oauth:grant-type:device_code",
    public_clients: true,
    acts_for: ActsFor::User,
    refresh: Refresh::Gives,
    redeem: |request| Box::pin(redeem(request)),
};

/// How many seconds a device waits between two polls, and how many more from each time it doesn't.
pub const INTERVAL: i64 = 5;

/// How much sooner a poll may come than it should: the way it takes is not always equally long.
const JITTER: chrono::TimeDelta = chrono::TimeDelta::milliseconds(500);

/// How often a poll is looked at again because another, or an answer, came between.
const TRIES: usize = 4;

async fn redeem(request: &TokenRequest<'_>) -> Result<Redeemed, Error> {
    let TokenRequest { app, client, params, caller, .. } = *request;
    let text = params.get("device_code").ok_or_else(|| Error::invalid_request("device_code is missing"))?;
    let digest = Opaque::<Secret>::parse(text).ok_or_else(|| over("not a device code of ours").guessed())?.digest();
    for _ in 0..TRIES {
        let question = Question::now(&app.clock, app.config.sessions.idle);
        let Some(code) = device_codes::by_digest(&app.store, digest.as_bytes()).await? else {
            return Err(over("unknown device code").guessed());
        };
        if code.client_id != client.id() {
            return Err(refused(request, &code, "another client's device code").await);
        }
        match code.state() {
            State::Spent => return Err(reused(request, &code).await?),
            State::Denied => return Err(Error::new(ErrorCode::AccessDenied, "it was not allowed")),
            _ if code.expires_at <= question.now => return Err(expired()),
            State::Pending => match pending(request, &code, question).await? {
                Some(answer) => return Err(answer),
                None => continue,
            },
            State::Approved => {}
        }
        let Some((code, proved, snapshot)) = rolls::of_device_code(&app.store, digest.as_bytes()).await? else {
            return Err(over("the device code is gone"));
        };
        let Some(carrier) = delivery::carrier(client.client(), request.page.as_ref(), snapshot.session.as_ref()) else {
            return Err(refused(request, &code, delivery::ELSEWHERE).await);
        };
        let standing = match policy::judge(snapshot, &question.born(code.born_seq, true)) {
            Ok(standing) => standing,
            Err(refusal) => return Err(refused(request, &code, "no standing").await.because(refusal)),
        };
        if standing.client().is_none_or(|row| row.client_version != client.version()) {
            return Ok(Redeemed::ClientMoved);
        }
        let Some(draft) = draft(request, &code, &standing).await? else {
            return Err(refused(request, &code, "no resource it was authorized for is left").await);
        };
        let with_refresh = refresh_token::is_due(client.client(), &draft.scopes);
        let origin = Origin::Device { code: &code, proved: &proved };
        let ask = Redeemable { client, origin, standing, draft, with_refresh, carrier };
        if let Some(entitlement) = family::begin(app, ask, caller).await? {
            return Ok(Redeemed::Entitled(Box::new(entitlement)));
        }
        // Another presentation spent it between the reading and now: read again, and find it spent.
    }
    Err(Error::unavailable("the device code kept changing"))
}

/// What a device is told that comes while nobody has answered. None when somebody did, or another poll came, meanwhile.
async fn pending(request: &TokenRequest<'_>, code: &DeviceCode, question: Question) -> Result<Option<Error>, Error> {
    let TokenRequest { app, client, .. } = *request;
    // What was asked for before a kill of the client can't be allowed any more: the device needn't wait for it.
    let snapshot = rolls::of_client(&app.store, client.id()).await?.ok_or_else(Error::invalid_client)?;
    if let Err(refusal) = policy::judge(snapshot, &question.born(code.born_seq, false)) {
        return Ok(Some(refused(request, code, "no standing").await.because(refusal)));
    }
    let due = code.polled_at.map(|at| at + chrono::TimeDelta::seconds(code.interval_seconds) - JITTER);
    let (interval, answer) = if due.is_some_and(|due| question.now < due) {
        let slower = code.interval_seconds.saturating_add(INTERVAL);
        (slower, Error::new(ErrorCode::SlowDown, format!("too fast: wait {slower} seconds from now on")))
    } else {
        (code.interval_seconds, Error::new(ErrorCode::AuthorizationPending, "nobody has answered yet"))
    };
    let noted = device_codes::note_poll(&app.store, code, interval, question.now).await?;
    Ok((noted == Noted::Noted).then_some(answer))
}

/// Scopes, resource and limits of the first access token; none when nobody is left whom it could be for.
async fn draft(request: &TokenRequest<'_>, code: &DeviceCode, standing: &Standing) -> Result<Option<Draft>, Error> {
    let registration = request.client.client().registration();
    let scopes = Scopes::stored(&code.scopes).only(|scope| registration.scopes.has(scope));
    let asked = audience::asked(request.params)?;
    let allowed = audience::of_authorization(request.app, registration, &code.resources.0, &asked, scopes).await?;
    let outlives = life::outlives(registration, &Scopes::stored(&code.scopes));
    let ends = [family::end_of(request.app, standing, outlives)];
    Ok(allowed.map(|allowed| Draft::new(standing, allowed, &ends)))
}

fn over(detail: &str) -> Error {
    Error::invalid_grant("the device code is invalid, or was spent").because(detail)
}

fn expired() -> Error {
    Error::new(ErrorCode::ExpiredToken, "the device code has expired: ask for another")
}

/// A refusal that changes nothing.
async fn refused(request: &TokenRequest<'_>, code: &DeviceCode, why: &'static str) -> Error {
    let record =
        record(request, Event::DeviceRefused, code).outcome("refused").detail(serde_json::json!({ "why": why }));
    let app = request.app;
    app.audit_rate.note(&app.store, &record, app.clock.monotonic()).await;
    over(why)
}

/// A spent code, presented by its own client: the family ends before the answer leaves.
async fn reused(request: &TokenRequest<'_>, code: &DeviceCode) -> Result<Error, Error> {
    let record = record(request, Event::DeviceReused, code).outcome("ended");
    if family::end(request.app, code.family_id, &Ending { reason: "code_reuse", record, alarms: true }).await? {
        return Ok(over("the device code was spent before"));
    }
    Ok(refused(request, code, "spent, and its family has ended").await)
}

fn record(request: &TokenRequest<'_>, event: Event, code: &DeviceCode) -> Record {
    let TokenRequest { app, client, caller, .. } = *request;
    Record::new(event, Actor::Client(client.id()), caller, app.clock.now()).client(client.id()).family(code.family_id)
}
