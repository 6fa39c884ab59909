//! What a gateway asks of the feed. Unknown parameters are ignored; repeated and malformed ones are refused.

use std::time::Duration;

use axum::http::{HeaderMap, header};

use crate::http::params::Params;
use crate::live::Place;

/// The longest a poll may wait.
const LONGEST_WAIT: u64 = 30;

/// A question.
#[derive(Debug, PartialEq, Eq)]
pub struct Question {
    /// Up to where the reader knows everything; none asks for all that stands.
    pub after: Option<Place>,
    /// How long to wait for something new.
    pub wait: Duration,
    /// Whether it wants an event stream.
    pub stream: bool,
}

impl Question {
    /// Reads the query and the headers; `Err` says what to write instead.
    pub fn read(query: &str, headers: &HeaderMap) -> Result<Self, String> {
        let params = Params::parse(query.as_bytes()).map_err(|error| error.to_string())?;
        params.refuse_repeats(&[]).map_err(|error| error.to_string())?;
        let stream = wants_stream(headers);
        let place = |name: &str, text: &str| text.parse::<Place>().map_err(|error| format!("{name} {error}"));
        let mut after = params.get("after").map(|text| place("after", text)).transpose()?;
        // A browser's EventSource asks again under the address it began with; where it was is in the header.
        if let Some(id) = headers.get("last-event-id").filter(|id| stream && !id.is_empty()) {
            after = Some(place("Last-Event-ID", id.to_str().unwrap_or_default())?);
        }
        let wait = match params.get("wait") {
            None => 0,
            Some(text) if after.is_some() => seconds(text)?,
            Some(_) => return Err("wait needs after: a snapshot is answered at once".to_owned()),
        };
        Ok(Self { after, wait: Duration::from_secs(wait), stream })
    }
}

fn seconds(text: &str) -> Result<u64, String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() <= 9;
    let read = if plain { text.parse::<u64>().ok() } else { None };
    read.map(|seconds| seconds.min(LONGEST_WAIT))
        .ok_or_else(|| "wait is a number of whole seconds, up to 30".to_owned())
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut essences = accepted.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
    essences.any(|essence| essence.trim().eq_ignore_ascii_case("text/event-stream"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    fn read(query: &str) -> Result<Question, String> {
        Question::read(query, &HeaderMap::new())
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        for query in
            ["after=x", "after=1&after=1", "after=1&wait=-1", "after=1&wait=1.5", "after=-3", "wait=3", "after=%"]
        {
            assert!(read(query).is_err(), "{query}");
        }
        assert!(Question::read("", &headers(&[("accept", "text/event-stream"), ("last-event-id", "x")])).is_err());
    }

    #[test]
    fn waiting_has_an_end() {
        let asked = read("after=7&wait=86400&other=1").unwrap();
        assert_eq!(asked, Question { after: Some(Place::Number(7)), wait: Duration::from_secs(30), stream: false });
    }

    #[test]
    fn a_stream_goes_on_from_the_last_event() {
        let asked = headers(&[("accept", "application/json;q=0.5, text/event-stream"), ("last-event-id", "9")]);
        let asked = Question::read("after=7", &asked).unwrap();
        assert_eq!((asked.after, asked.stream), (Some(Place::Number(9)), true));
    }
}
