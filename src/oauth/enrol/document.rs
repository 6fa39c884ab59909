//! Client-id metadata documents (draft-ietf-oauth-client-id-metadata-document-03): the `https` URL of a document is a client, as
//! MCP clients use it. The document is fetched through the one guarded way out, kept for as long as it says within bounds, and
//! fetched again after that before anything new is begun by it, and before a key in it proves anything at the token endpoint; what
//! was kept is never used beyond its time.
//!
//! Refused: a URL that is not exactly what a URL parser writes, or has a query, a fragment, user information or no path; a host
//! that the settings don't name, if they name any; an answer that is no JSON with status 200; a document that is for another URL,
//! has a member twice, or brings a shared secret.

use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;

use super::{GRANTS, Terms, read, refusal};
use crate::app::App;
use crate::change::{By, Refused};
use crate::event::{Actor, Caller};
use crate::fetch::FetchError;
use crate::keyring::json_object;
use crate::oauth::client::{self, Client};
use crate::oauth::client_auth::{AuthenticatedClient, methods};
use crate::oauth::error::{Code, Error};
use crate::oauth::manage::document::{Reading, keep};
use crate::oauth::manage::enrol::NotEnrolled;
use crate::oauth::manage::{Draft, sector};
use crate::oauth::profile::Profile;
use crate::oauth::scope::OWN;
use crate::oauth::{redirect, registry};

/// How long what was read holds at least and at most, and when the document doesn't say.
const SHORTEST: Duration = Duration::from_mins(1);
const LONGEST: Duration = Duration::from_hours(24);
const USUAL: Duration = Duration::from_hours(1);
/// The longest URL that is a client, and the largest document.
const LONGEST_URL: usize = 512;
const LARGEST: usize = 32 * 1024;
/// How often it is tried when others read the same document at the same moment.
const TRIES: usize = 3;

/// Members by which a document would bring a secret: everyone can read it.
const SECRETS: &[&str] = &["client_secret", "client_secret_expires_at"];

/// Whether a `client_id` is meant to be a document's URL.
#[must_use]
pub fn is_url(client_id: &str) -> bool {
    client_id.starts_with("https://")
}

/// The client that a document is, as it stands now. The caller is whose network the fetch counts for.
pub async fn find(app: &App, caller: &Caller, url: &str) -> Result<Client, Error> {
    for _ in 0..TRIES {
        address(app, url)?;
        let kept = client::named(app, url).await?;
        if let Some(kept) = &kept {
            let registration = kept.registration();
            if registration.disabled || registration.document_until.is_some_and(|until| app.clock.now() < until) {
                return Ok(kept.clone());
            }
        }
        if !app.documents.take(caller, app.clock.monotonic()) {
            return Err(Error::new(Code::TooMany, "too many documents of clients are asked for from this network"));
        }
        let (members, holds) = fetched(app, url).await?;
        let terms = Terms { profile: Profile::OAuth21, ..Terms::of(app, None).await? };
        let mut draft = drafted(members, &terms)?;
        draft.listed = sector::listed(&app.fetch, &draft).await.map_err(unfit)?;
        let at = app.clock.after_stamps();
        let by = By { actor: Actor::System, caller, at };
        let reading = Reading { url, draft, until: at + holds };
        match keep(&app.store, &by, reading, i64::from(app.config.registration.clients)).await {
            Ok(change) => {
                let row = change.settle(app).await?;
                return Client::read(row).ok_or_else(|| Error::server("a document was kept that makes no client"));
            }
            Err(NotEnrolled::Refused(refused)) => return Err(unfit(refused)),
            Err(NotEnrolled::Full) => return Err(Error::unavailable("as many documents as may be clients")),
            Err(NotEnrolled::Spent) => {}
        }
    }
    Err(Error::unavailable("the document was read by others again and again"))
}

/// Reads the document again of a client that has proved a key by what was read of it, if that holds no more: whether it did. A key
/// that its holder took away proves nothing any longer.
pub async fn renewed(app: &App, caller: &Caller, client: &AuthenticatedClient) -> Result<bool, Error> {
    let registration = client.client().registration();
    let over = registration.document_until.is_some_and(|until| until <= app.clock.now());
    let Some(url) = registration.document.as_deref().filter(|_| over && client.proved_key()) else { return Ok(false) };
    match find(app, caller, url).await {
        Ok(_) => Ok(true),
        // Where it stands is nobody's who can prove anything; what passes is told as it is.
        Err(error) if matches!(error.code, Code::InvalidRequest | Code::UnauthorizedClient) => {
            Err(Error::invalid_client().because(error.description()))
        }
        Err(error) => Err(error),
    }
}

/// Section 3: what a URL must be to name a client. Nothing is normalised: there is one spelling.
fn address(app: &App, text: &str) -> Result<(), Error> {
    let wrong = |why: &str| Err(Error::invalid_request(format!("client_id: {why}")));
    let config = &app.config.registration;
    if !config.documents {
        return wrong("is not that of a registered client");
    }
    let Some(url) = Url::parse(text).ok().filter(|url| text.len() <= LONGEST_URL && url.scheme() == "https") else {
        return wrong("is no https URL, or too long");
    };
    if url.as_str() != text || text.contains(['@', '#', '?', '\\', '%']) {
        return wrong("a URL must be plain: no query, fragment, user information, dot segments or escapes");
    }
    if url.path() == "/" || url.path().contains("//") {
        return wrong("a URL needs a path");
    }
    let host = url.host_str().unwrap_or_default();
    if !config.takes_documents_of(host) {
        return wrong("documents of this host are no clients here");
    }
    if app.fetch.permits(text).is_err() {
        return wrong("the URL is none that this server fetches");
    }
    Ok(())
}

/// The document and how long it holds.
async fn fetched(app: &App, url: &str) -> Result<(Map<String, Value>, Duration), Error> {
    let failed = |why: &str| Error::invalid_request(format!("client_id: its document {why}"));
    let answer = app.fetch.get(url, "application/json").await.map_err(|error| match error {
        // Nobody asked for it: no fault of the document's, and nothing that a client is to take for an end.
        FetchError::Busy => Error::unavailable(error),
        error => failed("can't be fetched").because(error),
    })?;
    if answer.status != 200 {
        return Err(failed("is not there: the answer is not 200").because(answer.status));
    }
    let kind = answer.content_type.as_deref().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    if !json {
        return Err(failed("is not served as application/json"));
    }
    if answer.body.len() > LARGEST {
        return Err(failed("is too large"));
    }
    let members = json_object(&answer.body).map_err(failed)?;
    if members.get("client_id").and_then(Value::as_str) != Some(url) {
        return Err(failed("is for another client_id"));
    }
    if SECRETS.iter().any(|name| members.contains_key(*name)) {
        return Err(failed("brings a shared secret"));
    }
    Ok((members, answer.max_age.unwrap_or(USUAL).clamp(SHORTEST, LONGEST)))
}

/// What the document registers. It is written for every server: of lists, what is not done here is left out; of the rest, what is
/// wrong is refused.
fn drafted(mut members: Map<String, Value>, terms: &Terms) -> Result<Draft, Error> {
    let method = members.get("token_endpoint_auth_method").filter(|value| !value.is_null());
    let method = method.map_or(Some(methods::PUBLIC.name), Value::as_str).and_then(methods::named);
    let Some(method) = method.filter(|method| !method.needs_secret) else {
        let known = registry::method_names(|method| !method.needs_secret).join(", ");
        let says = format!("client_id: the token_endpoint_auth_method of its document is none of {known}");
        return Err(Error::invalid_request(says));
    };
    members.insert("token_endpoint_auth_method".to_owned(), method.name.into());
    let narrowed = |value: &mut Value, keep: &dyn Fn(&str) -> bool| {
        if let Value::Array(items) = value {
            items.retain(|item| item.as_str().is_none_or(keep));
        }
    };
    if let Some(grants) = members.get_mut("grant_types") {
        narrowed(grants, &|name| GRANTS.contains(&name));
    }
    if let Some(types) = members.get_mut("response_types") {
        narrowed(types, &|name| registry::RESPONSE_TYPES.contains(&name));
    }
    if let Some(uris) = members.get_mut("redirect_uris") {
        narrowed(uris, &|uri| redirect::register(uri, method.public).is_ok());
    }
    if let Some(Value::String(scope)) = members.get_mut("scope") {
        let mine: Vec<&str> = scope.split(' ').filter(|one| !OWN.iter().any(|(own, _)| own == one)).collect();
        *scope = mine.join(" ");
    }
    read(&members, &terms.draft(), terms).map_err(unfit)
}

/// Why a document is no client: told on the page, naming what is at fault.
fn unfit(refused: Refused) -> Error {
    let error = refusal(refused);
    match error.code {
        Code::InvalidRedirectUri | Code::InvalidClientMetadata => {
            Error::invalid_request(format!("client_id: in its document, {}", error.description()))
        }
        Code::Forbidden => Error::new(Code::UnauthorizedClient, error.description),
        _ => error,
    }
}
