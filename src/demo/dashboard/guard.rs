//! Before every page: the right host, and posts from our own pages only.
//!
//! Cookies know no port, so another program on this machine is "same site" with us: `SameSite` does not stop its
//! forms, the `Origin` header does. A request under another name than the configured one is sent to the right one
//! (the cookie lives there), which also ends DNS rebinding.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;

use super::super::page;
use super::Shared;
use super::pages;

pub(super) async fn guard(State(dashboard): State<Shared>, request: Request, next: Next) -> Response {
    let base = &dashboard.config.base_url;
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let response = if !same_host(request.headers(), base) {
        if reads {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            page::see_other(&format!("{base}{path}"), None)
        } else {
            pages::refused(&dashboard, "This address is not the one the dashboard is configured for.")
        }
    } else if !reads && !same_origin(request.headers(), base) {
        pages::refused(&dashboard, "The form came from a page that is not the dashboard's.")
    } else {
        next.run(request).await
    };
    page::secured(response, Some(&dashboard.config.issuer))
}

fn same_host(headers: &HeaderMap, base: &str) -> bool {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let ours = base.split_once("://").map_or(base, |(_, rest)| rest);
    host.is_some_and(|host| host.eq_ignore_ascii_case(ours))
}

fn same_origin(headers: &HeaderMap, base: &str) -> bool {
    let is = |name: &str, wanted: &str| headers.get(name).map(|value| value.as_bytes() == wanted.as_bytes());
    match is("origin", base) {
        Some(same) => same,
        None => is("sec-fetch-site", "same-origin") == Some(true),
    }
}
