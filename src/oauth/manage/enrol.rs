//! Clients that register themselves (RFC 7591) and keep their own registration (RFC 7592): each step as one transaction, by the
//! same checks an administrator's go through.
//!
//! Refused: one more than there may be; an initial access token that is used up; a public client that becomes confidential, or
//! the reverse; whatever an administrator has disabled.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::draft::Draft;
use super::{check, end, locked, secrets as own};
use crate::change::{By, Change, Problem, Refused};
use crate::event::Event;
use crate::oauth::client::Source;
use crate::revocation::{self, Reach, Target};
use crate::secret::{self, ClientSecret, Opaque, RegistrationToken};
use crate::store::clients::{self, Client};
use crate::store::enrolled::{self, Registration};
use crate::store::initial_tokens::{self, Used};
use crate::store::{self, Store, audit, grants, resources};

/// What lets a client register itself.
#[derive(Debug, Clone, Copy)]
pub struct Admission {
    /// None: anyone may.
    pub initial_token: Option<Uuid>,
    /// How many such clients may be there.
    pub most: i64,
}

/// A client that has registered itself: what it is told this once.
#[derive(Debug)]
pub struct Enrolled {
    pub client: Client,
    pub secret: Option<Opaque<ClientSecret>>,
    pub token: Opaque<RegistrationToken>,
}

/// Why none came of it.
#[derive(Debug, thiserror::Error)]
pub enum NotEnrolled {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("the initial access token is used up, revoked or expired")]
    Spent,
    #[error("as many clients as may have registered themselves")]
    Full,
}

impl From<store::Error> for NotEnrolled {
    fn from(error: store::Error) -> Self {
        Self::Refused(error.into())
    }
}

/// Registers a client at its own wish.
pub async fn enrol(
    store: &Store,
    by: &By<'_>,
    draft: &Draft,
    admission: Admission,
) -> Result<Change<Enrolled>, NotEnrolled> {
    let mut tx = store.begin().await?;
    check::check(draft, None, &resources::list(&mut tx).await?)?;
    // First the row that those who come at the same time with one token queue for.
    if let Some(id) = admission.initial_token
        && initial_tokens::take(&mut tx, id, by.at).await? == Used::NoMore
    {
        return Err(NotEnrolled::Spent);
    }
    if enrolled::count(&mut tx, Source::Dynamic.name()).await? >= admission.most {
        return Err(NotEnrolled::Full);
    }
    let row = draft.row(secret::uuid_v7(by.at), by.at);
    let client = Client { source: Source::Dynamic.name().to_owned(), ..row };
    clients::insert(&mut tx, &client).await?;
    let token = Opaque::<RegistrationToken>::generate();
    let registration = Registration {
        client_id: client.id,
        digest: token.digest().as_bytes().to_vec(),
        initial_token_id: admission.initial_token,
        created_at: by.at,
    };
    enrolled::insert(&mut tx, &registration).await?;
    let secret = if draft.needs_secret() { Some(own::add(&mut tx, by, client.id).await?) } else { None };
    let detail = json!({
        "source": client.source, "initial_token": admission.initial_token, "name": client.name,
        "profile": client.profile, "auth_method": client.auth_method, "grants": client.grants.0,
    });
    audit::insert(&mut tx, &by.record(Event::ClientCreated).client(client.id).detail(detail)).await?;
    Ok(Change::new(tx, Enrolled { client, secret, token }))
}

/// A client's own registration after a change; with its first secret, if the change calls for one.
pub type Replaced = (Client, Option<Opaque<ClientSecret>>);

/// Replaces a client's registration by what it says itself. What differs in nothing writes nothing. What users were shown when
/// they allowed it (its name, and where it takes them) is asked for again once it is another. Whom an administrator let skip consent
/// asks for it once it looks otherwise, or may have more.
pub async fn replace(
    store: &Store,
    by: &By<'_>,
    id: Uuid,
    edit: impl FnOnce(&Draft) -> Result<Draft, Refused>,
) -> Result<Change<Replaced>, Refused> {
    let (mut tx, before) = locked(store, id).await?;
    let own = Source::parse(&before.source) == Some(Source::Dynamic) && before.disabled_at.is_none();
    let Some(was) = Draft::of(&before).filter(|_| own) else {
        return Err(Refused::Conflict("this registration is not the client's to change".to_owned()));
    };
    let mut draft = edit(&was)?;
    let listed = draft.listed.take();
    if draft == was {
        return Ok(Change::new(tx, (before, None)));
    }
    if draft.is_public() != was.is_public() {
        let says = "a client stays public or confidential as it was registered; register another one";
        return Err(Refused::Invalid(vec![Problem { field: "auth_method", says: says.to_owned() }]));
    }
    let looks_otherwise = draft.looks_unlike(&was);
    if looks_otherwise || draft.scopes.iter().any(|scope| !was.scopes.contains(scope)) {
        // An administrator who let it skip consent let another one do so, and for less.
        draft.skips_consent = false;
    }
    draft.listed = listed;
    check::check(&draft, Some(&was), &resources::list(&mut tx).await?)?;
    let after = draft.onto(&before);
    clients::update(&mut tx, &after, by.at).await?;
    let forgotten = if looks_otherwise { grants::forget_all(&mut tx, id).await? } else { 0 };
    let secrets = clients::secrets(&mut tx, id).await?;
    if !draft.needs_secret() {
        own::remove_all(&mut tx, id).await?;
    }
    let secret = if draft.needs_secret() && secrets.is_empty() { Some(own::add(&mut tx, by, id).await?) } else { None };
    let detail = json!({ "changed": was.differing(&draft), "consents_forgotten": forgotten });
    audit::insert(&mut tx, &by.record(Event::ClientUpdated).client(id).detail(detail)).await?;
    let Some(reason) = draft.ends(&was) else { return Ok(Change::new(tx, (after, secret))) };
    let killed = revocation::kill(&mut tx, &Target::Client(id), Reach::Lineage, &by.cause(reason)).await?;
    Ok(Change::new(tx, (after, secret)).and(killed))
}

/// Deletes a client that has gone unused, if that is so still: never used and older than `fresh`, or last used before `idle`.
pub async fn expire(
    store: &Store,
    by: &By<'_>,
    id: Uuid,
    (fresh, idle): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Option<Change<Client>>, Refused> {
    let (tx, client) = match locked(store, id).await {
        Ok(locked) => locked,
        Err(Refused::Unknown(_)) => return Ok(None),
        Err(other) => return Err(other),
    };
    let read = client.document_until.is_some_and(|until| until >= fresh);
    let over = !read && client.last_used_at.map_or(client.created_at < fresh, |last| last < idle);
    let own = Source::parse(&client.source).is_some_and(|source| source != Source::Admin);
    if !over || !own || client.disabled_at.is_some() {
        return Ok(None);
    }
    end::gone(tx, by, client, "unused").await.map(Some)
}
