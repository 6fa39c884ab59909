//! The revocation log on the wire: entries and the place up to which they are complete. Times are NumericDate (RFC 7519, 2).

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::etag;
use crate::live::{self, Cursor, Feed};
use crate::oauth::reply;
use crate::store::revocations::Entry;

/// For how many seconds a gateway may go on judging by what it last heard. A sign of life comes each second.
pub const STALE_AFTER: u64 = 5;

/// Up to where a reader knows everything.
#[derive(Debug, Serialize, ToSchema)]
pub struct AsOf {
    /// The number of the last entry.
    pub as_of: i64,
    /// The same place, for `after`: opaque, and bound to this very log.
    pub cursor: String,
    /// For how many seconds of silence a gateway may go on judging.
    pub stale_after: u64,
}

impl From<&Cursor> for AsOf {
    fn from(cursor: &Cursor) -> Self {
        Self { as_of: cursor.seq, cursor: cursor.to_string(), stale_after: STALE_AFTER }
    }
}

/// An entry: it covers a token whose `jti` or `kid` it names, and any other token it names that bears a lower `rev_seq`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Line {
    pub seq: i64,
    pub at: i64,
    /// `jti`, `family`, `session`, `user`, `grant`, `client`, `resource`, `key` or `all`; take an unknown one for `all`.
    pub kind: String,
    /// What tokens carry; a grant's is `sub`, a space, `client_id`; of `all` it is empty.
    pub value: String,
    /// `lineage` or `access`: both end access tokens.
    pub reach: String,
    /// When no token it covers can be alive any more; null: never forget it.
    pub until: Option<i64>,
}

impl From<&Entry> for Line {
    fn from(entry: &Entry) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at.timestamp(),
            kind: entry.kind.clone(),
            value: entry.value.clone(),
            reach: entry.reach.clone(),
            until: live::until(entry),
        }
    }
}

/// A snapshot of all that stands, or what came after a place.
#[derive(Debug, Serialize, ToSchema)]
pub struct Batch {
    #[serde(flatten)]
    pub as_of: AsOf,
    /// Oldest first. Of entries that say the same, the newest alone.
    pub entries: Vec<Line>,
}

impl From<&Feed> for Batch {
    fn from(feed: &Feed) -> Self {
        Self { as_of: (&feed.as_of).into(), entries: feed.entries.iter().map(|entry| Line::from(&**entry)).collect() }
    }
}

/// What came after a place: different for every reader, so nothing to keep.
pub fn delta(feed: &Feed) -> Response {
    reply::json(200, &Batch::from(feed))
}

/// Everything that stands, to be asked for again with `If-None-Match`: "not modified" says that the place still stands.
/// The tag is weak: entries past their end leave without moving the place.
pub fn snapshot(feed: &Feed, headers: &HeaderMap) -> Response {
    let tag = format!("W/\"{}\"", feed.as_of);
    let mut response = if etag::is_known(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        reply::json(200, &Batch::from(feed))
    };
    let own = response.headers_mut();
    own.remove(header::PRAGMA);
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    own.insert(header::VARY, HeaderValue::from_static("accept, authorization"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        own.insert(header::ETAG, tag);
    }
    response
}
