//! How clients are told that a session has ended: from server to server (OpenID Connect Back-Channel Logout 1.0), and through the
//! browser (OpenID Connect Front-Channel Logout 1.0). Metadata and registration take them from here.
//!
//! Refused at registration: addresses that are not `https` (`http` on loopback, for development), that have a fragment or user
//! information; for the front channel also any that is not on the origin of one of the client's redirect URIs.

use url::Url;

use crate::http::headers::Source;
use crate::oauth::redirect;
use crate::store::client_metadata::Metadata;

/// One way of telling.
#[derive(Debug)]
pub struct Channel {
    /// As it begins the names of metadata: `backchannel_logout_supported`.
    pub name: &'static str,
    /// The member with the address, and its value.
    pub uri_member: &'static str,
    pub uri: fn(&Metadata) -> Option<&str>,
    /// The member that asks for the session to be named, and its value.
    pub session_member: &'static str,
    pub session: fn(&Metadata) -> bool,
    /// Whether the browser loads it, which then has to be one of the client's own origins.
    own_origin: bool,
}

/// From server to server.
pub const BACK: Channel = Channel {
    name: "backchannel",
    uri_member: "backchannel_logout_uri",
    uri: |metadata| metadata.backchannel_logout_uri.as_deref(),
    session_member: "backchannel_logout_session_required",
    session: |metadata| metadata.backchannel_logout_session_required,
    own_origin: false,
};

/// Through the browser.
pub const FRONT: Channel = Channel {
    name: "frontchannel",
    uri_member: "frontchannel_logout_uri",
    uri: |metadata| metadata.frontchannel_logout_uri.as_deref(),
    session_member: "frontchannel_logout_session_required",
    session: |metadata| metadata.frontchannel_logout_session_required,
    own_origin: true,
};

/// The longest address.
const LONGEST: usize = 2000;

impl Channel {
    /// What is wrong with what a client registers for it: the member, and why.
    #[must_use]
    pub fn check(&self, metadata: &Metadata, redirect_uris: &[String]) -> Option<(&'static str, String)> {
        let Some(uri) = (self.uri)(metadata) else {
            let alone = || (self.session_member, format!("is of no use without {}", self.uri_member));
            return (self.session)(metadata).then(alone);
        };
        let fail = |why: &str| Some((self.uri_member, format!("{uri:?} {why}")));
        let Some(url) = address(uri) else {
            return fail("is not an https address without fragment and user information (http on loopback alone)");
        };
        if self.own_origin {
            // Named in the page's policy, and in nothing wider than itself.
            if Source::exact(&url).is_none() {
                return fail("has a host that a page's policy can't name");
            }
            let own = |uri: &String| Url::parse(uri).is_ok_and(|known| known.origin() == url.origin());
            if !redirect_uris.iter().any(own) {
                return fail("is not on the origin (scheme, host and port) of one of the redirect URIs");
            }
        }
        None
    }
}

/// An address that may be told.
fn address(text: &str) -> Option<Url> {
    let plain =
        text.len() <= LONGEST && !text.chars().any(|c| c.is_control() || c.is_whitespace() || "\\#".contains(c));
    let url = Url::parse(text).ok().filter(|_| plain)?;
    let secure = url.scheme() == "https" || (url.scheme() == "http" && redirect::is_loopback(&url));
    let bare = url.username().is_empty() && url.password().is_none() && url.host().is_some();
    (secure && bare).then_some(url)
}

/// The page of a client that the browser loads, with issuer and session where the client asks for them.
#[must_use]
pub fn front_address(metadata: &Metadata, issuer: &str, sid: &str) -> Option<Url> {
    let mut url = (FRONT.uri)(metadata).and_then(address)?;
    if (FRONT.session)(metadata) {
        url.query_pairs_mut().append_pair("iss", issuer).append_pair("sid", sid);
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(uri: &str) -> Metadata {
        Metadata { backchannel_logout_uri: Some(uri.to_owned()), ..Metadata::default() }
    }

    fn front(uri: &str) -> Metadata {
        Metadata { frontchannel_logout_uri: Some(uri.to_owned()), ..Metadata::default() }
    }

    #[test]
    fn what_may_be_registered() {
        for good in ["https://rp.test/out", "https://rp.test:8443/out?a=1", "http://127.0.0.1:9/out", "http://[::1]/o"]
        {
            assert_eq!(BACK.check(&back(good), &[]), None, "{good}");
        }
        for bad in [
            "http://rp.test/out",
            "https://rp.test/out#x",
            "https://rp.test/out#",
            "https://a:b@rp.test/out",
            "https://a@rp.test/",
            "ftp://rp.test/",
            "/out",
            "",
            "https://rp.test/ out",
            "https://rp.test\\@evil.test/",
            "javascript:alert(1)",
            "com.example:/out",
            "http://127.0.0.1.evil.test/",
        ] {
            assert!(BACK.check(&back(bad), &[]).is_some_and(|(member, _)| member == "backchannel_logout_uri"), "{bad}");
        }
        let alone = Metadata { backchannel_logout_session_required: true, ..Metadata::default() };
        assert_eq!(BACK.check(&alone, &[]).unwrap().0, "backchannel_logout_session_required");
    }

    #[test]
    fn a_page_is_on_an_origin_of_the_clients_own() {
        let own = ["https://rp.test/cb".to_owned(), "http://127.0.0.1:8000/cb".to_owned()];
        for good in ["https://rp.test/out", "https://rp.test:443/x/y?z", "http://127.0.0.1:8000/out"] {
            assert_eq!(FRONT.check(&front(good), &own), None, "{good}");
        }
        for bad in
            ["https://evil.test/", "https://rp.test:444/", "https://rp.test.evil.test/", "http://127.0.0.1:8001/"]
        {
            assert!(FRONT.check(&front(bad), &own).is_some(), "{bad}");
        }
        // A host that no policy can name would be let in by its scheme, and with it everybody.
        let odd = ["http://[::1]:8000/cb".to_owned()];
        assert!(FRONT.check(&front("http://[::1]:8000/out"), &odd).is_some());
    }

    #[test]
    fn issuer_and_session_are_told_to_whom_asks() {
        let mut metadata = front("https://rp.test/out?keep=1");
        let at = |metadata: &Metadata| front_address(metadata, "https://id.test/a", "s&1").unwrap().to_string();
        assert_eq!(at(&metadata), "https://rp.test/out?keep=1");
        metadata.frontchannel_logout_session_required = true;
        assert_eq!(at(&metadata), "https://rp.test/out?keep=1&iss=https%3A%2F%2Fid.test%2Fa&sid=s%261");
        assert_eq!(front_address(&Metadata::default(), "x", "y"), None);
    }
}
