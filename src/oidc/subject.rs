//! Subject identifiers (OpenID Connect Core 8): public, one for all clients, or pairwise, one for all clients of a sector. A client
//! acting for itself is its own subject, in a form no user has: users are UUIDv4, clients UUIDv7 (RFC 9700, 4.15).
//!
//! A pairwise subject is drawn at random and kept: no key has to live as long as it, and none opens the way from one to another.
//! It is handed out with the first code, under the user's lock: a kill of the user names it, or comes first and leaves no code.
//! Refused: redirect URIs of several hosts, or of none, without a document that says that they belong together (8.1).

use url::Url;
use uuid::Uuid;

use crate::oauth::client::Registration;
use crate::oauth::error::Error;
use crate::oauth::redirect::is_loopback;
use crate::policy::Standing;
use crate::secret;
use crate::store::client_metadata::{Metadata, SubjectType};
use crate::store::rolls::{Snapshot, UserRoll};
use crate::store::{self, Store, Tx, grants, pairwise, users};

/// How users may be named to a client.
pub const TYPES: &[&str] = &["public", "pairwise"];

/// The `sub` that is a user's own.
#[must_use]
pub fn of_user(user: &UserRoll) -> String {
    user.sub.to_string()
}

/// The `sub` of a client that acts for itself.
#[must_use]
pub fn of_client(client_id: Uuid) -> String {
    client_id.to_string()
}

/// The `sub` by which this client knows the user of a standing. Rather none than the wrong one.
pub fn known_to(client: &Registration, standing: &Standing) -> Result<String, Error> {
    let user = standing.user().ok_or_else(|| Error::server("a subject is asked for where there is no user"))?;
    match client.metadata.subject_type {
        SubjectType::Public => Ok(of_user(user)),
        SubjectType::Pairwise => standing
            .known_as()
            .map(|sub| sub.to_string())
            .ok_or_else(|| Error::server("a client with pairwise subjects was handed out none for this user")),
    }
}

/// The same for whoever tells a client of a user without a standing: of his end. None where the client was told of none.
pub async fn last_known_to(store: &Store, client: &Registration, user: &UserRoll) -> store::Result<Option<String>> {
    if client.metadata.subject_type == SubjectType::Public {
        return Ok(Some(of_user(user)));
    }
    let grant = grants::find(store, user.user_id, client.id).await?;
    Ok(grant.and_then(|grant| grant.sub).map(|sub| sub.to_string()))
}

/// The `sub` that tokens of this snapshot's family carry; none without a user.
#[must_use]
pub fn carried(snapshot: &Snapshot) -> Option<String> {
    let known_as = snapshot.grant.as_ref().and_then(|grant| grant.grant_sub);
    snapshot.user.as_ref().map(|user| known_as.unwrap_or(user.sub).to_string())
}

/// The user's own `sub`, of whatever a client knows him by. What is nobody's stays as it is, and fits nobody.
pub async fn own(store: &Store, sub: &str) -> store::Result<String> {
    let Ok(id) = Uuid::try_parse(sub) else { return Ok(sub.to_owned()) };
    Ok(users::by_sub(store, id).await?.map_or_else(|| sub.to_owned(), |user| user.sub.to_string()))
}

/// Settles what a client knows the user of a standing by, before anything is issued to it. The caller holds the locks of user and
/// grant, and the standing was read under them.
pub async fn hand_out(tx: &mut Tx, client: &Registration, standing: &Standing, grant_id: Uuid) -> Result<(), Error> {
    let user = standing.user().ok_or_else(|| Error::server("a subject is handed out where there is no user"))?;
    let sub = match sector(&client.metadata, &client.redirect_uris).map_err(Error::server)? {
        None => None,
        Some(sector) => Some(pairwise::ensure(tx, (user.user_id, &sector), secret::uuid_v4(), standing.now()).await?),
    };
    if standing.known_as() != sub {
        grants::know_as(tx, grant_id, sub).await?;
    }
    Ok(())
}

/// The sector of a client whose subjects are pairwise: the host of its sector document, else the one host of all its redirect
/// URIs; none of a client whose subjects are public.
pub fn sector(metadata: &Metadata, redirect_uris: &[String]) -> Result<Option<String>, &'static str> {
    if metadata.subject_type == SubjectType::Public {
        return Ok(None);
    }
    if let Some(uri) = &metadata.sector_identifier_uri {
        let url = Url::parse(uri).ok();
        return url
            .as_ref()
            .and_then(Url::host_str)
            .map(|host| Some(host.to_owned()))
            .ok_or("sector_identifier_uri has no host");
    }
    let mut hosts = Vec::new();
    for uri in redirect_uris {
        hosts.push(host(uri).ok_or(
            "pairwise subjects need sector_identifier_uri where a redirect URI is a loopback address or of a private scheme: \
             their host is anybody's",
        )?);
    }
    hosts.dedup();
    match hosts.as_slice() {
        [one] => Ok(Some(one.clone())),
        [] => Err("pairwise subjects need a redirect URI, or sector_identifier_uri"),
        _ => Err(
            "the redirect URIs are of several hosts: pairwise subjects need sector_identifier_uri, a document that lists them all",
        ),
    }
}

/// The host of an `https` address that is somebody's.
fn host(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok().filter(|url| url.scheme() == "https" && !is_loopback(url))?;
    url.host_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sector_is_one_host() {
        let pairwise = |sector: Option<&str>| Metadata {
            subject_type: SubjectType::Pairwise,
            sector_identifier_uri: sector.map(str::to_owned),
            ..Metadata::default()
        };
        let uris = |uris: &[&str]| uris.iter().map(|uri| (*uri).to_owned()).collect::<Vec<_>>();
        let of = |document, all: &[&str]| sector(&pairwise(document), &uris(all)).ok().flatten();
        assert_eq!(of(None, &["https://a.test/cb", "https://a.test:8443/other"]).as_deref(), Some("a.test"));
        assert_eq!(
            of(Some("https://s.test/sector.json"), &["https://a.test/", "https://b.test/"]).as_deref(),
            Some("s.test")
        );
        for none in [
            &["https://a.test/", "https://b.test/"][..],
            &["https://a.test/", "https://b.test/", "https://a.test/x"],
            &["https://a.test.evil.test/", "https://a.test/"],
            &["http://127.0.0.1/cb"],
            &["https://localhost/cb"],
            &["com.example.app:/cb"],
            &[],
        ] {
            assert_eq!(of(None, none), None, "{none:?}");
        }
        assert_eq!(sector(&Metadata::default(), &[]), Ok(None));
    }
}
