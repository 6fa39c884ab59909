//! Client authentication (RFC 6749, 2.3): the steps that every method shares; each method is a file in `methods/`.
//!
//! Only the registered method counts, and an unknown client costs a comparison too. Refused: two methods at once
//! (`invalid_request`); everything else is one answer, `invalid_client`.

pub mod methods;

use methods::{Claim, METHODS, Method, Presented, Sent, refused};
use uuid::Uuid;

use super::client::{self, Client};
use super::error::{Code, Error};
use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::http::params::Params;
use crate::store::clients;

/// Proof that a request came from this client: by the method it is registered with; a public one by
/// nothing more than its word.
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

    /// Whether it has just proved a key that it alone has.
    #[must_use]
    pub fn proved_key(&self) -> bool {
        self.client.auth_method().proves_key()
    }

    /// The version its secrets were read at: judged again with the grant.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.client.registration().version
    }
}

/// Who sends this request.
pub async fn authenticate(app: &App, authorization: &[&str], form: &Params) -> Result<AuthenticatedClient, Error> {
    authenticate_again(app, None, authorization, form).await
}

/// Who sends this request, which begins again when it has been authenticated `before` and the registration moved meanwhile: by
/// what is registered now. What may be presented once is not asked for twice.
pub async fn authenticate_again(
    app: &App,
    before: Option<&AuthenticatedClient>,
    authorization: &[&str],
    form: &Params,
) -> Result<AuthenticatedClient, Error> {
    let (method, claim) = claimed(&Sent { authorization, form })?;
    // A client_id has one spelling.
    let Some(client) = client::named(app, &claim.client_id).await? else { return Err(refused("no such client")) };
    let client_id = client.registration().id;
    if client.registration().disabled {
        return Err(refused("the client is disabled"));
    }
    if method.name != client.auth_method().name {
        return Err(refused("the client used another method than the registered one"));
    }
    let registration = client.registration();
    let presented = Presented {
        app,
        client_id,
        called: &claim.client_id,
        proof: &claim.proof,
        profile: registration.profile,
        metadata: &registration.metadata,
        again: before.is_some_and(|before| before.id() == client_id && before.client.auth_method().name == method.name),
    };
    if !(method.verify)(&presented).await? {
        return Err(refused("wrong secret, or whatever else was to prove it"));
    }
    Ok(AuthenticatedClient { client })
}

/// What a client's failed request is answered with. A guess is counted against whoever the client claims to be and the network
/// it comes from, and past the measure it is told nothing more; what was ours once is no guess, so that a dashboard whose
/// sessions have all ended hears of each. Who could not prove to be a client is told to the auditor.
pub async fn failed(app: &App, caller: &Caller, (authorization, form): (&[&str], &Params), error: Error) -> Error {
    let claimed = claimed(&Sent { authorization, form }).ok().and_then(|(_, claim)| clients::id_of(&claim.client_id));
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

/// The method a request uses, and what it says by it.
fn claimed(sent: &Sent<'_>) -> Result<(&'static Method, Claim), Error> {
    if sent.authorization.len() > 1 {
        return Err(Error::invalid_request("more than one Authorization header"));
    }
    let used = |public: bool| METHODS.iter().filter(move |method| method.public == public && (method.used_in)(sent));
    let mut proving = used(false);
    let method = proving.next().or_else(|| used(true).next()).ok_or_else(|| refused("no way that is known here"))?;
    if proving.next().is_some() {
        return Err(Error::invalid_request("the client authenticates in two ways at once"));
    }
    let claim = (method.read)(sent)?;
    if sent.form.get("client_id").is_some_and(|named| named != claim.client_id) {
        return Err(Error::invalid_request("client_id differs from the one in the Authorization header"));
    }
    Ok((method, claim))
}
