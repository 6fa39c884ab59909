//! `chancery lineage show`: user → browser session → family → generation → access token, for any of them.
//!
//! What is shown is looked up, not proved: a token that is read from standard input may have expired or been revoked.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Subcommand;
use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::Desk;
use super::out::{Done, Failure, line, safe, time};
use super::state::{self, Log};
use super::tree::Node;
use crate::live::Bearing;
use crate::oidc::subject;
use crate::store::lineage::{self, Retry, Row};
use crate::store::users::User;
use crate::store::{families, rolls, sessions, signin_rolls, users};
use crate::token::presented;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The tree around a jti, family, session or user, or, with -, around the token on standard input
    Show {
        /// jti, family, session, user, or -
        value: String,
    },
}

/// How many sessions, and access tokens of one family, are shown.
const MOST_SESSIONS: usize = 100;
const MOST_TOKENS: i64 = 1000;

/// What part of a user's tree is asked for.
struct Focus {
    user: Uuid,
    session: Option<Uuid>,
    family: Option<Uuid>,
    jti: Option<Uuid>,
}

impl Focus {
    fn whole(user: Uuid) -> Self {
        Self { user, session: None, family: None, jti: None }
    }
}

pub(super) async fn run(desk: &Desk, command: Command) -> Done {
    let Command::Show { value } = command;
    let focus = if value == "-" { of_token(desk, &line()?).await? } else { of_value(desk, &value).await? };
    let (json, tree) = show(desk, &focus).await?;
    desk.out.give(&json, || tree.draw())
}

async fn of_value(desk: &Desk, value: &str) -> Done<Focus> {
    if let Ok(id) = Uuid::try_parse(value) {
        if let Some(focus) = of_family(desk, id, None).await? {
            return Ok(focus);
        }
        if let Some(focus) = of_jti(desk, id).await? {
            return Ok(focus);
        }
        if let Some(session) = sessions::get(&desk.store, id).await? {
            return Ok(Focus { session: Some(id), ..Focus::whole(session.user_id) });
        }
        // A deleted user's lineage is evidence, too.
        let user = match users::get(&desk.store, id).await? {
            Some(user) => Some(user),
            None => users::by_sub(&desk.store, id).await?,
        };
        if let Some(user) = user {
            return Ok(Focus::whole(user.id));
        }
    } else if let Some(user) = desk.user_if_any(value).await? {
        return Ok(Focus::whole(user.id));
    }
    let hint = "a token of a client acting for itself stands in the audit trail only";
    Err(Failure::new(format!("{:?} is no jti, family, session or user in the rolls; {hint}", safe(value))))
}

async fn of_token(desk: &Desk, text: &str) -> Done<Focus> {
    let unknown = || Failure::new("that token is in no lineage here");
    if text.starts_with(crate::token::refresh::PREFIX) {
        let token = presented::recognise(&desk.app().await?, text).ok_or_else(unknown)?;
        return of_family(desk, token.family_id, None).await?.ok_or_else(unknown);
    }
    let claims = text.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).ok_or_else(unknown)?;
    let claims: Value = serde_json::from_slice(&claims).map_err(|_| unknown())?;
    let jti =
        claims.get("jti").and_then(Value::as_str).and_then(|jti| Uuid::try_parse(jti).ok()).ok_or_else(unknown)?;
    of_jti(desk, jti).await?.ok_or_else(unknown)
}

async fn of_jti(desk: &Desk, jti: Uuid) -> Done<Option<Focus>> {
    match lineage::find(&desk.store, jti).await? {
        Some(place) => of_family(desk, place.family_id, Some(jti)).await,
        None => Ok(None),
    }
}

async fn of_family(desk: &Desk, id: Uuid, jti: Option<Uuid>) -> Done<Option<Focus>> {
    let owners = families::owners(&desk.store, id).await?;
    Ok(owners.map(|owners| Focus { user: owners.user_id, session: Some(owners.session_id), family: Some(id), jti }))
}

async fn show(desk: &Desk, focus: &Focus) -> Done<(Value, Node)> {
    let found = signin_rolls::of_user(&desk.store, focus.user).await?;
    let (roll, _, counter) = found.ok_or_else(|| Failure::new("the user is not in the rolls any more"))?;
    let user = users::get(&desk.store, focus.user).await?;
    let user = user.ok_or_else(|| Failure::new("the user is not in the rolls any more"))?;
    let mark = counter.issuer_mark.max(roll.user_mark);
    let log = Log::read(desk).await?;
    let mut all = sessions::of_user(&desk.store, focus.user).await?;
    all.retain(|session| focus.session.is_none_or(|id| id == session.id));
    let (cut, mut shown, mut nodes) = (all.len() > MOST_SESSIONS, Vec::new(), Vec::new());
    for session in all.into_iter().take(MOST_SESSIONS) {
        let state = state::session(desk, &session, mark);
        let (mut families, mut under) = (Vec::new(), Vec::new());
        for id in families::of_session(&desk.store, session.id).await? {
            if focus.family.is_none_or(|only| only == id)
                && let Some((json, node)) = family(desk, &user, id, (&log, focus.jti)).await?
            {
                families.push(json);
                under.push(node);
            }
        }
        let from = session.address.as_deref().map(|address| format!(" from {}", safe(address))).unwrap_or_default();
        let text = format!("session {}  {state}  began {}{from}", session.id, time(session.created_at));
        nodes.push(Node::new(text, under));
        shown.push(json!({
            "sid": session.id,
            "state": state,
            "auth_time": session.auth_time,
            "created_at": session.created_at,
            "last_used_at": session.last_used_at,
            "expires_at": session.expires_at,
            "ended_at": session.ended_at,
            "address": session.address,
            "user_agent": session.user_agent,
            "families": families,
        }));
    }
    if cut {
        nodes.push(Node::new(format!("… only the newest {MOST_SESSIONS} sessions are shown"), Vec::new()));
    }
    let state = match () {
        () if user.deleted_at.is_some() => "deleted",
        () if user.disabled_at.is_some() => "disabled",
        () => "active",
    };
    let text = format!("user {}  {state}  id {}  sub {}", safe(&user.username), user.id, user.sub);
    let about = json!({ "id": user.id, "sub": user.sub, "username": user.username, "state": state });
    Ok((json!({ "user": about, "sessions": shown, "truncated": cut }), Node::new(text, nodes)))
}

async fn family(desk: &Desk, user: &User, id: Uuid, seen: (&Log, Option<Uuid>)) -> Done<Option<(Value, Node)>> {
    let Some((family, snapshot)) = rolls::of_family(&desk.store, id).await? else { return Ok(None) };
    let Some(owners) = families::owners(&desk.store, id).await? else { return Ok(None) };
    let client = crate::store::clients::get(&desk.store, owners.client_id).await?;
    let name = client.as_ref().map(|client| client.name.clone()).unwrap_or_default();
    let sub = subject::carried(&snapshot);
    let told = state::family(desk, &family, snapshot).await?;
    let rows = lineage::of_family(&desk.store, id, (family.ordinal - MOST_TOKENS).max(-1), MOST_TOKENS).await?;
    let retries = lineage::retries(&desk.store, id).await?;
    let cut = rows.first().is_some_and(|row| row.ordinal > 0);
    let client_id = client.as_ref().and_then(|client| client.document.clone());
    let client_id = client_id.unwrap_or_else(|| owners.client_id.to_string());
    let branch = Branch { desk, user, client_id, sid: owners.session_id, log: seen.0, jti: seen.1 };
    let (tokens, mut nodes): (Vec<_>, Vec<_>) = rows.iter().map(|row| branch.token(row, &retries)).unzip();
    if cut {
        nodes.insert(0, Node::new(format!("… only the newest {MOST_TOKENS} tokens are shown"), Vec::new()));
    }
    let text = format!(
        "family {id}  {}{}  {} {}  generation {}{}",
        told.state,
        told.why(),
        safe(&name),
        owners.client_id,
        family.generation,
        if told.state == "live" { format!("  until {}", time(family.expires_at)) } else { String::new() }
    );
    let json = json!({
        "family_id": id,
        "client_id": owners.client_id,
        "client_name": name,
        "sub": sub,
        "state": told.state,
        "end_reason": told.reason,
        "ended_at": told.at,
        "ended_by": told.by,
        "generation": family.generation,
        "scopes": family.scopes.split(' ').filter(|scope| !scope.is_empty()).collect::<Vec<_>>(),
        "resources": family.resources.0,
        "acr": family.acr,
        "amr": family.amr.0,
        "outlives_session": family.outlives_session,
        "created_at": family.created_at,
        "rotated_at": family.rotated_at,
        "expires_at": family.expires_at,
        "tokens": tokens,
        "truncated": cut,
    });
    Ok(Some((json, Node::new(text, nodes))))
}

/// The owners a family's tokens hang on.
struct Branch<'a> {
    desk: &'a Desk,
    user: &'a User,
    /// What its tokens carry.
    client_id: String,
    sid: Uuid,
    log: &'a Log,
    jti: Option<Uuid>,
}

impl Branch<'_> {
    /// `expired`, `revoked` with the entry, or `live`.
    fn state(&self, row: &Row, jti: Uuid, expires_at: chrono::DateTime<chrono::Utc>) -> (&'static str, Option<Value>) {
        let (sub, aud) = (self.user.sub.to_string(), row.audience.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let bearing = Bearing {
            jti,
            family_id: Some(row.family_id),
            sid: Some(self.sid),
            sub: Some(&sub),
            client_id: &self.client_id,
            aud: &aud,
            kid: "",
            rev_seq: row.rev_seq,
        };
        match self.log.covering(&bearing) {
            Some(entry) => ("revoked", Some(entry)),
            None if expires_at <= self.desk.now() => ("expired", None),
            None => ("live", None),
        }
    }

    fn token(&self, row: &Row, retries: &[Retry]) -> (Value, Node) {
        let (state, entry) = self.state(row, row.jti, row.expires_at);
        let (again, mut under): (Vec<_>, Vec<_>) = retries
            .iter()
            .filter(|retry| retry.ordinal == row.ordinal)
            .map(|retry| {
                let (state, entry) = self.state(row, retry.jti, retry.expires_at);
                let node = self.line(&format!("retry {}", retry.number), (retry.at, retry.jti), state, &retry.address);
                let json = json!({
                    "number": retry.number,
                    "jti": retry.jti,
                    "at": retry.at,
                    "expires_at": retry.expires_at,
                    "state": state,
                    "revoked_by": entry,
                    "address": retry.address,
                    "user_agent": retry.user_agent,
                });
                (json, node)
            })
            .unzip();
        let more = row.retries - i64::try_from(again.len()).unwrap_or(0);
        if more > 0 {
            under.push(Node::new(format!("… {more} more retries"), Vec::new()));
        }
        let mut node = self.line(&format!("generation {}", row.generation), (row.at, row.jti), state, &row.address);
        node.under = under;
        let json = json!({
            "ordinal": row.ordinal,
            "generation": row.generation,
            "jti": row.jti,
            "at": row.at,
            "expires_at": row.expires_at,
            "rev_seq": row.rev_seq,
            "state": state,
            "revoked_by": entry,
            "scopes": row.scopes.split(' ').filter(|scope| !scope.is_empty()).collect::<Vec<_>>(),
            "audience": row.audience.split(' ').filter(|uri| !uri.is_empty()).collect::<Vec<_>>(),
            "address": row.address,
            "user_agent": row.user_agent,
            "retries": row.retries,
            "retried": again,
        });
        (json, node)
    }

    fn line(
        &self,
        what: &str,
        (at, jti): (chrono::DateTime<chrono::Utc>, Uuid),
        state: &str,
        address: &Option<String>,
    ) -> Node {
        let from = address.as_deref().map(|address| format!("  from {}", safe(address))).unwrap_or_default();
        let here = if self.jti == Some(jti) { "  <- this one" } else { "" };
        Node::new(format!("{what}  {}  jti {jti}  {state}{from}{here}", time(at)), Vec::new())
    }
}
