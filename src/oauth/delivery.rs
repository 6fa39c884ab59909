//! How a refresh token reaches its client: in the token endpoint's answer (RFC 6749, 5.1), or, for a browser dashboard on the
//! issuer's site, in a cookie that no script reads (RFC 10017, browser-based applications).
//!
//! By cookie, the family is bound to the browser session it hangs on. Two proofs are asked of every request, and each is a
//! type: [`FromPage`], that a page of this client's own registered origins sent it, and [`Carrier`], that it came with the
//! secret of that very session. So a cookie that a sibling site planted, one of another user's session in the same browser, and
//! one that was copied without the session are worth nothing. Refused before anything is looked up: no `Origin`, another's
//! `Origin`, one that is off the site; then two cookies of one name, a refresh token as a parameter.

use std::fmt;

use uuid::Uuid;

use super::client::Client;
use super::client_auth::AuthenticatedClient;
use super::error::{Code, Error};
use crate::config::Site;
use crate::http::cookies::Sole;
use crate::http::params::Params;
use crate::secret::{Digest, Opaque, SessionSecret};
use crate::store::client_metadata::Delivery;
use crate::store::rolls::SessionRoll;

/// What the auditor is told of a request that came without the session.
pub const ELSEWHERE: &str = "not from the browser session it hangs on";

/// The name of a client's refresh cookie, before any prefix.
#[must_use]
pub fn cookie(client_id: Uuid) -> String {
    format!("ch_rt_{client_id}")
}

/// Whether a client's refresh tokens travel in a cookie.
#[must_use]
pub fn is_by_cookie(client: &Client) -> bool {
    client.registration().metadata.refresh_token_delivery == Delivery::Cookie
}

/// What a request shows beside its form.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The `Origin` header.
    pub origin: Option<&'a str>,
    /// The session cookie.
    pub session: Option<&'a str>,
    /// The client's refresh cookie.
    pub token: Sole<'a>,
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Proof that a page of the client's own origins sent the request. Only [`check`] makes one.
#[derive(Debug)]
pub struct FromPage<'a> {
    session: Option<Opaque<SessionSecret>>,
    token: Sole<'a>,
}

/// The proof that a client by cookie owes; none of one whose refresh tokens travel in the answer, and whose cookies, if any, are
/// not looked at.
pub fn check<'a>(client: &AuthenticatedClient, site: &Site, shown: &Shown<'a>) -> Result<Option<FromPage<'a>>, Error> {
    if !is_by_cookie(client.client()) {
        return Ok(None);
    }
    let refused = |why: &'static str| Err(Error::new(Code::UnauthorizedClient, why));
    let Some(origin) = shown.origin else {
        return refused("this client calls from its own pages only: the Origin header is missing");
    };
    if !client.client().registration().origins.iter().any(|own| own == origin) {
        return refused("the Origin is not one this client is registered with");
    }
    if !site.holds(origin) {
        return refused("the Origin is not on this issuer's site (setting cookies.site)");
    }
    Ok(Some(FromPage { session: shown.session.and_then(Opaque::parse), token: shown.token }))
}

impl FromPage<'_> {
    /// The refresh token in the cookie, if there is one.
    pub fn token(&self) -> Result<Option<&str>, Error> {
        match self.token {
            Sole::None => Ok(None),
            Sole::One(text) => Ok(Some(text)),
            Sole::Doubtful => Err(Error::invalid_request("more than one refresh cookie: one of them was planted")),
        }
    }

    /// Whether the browser that sent this holds that session now.
    fn holds(&self, session: Option<&SessionRoll>) -> bool {
        let kept = session.and_then(|session| Digest::stored(&session.session_digest));
        self.session.as_ref().zip(kept).is_some_and(|(own, kept)| own.digest().matches(&kept))
    }
}

/// The refresh token of a request: the parameter, or the cookie alone.
pub fn presented<'a>(client: &Client, page: Option<&'a FromPage<'_>>, params: &'a Params) -> Result<&'a str, Error> {
    let given = params.get("refresh_token");
    if !is_by_cookie(client) {
        return given.ok_or_else(|| Error::invalid_request("refresh_token is missing"));
    }
    if given.is_some() {
        return Err(Error::invalid_request("this client's refresh token travels in its cookie"));
    }
    let kept = page.map(FromPage::token).transpose()?.flatten();
    kept.ok_or_else(|| Error::invalid_grant("there is no refresh cookie in this browser: sign in"))
}

/// How a family's refresh token travels, with the proof that this way asks for. Only [`carrier`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct Carrier {
    by_cookie: bool,
}

impl Carrier {
    /// Whether the presenter proved the browser session that the family is bound to.
    #[must_use]
    pub fn is_bound(self) -> bool {
        self.by_cookie
    }
}

/// What carries the refresh token of what hangs on `session`. None when the way is a cookie and the browser holds another
/// session, or none.
#[must_use]
pub fn carrier(client: &Client, page: Option<&FromPage<'_>>, session: Option<&SessionRoll>) -> Option<Carrier> {
    let by_cookie = is_by_cookie(client);
    let proved = !by_cookie || page.is_some_and(|page| page.holds(session));
    proved.then_some(Carrier { by_cookie })
}
