//! Initial access tokens (RFC 7591, 1.2 and 3): an administrator makes one, and whoever holds it registers so many clients with
//! it, for so long, with what it allows. Kept as a digest; shown once.
//!
//! Refused: one without an end, or for this server's own scopes.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::change::{By, Change, Problems, Refused, plain};
use crate::event::Event;
use crate::oauth::profile::Profile;
use crate::oauth::scope::STANDARD;
use crate::secret::{self, InitialToken as Kind, Opaque};
use crate::store::initial_tokens::{self, InitialToken, Terms, Used};
use crate::store::{Store, audit, issuer, resources};

/// The most registrations, and the longest life, of one token.
const MOST_USES: u32 = 100_000;
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// What may be said of one.
#[derive(Debug, Clone)]
pub struct Draft {
    pub name: String,
    pub terms: Terms,
    pub uses: u32,
    pub lifetime: Duration,
}

/// Makes one. The text is shown now and never again.
pub async fn create(
    store: &Store,
    by: &By<'_>,
    draft: &Draft,
) -> Result<Change<(InitialToken, Opaque<Kind>)>, Refused> {
    let mut tx = store.begin().await?;
    let mut problems = Problems::default();
    problems.check("name", plain(&draft.name));
    if draft.uses == 0 || draft.uses > MOST_USES {
        problems.add("uses", format!("is not a number from 1 to {MOST_USES}"));
    }
    if draft.lifetime.is_zero() || draft.lifetime > LONGEST {
        problems.add("lifetime", "is not a time of up to 365 days");
    }
    if let Some(name) = draft.terms.profile.as_deref().filter(|name| Profile::parse(name).is_none()) {
        let known: Vec<_> = Profile::ALL.iter().map(|profile| profile.name()).collect();
        problems.add("profile", format!("{name:?} is not known; choose {}", known.join(" or ")));
    }
    let known = resources::list(&mut tx).await?;
    let living = || known.iter().filter(|resource| resource.retired_at.is_none());
    for uri in draft.terms.resources.iter().flatten().filter(|uri| !living().any(|resource| resource.uri == **uri)) {
        problems.add("resources", format!("{uri:?} is no registered resource; `chancery resource create` makes one"));
    }
    let of_some = |scope: &str| living().any(|resource| resource.scopes.iter().any(|own| own.name == scope));
    for scope in draft.terms.scopes.iter().flatten().filter(|scope| !STANDARD.contains(&scope.as_str())) {
        if !of_some(scope) {
            problems.add("scopes", format!("{scope:?} is neither a standard scope nor one of a registered resource"));
        }
    }
    problems.into_result()?;
    let text = Opaque::<Kind>::generate();
    let token = InitialToken {
        id: secret::uuid_v7(by.at),
        digest: text.digest().as_bytes().to_vec(),
        name: draft.name.clone(),
        terms: draft.terms.clone().into(),
        uses: i64::from(draft.uses),
        uses_left: i64::from(draft.uses),
        born_seq: issuer::position(&mut tx).await?.map_or(0, |at| at.seq),
        created_at: by.at,
        expires_at: by.at + draft.lifetime,
        revoked_at: None,
    };
    initial_tokens::insert(&mut tx, &token).await?;
    let detail = json!({ "id": token.id, "name": token.name, "uses": token.uses, "expires_at": token.expires_at, "terms": draft.terms });
    audit::insert(&mut tx, &by.record(Event::InitialTokenCreated).detail(detail)).await?;
    Ok(Change::new(tx, (token, text)))
}

/// Revokes one. Clients that registered with it stay: each is ended by itself.
pub async fn revoke(store: &Store, by: &By<'_>, id: Uuid) -> Result<Change<()>, Refused> {
    let mut tx = store.begin().await?;
    if initial_tokens::revoke(&mut tx, id, by.at).await? == Used::NoMore {
        return Err(Refused::Unknown(format!("there is no initial access token {id} that is not revoked")));
    }
    audit::insert(&mut tx, &by.record(Event::InitialTokenRevoked).detail(json!({ "id": id }))).await?;
    Ok(Change::new(tx, ()))
}
