//! Issuing an authorization code: the last step of a sign-in, judged once more under the locks of all it hangs on.
//!
//! One transaction: client, user, grant and session are locked in order; session, user and client are judged alive in a
//! snapshot read under those locks; then what the client knows the user by, the consent (evidence, so it needs the locks), the code
//! and their audit rows are written. A kill takes the same rows first, so one of the two always sees the other.

use serde_json::json;
use uuid::Uuid;

use super::client::Client;
use super::consent;
use super::error::{Code as ErrorCode, Error};
use super::scope::Scopes;
use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::oidc::{requested, subject};
use crate::policy::{self, Question, Refusal, Standing};
use crate::secret::{self, Code, Digest, Opaque};
use crate::store::codes::NamedClaims;
use crate::store::interactions::{self, Interaction, Stepped};
use crate::store::locks::{Owner, lock};
use crate::store::{self, Tx, codes, grants, rolls};

/// The `response_type` that asks for a code.
pub const RESPONSE_TYPE: &str = "code";

/// The step of an interaction that has ended with a code.
pub const DONE: &str = "done";

/// What a code stands for.
#[derive(Debug)]
pub struct Ask<'a> {
    pub signed: Signed<'a>,
    pub redirect_uri: Option<&'a str>,
    pub challenge: Option<&'a str>,
    pub nonce: Option<&'a str>,
    pub scopes: &'a Scopes,
    pub resources: &'a [String],
    /// Asked for by name, beyond the scopes.
    pub claims: &'a NamedClaims,
    /// The user has just allowed this, on the page.
    pub consents: bool,
    pub acr: &'a str,
    pub amr: &'a [String],
    /// The interaction that ends with this code, in the same transaction.
    pub finishes: Option<&'a Interaction>,
    pub caller: &'a Caller,
}

/// Why no code came of it.
#[derive(Debug, thiserror::Error)]
pub enum NoCode {
    /// The session, or what it was born of, has ended since: sign in again.
    #[error("signing in is needed again: {0}")]
    SignInAgain(&'static str),
    /// Consent is needed, and was not given or not remembered.
    #[error("consent is needed")]
    ConsentNeeded,
    /// Another request had finished the interaction first.
    #[error("the interaction is finished")]
    Finished,
    /// What was to be allowed is over, or has been answered.
    #[error("the code of the device is over")]
    Over,
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<store::Error> for NoCode {
    fn from(error: store::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Issues a code. The text is for the client alone.
pub async fn issue(app: &App, ask: &Ask<'_>) -> Result<String, NoCode> {
    // A node that can't be trusted with the time or the log issues nothing.
    app.live.issuing_allowed().map_err(Error::unavailable)?;
    let client = ask.signed.client;
    let client_id = client.registration().id;
    let mut tx = app.store.begin().await?;
    let (standing, grant_id) = judged_under_locks(app, &mut tx, ask.signed).await?;
    let (Some(user), Some(session)) = (standing.user(), standing.session()) else {
        return Err(NoCode::SignInAgain("no session"));
    };
    let actor = Actor::User(user.user_id);
    let note = |event| {
        Record::new(event, actor, ask.caller, standing.now())
            .user(user.user_id)
            .client(client_id)
            .session(session.session_id)
    };
    let audience = consent::audience(app, ask.resources);
    let only = client.registration().redirect_uris.first().map(String::as_str);
    let redirect = ask.redirect_uri.or(only).unwrap_or_default();
    let beyond = requested::beyond(ask.claims, ask.scopes);
    if ask.consents {
        let (scopes, resources) = consent::with(&standing, ask.scopes, &audience);
        grants::consent(&mut tx, grant_id, (&scopes, &resources), standing.as_of(), standing.now()).await?;
        let claims = consent::with_claims(&standing, &beyond);
        grants::consent_claims(&mut tx, grant_id, &claims).await?;
        let detail = json!({ "scope": scopes, "resources": resources, "claims": claims });
        store::audit::insert(&mut tx, &note(Event::ConsentGiven).detail(detail)).await?;
    } else if !consent::remembers(client, redirect, (ask.scopes, &audience), &standing)
        || !consent::remembers_claims(client, redirect, &beyond, &standing)
    {
        return Err(NoCode::ConsentNeeded);
    }
    if let Some(interaction) = ask.finishes {
        let stepped =
            interactions::step(&mut tx, interaction, DONE, Some(session.session_id), Some(standing.now())).await?;
        if stepped == Stepped::Behind {
            return Err(NoCode::Finished);
        }
    }
    let text = Opaque::<Code>::generate();
    let family_id = secret::uuid_v7(standing.now());
    let code = codes::Code {
        digest: text.digest().as_bytes().to_vec(),
        family_id,
        born_seq: standing.as_of(),
        redirect_uri: ask.redirect_uri.map(str::to_owned),
        challenge: ask.challenge.map(str::to_owned),
        nonce: ask.nonce.map(str::to_owned),
        scopes: ask.scopes.to_string(),
        resources: sqlx::types::Json(audience),
        acr: ask.acr.to_owned(),
        amr: sqlx::types::Json(ask.amr.to_vec()),
        auth_time: session.session_auth_time,
        created_at: standing.now(),
        expires_at: standing.now() + app.config.tokens.code_lifetime,
        spent_at: None,
        burnt_at: None,
        claims: Some(ask.claims).filter(|named| **named != NamedClaims::default()).cloned().map(sqlx::types::Json),
    };
    let owners = codes::Owners { client_id, user_id: user.user_id, grant_id, session_id: session.session_id };
    codes::insert(&mut tx, &code, owners).await?;
    store::audit::insert(&mut tx, &note(Event::CodeIssued).family(family_id)).await?;
    tx.commit().await?;
    Ok(text.expose())
}

/// Who is signed in, as their browser proves, and for which client.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    pub client: &'a Client,
    pub session_id: Uuid,
    /// What the browser holds of the session now: a renewed secret makes an older page worthless.
    pub session_secret: &'a Digest,
}

/// Locks all that a user's word to a client hangs on, and judges it there; answers with the grant's row, which is made.
pub async fn judged_under_locks(app: &App, tx: &mut Tx, ask: Signed<'_>) -> Result<(Standing, Uuid), NoCode> {
    let client_id = ask.client.registration().id;
    let Some(session) = store::sessions::get(&mut *tx, ask.session_id).await? else {
        return Err(NoCode::SignInAgain("no such session"));
    };
    lock(tx, &[Owner::Client(client_id), Owner::User(session.user_id)]).await?;
    let grant_id =
        grants::ensure(tx, secret::uuid_v7(app.clock.now()), session.user_id, client_id, app.clock.now()).await?;
    lock(tx, &[Owner::Grant(grant_id), Owner::Session(session.id)]).await?;
    let held = store::sessions::get(&mut *tx, session.id).await?.and_then(|row| Digest::stored(&row.secret_digest));
    if !held.is_some_and(|held| held.matches(ask.session_secret)) {
        return Err(NoCode::SignInAgain("the session was renewed elsewhere"));
    }
    let question = Question::now(&app.clock, app.config.sessions.idle);
    let Some(snapshot) = rolls::of_session_at(&mut *tx, session.id, client_id).await? else {
        return Err(NoCode::SignInAgain("no such session"));
    };
    let standing = policy::judge(snapshot, &question).map_err(|refusal| match refusal {
        Refusal::ClientDisabled | Refusal::ClientDeleted => {
            NoCode::Failed(Error::new(ErrorCode::UnauthorizedClient, "the client is disabled").because(refusal))
        }
        _ => NoCode::SignInAgain("the session or its user has ended"),
    })?;
    // Whatever was checked against the registration was checked against the one that stands.
    if standing.client().is_none_or(|row| row.client_version != ask.client.registration().version) {
        return Err(NoCode::Failed(Error::unavailable("the client's registration changed meanwhile")));
    }
    subject::hand_out(tx, ask.client.registration(), &standing, grant_id).await?;
    Ok((standing, grant_id))
}
