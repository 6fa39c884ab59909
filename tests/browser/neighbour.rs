//! Somebody else's pages on this machine: another origin of the same site by number, another site by name.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use tokio::net::TcpListener;

/// Serves an empty page that may do whatever it likes; its port.
pub async fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let page =
        || async { Html("<!doctype html><title>Elsewhere</title><link rel=icon href=\"data:,\"><p>Elsewhere</p>") };
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", get(page))).await });
    port
}

/// Posts this form from the page at hand, as a navigation: cookies go as `SameSite` lets them. The answer is the next page.
pub fn form(action: &str, pairs: &[(&str, &str)]) -> String {
    let fields: String = pairs
        .iter()
        .map(|(name, value)| {
            format!("{{const i=document.createElement('input');i.name='{name}';i.value='{value}';f.append(i)}}")
        })
        .collect();
    format!(
        "const f=document.createElement('form');f.method='post';f.action='{action}';{fields}document.body.append(f);f.submit()"
    )
}

/// Fetches with cookies; what came of it, in a word.
pub fn fetch(address: &str, mode: &str, pairs: &[(&str, &str)]) -> String {
    let body = serde_json::to_string(pairs).unwrap();
    format!(
        "return fetch('{address}', {{ method: 'POST', mode: '{mode}', credentials: 'include', body: new URLSearchParams({body}) }})\
         .then((answer) => answer.type, () => 'unreadable')"
    )
}
