//! `authorization_code` (RFC 6749, 4.1.3; RFC 7636): a code becomes a family, once.
//!
//! A spent code presented by its own client with everything right is reuse: the family ends (RFC 6749, 4.1.2). By another client,
//! from another browser session when its refresh token is to travel in a cookie, or with anything wrong, it is refused and told
//! to the auditor, and the family lives. An unspent code is burnt by its own client's first failed attempt, never by a
//! stranger's.

use super::request::{ActsFor, Grant, Redeemed, Refresh, TokenRequest};
use super::{audience, refresh_token};
use crate::event::{Actor, Event, Record};
use crate::oauth::delivery;
use crate::oauth::error::{Code as ErrorCode, Error};
use crate::oauth::pkce;
use crate::oauth::redirect::{self, ValidRedirect};
use crate::oauth::scope::Scopes;
use crate::policy::{self, Question, Standing};
use crate::secret::{Code, Opaque};
use crate::store::codes::{self, Burnt};
use crate::store::{self, rolls};
use crate::token::entitlement::Draft;
use crate::token::family::{self, Ending, Origin, Redeemable};
use crate::token::life;

pub const GRANT: Grant = Grant {
    name: "authorization_code",
    public_clients: true,
    acts_for: ActsFor::User,
    refresh: Refresh::Gives,
    redeem: |request| Box::pin(redeem(request)),
};

async fn redeem(request: &TokenRequest<'_>) -> Result<Redeemed, Error> {
    let TokenRequest { app, client, params, caller, .. } = *request;
    let text = params.get("code").ok_or_else(|| Error::invalid_request("code is missing"))?;
    let digest = Opaque::<Code>::parse(text).ok_or_else(|| over("not a code of ours").guessed())?.digest();
    loop {
        let question = Question::now(&app.clock, app.config.sessions.idle);
        let Some((code, snapshot)) = rolls::of_code(&app.store, digest.as_bytes()).await? else {
            return Err(over("unknown code").guessed());
        };
        if snapshot.client.as_ref().is_none_or(|row| row.client_id != client.id()) {
            return Err(refused(request, &code, "another client's code").await);
        }
        // Before anything that could be tried: who isn't in the browser that signed in neither burns nor ends anything.
        let Some(carrier) = delivery::carrier(client.client(), request.page.as_ref(), snapshot.session.as_ref()) else {
            return Err(refused(request, &code, delivery::ELSEWHERE).await);
        };
        if code.burnt_at.is_some() {
            return Err(refused(request, &code, BURNT).await);
        }
        let (pkce, redirect) = match proven(request, &code) {
            Ok(proven) => proven,
            Err(error) => return Err(failed(request, &code, error).await),
        };
        if code.spent_at.is_some() {
            return Err(reused(request, &code).await?);
        }
        if code.expires_at <= question.now {
            return Err(refused(request, &code, "the code has expired").await);
        }
        let standing = match policy::judge(snapshot, &question.born(code.born_seq, true)) {
            Ok(standing) => standing,
            Err(refusal) => return Err(refused(request, &code, "no standing").await.because(refusal)),
        };
        if standing.client().is_none_or(|row| row.client_version != client.version()) {
            return Ok(Redeemed::ClientMoved);
        }
        let draft = match draft(request, &code, &standing).await {
            Ok(Some(draft)) => draft,
            Ok(None) => return Err(refused(request, &code, "no resource it was authorized for is left").await),
            Err(error) if error.code == ErrorCode::InvalidTarget => return Err(failed(request, &code, error).await),
            Err(error) => return Err(error),
        };
        let with_refresh = refresh_token::is_due(client.client(), &draft.scopes);
        let origin = Origin::Code { code: &code, pkce, redirect };
        let ask = Redeemable { client, origin, standing, draft, with_refresh, carrier };
        if let Some(entitlement) = family::begin(app, ask, caller).await? {
            return Ok(Redeemed::Entitled(Box::new(entitlement)));
        }
        // Another presentation spent it between the reading and now: read again, and find it spent.
    }
}

/// What the presenter proves beside its own identity: the redirect it was sent to, and the verifier.
fn proven(request: &TokenRequest<'_>, code: &codes::Code) -> Result<(pkce::VerifiedPkce, ValidRedirect), Error> {
    let (client, params) = (request.client.client(), request.params);
    let redirect = redirect::check_again(client, code.redirect_uri.as_deref(), params.get("redirect_uri"))
        .map_err(|refused| Error::invalid_grant(refused.to_string()))?;
    Ok((pkce::verify(code.challenge.as_deref(), params.get("code_verifier"))?, redirect))
}

/// Scopes, resource and limits of the first access token; none when nobody is left whom it could be for.
async fn draft(request: &TokenRequest<'_>, code: &codes::Code, standing: &Standing) -> Result<Option<Draft>, Error> {
    let registration = request.client.client().registration();
    let scopes = Scopes::stored(&code.scopes).only(|scope| registration.scopes.has(scope));
    let asked = audience::asked(request.params)?;
    let allowed = audience::of_authorization(request.app, registration, &code.resources.0, &asked, scopes).await?;
    let outlives = life::outlives(registration, &Scopes::stored(&code.scopes));
    let ends = [family::end_of(request.app, standing, outlives)];
    Ok(allowed.map(|allowed| Draft::new(standing, allowed, &ends)))
}

fn over(detail: &str) -> Error {
    Error::invalid_grant("the code is invalid, expired or spent").because(detail)
}

/// A refusal that changes nothing.
async fn refused(request: &TokenRequest<'_>, code: &codes::Code, why: &'static str) -> Error {
    let record = record(request, Event::CodeRefused, code).outcome("refused").detail(serde_json::json!({ "why": why }));
    let app = request.app;
    app.audit_rate.note(&app.store, &record, app.clock.monotonic()).await;
    over(why)
}

const BURNT: &str = "the code was burnt by a failed attempt";

/// The client's own failed attempt: an unspent code is burnt with it, so that nothing can be tried twice. Of a code that is
/// over already there is nothing to burn, and nothing to write but a refusal.
async fn failed(request: &TokenRequest<'_>, code: &codes::Code, error: Error) -> Error {
    if code.spent_at.is_some() {
        return refused(request, code, "the code was spent before, and is presented wrong").await;
    }
    let burn = async {
        let mut tx = request.app.store.begin().await?;
        let burnt = codes::burn(&mut tx, &code.digest, request.app.clock.now()).await?;
        if burnt == Burnt::Now {
            let detail = serde_json::json!({ "why": error.description() });
            let record = record(request, Event::CodeRefused, code).outcome("burnt").detail(detail);
            store::audit::insert(&mut tx, &record).await?;
            tx.commit().await?;
        }
        Ok::<_, store::Error>(burnt)
    };
    match burn.await {
        Ok(Burnt::Now) => error,
        Ok(Burnt::Before) => refused(request, code, BURNT).await,
        Err(store) => store.into(),
    }
}

/// A spent code, presented right by its own client: the family ends before the answer leaves.
async fn reused(request: &TokenRequest<'_>, code: &codes::Code) -> Result<Error, Error> {
    let record = record(request, Event::CodeReused, code).outcome("ended");
    if family::end(request.app, code.family_id, &Ending { reason: "code_reuse", record, alarms: true }).await? {
        return Ok(over("the code was spent before"));
    }
    Ok(refused(request, code, "spent, and its family has ended").await)
}

fn record(request: &TokenRequest<'_>, event: Event, code: &codes::Code) -> Record {
    let TokenRequest { app, client, caller, .. } = *request;
    Record::new(event, Actor::Client(client.id()), caller, app.clock.now()).client(client.id()).family(code.family_id)
}
