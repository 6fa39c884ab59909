//! `refresh_token` (RFC 6749, 6; RFC 9700, 4.14): rotation that forgives the honest and catches the thief.
//!
//! One statement reads all there is to judge. In this order: family secret, client, the browser session when the token travels
//! in a cookie, standing, the family's own life, scopes, resource; whatever can refuse refuses here, before the generation is
//! looked at, so that no refusal ever advances or ends a family. Then the verdict of `token/lineage` is carried out. Who lost the
//! race for the live generation begins again once.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::audience;
use super::request::{ActsFor, Grant, Redeemed, Refresh, TokenRequest};
use crate::event::{Actor, Event, Record};
use crate::oauth::client::Client;
use crate::oauth::delivery::{self, Carrier};
use crate::oauth::error::{Code, Error};
use crate::oauth::scope::Scopes;
use crate::oidc::claims;
use crate::policy::{Question, Standing};
use crate::store::families::Family;
use crate::store::rolls::Snapshot;
use crate::store::{self, rolls};
use crate::token::entitlement::Draft;
use crate::token::family::{self, Refreshable};
use crate::token::life::{self, Over};
use crate::token::lineage::{self, Presented, Verdict};
use crate::token::presented;

pub const GRANT: Grant = Grant {
    name: "refresh_token",
    public_clients: true,
    acts_for: ActsFor::User,
    refresh: Refresh::Takes,
    redeem: |request| Box::pin(redeem(request)),
};

async fn redeem(request: &TokenRequest<'_>) -> Result<Redeemed, Error> {
    let TokenRequest { app, client, params, caller, .. } = *request;
    let text = delivery::presented(client.client(), request.page.as_ref(), params)?;
    let token = presented::recognise(app, text).ok_or_else(|| over("not a refresh token of this issuer").guessed())?;
    let mut lost_race = false;
    loop {
        let question = Question::now(&app.clock, app.config.sessions.idle);
        let Some((family, snapshot)) = read(request, token.family_id).await? else {
            return Err(over("unknown family"));
        };
        if !life::fits(&family, &token) {
            return Err(over("the family secret does not fit"));
        }
        if snapshot.client.as_ref().is_none_or(|row| row.client_id != client.id()) {
            return Err(refused(request, &family, "another client's token").await);
        }
        let Some(carrier) = delivery::carrier(client.client(), request.page.as_ref(), snapshot.session.as_ref()) else {
            return Err(refused(request, &family, delivery::ELSEWHERE).await);
        };
        let standing = match life::judge(&family, snapshot, question) {
            Ok(standing) => standing,
            Err(refusal) => return Err(refused(request, &family, "no standing").await.because(refusal)),
        };
        if standing.client().is_none_or(|row| row.client_version != client.version()) {
            return Ok(Redeemed::ClientMoved);
        }
        if let Some(why) = life::over(&family, standing.now(), app.config.tokens.family_idle) {
            return Err(refused(request, &family, why.why()).await);
        }
        let Some(draft) = draft(request, &family, &standing).await? else {
            return Err(refused(request, &family, "no resource it was authorized for is left").await);
        };
        let named = family.claims.as_ref().is_some_and(|named| !named.id_token.is_empty());
        let standing = claims::read_along(&app.store, standing, named || !draft.claims.is_empty()).await?;
        let presented = Presented {
            generation: token.generation,
            current: family.generation,
            rotated_at: family.rotated_at,
            // Looked at once more: whoever waited for the reading may have come before the rotation it shows.
            now: standing.now().max(family.rotated_at.min(app.clock.now())),
            retry_window: client.client().registration().retry_window.unwrap_or(app.config.tokens.retry_window),
            // A client that proves a key at each use, or a browser its session.
            bound: client.proved_key() || carrier.is_bound(),
            replaced_at: replaced_at(request, &family, token.generation, carrier).await?,
            lost_race,
        };
        let ask = Refreshable { client, token: &token, family: &family, standing, draft, carrier };
        let ending = match lineage::judge(&presented) {
            Verdict::Rotate => match family::rotate(app, ask, caller).await? {
                Ok(entitlement) => return Ok(Redeemed::Entitled(Box::new(entitlement))),
                Err(_) => {
                    lost_race = true;
                    continue;
                }
            },
            Verdict::Retry => return Ok(Redeemed::Entitled(Box::new(family::retry(app, ask, caller).await?))),
            Verdict::Late => ask.late(caller),
            Verdict::Reused => ask.reused(caller),
            Verdict::Lost => ask.lost(caller),
        };
        if !family::end(app, family.id, &ending).await? {
            return Err(refused(request, &family, Over::Ended.why()).await);
        }
        return Err(over(ending.reason));
    }
}

/// The family and all it hangs on; what else is told of its user only where ID tokens tell it.
async fn read(request: &TokenRequest<'_>, id: Uuid) -> Result<Option<(Family, Snapshot)>, Error> {
    let store = &request.app.store;
    if request.client.client().registration().id_token_claims {
        return Ok(rolls::of_family_told(store, id).await?.map(|(family, snapshot, _)| (family, snapshot)));
    }
    Ok(rolls::of_family(store, id).await?)
}

/// When a generation older than the last one was rotated away, if the one cookie of a browser brings it: answers to two tabs can
/// arrive in another order than they left in, and the browser keeps what came last.
async fn replaced_at(
    request: &TokenRequest<'_>,
    family: &Family,
    generation: i64,
    carrier: Carrier,
) -> Result<Option<DateTime<Utc>>, Error> {
    if !carrier.is_bound() || generation >= family.generation - 1 {
        return Ok(None);
    }
    Ok(store::lineage::rotated_to(&request.app.store, family.id, generation + 1).await?)
}

/// Scopes, resource and limits of the access token a refresh would give: never more than the family has. None when nobody is
/// left whom it could be for.
async fn draft(request: &TokenRequest<'_>, family: &Family, standing: &Standing) -> Result<Option<Draft>, Error> {
    let registration = request.client.client().registration();
    // What the client may no longer ask for is no longer given.
    let have = Scopes::stored(&family.scopes).only(|scope| registration.scopes.has(scope));
    let scopes = match request.params.get("scope") {
        None => have,
        Some(text) => {
            let asked = Scopes::parse(text)?;
            if asked.beyond(&have).is_some() {
                return Err(Error::new(Code::InvalidScope, "a refresh never widens its scope"));
            }
            asked
        }
    };
    let asked = audience::asked(request.params)?;
    let allowed = audience::of_authorization(request.app, registration, &family.resources.0, &asked, scopes).await?;
    let mut ends = vec![family.expires_at];
    ends.extend(standing.session().filter(|_| !family.outlives_session).map(|session| session.session_expires_at));
    Ok(allowed.map(|allowed| Draft::new(standing, allowed, &ends)))
}

/// Whether a client is given a refresh token with what it was allowed.
#[must_use]
pub fn is_due(client: &Client, scopes: &Scopes) -> bool {
    let offline_only = client.registration().profile.refreshes_offline_only();
    client.may_use_grant(GRANT.name) && (!offline_only || scopes.has("offline_access"))
}

/// The one answer for whatever is over; the reason is for the log.
fn over(detail: &str) -> Error {
    Error::invalid_grant("the refresh token is invalid, expired or revoked").because(detail)
}

/// A refusal that leaves the family as it was, told to the auditor.
async fn refused(request: &TokenRequest<'_>, family: &Family, why: &'static str) -> Error {
    let TokenRequest { app, client, caller, .. } = *request;
    let record = Record::new(Event::RefreshRefused, Actor::Client(client.id()), caller, app.clock.now())
        .client(client.id())
        .family(family.id)
        .outcome("refused")
        .detail(serde_json::json!({ "why": why }));
    app.audit_rate.note(&app.store, &record, app.clock.monotonic()).await;
    over(why)
}
