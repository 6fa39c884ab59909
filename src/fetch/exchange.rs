//! One request and its answer over a connection (RFC 9112), which is closed afterwards. Nothing is kept between requests: no
//! cookies, no cache, no connection.
//!
//! Refused: redirects, encoded or transfer-encoded answers, heads of more than 16 KiB or 64 fields, bodies above the limit,
//! answers cut short.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::error::FetchError;
use super::target::Target;
use super::{Asked, Fetched};

const AGENT: &str = concat!("chancery/", env!("CARGO_PKG_VERSION"));
const LARGEST_HEAD: usize = 16 * 1024;
const MOST_FIELDS: usize = 64;

pub(super) async fn exchange<S>(
    stream: S,
    target: &Target,
    asked: Asked<'_>,
    largest: usize,
) -> Result<Fetched, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = request(target, asked)?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(LARGEST_HEAD).max_header_size(LARGEST_HEAD).max_headers(MOST_FIELDS);
    let (mut sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|error| FetchError::broken(&error))?;
    let answered = async {
        let response = sender.send_request(request).await.map_err(|error| FetchError::broken(&error))?;
        read(response, largest).await
    };
    // The connection is driven as long as the answer is waited for; when it ends first, what it has read is still there.
    tokio::pin!(answered, connection);
    tokio::select! {
        biased;
        outcome = &mut answered => return outcome,
        _ = &mut connection => {}
    }
    answered.await
}

fn request(target: &Target, asked: Asked<'_>) -> Result<Request<Full<Bytes>>, FetchError> {
    let builder = Request::builder()
        .uri(&target.path)
        .header(header::HOST, &target.authority)
        .header(header::USER_AGENT, AGENT)
        .header(header::CONNECTION, "close");
    let built = match asked {
        Asked::Get { accept } => builder.method(Method::GET).header(header::ACCEPT, accept).body(Full::default()),
        Asked::Post { form } => builder
            .method(Method::POST)
            .header(header::ACCEPT, "*/*")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::from(form)),
    };
    built.map_err(|_| FetchError::BadUrl("can't be asked for"))
}

async fn read(response: Response<Incoming>, largest: usize) -> Result<Fetched, FetchError> {
    let (head, mut body) = response.into_parts();
    if head.status.is_redirection() {
        return Err(FetchError::Redirect);
    }
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(FetchError::Protocol("changes the protocol"));
    }
    plain(&head.headers)?;
    if body.size_hint().lower() > u64::try_from(largest).unwrap_or(u64::MAX) {
        return Err(FetchError::TooLarge);
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| FetchError::broken(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len().saturating_add(data.len()) > largest {
            return Err(FetchError::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Fetched { status: head.status.as_u16(), content_type, body: bytes, max_age: max_age(&head.headers) })
}

/// We asked for nothing encoded; who sends it nonetheless means to be unpacked.
fn plain(headers: &HeaderMap) -> Result<(), FetchError> {
    let all_are = |name, usual: &str| {
        headers
            .get_all(name)
            .iter()
            .all(|value| value.to_str().is_ok_and(|value| value.trim().eq_ignore_ascii_case(usual)))
    };
    let plain = all_are(header::CONTENT_ENCODING, "identity") && all_are(header::TRANSFER_ENCODING, "chunked");
    if plain { Ok(()) } else { Err(FetchError::Encoded) }
}

/// For how long the answer may be kept (RFC 9111, 5.2.2): the least that is said, nothing where keeping is forbidden.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives = values.flat_map(|value| value.split(',')).map(str::trim);
    let ages = directives.filter_map(|directive| {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => Some(0),
            "max-age" => value.trim().trim_matches('"').parse::<u32>().ok(),
            _ => None,
        }
    });
    ages.min().map(|seconds| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_that_is_said_counts() {
        for (said, seconds) in [
            (&["max-age=300"][..], Some(300)),
            (&["public, MAX-AGE=\"60\" , must-revalidate"], Some(60)),
            (&["max-age=300", "max-age=20"], Some(20)),
            (&["max-age=300, no-store"], Some(0)),
            (&["max-age=-1"], None),
            (&["max-age=99999999999999999999"], None),
            (&["s-maxage=5"], None),
            (&[], None),
        ] {
            let headers = said.iter().map(|value| (header::CACHE_CONTROL, value.parse().unwrap())).collect();
            assert_eq!(max_age(&headers), seconds.map(Duration::from_secs), "{said:?}");
        }
    }
}
