//! The machine's moves. Each checks that the interaction is this browser's, unexpired and where the move begins; each writes
//! its step by compare-and-swap on the version, so that of two requests one moves it.

use uuid::Uuid;

use super::browser::Browser;
use super::decide::{Decision, Facts, decide};
use super::request::AuthorizationRequest;
use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::identity::prove::{self, Proven, Unproven};
use crate::oauth::client::Client;
use crate::oauth::code::{self, Ask, NoCode};
use crate::oauth::error::{Code, Error};
use crate::oauth::redirect::ValidRedirect;
use crate::oauth::scope::Scopes;
use crate::oauth::{answer, client_auth};
use crate::secret::{self, BrowserSecret, Opaque, SessionSecret};
use crate::session::{self, Again, Held};
use crate::store::interactions::{self, Interaction, Stepped};
use crate::store::{self, Tx};

/// Where the browser goes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A page of this interaction.
    Page(Uuid),
    /// Back to the client.
    Away(String),
}

/// What a move answers with.
#[derive(Debug)]
pub struct Moved {
    pub next: Next,
    /// The browser's new binding secret.
    pub browser: Option<Opaque<BrowserSecret>>,
    /// The browser's new session secret.
    pub session: Option<Opaque<SessionSecret>>,
}

impl Moved {
    fn to(next: Next) -> Self {
        Self { next, browser: None, session: None }
    }
}

/// Why a move is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("no such interaction, or it has expired")]
    Expired,
    #[error("another browser began it")]
    OtherBrowser,
    #[error("it is finished, or has moved on")]
    Finished,
    #[error("the form is not from this page")]
    NotFromHere,
    #[error(transparent)]
    Unproven(#[from] Unproven),
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<store::Error> for Refused {
    fn from(error: store::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// An interaction that is this browser's, open, with what it is about.
#[derive(Debug)]
pub struct Open {
    pub interaction: Interaction,
    pub request: AuthorizationRequest,
    pub client: Client,
    pub redirect: ValidRedirect,
}

impl Open {
    /// Whether the machine waits for consent.
    #[must_use]
    pub fn wants_consent(&self) -> bool {
        self.interaction.step == CONSENT
    }
}

impl Open {
    /// Whether the user asked to be someone else than the browser's session says.
    #[must_use]
    pub fn asks_for_another(&self) -> bool {
        self.interaction.step == ANOTHER
    }
}

const PASSWORD: &str = "password";
/// The same, for someone else than whoever is signed in here.
const ANOTHER: &str = "another";
const CONSENT: &str = "consent";

/// A new interaction, or, when nothing is left to ask, its answer at once.
pub async fn begin(
    app: &App,
    client: Client,
    request: AuthorizationRequest,
    browser: &Browser,
    caller: &Caller,
) -> Result<Moved, Error> {
    let redirect = ValidRedirect::checked_before(request.redirect_uri.clone(), request.redirect_sent);
    let held = session::of_cookie_at(app, browser.session(), request.client_id).await?;
    let now = app.clock.now();
    let decision = decided(app, &client, &request, held.as_ref(), now);
    if let Some(held) = &held {
        session::touch(app, &held.standing);
    }
    let failed = |code, why: &'static str| {
        let error = Error::new(code, why);
        Ok(Moved::to(Next::Away(answer::failure(
            app.config.issuer.as_str(),
            &redirect,
            &error,
            request.state.as_deref(),
        ))))
    };
    match (decision, &held) {
        (Decision::Ready, Some(held)) => {
            let open = Open { interaction: draft(app, &request, browser, PASSWORD), request, client, redirect };
            match issue(app, &open, Present { held, browser, caller }, Consenting::Before).await {
                Ok(location) => return Ok(Moved::to(Next::Away(location))),
                Err(NoCode::Failed(error)) => return Err(error),
                Err(_) if open.request.prompt.none => {
                    let error = Error::new(Code::LoginRequired, "signing in is needed");
                    let location = answer::failure(
                        app.config.issuer.as_str(),
                        &open.redirect,
                        &error,
                        open.request.state.as_deref(),
                    );
                    return Ok(Moved::to(Next::Away(location)));
                }
                Err(_) => return keep(app, &open.request, browser, PASSWORD, None).await,
            }
        }
        (Decision::SignIn, _) if request.prompt.none => return failed(Code::LoginRequired, "signing in is needed"),
        (Decision::Consent, _) if request.prompt.none => return failed(Code::ConsentRequired, "consent is needed"),
        _ => {}
    }
    let step = if decision == Decision::Consent { CONSENT } else { PASSWORD };
    let session_id = held.filter(|_| step == CONSENT).map(|held| held.session_id);
    keep(app, &request, browser, step, session_id).await
}

fn decided(
    app: &App,
    client: &Client,
    request: &AuthorizationRequest,
    held: Option<&Held>,
    since: chrono::DateTime<chrono::Utc>,
) -> Decision {
    let scopes = Scopes::stored(&request.scopes);
    let remembered = held.is_some_and(|held| code::remembers(client, &request.redirect_uri, &scopes, &held.standing));
    decide(&Facts { held, request, since, now: app.clock.now(), remembered })
}

fn draft(app: &App, request: &AuthorizationRequest, browser: &Browser, step: &str) -> Interaction {
    let now = app.clock.now();
    Interaction {
        id: secret::uuid_v4(),
        browser_digest: browser.secret().map(|secret| secret.digest().as_bytes().to_vec()).unwrap_or_default(),
        client_id: request.client_id,
        request: sqlx::types::Json(serde_json::to_value(request).unwrap_or_default()),
        step: step.to_owned(),
        version: 0,
        session_id: None,
        created_at: now,
        expires_at: now + app.config.login.interaction_lifetime,
        finished_at: None,
    }
}

/// Writes an interaction down; a browser without a secret is given one.
async fn keep(
    app: &App,
    request: &AuthorizationRequest,
    browser: &Browser,
    step: &str,
    session_id: Option<Uuid>,
) -> Result<Moved, Error> {
    let mut interaction = draft(app, request, browser, step);
    interaction.session_id = session_id;
    let given = browser.secret().is_none().then(Opaque::<BrowserSecret>::generate);
    if let Some(given) = &given {
        interaction.browser_digest = given.digest().as_bytes().to_vec();
    }
    let mut tx = app.store.begin().await?;
    interactions::insert(&mut tx, &interaction).await?;
    tx.commit().await?;
    Ok(Moved { next: Next::Page(interaction.id), browser: given, session: None })
}

/// Opens an interaction for the browser that began it.
pub async fn open(app: &App, id: Uuid, browser: &Browser) -> Result<Open, Refused> {
    let interaction = interactions::get(&app.store, id).await?.ok_or(Refused::Expired)?;
    if !browser.began(&interaction) {
        return Err(Refused::OtherBrowser);
    }
    if interaction.finished_at.is_some() {
        return Err(Refused::Finished);
    }
    if interaction.expires_at <= app.clock.now() {
        return Err(Refused::Expired);
    }
    let request: AuthorizationRequest = serde_json::from_value(interaction.request.0.clone())
        .map_err(|error| Error::server(format!("interaction {id}: {error}")))?;
    let client = client_auth::find(app, request.client_id)
        .await?
        .filter(|client| !client.registration().disabled)
        .ok_or(Refused::Expired)?;
    let redirect = ValidRedirect::checked_before(request.redirect_uri.clone(), request.redirect_sent);
    Ok(Open { interaction, request, client, redirect })
}

/// The session that waits for consent: the browser's own, and the one this interaction signed in.
pub async fn consenting(app: &App, open: &Open, browser: &Browser) -> Result<Option<Held>, Refused> {
    let held = session::of_cookie_at(app, browser.session(), open.request.client_id).await?;
    Ok(held.filter(|held| open.interaction.session_id == Some(held.session_id)))
}

/// A user name and password.
pub async fn password(
    app: &App,
    open: &Open,
    browser: &Browser,
    typed: (&str, &str),
    caller: &Caller,
) -> Result<Moved, Refused> {
    if open.wants_consent() {
        return Err(Refused::Finished);
    }
    let proven = prove::by_password(app, typed.0, typed.1, caller).await?;
    let mut tx = app.store.begin().await?;
    let begun = begin_session(app, &mut tx, browser, &proven, caller).await?;
    let stepped = interactions::step(&mut tx, &open.interaction, CONSENT, Some(begun.session_id), None).await?;
    if stepped == Stepped::Behind {
        return Err(Refused::Finished);
    }
    tx.commit().await?;
    let secret = begun.secret.expose();
    let browser = Browser::new(browser.secret().map(|secret| secret.expose()).as_deref(), Some(&secret));
    let next = after_session(app, open.interaction.id, &browser, caller).await?;
    Ok(Moved { next, browser: None, session: Some(begun.secret) })
}

/// The same user's live session in this browser is renewed; anyone else gets a session of his own.
async fn begin_session(
    app: &App,
    tx: &mut Tx,
    browser: &Browser,
    proven: &Proven,
    caller: &Caller,
) -> Result<session::Begun, Refused> {
    let proofs = vec![proven.proof().clone()];
    let held = session::of_cookie(app, browser.session()).await?.filter(|held| held.user_id == proven.user_id());
    if let Some(held) = held
        && let Some(renewed) = session::renew(
            app,
            tx,
            Again { session_id: held.session_id, user_id: proven.user_id(), proofs: proofs.clone() },
            caller,
        )
        .await?
    {
        return Ok(renewed);
    }
    Ok(session::begin(app, tx, proven.user_id(), proofs, caller).await?)
}

/// What follows once the browser holds a session: a code when nothing is left to ask, else the page that asks.
async fn after_session(app: &App, id: Uuid, browser: &Browser, caller: &Caller) -> Result<Next, Refused> {
    let open = open(app, id, browser).await?;
    let Some(held) = consenting(app, &open, browser).await? else {
        // The proof was dead before it was judged again: it is asked for once more.
        return back_to_password(app, &open).await;
    };
    match decided(app, &open.client, &open.request, Some(&held), open.interaction.created_at) {
        Decision::Ready => finish(app, &open, Present { held: &held, browser, caller }, Consenting::Before).await,
        Decision::Consent => Ok(Next::Page(id)),
        Decision::SignIn => back_to_password(app, &open).await,
    }
}

/// Asks for the sign-in again: what was proved no longer stands.
async fn back_to_password(app: &App, open: &Open) -> Result<Next, Refused> {
    back_to(app, open, PASSWORD).await
}

/// Another account is wanted.
pub async fn another_account(app: &App, open: &Open) -> Result<Next, Refused> {
    back_to(app, open, ANOTHER).await
}

async fn back_to(app: &App, open: &Open, step: &str) -> Result<Next, Refused> {
    let mut tx = app.store.begin().await?;
    if interactions::step(&mut tx, &open.interaction, step, None, None).await? == Stepped::Behind {
        return Err(Refused::Finished);
    }
    tx.commit().await?;
    Ok(Next::Page(open.interaction.id))
}

/// The user allows what is asked.
pub async fn allow(app: &App, open: &Open, browser: &Browser, caller: &Caller) -> Result<Next, Refused> {
    if !open.wants_consent() {
        return Err(Refused::Finished);
    }
    match consenting(app, open, browser).await? {
        Some(held) => finish(app, open, Present { held: &held, browser, caller }, Consenting::Now).await,
        None => back_to_password(app, open).await,
    }
}

/// The user cancels, or doesn't allow: the client is told.
pub async fn cancel(app: &App, open: &Open, caller: &Caller) -> Result<Next, Refused> {
    let mut tx = app.store.begin().await?;
    let at = app.clock.now();
    if interactions::step(&mut tx, &open.interaction, "cancelled", open.interaction.session_id, Some(at)).await?
        == Stepped::Behind
    {
        return Err(Refused::Finished);
    }
    let record = Record::new(Event::SigninCancelled, Actor::Anonymous, caller, at)
        .client(open.request.client_id)
        .outcome("cancelled");
    store::audit::insert(&mut tx, &record).await?;
    tx.commit().await?;
    let error = Error::new(Code::AccessDenied, "the user did not allow it");
    Ok(Next::Away(answer::failure(app.config.issuer.as_str(), &open.redirect, &error, open.request.state.as_deref())))
}

/// Who is there: a session that stands, in the browser that holds it.
#[derive(Debug, Clone, Copy)]
struct Present<'a> {
    held: &'a Held,
    browser: &'a Browser,
    caller: &'a Caller,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Consenting {
    /// On the page, just now.
    Now,
    /// Earlier, or not needed.
    Before,
}

async fn finish(app: &App, open: &Open, present: Present<'_>, consenting: Consenting) -> Result<Next, Refused> {
    match issue(app, open, present, consenting).await {
        Ok(location) => Ok(Next::Away(location)),
        Err(NoCode::SignInAgain(_)) => back_to_password(app, open).await,
        Err(NoCode::ConsentNeeded) => Ok(Next::Page(open.interaction.id)),
        Err(NoCode::Finished) => Err(Refused::Finished),
        Err(NoCode::Failed(error)) => Err(error.into()),
    }
}

async fn issue(app: &App, open: &Open, present: Present<'_>, consenting: Consenting) -> Result<String, NoCode> {
    let Present { held, browser, caller } = present;
    let presented =
        browser.session().and_then(Opaque::<SessionSecret>::parse).ok_or(NoCode::SignInAgain("no session cookie"))?;
    let amr = session::amr(&held.proofs);
    let kept = interactions::get(&app.store, open.interaction.id).await?.is_some();
    let ask = Ask {
        client: &open.client,
        session_id: held.session_id,
        session_secret: &presented.digest(),
        redirect_uri: open.request.redirect_sent.then_some(open.request.redirect_uri.as_str()),
        challenge: open.request.challenge.as_deref(),
        nonce: open.request.nonce.as_deref(),
        scopes: &Scopes::stored(&open.request.scopes),
        resources: &open.request.resources,
        consents: consenting == Consenting::Now,
        acr: session::acr(&held.proofs),
        amr: &amr,
        finishes: kept.then_some(&open.interaction),
        caller,
    };
    let code = code::issue(app, &ask).await?;
    Ok(answer::success(app.config.issuer.as_str(), &open.redirect, &code, open.request.state.as_deref()))
}
