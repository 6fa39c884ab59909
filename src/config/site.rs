//! The site that this issuer shares with its browser dashboards (RFC 6265bis section 5.2, "same-site"): a dashboard there may
//! get its refresh token as a cookie.
//!
//! Browsers draw sites by the public suffix list, which changes from month to month. Here the operator says the domain, and
//! without that it is the issuer's own host: a domain that is wrong makes registrations that don't work, and opens nothing,
//! since what travels between two sites is the browser's decision. Refused: another scheme, a look-alike, an address by number
//! that isn't the very same, anything that isn't written as browsers send it.

use super::{issuer::Issuer, problem::Refusal};
use url::{Host, Url};

/// Where dashboards may live that get cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    scheme: String,
    host: String,
}

impl Site {
    /// The issuer's own host and the names below it.
    #[must_use]
    pub fn of(issuer: &Issuer) -> Self {
        let origin = issuer.origin();
        let (scheme, _) = origin.split_once("://").unwrap_or_default();
        let host = Url::parse(origin).ok().and_then(|url| url.host_str().map(str::to_owned));
        Self { scheme: scheme.to_owned(), host: host.unwrap_or_default() }
    }

    /// A domain the issuer stands in, and the names below it.
    pub fn named(issuer: &Issuer, domain: &str) -> Result<Self, Refusal> {
        let own = Self::of(issuer);
        let plain = |label: &str| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if !domain.contains('.') || !domain.split('.').all(plain) || domain.parse::<std::net::IpAddr>().is_ok() {
            return Err(Refusal::new(
                format!("{domain:?} is not a domain that one can own"),
                "write it without scheme, port or dot at the end, such as \"example.com\"",
            ));
        }
        let numbered = own.host.starts_with('[') || own.host.parse::<std::net::IpAddr>().is_ok();
        if numbered || !is_below(&own.host, domain) {
            return Err(Refusal::new(
                format!("{domain:?} is not where the issuer stands, which is at {:?}", own.host),
                "name a domain that the issuer's host ends with, or leave it out",
            ));
        }
        Ok(Self { host: domain.to_owned(), ..own })
    }

    /// Whether an origin, as browsers send it, is on this site.
    #[must_use]
    pub fn holds(&self, origin: &str) -> bool {
        let Ok(url) = Url::parse(origin) else { return false };
        let exact = url.origin().ascii_serialization() == origin && url.scheme() == self.scheme;
        exact
            && match url.host() {
                Some(Host::Domain(name)) => is_below(name, &self.host),
                Some(_) => url.host_str() == Some(&self.host),
                None => false,
            }
    }

    /// The domain, for people.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.host
    }
}

fn is_below(name: &str, domain: &str) -> bool {
    name == domain || name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.') && !rest.starts_with('.'))
}
