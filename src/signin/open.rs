//! Opening an interaction: for the browser that began it, while it lasts, and as its client is registered now.
//!
//! Refused: an unknown one and another browser's, told nothing; one that has expired or is finished, with the way to begin
//! again; one whose client has gone, or no longer has the redirect URI.

use uuid::Uuid;

use super::browser::Browser;
use super::device::Device;
use super::request::AuthorizationRequest;
use super::step::Step;
use crate::app::App;
use crate::http::params;
use crate::identity::prove::Unproven;
use crate::oauth::client::{self, Client};
use crate::oauth::error::Error;
use crate::oauth::redirect::{self, ValidRedirect};
use crate::session::{self, Held};
use crate::store;
use crate::store::interactions::{self, Interaction};

/// An interaction that is this browser's, open, with what it is about.
#[derive(Debug)]
pub struct Open {
    pub interaction: Interaction,
    pub step: Step,
    pub request: AuthorizationRequest,
    pub client: Client,
    pub way: Way,
}

/// Who is told what came of it.
#[derive(Debug, Clone)]
pub enum Way {
    /// The client, by the browser.
    Redirect(ValidRedirect),
    /// The device, when it asks again.
    Device(Device),
}

/// An interaction that leads nowhere any more: whom it was for, and how to begin again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    pub client: String,
    /// Where the client is at home: the origin its answers go to, when that is a web site.
    pub home: Option<String>,
    /// The same authorization request once more, with all its checks.
    pub again: Option<String>,
    pub ui_locales: Option<String>,
}

/// Why a move is refused. Nothing was moved.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("no such interaction")]
    Unknown,
    #[error("another browser began it")]
    OtherBrowser,
    #[error("it has expired")]
    Expired(Box<Stale>),
    #[error("it is finished, or has moved on")]
    Finished(Box<Stale>),
    #[error("its client is gone or disabled")]
    NoClient,
    #[error("its redirect URI is no longer registered")]
    BadRedirect,
    /// It was about a device, and this is what its user said.
    #[error("the device was answered")]
    Answered { allowed: bool, client: String, ui_locales: Option<String> },
    #[error("the code of the device is over, or was answered elsewhere")]
    Over,
    #[error("the form is not from a page of ours, or is from an older one")]
    NotFromHere(Option<Box<Stale>>),
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

impl Open {
    /// Whether the machine waits for consent.
    #[must_use]
    pub fn wants_consent(&self) -> bool {
        self.step == Step::Consent
    }

    /// Whether the machine waits for who it shall be.
    #[must_use]
    pub fn wants_choice(&self) -> bool {
        self.step == Step::Choose
    }

    /// Whether the user asked to be someone else than the browser's session says.
    #[must_use]
    pub fn asks_for_another(&self) -> bool {
        self.step == Step::Another
    }

    /// Where its client is told, if by the browser.
    #[must_use]
    pub fn redirect(&self) -> Option<&ValidRedirect> {
        match &self.way {
            Way::Redirect(redirect) => Some(redirect),
            Way::Device(_) => None,
        }
    }

    /// What is left of it when it can't go on.
    #[must_use]
    pub fn stale(&self, app: &App) -> Box<Stale> {
        let again = match &self.way {
            Way::Redirect(_) => {
                self.request.query(&self.client.registration().public_id()).map(|query| ("/oauth2/authorize", query))
            }
            Way::Device(device) => Some(("/device", params::encode([("user_code", device.user_code.as_str())]))),
        };
        let again = again.map(|(path, query)| format!("{}?{query}", app.config.issuer.endpoint(path)));
        let (client, ui_locales) = (self.client.registration().name.clone(), self.request.ui_locales.clone());
        let origin = self.redirect().and_then(ValidRedirect::origin);
        let home = origin.filter(|origin| origin.contains("://")).map(|origin| format!("{origin}/"));
        Box::new(Stale { client, home, again, ui_locales })
    }
}

/// Opens an interaction for the browser that began it.
pub async fn open(app: &App, id: Uuid, browser: &Browser) -> Result<Open, Refused> {
    let interaction = interactions::get(&app.store, id).await?.ok_or(Refused::Unknown)?;
    if !browser.began(&interaction) {
        return Err(Refused::OtherBrowser);
    }
    let unsound = |what: String| Refused::Failed(Error::server(format!("interaction {id}: {what}")));
    let request: AuthorizationRequest =
        serde_json::from_value(interaction.request.0.clone()).map_err(|error| unsound(error.to_string()))?;
    let step = Step::named(&interaction.step).ok_or_else(|| unsound(format!("step {:?}", interaction.step)))?;
    let client = client::find(app, request.client_id).await?;
    let client = client.filter(|client| !client.registration().disabled).ok_or(Refused::NoClient)?;
    let way = match &request.device {
        Some(device) => Way::Device(device.clone()),
        None => {
            let sent = request.redirect_sent.then_some(request.redirect_uri.as_str());
            Way::Redirect(redirect::check(&client, sent).map_err(|_| Refused::BadRedirect)?)
        }
    };
    let open = Open { interaction, step, request, client, way };
    if step.is_last() && matches!(open.way, Way::Device(_)) {
        let (client, ui_locales) = (open.client.registration().name.clone(), open.request.ui_locales);
        return Err(Refused::Answered { allowed: step == Step::Done, client, ui_locales });
    }
    if step.is_last() || open.interaction.finished_at.is_some() {
        return Err(Refused::Finished(open.stale(app)));
    }
    if open.interaction.expires_at <= app.clock.now() {
        return Err(Refused::Expired(open.stale(app)));
    }
    Ok(open)
}

/// The session that may be chosen: whichever this browser holds now, if the request may be answered for its user. What is pressed
/// is bound to it, as every form is.
pub async fn choosing(app: &App, open: &Open, browser: &Browser) -> Result<Option<Held>, Refused> {
    if open.step != Step::Choose {
        return Ok(None);
    }
    let held = session::of_cookie_at(app, browser.session(), open.request.client_id).await?;
    Ok(held.filter(|held| open.request.accepts(open.client.registration(), &held.standing)))
}

/// The session that waits for consent: the browser's own, and the one this interaction signed in or found.
pub async fn consenting(app: &App, open: &Open, browser: &Browser) -> Result<Option<Held>, Refused> {
    if !open.wants_consent() {
        return Ok(None);
    }
    let held = session::of_cookie_at(app, browser.session(), open.request.client_id).await?;
    Ok(held.filter(|held| open.interaction.session_id == Some(held.session_id)))
}
