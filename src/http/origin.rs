//! Whether a post comes from our own pages: a matching `Origin`, or a same-origin `Sec-Fetch-Site`; either suffices.
//!
//! `Host` is never consulted. Refused: neither header, a foreign origin (whatever the other header says), `Origin: null`
//! without a same-origin `Sec-Fetch-Site`.

use axum::http::{HeaderMap, header};

/// Whether the request was sent by a page of `own`.
#[must_use]
pub fn is_own(headers: &HeaderMap, own: &str) -> bool {
    let one = |name| {
        let mut values = headers.get_all(name).iter();
        let first = values.next().map(|value| value.to_str().unwrap_or("unreadable"));
        if values.next().is_some() { Some("several") } else { first }
    };
    let site = one(header::HeaderName::from_static("sec-fetch-site")) == Some("same-origin");
    match one(header::ORIGIN) {
        Some("null") | None => site,
        Some(origin) => origin == own,
    }
}
