//! What every answer carries besides its body: the security headers (OWASP ASVS 5.0, 3.4; RFC 9700, 4.16) and the
//! Content Security Policy (CSP Level 3).
//!
//! Refuses to be framed, sniffed, embedded by other origins or to run anything inline. A form may go to this origin
//! and to the one it will be redirected to, named with [`Source`], which takes nothing that could end the directive.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use url::{Host, Url};

const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// What an answer that is no page is allowed: nothing.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// Powerful features no page here uses. `publickey-credentials-*` stay with this origin, their default.
const FEATURES: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
    magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()";

/// Two years, and the names below: browsers then never ask over plain HTTP again.
const HSTS: &str = "max-age=63072000; includeSubDomains";

/// Whether the issuer is `https`, as state of [`secure`].
#[derive(Clone, Copy, Debug)]
pub struct Https(pub bool);

/// Puts the headers on an answer: `axum::middleware::map_response_with_state(Https(..), secure)` around the router.
pub async fn secure(State(https): State<Https>, mut response: Response) -> Response {
    guard(response.headers_mut(), https);
    response
}

/// The same for an answer made outside the router. A policy that the answer brought along stays.
pub fn guard(headers: &mut HeaderMap, Https(https): Https) {
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(NOTHING));
    headers.entry(CROSS_ORIGIN_RESOURCE_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
        (PERMISSIONS_POLICY, FEATURES),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
}

/// An address a form's answer may redirect to, as a CSP source. Browsers apply `form-action` to every redirect that
/// follows a form, so each page on the way to a client names that client's redirect URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(String);

impl Source {
    /// The origin of `url`. An app's private scheme, an IPv6 address and a host with a character of CSP's own have no
    /// host source; for them it is the scheme.
    #[must_use]
    pub fn of(url: &Url) -> Self {
        Self::exact(url).unwrap_or_else(|| Self([url.scheme(), ":"].concat()))
    }

    /// The origin of `url`, and nothing wider; none where it has no host source.
    #[must_use]
    pub fn exact(url: &Url) -> Option<Self> {
        let plain = |host: &str| host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
        let named = match url.host() {
            Some(Host::Domain(name)) => plain(name),
            Some(Host::Ipv4(_)) => true,
            Some(Host::Ipv6(_)) | None => false,
        };
        (named && matches!(url.scheme(), "http" | "https")).then(|| Self(url.origin().ascii_serialization()))
    }
}

/// The policy of a page: styles, scripts and images of this origin, forms to this origin; images and forms of given ones too, and
/// frames of given origins alone.
#[derive(Clone, Debug, Default)]
pub struct Csp {
    forms: Vec<Source>,
    images: Vec<Source>,
    frames: Vec<Source>,
    /// Whether its forms go to the given ones alone.
    away: bool,
}

impl Csp {
    /// Lets forms end at these, besides this origin.
    #[must_use]
    pub fn forms_to(mut self, targets: impl IntoIterator<Item = Source>) -> Self {
        self.forms.extend(targets);
        self
    }

    /// Lets the page show frames of these origins.
    #[must_use]
    pub fn frames_of(mut self, origins: impl IntoIterator<Item = Source>) -> Self {
        self.frames.extend(origins);
        self.frames.dedup();
        self
    }

    /// Lets forms go there and nowhere else, not even to this origin.
    #[must_use]
    pub fn forms_only_to(self, target: Source) -> Self {
        Self { forms: vec![target], away: true, ..self }
    }

    /// Lets images come from these, besides this origin.
    #[must_use]
    pub fn images_from(mut self, origins: impl IntoIterator<Item = Source>) -> Self {
        self.images.extend(origins);
        self
    }

    /// The header's value; one that allows nothing, should it not be writable.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        let named = |sources: &[Source]| sources.iter().fold(String::new(), |all, Source(one)| all + " " + one);
        let (images, forms, frames) = (named(&self.images), named(&self.forms), named(&self.frames));
        let frames = if frames.is_empty() { frames } else { format!("; frame-src{frames}") };
        let own = if self.away { "" } else { " 'self'" };
        let text = format!(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:{images}; font-src 'none'; \
             object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action{own}{forms}{frames}"
        );
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(NOTHING))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(url: &str) -> String {
        Source::of(&Url::parse(url).unwrap()).0
    }

    #[test]
    fn a_source_never_ends_its_directive() {
        assert_eq!(source("https://rp.example/cb?x=;script-src%20*"), "https://rp.example");
        assert_eq!(source("http://127.0.0.1:8123/cb"), "http://127.0.0.1:8123");
        assert_eq!(source("http://[::1]:8123/cb"), "http:");
        assert_eq!(source("com.example.app:/cb"), "com.example.app:");
        assert_eq!(source("https://rp.example;script-src/cb"), "https:");
        assert_eq!(source("https://*.example/cb"), "https:");
        assert_eq!(source("https://a,b'c/cb"), "https:");
    }

    #[test]
    fn a_page_names_where_its_form_ends() {
        let csp = Csp::default().forms_to([Source::of(&Url::parse("https://rp.example:8443/cb").unwrap())]).header();
        assert!(csp.to_str().unwrap().ends_with("form-action 'self' https://rp.example:8443"));
    }

    #[test]
    fn frames_are_of_the_origins_that_are_named() {
        let exact = |url: &str| Source::exact(&Url::parse(url).unwrap());
        assert_eq!((exact("http://[::1]/x"), exact("https://a,b/x"), exact("com.example:/x")), (None, None, None));
        let csp =
            Csp::default().frames_of([exact("https://a.test/x").unwrap(), exact("https://b.test:8443/y").unwrap()]);
        assert!(
            csp.header()
                .to_str()
                .unwrap()
                .ends_with("form-action 'self'; frame-src https://a.test https://b.test:8443")
        );
        assert!(!Csp::default().header().to_str().unwrap().contains("frame-src"));
    }

    #[test]
    fn a_page_on_the_way_out_names_that_place_alone() {
        let rp = Source::of(&Url::parse("https://rp.example/cb").unwrap());
        let csp = Csp::default().images_from(Source::exact(&Url::parse("https://cdn.example/logo.png").unwrap()));
        let text = csp.forms_only_to(rp).header().to_str().unwrap().to_owned();
        assert!(text.ends_with("; form-action https://rp.example"), "{text}");
        assert!(text.contains("img-src 'self' data: https://cdn.example;"), "{text}");
        for vague in ["https://[::1]/logo.png", "com.example.app:/logo", "https://*.example/logo.png"] {
            assert_eq!(Source::exact(&Url::parse(vague).unwrap()), None, "{vague}");
        }
    }

    #[test]
    fn a_policy_brought_along_stays_and_the_rest_is_set() {
        let mut headers = HeaderMap::new();
        guard(&mut headers, Https(false));
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], NOTHING);
        assert!(!headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
        headers.insert(header::CONTENT_SECURITY_POLICY, Csp::default().header());
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
        guard(&mut headers, Https(true));
        assert_ne!(headers[header::CONTENT_SECURITY_POLICY], NOTHING);
        assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY");
        assert_eq!(headers[header::STRICT_TRANSPORT_SECURITY], HSTS);
    }
}
