//! Clients that are metadata documents (draft-ietf-oauth-client-id-metadata-document): what was read of one is kept as a
//! registration, by the same checks every other goes through, and judged by as long as it holds.
//!
//! Refused: one more than there may be; what an administrator has disabled; a public client that becomes confidential, or the
//! reverse.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::check;
use super::draft::Draft;
use super::enrol::NotEnrolled;
use crate::change::{By, Change, Problem, Refused};
use crate::event::Event;
use crate::oauth::client::Source;
use crate::revocation::{self, Reach, Target};
use crate::store::client_metadata::SubjectType;
use crate::store::clients::{self, Client};
use crate::store::locks::{Owner, lock};
use crate::store::{Error, Store, Tx, audit, enrolled, grants, resources};

/// What was read of a document.
#[derive(Debug)]
pub struct Reading<'a> {
    /// Its URL, which is the client's name.
    pub url: &'a str,
    pub draft: Draft,
    /// How long it holds.
    pub until: DateTime<Utc>,
}

/// Keeps what was read: of a document that is new, that was deleted since, that says something else now, or the same as before.
pub async fn keep(
    store: &Store,
    by: &By<'_>,
    mut reading: Reading<'_>,
    most: i64,
) -> Result<Change<Client>, NotEnrolled> {
    let unknown = || Refused::Unknown("no URL of a document".to_owned());
    let id = clients::id_of(reading.url).ok_or_else(unknown)?;
    let mut tx = store.begin().await?;
    lock(&mut tx, &[Owner::Client(id)]).await?;
    let before = clients::get(&mut tx, id).await?;
    if before.as_ref().is_some_and(|row| row.document.as_deref() != Some(reading.url)) {
        return Err(unknown().into());
    }
    if before.as_ref().is_some_and(|row| row.disabled_at.is_some()) {
        return Err(Refused::Conflict("an administrator has disabled this client".to_owned()).into());
    }
    let known = resources::list(&mut tx).await?;
    let was = before.as_ref().and_then(Draft::of);
    fitting(&mut reading.draft, |draft| check::check(draft, was.as_ref(), &known))?;
    let Some(before) = before else {
        if enrolled::count(&mut tx, Source::Document.name()).await? >= most {
            return Err(NotEnrolled::Full);
        }
        return made(tx, by, &reading).await;
    };
    let after = Client { deleted_at: None, ..reading.draft.onto(&before) };
    let kept = was.is_some() && was == Draft::of(&after) && before.deleted_at.is_none();
    if was.as_ref().is_some_and(|was| was.is_public() != reading.draft.is_public()) {
        let says = "a client stays public or confidential as it was at first; use another document".to_owned();
        return Err(Refused::Invalid(vec![Problem { field: "auth_method", says }]).into());
    }
    let mut killed = None;
    if !kept {
        clients::update(&mut tx, &after, by.at).await?;
        let same = was.as_ref().is_some_and(|was| !reading.draft.looks_unlike(was));
        let forgotten = if same { 0 } else { grants::forget_all(&mut tx, id).await? };
        let ends = was.as_ref().and_then(|was| reading.draft.ends(was));
        let changed = was.map(|was| was.differing(&reading.draft));
        let detail = json!({ "document": reading.url, "changed": changed, "consents_forgotten": forgotten });
        audit::insert(&mut tx, &by.record(Event::ClientUpdated).client(id).detail(detail)).await?;
        if let Some(reason) = ends {
            let cause = by.cause(reason);
            killed = Some(revocation::kill(&mut tx, &Target::Client(id), Reach::Lineage, &cause).await?);
        }
    }
    enrolled::holds_until(&mut tx, id, reading.until).await?;
    let client = clients::get(&mut tx, id).await?.ok_or_else(unknown)?;
    let change = Change::new(tx, client);
    Ok(match killed {
        Some(killed) => change.and(killed),
        None => change,
    })
}

/// A document is written for every server: what it says beyond what is done here, and may be left out, is.
fn fitting(draft: &mut Draft, check: impl Fn(&Draft) -> Result<(), Refused>) -> Result<(), Refused> {
    let Err(Refused::Invalid(problems)) = check(draft) else { return check(draft) };
    for problem in &problems {
        match problem.field {
            // What it proves itself by is not left out.
            "jwks" | "jwks_uri" if !draft.is_public() => {}
            // Nor is what keeps its users from being recognised elsewhere: left out, it would be told the name all others know.
            "subject_type" | "sector_identifier_uri" if draft.metadata.subject_type == SubjectType::Pairwise => {}
            "policy_uri" => draft.policy_uri = None,
            "tos_uri" => draft.tos_uri = None,
            "post_logout_redirect_uris" => draft.post_logout_redirect_uris.clear(),
            other => draft.metadata = without(draft, other),
        }
    }
    check(draft)
}

fn without(draft: &Draft, member: &str) -> crate::store::client_metadata::Metadata {
    let mut members = draft.metadata.members();
    members.remove(member);
    serde_json::from_value(serde_json::Value::Object(members)).unwrap_or_default()
}

async fn made(mut tx: Tx, by: &By<'_>, reading: &Reading<'_>) -> Result<Change<Client>, NotEnrolled> {
    let id = clients::id_of(reading.url).unwrap_or_default();
    let client = Client {
        source: Source::Document.name().to_owned(),
        document: Some(reading.url.to_owned()),
        document_until: Some(reading.until),
        ..reading.draft.row(id, by.at)
    };
    match clients::insert(&mut tx, &client).await {
        // Another request has read it at the same moment.
        Err(Error::Taken(_)) => return Err(NotEnrolled::Spent),
        done => done?,
    }
    let detail = json!({
        "source": client.source, "document": client.document, "name": client.name, "auth_method": client.auth_method,
    });
    audit::insert(&mut tx, &by.record(Event::ClientCreated).client(id).detail(detail)).await?;
    Ok(Change::new(tx, client))
}
