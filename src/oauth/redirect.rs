//! Redirect URIs: what may be registered, and the one comparison (RFC 9700, 2.1; RFC 8252, 7.3).
//!
//! Comparison is of bytes, with one exception: the port of an `http` loopback URI. Registration refuses fragments, user
//! information, wildcards, control characters and any scheme that isn't `https`, loopback `http`, or a private-use one with a dot.

use url::{Host, Url};

use super::client::{Client, Registration};

/// A redirect URI that a check has allowed for this client. Nothing is sent anywhere else.
#[derive(Debug, Clone)]
pub struct ValidRedirect {
    uri: String,
    sent: bool,
}

impl ValidRedirect {
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Whether the request named it, rather than leaving it to the only registered one.
    #[must_use]
    pub fn was_sent(&self) -> bool {
        self.sent
    }

    /// Its origin, for the page's `form-action`; a private scheme has none.
    #[must_use]
    pub fn origin(&self) -> Option<String> {
        let url = Url::parse(&self.uri).ok()?;
        if matches!(url.scheme(), "http" | "https") {
            Some(url.origin().ascii_serialization())
        } else {
            Some(format!("{}:", url.scheme()))
        }
    }
}

/// Why a redirect URI isn't followed; the request ends on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("redirect_uri is missing, and the client has not exactly one registered")]
    Missing,
    #[error("redirect_uri is not one the client has registered")]
    Unknown,
    #[error("redirect_uri is missing, and was in the authorization request")]
    MissingAgain,
    #[error("redirect_uri differs from the one in the authorization request")]
    Differs,
}

/// The redirect URI of an authorization request.
pub fn check(client: &Client, sent: Option<&str>) -> Result<ValidRedirect, Refused> {
    let registered = &client.registration().redirect_uris;
    match (sent, registered.as_slice()) {
        (None, [only]) => Ok(ValidRedirect { uri: only.clone(), sent: false }),
        (None, _) => Err(Refused::Missing),
        (Some(sent), all) => all
            .iter()
            .any(|one| matches(one, sent))
            .then(|| ValidRedirect { uri: sent.to_owned(), sent: true })
            .ok_or(Refused::Unknown),
    }
}

/// The redirect URI once more, at the token endpoint: `asked` as the authorization request named it (RFC 6749, 4.1.3). One that was
/// named is the same, byte for byte; one that was left to the registration is compared as the authorization endpoint would.
/// Whatever was asked, it is the client's still.
pub fn check_again(client: &Client, asked: Option<&str>, sent: Option<&str>) -> Result<ValidRedirect, Refused> {
    match (asked, sent) {
        (Some(asked), Some(sent)) if asked != sent => Err(Refused::Differs),
        (Some(_), None) if client.registration().profile.repeats_redirect_uri() => Err(Refused::MissingAgain),
        (Some(asked), _) => check(client, Some(asked)),
        (None, sent) => Ok(ValidRedirect { sent: false, ..check(client, sent)? }),
    }
}

/// Where a sign-out may end.
#[must_use]
pub fn check_post_logout(registration: &Registration, sent: &str) -> Option<ValidRedirect> {
    let known = registration.post_logout_redirect_uris.iter().any(|one| matches(one, sent));
    known.then(|| ValidRedirect { uri: sent.to_owned(), sent: true })
}

/// Byte equality, but for the port of a loopback `http` URI.
#[must_use]
pub fn matches(registered: &str, sent: &str) -> bool {
    registered == sent || loopback(registered).is_some_and(|known| loopback(sent) == Some(known))
}

/// (host, what follows the port) of `http://` + a loopback host; none for anything else.
fn loopback(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let host = ["127.0.0.1", "[::1]", "localhost"].into_iter().find(|host| rest.starts_with(host))?;
    let rest = rest.get(host.len()..)?;
    let rest = match rest.strip_prefix(':') {
        Some(port) => {
            let digits = port.bytes().take_while(u8::is_ascii_digit).count();
            let valid = port.get(..digits)?.parse::<u16>().is_ok();
            if valid { port.get(digits..)? } else { return None }
        }
        None => rest,
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
}

/// Whether a URI may be registered as a redirect, or as the end of a sign-out; the error says what to write instead.
pub fn register(uri: &str, public: bool) -> Result<(), String> {
    let fail = |why: &str| Err(format!("redirect URI {uri:?}: {why}"));
    if uri.len() > 2000 || uri.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return fail("has white space, a backslash or a control character, or is longer than 2,000 characters");
    }
    let Ok(url) = Url::parse(uri) else { return fail("is not an absolute URI") };
    if uri.contains('#') {
        return fail("must have no fragment");
    }
    if uri.contains('*') {
        return fail("must name one address exactly; there are no wildcards");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return fail("must have no user information");
    }
    match url.scheme() {
        "https" if url.host().is_some() => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        "http" => fail("must be https; http is for loopback addresses only"),
        scheme if scheme.contains('.') && public => Ok(()),
        scheme if scheme.contains('.') => fail("a private-use scheme is for public clients"),
        _ => fail(
            "must be https, http on a loopback address, or a private-use scheme in reverse domain form (com.example.app:/…)",
        ),
    }
}

/// Whether a URL points at this machine itself.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
