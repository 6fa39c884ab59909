//! The machine's moves. Each checks that what it does is a path of [`Step`]; each writes its step by compare-and-swap on the
//! version, so that of two requests one moves it.
//!
//! What was proved is judged again at the last step, under the locks of all it hangs on: what has died since is asked for
//! again. Refused: a move that is no path, and one that another request made first.

use uuid::Uuid;

use super::browser::Browser;
use super::decide::Decision;
use super::judged::{Said, decided, refusal, scopes_of};
use super::open::{Open, Refused, Way, choosing, consenting, open};
use super::request::AuthorizationRequest;
use super::step::{Input, Step};
use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::identity::device::{self, Token};
use crate::identity::prove::{self, Proven, Typed};
use crate::oauth::answer::{Answer, Back};
use crate::oauth::client::Client;
use crate::oauth::code::{self, Ask, NoCode, Signed};
use crate::oauth::error::{Code, Error};
use crate::oauth::redirect::ValidRedirect;
use crate::oauth::registry;
use crate::secret::{self, BrowserSecret, Opaque, SessionSecret};
use crate::session::{self, Again, Held};
use crate::store::interactions::{self, Interaction, Stepped};
use crate::store::{self, Tx};

/// Where the browser goes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A page of this interaction.
    Page(Uuid),
    /// Back to the client, which has this name.
    Away(Answer, String),
}

/// What a move answers with.
#[derive(Debug)]
pub struct Moved {
    pub next: Next,
    /// The browser's new binding secret.
    pub browser: Option<Opaque<BrowserSecret>>,
    /// The browser's new session secret.
    pub session: Option<Opaque<SessionSecret>>,
    /// The cookie by which the browser is known to the user's account.
    pub device: Option<Token>,
}

impl From<Next> for Moved {
    fn from(next: Next) -> Self {
        Self { next, browser: None, session: None, device: None }
    }
}

/// A request that may begin.
#[derive(Debug)]
pub struct Beginning {
    pub client: Client,
    pub redirect: ValidRedirect,
    pub request: AuthorizationRequest,
}

/// A new interaction, or, when nothing is left to ask, its answer at once.
pub async fn begin(app: &App, begins: Beginning, browser: &Browser, caller: &Caller) -> Result<Moved, Error> {
    let Beginning { client, redirect, request } = begins;
    let held = session::of_cookie_at(app, browser.session(), request.client_id).await?;
    if let Some(held) = &held {
        session::touch(app, &held.standing);
    }
    let mut decision = decided(app, (&client, &request), held.as_ref(), Said::Nothing).await?;
    let interaction = draft(app, &request, browser);
    let open = Open { interaction, step: Step::Password, request, client, way: Way::Redirect(redirect.clone()) };
    if let (Decision::Ready, Some(held)) = (decision, &held) {
        match issue(app, &open, Present { held, browser, caller }, Consenting::Before(None)).await {
            Ok(next) => return Ok(next.into()),
            Err(NoCode::Failed(error)) => return Err(error),
            Err(NoCode::ConsentNeeded) => decision = Decision::Consent,
            Err(NoCode::SignInAgain(_) | NoCode::Finished | NoCode::Over) => decision = Decision::SignIn,
        }
    }
    if open.request.prompt.none {
        let error = refusal(decision).unwrap_or_else(|| match decision {
            Decision::Consent => Error::new(Code::ConsentRequired, "consent is needed"),
            _ => Error::new(Code::LoginRequired, "signing in is needed"),
        });
        return Ok(away(&open, way_back(app, &open.request, &redirect).error(&error)).into());
    }
    if let Some(error) = refusal(decision) {
        return Ok(away(&open, way_back(app, &open.request, &redirect).error(&error)).into());
    }
    // Anybody may come this far, and what follows is written down.
    if !app.beginnings.take(caller, app.clock.monotonic()) {
        return Err(Error::new(Code::TooMany, "too many sign-ins are begun from this network: come again"));
    }
    let step = match decision {
        Decision::Consent => Step::Consent,
        Decision::Choose => Step::Choose,
        _ => Step::Password,
    };
    let session_id = held.filter(|_| step != Step::Password).map(|held| held.session_id);
    keep(app, open.interaction, browser, (step, session_id)).await
}

pub(super) fn draft(app: &App, request: &AuthorizationRequest, browser: &Browser) -> Interaction {
    let now = app.clock.now();
    Interaction {
        id: secret::uuid_v4(),
        browser_digest: browser.secret().map(|secret| secret.digest().as_bytes().to_vec()).unwrap_or_default(),
        client_id: request.client_id,
        request: sqlx::types::Json(serde_json::to_value(request).unwrap_or_default()),
        step: Step::Password.name().to_owned(),
        version: 0,
        session_id: None,
        created_at: now,
        expires_at: now + app.config.login.interaction_lifetime,
        finished_at: None,
    }
}

/// Writes an interaction down at its first step; a browser without a secret is given one.
async fn keep(
    app: &App,
    mut interaction: Interaction,
    browser: &Browser,
    (step, session_id): (Step, Option<Uuid>),
) -> Result<Moved, Error> {
    interaction.step = step.name().to_owned();
    interaction.session_id = session_id;
    let given = browser.secret().is_none().then(Opaque::<BrowserSecret>::generate);
    if let Some(given) = &given {
        interaction.browser_digest = given.digest().as_bytes().to_vec();
    }
    let mut tx = app.store.begin().await?;
    interactions::insert(&mut tx, &interaction).await?;
    tx.commit().await?;
    Ok(Moved { browser: given, ..Next::Page(interaction.id).into() })
}

/// The step after, if the machine has one.
fn after(app: &App, open: &Open, input: Input) -> Result<Step, Refused> {
    open.step.after(input).ok_or_else(|| Refused::Finished(open.stale(app)))
}

/// Writes a step. The error of whoever comes second says that the machine has moved on.
async fn write(app: &App, tx: &mut Tx, open: &Open, step: Step, session_id: Option<Uuid>) -> Result<(), Refused> {
    let finished_at = step.is_last().then(|| app.clock.now());
    match interactions::step(tx, &open.interaction, step.name(), session_id, finished_at).await? {
        Stepped::Moved => Ok(()),
        Stepped::Behind => Err(Refused::Finished(open.stale(app))),
    }
}

/// A user name and password.
pub async fn password(
    app: &App,
    open: &Open,
    browser: &Browser,
    (name, password): (&str, &str),
    caller: &Caller,
) -> Result<Moved, Refused> {
    // Whoever waits to be asked and whose session has ended meanwhile proves himself again.
    let lapsed = match open.step {
        Step::Consent => consenting(app, open, browser).await?.is_none(),
        Step::Choose => choosing(app, open, browser).await?.is_none(),
        _ => false,
    };
    let from = if lapsed { after(app, open, Input::Lapsed)? } else { open.step };
    let step = from.after(Input::Proved).ok_or_else(|| Refused::Finished(open.stale(app)))?;
    let devices = device::recognise(app, browser.devices());
    let proven = prove::by_password(app, Typed { name, password, devices: &devices }, caller).await?;
    let client = open.request.client_id;
    if !open.request.may_accept(open.client.registration(), proven.user()) {
        proven.came_to_nothing(app, "other_user", client, caller).await?;
        let error = Error::new(Code::LoginRequired, "another user than the one the request is about signed in");
        return Ok(turn_away(app, open, &error, None).await?.into());
    }
    let begun = match begin_proven(app, open, browser, (&proven, step), caller).await {
        Ok(begun) => begun,
        Err(refused) => {
            // The answer tells that the password is right, so its owner is told too.
            proven.came_to_nothing(app, "overtaken", client, caller).await?;
            return Err(refused);
        }
    };
    proven.forgive(app).await;
    let browser = browser.with_session(&begun.secret.expose());
    let (next, stands) = after_session(app, open.interaction.id, &browser, (Said::Proved, caller)).await?;
    if !stands {
        // A dead session's secret is of no use, and would take the place of one that may live.
        return Ok(next.into());
    }
    Ok(Moved { next, browser: None, session: Some(begun.secret), device: Some(proven.device().token(app)) })
}

/// The step and the session that comes of it, together.
async fn begin_proven(
    app: &App,
    open: &Open,
    browser: &Browser,
    (proven, step): (&Proven, Step),
    caller: &Caller,
) -> Result<session::Begun, Refused> {
    // Read before the transaction: whoever waits for a second connection while holding one can wait for ever.
    let held = session::of_cookie(app, browser.session()).await?.filter(|held| held.user_id == proven.user_id());
    let mut tx = app.store.begin().await?;
    let begun = begin_session(app, &mut tx, held.as_ref(), proven, caller).await?;
    write(app, &mut tx, open, step, Some(begun.session_id)).await?;
    tx.commit().await?;
    Ok(begun)
}

/// The same user's live session in this browser is renewed; anyone else gets a session of his own.
async fn begin_session(
    app: &App,
    tx: &mut Tx,
    held: Option<&Held>,
    proven: &Proven,
    caller: &Caller,
) -> Result<session::Begun, Refused> {
    let (user_id, proofs) = (proven.user_id(), vec![proven.proof().clone()]);
    if let Some(Held { session_id, .. }) = held {
        let again = Again { session_id: *session_id, user_id, proofs: proofs.clone() };
        if let Some(renewed) = session::renew(app, tx, again, caller).await? {
            return Ok(renewed);
        }
    }
    Ok(session::begin(app, tx, user_id, proofs, caller).await?)
}

/// What follows once the browser holds a session: a code when nothing is left to ask, else the page that asks. And whether the
/// session stands.
async fn after_session(
    app: &App,
    id: Uuid,
    browser: &Browser,
    (said, caller): (Said, &Caller),
) -> Result<(Next, bool), Refused> {
    let open = open(app, id, browser).await?;
    let Some(held) = consenting(app, &open, browser).await? else {
        // The proof was dead before it was judged again: it is asked for once more.
        return Ok((back(app, &open, Input::Lapsed).await?, false));
    };
    let decision = decided(app, (&open.client, &open.request), Some(&held), said).await?;
    if let Some(error) = refusal(decision) {
        return Ok((turn_away(app, &open, &error, None).await?, true));
    }
    let next = match decision {
        Decision::Ready => finish(app, &open, Present { held: &held, browser, caller }, false).await?,
        Decision::Consent => Next::Page(id),
        _ => back(app, &open, Input::Lapsed).await?,
    };
    Ok((next, true))
}

/// It shall be whoever is signed in here.
pub async fn choose(app: &App, open: &Open, browser: &Browser, caller: &Caller) -> Result<Next, Refused> {
    let step = after(app, open, Input::Chosen)?;
    let Some(held) = choosing(app, open, browser).await? else {
        return back(app, open, Input::Lapsed).await;
    };
    let mut tx = app.store.begin().await?;
    write(app, &mut tx, open, step, Some(held.session_id)).await?;
    tx.commit().await?;
    let (next, _) = after_session(app, open.interaction.id, browser, (Said::Chosen, caller)).await?;
    Ok(next)
}

/// Another account is wanted.
pub async fn another_account(app: &App, open: &Open) -> Result<Next, Refused> {
    back(app, open, Input::Another).await
}

/// Asks for a sign-in, again.
async fn back(app: &App, open: &Open, input: Input) -> Result<Next, Refused> {
    let step = after(app, open, input)?;
    let mut tx = app.store.begin().await?;
    write(app, &mut tx, open, step, None).await?;
    tx.commit().await?;
    Ok(Next::Page(open.interaction.id))
}

/// The user allows what is asked.
pub async fn allow(app: &App, open: &Open, browser: &Browser, caller: &Caller) -> Result<Next, Refused> {
    after(app, open, Input::Allowed)?;
    match consenting(app, open, browser).await? {
        Some(held) => finish(app, open, Present { held: &held, browser, caller }, true).await,
        None => back(app, open, Input::Lapsed).await,
    }
}

/// The user, signed in for it or not, cancels or doesn't allow: the client is told.
pub async fn cancel(app: &App, open: &Open, who: Option<&Held>, caller: &Caller) -> Result<Next, Refused> {
    let error = Error::new(Code::AccessDenied, "the user did not allow it");
    let user_id = who.map(|held| held.user_id);
    let actor = user_id.map_or(Actor::Anonymous, Actor::User);
    let record = Record::new(Event::SigninCancelled, actor, caller, app.clock.now())
        .user(user_id)
        .client(open.request.client_id)
        .session(open.interaction.session_id)
        .outcome("cancelled");
    turn_away(app, open, &error, Some(&record)).await
}

/// Ends without a code, and with this row where nothing else tells of it.
async fn turn_away(app: &App, open: &Open, error: &Error, record: Option<&Record>) -> Result<Next, Refused> {
    let step = after(app, open, Input::Refused)?;
    let mut tx = app.store.begin().await?;
    write(app, &mut tx, open, step, open.interaction.session_id).await?;
    if let Some(record) = record {
        store::audit::insert(&mut tx, record).await?;
    }
    let next = match &open.way {
        Way::Redirect(redirect) => away(open, way_back(app, &open.request, redirect).error(error)),
        Way::Device(device) => {
            super::device::deny(app, &mut tx, open, device, record).await?;
            Next::Page(open.interaction.id)
        }
    };
    tx.commit().await?;
    Ok(next)
}

/// Who is there: a session that stands, in the browser that holds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Present<'a> {
    pub held: &'a Held,
    pub browser: &'a Browser,
    pub caller: &'a Caller,
}

/// Where consent comes from, and the interaction that ends with it.
#[derive(Debug, Clone, Copy)]
enum Consenting<'a> {
    /// From the page, just now.
    Now(&'a Interaction),
    /// From earlier, or it is not needed; perhaps without any interaction.
    Before(Option<&'a Interaction>),
}

async fn finish(app: &App, open: &Open, present: Present<'_>, allowed: bool) -> Result<Next, Refused> {
    let interaction = &open.interaction;
    let consenting = if allowed { Consenting::Now(interaction) } else { Consenting::Before(Some(interaction)) };
    match issue(app, open, present, consenting).await {
        Ok(next) => Ok(next),
        Err(NoCode::Over) => Err(Refused::Over),
        Err(NoCode::SignInAgain(_)) => back(app, open, Input::Lapsed).await,
        Err(NoCode::ConsentNeeded) => Ok(Next::Page(interaction.id)),
        Err(NoCode::Finished) => Err(Refused::Finished(open.stale(app))),
        Err(NoCode::Failed(error)) => Err(error.into()),
    }
}

async fn issue(app: &App, open: &Open, present: Present<'_>, consenting: Consenting<'_>) -> Result<Next, NoCode> {
    let Present { held, browser, caller } = present;
    let (consents, finishes) = match consenting {
        Consenting::Now(interaction) => (true, Some(interaction)),
        Consenting::Before(interaction) => (false, interaction),
    };
    let redirect = match &open.way {
        Way::Redirect(redirect) => redirect,
        Way::Device(device) if consents => return super::device::allow(app, open, device, present).await,
        // A device is never let in by what was allowed before.
        Way::Device(_) => return Err(NoCode::ConsentNeeded),
    };
    let presented =
        browser.session().and_then(Opaque::<SessionSecret>::parse).ok_or(NoCode::SignInAgain("no session cookie"))?;
    let ask = Ask {
        signed: Signed { client: &open.client, session_id: held.session_id, session_secret: &presented.digest() },
        redirect_uri: open.request.redirect_sent.then_some(open.request.redirect_uri.as_str()),
        challenge: open.request.challenge.as_deref(),
        nonce: open.request.nonce.as_deref(),
        scopes: &scopes_of(app, &open.request, held).await?,
        resources: &open.request.resources,
        claims: &open.request.wanted.named,
        consents,
        acr: session::acr(&held.proofs),
        amr: &session::amr(&held.proofs),
        finishes,
        caller,
    };
    let code = code::issue(app, &ask).await?;
    Ok(away(open, way_back(app, &open.request, redirect).code(&code)))
}

fn away(open: &Open, answer: Answer) -> Next {
    Next::Away(answer, open.client.registration().name.clone())
}

fn way_back<'a>(app: &'a App, request: &'a AuthorizationRequest, redirect: &'a ValidRedirect) -> Back<'a> {
    let AuthorizationRequest { state, response_mode, .. } = request;
    Back {
        issuer: app.config.issuer.as_str(),
        redirect,
        mode: registry::response_mode(response_mode.as_deref(), redirect, state.as_deref()),
        state: state.as_deref(),
    }
}
