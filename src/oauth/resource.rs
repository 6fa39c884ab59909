//! Resources (RFC 8707, RFC 9728): the APIs that tokens are for, with their scopes, as an administrator keeps them.
//!
//! A resource is named by an absolute `https` URI without a fragment (`http` on loopback), for good: its URI is what tokens
//! carry. Retiring one ends the access tokens for it; families live on, and asking for it is `invalid_target`.
//! Refused: URIs in two spellings, scopes that aren't scopes, that are the standard's or Chancery's own, lifetimes above 1 h.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::types::Json;
use url::Url;
use uuid::Uuid;

use super::redirect::is_loopback;
use super::scope::{OWN, STANDARD, Scopes};
use crate::change::{By, Change, Problems, Refused, plain};
use crate::event::Event;
use crate::oidc::claims::{Own, own};
use crate::revocation::{self, Reach, Target};
use crate::secret;
use crate::store::locks::{Owner, lock};
use crate::store::resources::{self, Resource, ResourceScope};
use crate::store::{Error, Store, Tx, audit, issuer};

/// The longest life an access token may be given.
pub use crate::keyring::LONGEST_LIFE as LONGEST_ACCESS;

/// The most groups one scope may be for.
const MOST_GROUPS: usize = 20;

/// What a resource serves of itself at `/.well-known/oauth-protected-resource` (RFC 9728, 2), so that clients find their way here.
/// `jwks_uri` is absent: it would be of keys of the resource's own.
#[must_use]
pub fn metadata(issuer: &str, resource: &Resource) -> Value {
    json!({
        "resource": resource.uri,
        "resource_name": resource.name,
        "authorization_servers": [issuer],
        "scopes_supported": resource.scopes.iter().map(|scope| scope.name.as_str()).collect::<Vec<_>>(),
        "bearer_methods_supported": ["header"],
    })
}

/// What may be said of a resource, at registration and after.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    pub name: String,
    pub scopes: Vec<ResourceScope>,
    /// None: the server's own setting.
    pub access_token_lifetime: Option<Duration>,
    /// Claims of its own, told in access tokens for it.
    pub claims: Own,
}

/// Registers a resource.
pub async fn create(store: &Store, by: &By<'_>, uri: &str, draft: &Draft) -> Result<Change<Resource>, Refused> {
    let mut problems = Problems::default();
    problems.check("uri", address(uri));
    check(draft, &mut problems);
    problems.into_result()?;
    make_room(store, draft).await?;
    let mut tx = store.begin().await?;
    let resource = Resource {
        id: secret::uuid_v7(by.at),
        uri: uri.to_owned(),
        name: draft.name.clone(),
        scopes: Json(draft.scopes.clone()),
        access_token_seconds: draft.access_token_lifetime.map(seconds),
        retired_at: None,
        created_at: by.at,
        updated_at: by.at,
        claims: Json(draft.claims.clone()),
    };
    resources::insert(&mut tx, &resource).await.map_err(|error| match error {
        Error::Taken(_) => Refused::Conflict(format!("{uri} is registered already, or was and is retired")),
        other => other.into(),
    })?;
    let detail = json!({ "id": resource.id, "uri": resource.uri });
    audit::insert(&mut tx, &by.record(Event::ResourceCreated).detail(detail)).await?;
    Ok(Change::new(tx, resource))
}

/// Changes a resource's name, scopes, claims and token lifetime, from what they are.
pub async fn update(
    store: &Store,
    by: &By<'_>,
    id: Uuid,
    edit: impl FnOnce(&mut Draft),
) -> Result<Change<Resource>, Refused> {
    let before = living(store.into(), id).await?;
    let mut draft = Draft {
        name: before.name,
        scopes: before.scopes.0,
        access_token_lifetime: before.access_token_seconds.map(|seconds| Duration::from_secs(seconds.unsigned_abs())),
        claims: before.claims.0,
    };
    edit(&mut draft);
    let mut problems = Problems::default();
    check(&draft, &mut problems);
    problems.into_result()?;
    make_room(store, &draft).await?;
    let mut tx = locked(store, id).await?;
    let mut resource = living((&mut tx).into(), id).await?;
    if resource.updated_at != before.updated_at {
        return Err(Refused::Conflict("the resource was changed by someone else meanwhile; look again".to_owned()));
    }
    resource.name = draft.name;
    resource.scopes = Json(draft.scopes);
    resource.access_token_seconds = draft.access_token_lifetime.map(seconds);
    resource.claims = Json(draft.claims);
    resources::update(&mut tx, &resource, by.at).await?;
    let detail = json!({ "id": id, "uri": resource.uri });
    audit::insert(&mut tx, &by.record(Event::ResourceUpdated).detail(detail)).await?;
    Ok(Change::new(tx, resource))
}

/// Takes a resource out of use and ends the access tokens for it. Its row stays, and its URI with it.
pub async fn retire(store: &Store, by: &By<'_>, id: Uuid) -> Result<Change<Resource>, Refused> {
    let mut tx = locked(store, id).await?;
    let mut resource = living((&mut tx).into(), id).await?;
    resource.retired_at = Some(by.at);
    resources::update(&mut tx, &resource, by.at).await?;
    let detail = json!({ "id": id, "uri": resource.uri });
    audit::insert(&mut tx, &by.record(Event::ResourceRetired).detail(detail)).await?;
    let target = Target::Resource { id, uri: &resource.uri };
    let killed = revocation::kill(&mut tx, &target, Reach::Access, &by.cause("retired")).await?;
    Ok(Change::new(tx, resource).and(killed))
}

async fn locked(store: &Store, id: Uuid) -> Result<Tx, Refused> {
    let mut tx = store.begin().await?;
    lock(&mut tx, &[Owner::Resource(id)]).await?;
    Ok(tx)
}

async fn living(reader: crate::store::Reader<'_>, id: Uuid) -> Result<Resource, Refused> {
    let found = resources::get(reader, id).await?.filter(|resource| resource.retired_at.is_none());
    found.ok_or_else(|| Refused::Unknown(format!("there is no resource {id}, or it is retired")))
}

/// A longer life than any before must be known to the revocation log before a token can claim it.
async fn make_room(store: &Store, draft: &Draft) -> Result<(), Refused> {
    if let Some(lifetime) = draft.access_token_lifetime {
        issuer::raise_longest_access(store, seconds(lifetime)).await?;
    }
    Ok(())
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// A resource URI has one spelling, and says where the API is.
pub fn address(uri: &str) -> Result<(), String> {
    let fail = |why: &str| Err(format!("{uri:?} {why}"));
    if uri.len() > 500
        || uri.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '"' | '<' | '>'))
    {
        return fail("has white space, quotes or control characters, or is longer than 500 characters");
    }
    let Ok(url) = Url::parse(uri) else {
        return fail("is not an absolute URI; write one such as https://api.example.com");
    };
    if uri.contains('#') {
        return fail("has a fragment; remove it and what follows");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return fail("has user information; remove it");
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return fail("must be https; http is for loopback addresses only"),
        _ => return fail("must be an https URI"),
    }
    let canonical = url.as_str();
    // The parser adds the slash of an empty path, which no one has to write.
    if canonical != uri && canonical.strip_suffix('/') != Some(uri) {
        return fail(&format!("is not in canonical form; write {canonical:?}"));
    }
    Ok(())
}

fn check(draft: &Draft, problems: &mut Problems) {
    problems.check("name", plain(&draft.name));
    if draft.scopes.is_empty() {
        problems.add("scopes", "there is none; a resource has at least one");
    }
    for (at, scope) in draft.scopes.iter().enumerate() {
        problems.check("scopes", scope_of_resource(scope));
        if draft.scopes.iter().take(at).any(|before| before.name == scope.name) {
            problems.add("scopes", format!("{:?} is named twice", scope.name));
        }
    }
    for says in own::check(&draft.claims) {
        problems.add("claims", says);
    }
    match draft.access_token_lifetime {
        Some(life) if life > LONGEST_ACCESS => {
            problems.add("access_token_lifetime", "is longer than 1h, the most allowed")
        }
        Some(life) if life < Duration::from_secs(1) => problems.add("access_token_lifetime", "is shorter than 1s"),
        _ => {}
    }
}

fn scope_of_resource(scope: &ResourceScope) -> Result<(), String> {
    let ResourceScope { name, description, groups } = scope;
    let single = Scopes::parse(name).is_ok_and(|scopes| scopes.iter().eq([name.as_str()]));
    if !single {
        return Err(format!("{name:?} is not a scope: letters, digits and punctuation without quotes and spaces"));
    }
    if STANDARD.contains(&name.as_str()) || OWN.iter().any(|(own, _)| own == name) || name.starts_with("chancery:") {
        return Err(format!("{name:?} is reserved; choose another name, such as \"orders.read\""));
    }
    if groups.len() > MOST_GROUPS {
        return Err(format!("{name:?} is for {} groups, which are too many: {MOST_GROUPS} at most", groups.len()));
    }
    groups.iter().try_for_each(|group| plain(group))?;
    if description.is_empty() { Ok(()) } else { plain(description) }
}
