//! Sector documents (OpenID Connect Core 8.1): a list of the redirect URIs of all clients that see the same pairwise subjects,
//! kept by who owns them. Whoever could join a sector uninvited would learn whom its clients know.
//!
//! Refused: a document that can't be had, that isn't an array of texts, and redirect URIs it doesn't list.

use super::draft::Draft;
use crate::change::{Problems, Refused};
use crate::fetch::Fetch;
use crate::store::client_metadata::SubjectType;

/// What the document at a URI was found to list. Only [`listed`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    uri: String,
    redirect_uris: Vec<String>,
}

/// Fetches the document that a registration names, if it names one. Before any transaction: others' servers are slow.
pub async fn listed(fetch: &Fetch, draft: &Draft) -> Result<Option<Listed>, Refused> {
    let metadata = &draft.metadata;
    let Some(uri) = metadata.sector_identifier_uri.as_ref().filter(|_| metadata.subject_type == SubjectType::Pairwise)
    else {
        return Ok(None);
    };
    let mut problems = Problems::default();
    match read(fetch, uri).await {
        Ok(redirect_uris) => return Ok(Some(Listed { uri: uri.clone(), redirect_uris })),
        Err(why) => problems.add(FIELD, why),
    }
    problems.into_result().map(|()| None)
}

const FIELD: &str = "sector_identifier_uri";

async fn read(fetch: &Fetch, uri: &str) -> Result<Vec<String>, String> {
    super::metadata::page(uri)?;
    let answer = fetch.get(uri, "application/json").await.map_err(|error| format!("was not fetched: {error}"))?;
    if answer.status != 200 {
        return Err(format!("was not fetched: the answer has the status {}", answer.status));
    }
    serde_json::from_slice(&answer.body).map_err(|_| "is no JSON array of redirect URIs".to_owned())
}

/// Whether the redirect URIs of a registration have one sector, proved by its document where it names one: looked at again whenever
/// either changes.
pub(super) fn check(draft: &Draft, was: Option<&Draft>, problems: &mut Problems) {
    if let Err(why) = draft.sector() {
        problems.add("subject_type", why);
    }
    let Some(uri) = &draft.metadata.sector_identifier_uri else { return };
    let same = |was: &Draft| {
        was.metadata.sector_identifier_uri.as_ref() == Some(uri)
            && was.metadata.subject_type == draft.metadata.subject_type
            && draft.redirect_uris.iter().all(|redirect| was.redirect_uris.contains(redirect))
    };
    if was.is_some_and(same) {
        return;
    }
    match draft.listed.as_ref().filter(|listed| listed.uri == *uri) {
        None => problems.add(FIELD, "was not fetched for this registration"),
        Some(listed) => {
            for redirect in draft.redirect_uris.iter().filter(|redirect| !listed.redirect_uris.contains(redirect)) {
                problems.add(FIELD, format!("does not list the redirect URI {redirect:?}"));
            }
        }
    }
}
