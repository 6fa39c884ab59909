//! The issuer identifier (RFC 8414 section 2, OpenID Connect Discovery section 3): compared as text by everyone who
//! reads it, so only one spelling of an address is accepted. Refuses query, fragment, user information, a trailing
//! slash, a spelling that a URL parser would change, and `http` anywhere but on loopback.

use super::problem::Refusal;
use std::{fmt, str::FromStr};
use url::{Host, Url};

/// The public address of this server: an absolute URL in canonical form without a trailing slash.
#[derive(Clone, Debug)]
pub struct Issuer {
    text: String,
    origin: String,
}

impl Issuer {
    /// The identifier, exactly as it stands in `iss`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether browsers reach this server by TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }

    /// Scheme, host and port (when not the scheme's own), as browsers send it in `Origin`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What stands before every path: empty, or such as `/auth`.
    #[must_use]
    pub fn path_prefix(&self) -> &str {
        self.text.strip_prefix(self.origin.as_str()).unwrap_or_default()
    }

    /// The absolute address of a path that begins with a slash.
    #[must_use]
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}

impl FromStr for Issuer {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let url = absolute(text)?;
        let canonical = url.as_str().trim_end_matches('/');
        if text.ends_with('/') {
            return Err(Refusal::new("ends with a slash", format!("write {canonical:?}")));
        }
        if text != canonical {
            return Err(Refusal::new("is not in canonical form", format!("write {canonical:?}")));
        }
        let path = url.path().trim_end_matches('/');
        let plain = |letter: u8| letter.is_ascii_alphanumeric() || b"-._~".contains(&letter);
        if path.split('/').skip(1).any(|segment| segment.is_empty() || !segment.bytes().all(plain)) {
            return Err(Refusal::new(
                "has a path with empty segments or unusual characters",
                "use letters, digits and - . _ ~ between single slashes",
            ));
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            let secure = text.replacen("http", "https", 1);
            return Err(Refusal::new(
                "is http, which is for loopback hosts (localhost, 127.0.0.0/8, [::1]) only",
                format!("write {secure:?}, and set tls.* or let a proxy speak TLS"),
            ));
        }
        let origin = text.strip_suffix(path).unwrap_or(text).to_owned();
        Ok(Self { text: text.to_owned(), origin })
    }
}

/// Parses an absolute `http` or `https` URL that has nothing but scheme, host, port and path. The text is not repeated
/// in these refusals: somebody may have pasted a password into it.
fn absolute(text: &str) -> Result<Url, Refusal> {
    let example = "write it with scheme and host, such as \"https://id.example.com\"";
    let url = Url::parse(text).map_err(|error| Refusal::new(format!("is not an absolute URL ({error})"), example))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal::new("is not an https URL", example));
    }
    if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
        return Err(Refusal::new("carries user information", "remove what stands between \"//\" and the host"));
    }
    if text.contains('?') {
        return Err(Refusal::new("carries a query", "remove everything from the \"?\" on"));
    }
    if text.contains('#') {
        return Err(Refusal::new("carries a fragment", "remove everything from the \"#\" on"));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl PartialEq for Issuer {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Issuer {}
