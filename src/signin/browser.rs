//! What a browser presents: the secret that binds interactions to it, and its session cookie. Form tokens are bound to both.

use crate::app::App;
use crate::keyring::mac::FORM;
use crate::secret::{BrowserSecret, Digest, Opaque};
use crate::store::interactions::Interaction;

/// The cookie's name, before any prefix.
pub const COOKIE: &str = "ch_browser";

/// A browser, as far as its cookies tell.
#[derive(Clone)]
pub struct Browser {
    secret: Option<Opaque<BrowserSecret>>,
    session: Option<String>,
    devices: Vec<String>,
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Browser(redacted)")
    }
}

impl Browser {
    /// From its cookies' values.
    #[must_use]
    pub fn new(secret: Option<&str>, session: Option<&str>, devices: Vec<String>) -> Self {
        Self { secret: secret.and_then(Opaque::parse), session: session.map(str::to_owned), devices }
    }

    /// The same browser once it holds this session.
    #[must_use]
    pub fn with_session(&self, session: &str) -> Self {
        Self { session: Some(session.to_owned()), ..self.clone() }
    }

    /// The same browser once it holds this secret.
    #[must_use]
    pub fn with_secret(&self, secret: Opaque<BrowserSecret>) -> Self {
        Self { secret: Some(secret), ..self.clone() }
    }

    /// The values of the cookies by which accounts know it.
    #[must_use]
    pub fn devices(&self) -> &[String] {
        &self.devices
    }

    /// The session cookie's value.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Its own secret, if it has one.
    #[must_use]
    pub fn secret(&self) -> Option<&Opaque<BrowserSecret>> {
        self.secret.as_ref()
    }

    /// Whether it began this interaction.
    #[must_use]
    pub fn began(&self, interaction: &Interaction) -> bool {
        let stored = Digest::stored(&interaction.browser_digest);
        self.secret.as_ref().zip(stored).is_some_and(|(own, stored)| own.digest().matches(&stored))
    }

    /// The token a form of this interaction, at this step, must carry. One made before a sign-in is worthless after it.
    #[must_use]
    pub fn form_token(&self, app: &App, interaction: &Interaction) -> String {
        app.keyring.mac(FORM).token(&self.bound(interaction))
    }

    /// Whether a form token is this browser's, for this interaction at this step.
    #[must_use]
    pub fn holds(&self, app: &App, interaction: &Interaction, token: &str) -> bool {
        self.secret.is_some() && app.keyring.mac(FORM).holds(&self.bound(interaction), token)
    }

    fn bound(&self, interaction: &Interaction) -> Vec<u8> {
        let (secret, session) = self.own();
        [
            b"interaction",
            interaction.id.as_bytes().as_slice(),
            &interaction.version.to_be_bytes(),
            &secret,
            session.as_bytes(),
        ]
        .concat()
    }

    /// The token of a form that stands on the page of this name, in no interaction.
    #[must_use]
    pub fn page_token(&self, app: &App, page: &str) -> String {
        app.keyring.mac(FORM).token(&self.on(page))
    }

    /// Whether a form token is this browser's, for the page of this name.
    #[must_use]
    pub fn holds_of_page(&self, app: &App, page: &str, token: &str) -> bool {
        self.secret.is_some() && app.keyring.mac(FORM).holds(&self.on(page), token)
    }

    fn on(&self, page: &str) -> Vec<u8> {
        let (secret, session) = self.own();
        let page = Digest::of(&[b"page", page.as_bytes()]);
        [b"page".as_slice(), page.as_bytes(), &secret, session.as_bytes()].concat()
    }

    /// What makes a token this browser's, in its present session.
    fn own(&self) -> ([u8; 32], Digest) {
        let secret = self.secret.as_ref().map_or([0; 32], |secret| *secret.bits());
        (secret, Digest::of(&[b"session", self.session.as_deref().unwrap_or_default().as_bytes()]))
    }
}
