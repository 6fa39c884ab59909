//! What the fake issuer tells a gateway: introspection, and the feed of what was revoked.

use futures_util::stream;

use super::*;

pub async fn introspect(State(fake): State<Shared>, headers: HeaderMap, body: String) -> Response {
    assert_eq!(client(&headers), "gateway");
    if !fake.strings().introspects {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let token = form(&body)["token"].clone();
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let mut claims: Value = serde_json::from_slice(&payload).unwrap();
    if fake.strings().dead {
        return Json(json!({ "active": false })).into_response();
    }
    claims["active"] = json!(true);
    if claims.get("token_type").is_none() {
        claims["token_type"] = json!("Bearer");
    }
    Json(claims).into_response()
}

pub async fn revocations(
    State(fake): State<Shared>,
    headers: HeaderMap,
    Query(asked): Query<HashMap<String, String>>,
) -> Response {
    assert_eq!(headers[header::AUTHORIZATION], "Bearer feed-token");
    let after = asked.get("after").map(|cursor| cursor.strip_suffix(".tip").unwrap().parse::<u64>().unwrap());
    let wait = asked.get("wait").map(|wait| wait.parse::<u64>().unwrap());
    let accept = headers[header::ACCEPT].to_str().unwrap().to_owned();
    {
        let mut strings = fake.strings();
        strings.feed_requests.push(format!("{accept} after={after:?} wait={wait:?}"));
        if strings.feed_down {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        if strings.void && after.is_some() {
            return StatusCode::GONE.into_response();
        }
    }
    if accept == "text/event-stream" && fake.strings().streams {
        return follow(fake, after.unwrap());
    }
    let deadline = fake.clock.monotonic() + Duration::from_secs(wait.unwrap_or(0));
    while after == Some(fake.strings().position()) && fake.clock.monotonic() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let strings = fake.strings();
    let mut batch = strings.up_to();
    batch["entries"] = json!(strings.after(after.unwrap_or(0)));
    Json(batch).into_response()
}

impl Strings {
    fn up_to(&self) -> Value {
        json!({ "as_of": self.position(), "cursor": format!("{}.tip", self.position()), "stale_after": 3 })
    }

    fn after(&self, position: u64) -> Vec<Value> {
        self.log.iter().filter(|entry| entry["seq"].as_u64().unwrap() > position).cloned().collect()
    }
}

/// Entries as they come, and an `as_of` every 50 ms; it ends when the strings say that the feed is down or void.
fn follow(fake: Shared, after: u64) -> Response {
    let pieces = stream::unfold((fake, after), |(fake, position)| async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let (now, text) = {
            let strings = fake.strings();
            if strings.feed_down || strings.void {
                return None;
            }
            let entry = |entry: &Value| format!("event: entry\nid: {}\ndata: {entry}\n\n", entry["seq"]);
            let mut text: String = strings.after(position).iter().map(entry).collect();
            text.push_str(&format!("event: as_of\ndata: {}\n\n", strings.up_to()));
            (strings.position(), text)
        };
        Some((Ok::<_, Infallible>(text), (fake, now)))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], axum::body::Body::from_stream(pieces)).into_response()
}
