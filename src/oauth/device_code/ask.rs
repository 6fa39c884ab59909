//! What a device asks for (RFC 8628, 3.1 and 3.2): judged, given its two codes, and written down.
//!
//! Refused: more than a network may ask for in a client's name, and more than may wait for an answer.

use std::time::Duration;

use serde_json::json;

use super::user_code::UserCode;
use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::oauth::client_auth::AuthenticatedClient;
use crate::oauth::consent;
use crate::oauth::error::{Code, Error};
use crate::oauth::grants::device_code::INTERVAL;
use crate::oauth::scope::Scopes;
use crate::policy::{self, Question};
use crate::secret::{self, DeviceCode as Secret, Opaque};
use crate::store::device_codes::{self, DeviceCode, Kept};
use crate::store::{audit, rolls};

/// How often a user code is drawn anew because it stands already.
const TRIES: usize = 8;

/// What is asked, by whom.
#[derive(Debug)]
pub struct Ask<'a> {
    pub client: &'a AuthenticatedClient,
    pub scopes: &'a Scopes,
    pub resources: &'a [String],
    pub caller: &'a Caller,
}

/// What the device is given.
#[derive(Debug)]
pub struct Given {
    pub device_code: Opaque<Secret>,
    pub user_code: UserCode,
    pub lifetime: Duration,
    pub interval: i64,
}

/// Writes a device's wish down. None when the client's registration moved since it authenticated: begin again.
pub async fn begin(app: &App, ask: &Ask<'_>) -> Result<Option<Given>, Error> {
    let Ask { client, scopes, resources, caller } = ask;
    let question = Question::now(&app.clock, app.config.sessions.idle);
    let snapshot = rolls::of_client(&app.store, client.id()).await?.ok_or_else(Error::invalid_client)?;
    let standing = policy::judge(snapshot, &question)?;
    if standing.client().is_none_or(|row| row.client_version != client.version()) {
        return Ok(None);
    }
    if !app.device_requests.take(client.id(), caller, app.clock.monotonic()) {
        return Err(Error::new(Code::TooMany, "too many device codes are asked for in this client's name from here"));
    }
    let most = i64::from(app.config.throttle.device_codes);
    let device_code = Opaque::<Secret>::generate();
    let lifetime = app.config.tokens.device_code_lifetime;
    let row = DeviceCode {
        digest: device_code.digest().as_bytes().to_vec(),
        family_id: secret::uuid_v7(standing.now()),
        client_id: client.id(),
        born_seq: standing.as_of(),
        scopes: scopes.to_string(),
        resources: sqlx::types::Json(consent::audience(app, resources)),
        address: caller.address_text(),
        user_agent: caller.user_agent.clone(),
        interval_seconds: INTERVAL,
        polls: 0,
        polled_at: None,
        claimed_by: None,
        created_at: standing.now(),
        expires_at: standing.now() + lifetime,
        approved_at: None,
        denied_at: None,
        spent_at: None,
    };
    let record = Record::new(Event::DeviceRequested, Actor::Client(client.id()), caller, standing.now())
        .client(client.id())
        .family(row.family_id)
        .detail(json!({ "scope": row.scopes, "resources": row.resources.0 }));
    let mut tx = app.store.begin().await?;
    if device_codes::waiting(&mut tx, client.id(), standing.now(), most).await? >= most {
        return Err(Error::new(Code::TooMany, "too many device codes of this client wait for an answer"));
    }
    for _ in 0..TRIES {
        let user_code = UserCode::generate();
        let Some(tag) = user_code.tags(app).into_iter().next() else { break };
        if device_codes::insert(&mut tx, &row, &tag).await? == Kept::Kept {
            audit::insert(&mut tx, &record).await?;
            tx.commit().await?;
            return Ok(Some(Given { device_code, user_code, lifetime, interval: INTERVAL }));
        }
    }
    Err(Error::unavailable("no user code is free"))
}
