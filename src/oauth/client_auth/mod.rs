//! Client authentication (RFC 6749, 2.3.1): `client_secret_basic`, `client_secret_post`, or none for a public client.
//!
//! Only the registered method counts. Secrets are compared by digest in constant time, and an unknown client costs a
//! comparison too. Refused: two methods at once (`invalid_request`); everything else is one answer, `invalid_client`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::client::{self, Client, SecretMethod};
use super::error::{Code, Error};
use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::http::params::{self, Params};
use crate::secret::{ClientSecret, Digest, Opaque};
use crate::store::clients;

/// The names of what is accepted: metadata and registration are derived from it.
pub const METHODS: &[&str] = &["client_secret_basic", "client_secret_post", "none"];

/// Proof that a request came from this client: by its secret, or, for a public one, by nothing more than its word.
#[derive(Debug, Clone)]
pub struct AuthenticatedClient {
    client: Client,
}

impl AuthenticatedClient {
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    #[must_use]
    pub fn id(&self) -> Uuid {
        self.client.registration().id
    }

    /// The version its secrets were read at: judged again with the grant.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.client.registration().version
    }
}

/// What a request says of its client.
struct Claimed {
    id: String,
    secret: Option<(SecretMethod, String)>,
}

/// Who sends this request.
pub async fn authenticate(app: &App, authorization: &[&str], form: &Params) -> Result<AuthenticatedClient, Error> {
    let claimed = read(authorization, form)?;
    let Ok(id) = Uuid::try_parse(&claimed.id) else { return Err(unknown("no such client")) };
    // A client_id has one spelling.
    if id.to_string() != claimed.id {
        return Err(unknown("the client id is not in its canonical form"));
    }
    let Some(client) = client::find(app, id).await? else { return Err(unknown("no such client")) };
    if client.registration().disabled {
        return Err(unknown("the client is disabled"));
    }
    match (&client, &claimed.secret) {
        (Client::Public(_), None) => {}
        (Client::Public(_), Some(_)) => return Err(unknown("a public client sent a secret")),
        (Client::Confidential(_), None) => return Err(unknown("a confidential client sent no secret")),
        (Client::Confidential(known), Some((method, secret))) => {
            if *method != known.method() {
                return Err(unknown("the client used another method than the registered one"));
            }
            if !holds(app, id, secret).await? {
                return Err(unknown("wrong secret"));
            }
        }
    }
    Ok(AuthenticatedClient { client })
}

/// What a client's failed request is answered with. A guess is counted against whoever the client claims to be and the network
/// it comes from, and past the measure it is told nothing more; what was ours once is no guess, so that a dashboard whose
/// sessions have all ended hears of each. Who could not prove to be a client is told to the auditor.
pub async fn failed(app: &App, caller: &Caller, (authorization, form): (&[&str], &Params), error: Error) -> Error {
    let claimed = read(authorization, form).ok().and_then(|claimed| Uuid::try_parse(&claimed.id).ok());
    let now = app.clock.monotonic();
    if error.guessed && !app.failures.charge(claimed, caller, now) {
        return Error::new(Code::TooMany, "too many guesses in this client's name from this network").because(error);
    }
    if matches!(error.code, Code::InvalidClient | Code::UnauthorizedClient) {
        let why = error.detail.clone().unwrap_or_else(|| error.description());
        let record = Record::new(Event::ClientRefused, Actor::Anonymous, caller, app.clock.now())
            .client(claimed)
            .outcome("refused")
            .detail(serde_json::json!({ "why": why }));
        app.audit_rate.note(&app.store, &record, now).await;
    }
    error
}

async fn holds(app: &App, id: Uuid, secret: &str) -> Result<bool, Error> {
    let rows = clients::secrets(&app.store, id).await?;
    let presented = Opaque::<ClientSecret>::parse(secret).map_or_else(|| Digest::of(&[b"unparsable"]), |s| s.digest());
    let now = app.clock.now();
    // Every live secret is looked at, so that the time tells nothing of which one fits.
    Ok(rows
        .iter()
        .filter(|row| row.expires_at.is_none_or(|end| end > now))
        .filter_map(|row| Digest::stored(&row.digest))
        .fold(false, |found, stored| found | stored.matches(&presented)))
}

fn unknown(detail: &str) -> Error {
    let _ = Digest::of(&[b"a comparison"]).matches(&Digest::of(&[b"of the same cost"]));
    Error::invalid_client().because(detail)
}

fn read(authorization: &[&str], form: &Params) -> Result<Claimed, Error> {
    let posted = form.get("client_secret");
    match (authorization, posted) {
        ([], None) => Ok(Claimed { id: form.get("client_id").ok_or_else(no_client)?.to_owned(), secret: None }),
        ([], Some(secret)) => Ok(Claimed {
            id: form.get("client_id").ok_or_else(no_client)?.to_owned(),
            secret: Some((SecretMethod::Post, secret.to_owned())),
        }),
        ([_], Some(_)) => Err(Error::invalid_request("the client authenticates in two ways at once")),
        ([header], None) => {
            let (id, secret) =
                basic(header).ok_or_else(|| unknown("the Authorization header is not Basic credentials"))?;
            if form.get("client_id").is_some_and(|other| other != id) {
                return Err(Error::invalid_request("client_id differs from the one in the Authorization header"));
            }
            Ok(Claimed { id, secret: Some((SecretMethod::Basic, secret)) })
        }
        _ => Err(Error::invalid_request("more than one Authorization header")),
    }
}

fn no_client() -> Error {
    unknown("neither an Authorization header nor client_id")
}

/// `Basic` credentials, form-encoded inside (RFC 6749, 2.3.1); one space, strict base64.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, value) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || value.len() > 4096 {
        return None;
    }
    let raw = STANDARD.decode(value).ok()?;
    let text = std::str::from_utf8(&raw).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((params::decode(id.as_bytes()).ok()?, params::decode(secret.as_bytes()).ok()?))
}
