//! The protected API: three shipments, and a word on how the token was judged.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use serde_json::{Value, json};

use super::Shared;
use super::answer::Refused;

/// Who may read, and how that is known.
pub(super) struct Allowed {
    pub sub: String,
    pub client_id: String,
    pub how: String,
}

/// `GET /offline/api/shipments`.
pub(super) async fn offline(State(gateway): State<Shared>, headers: HeaderMap) -> Result<Json<Value>, Refused> {
    Ok(shipments(&gateway.judge_offline(bearer(&headers)?).await?))
}

/// `GET /introspect/api/shipments`.
pub(super) async fn introspect(State(gateway): State<Shared>, headers: HeaderMap) -> Result<Json<Value>, Refused> {
    Ok(shipments(&gateway.judge_by_introspection(bearer(&headers)?).await?))
}

/// The token of `Authorization: Bearer …` (RFC 6750 §2.1); never from the query or a form.
fn bearer(headers: &HeaderMap) -> Result<&str, Refused> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), others) = (given.next(), given.next()) else { return Err(Refused::NoToken) };
    if others.is_some() {
        return Err(Refused::Request("Authorization came twice"));
    }
    let value = value.to_str().map_err(|_| Refused::Request("Authorization is not text"))?;
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => Ok(token.trim()),
        _ => Err(Refused::NoToken),
    }
}

fn shipments(allowed: &Allowed) -> Json<Value> {
    Json(json!({
        "shipments": [
            { "id": "S-1041", "from": "Bristol", "to": "Porto", "state": "at sea" },
            { "id": "S-1042", "from": "Bristol", "to": "Cork", "state": "loading" },
            { "id": "S-1043", "from": "Lisbon", "to": "Bristol", "state": "delivered" },
        ],
        "read_by": allowed.sub,
        "through": allowed.client_id,
        "judged": allowed.how,
    }))
}
