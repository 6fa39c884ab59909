//! Whether a post comes from our own pages: a matching `Origin`, or a same-origin `Sec-Fetch-Site`; either suffices.
//!
//! `Host` is never consulted. Refused: neither header, a foreign origin (whatever the other header says), `Origin: null`
//! without a same-origin `Sec-Fetch-Site`.

use axum::http::{HeaderMap, header};

/// Whether the request was sent by a page of `own`.
#[must_use]
pub fn is_own(headers: &HeaderMap, own: &str) -> bool {
    let site = one(headers, &header::HeaderName::from_static("sec-fetch-site")) == Some("same-origin");
    match of(headers) {
        Some("null") | None => site,
        Some(origin) => origin == own,
    }
}

/// The origin whose page sent the request, as its browser says; two of them, or one that isn't text, are none's.
#[must_use]
pub fn of(headers: &HeaderMap) -> Option<&str> {
    one(headers, &header::ORIGIN)
}

fn one<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(|value| value.to_str().unwrap_or("unreadable"));
    if values.next().is_some() { Some("several") } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(lines: &[(&'static str, &'static str)]) -> bool {
        let headers = lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        is_own(&headers, "https://id.example")
    }

    #[test]
    fn either_suffices_and_a_foreign_origin_never_does() {
        assert!(own(&[("origin", "https://id.example")]));
        assert!(
            own(&[("origin", "https://id.example"), ("sec-fetch-site", "cross-site")]),
            "a page of ours in a popup"
        );
        assert!(own(&[("sec-fetch-site", "same-origin")]));
        assert!(own(&[("origin", "null"), ("sec-fetch-site", "same-origin")]));
        for lines in [
            &[][..],
            &[("host", "id.example")],
            &[("origin", "null")],
            &[("origin", "https://id.example.evil.test")],
            &[("origin", "http://id.example")],
            &[("origin", "https://id.example:8443")],
            &[("origin", "https://ID.example")],
            &[("origin", "https://evil.test"), ("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-origin, same-origin")],
        ] {
            assert!(!own(lines), "{lines:?}");
        }
    }

    #[test]
    fn two_of_one_header_count_for_neither() {
        let mut headers = HeaderMap::new();
        headers.append(header::ORIGIN, header::HeaderValue::from_static("https://id.example"));
        headers.append(header::ORIGIN, header::HeaderValue::from_static("https://id.example"));
        assert!(!is_own(&headers, "https://id.example"));
    }
}
