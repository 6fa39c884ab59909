//! Following the revocation feed: one snapshot, then the event stream, long polls where no stream comes through.
//!
//! The reader gets itself an access token (RFC 6749 §4.4, scope `chancery:feed`). It never gives up; it never decides
//! that silence is good news. 410 means the position is void: everything is forgotten until a new snapshot.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION};
use serde::Deserialize;

use super::super::web::{self, Trouble};
use super::feed::Batch;
use super::sse::{Event, Parser};
use super::{Gateway, Shared};

const LIMIT: Duration = Duration::from_secs(5);
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MOST: Duration = Duration::from_secs(2);
const WAIT_MOST: u64 = 30;
/// After a stream that brought nothing, so many long polls come before the next attempt at a stream.
const POLLS: u32 = 20;
/// An access token is not used in its last seconds.
const SPARE: Duration = Duration::from_secs(30);

/// Why a turn ended without an answer taken in.
enum Setback {
    Trouble(Trouble),
    /// 410: the position is void.
    Void,
    /// 401: the access token is no longer good.
    Unauthorized,
    /// No event stream, or none that keeps coming.
    NoStream(String),
}

impl From<Trouble> for Setback {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

/// The reader's own credentials and mood.
struct Reader {
    gateway: Shared,
    token: Option<(String, Duration)>,
    polls: u32,
}

/// Follows the feed for ever.
pub(super) async fn run(gateway: Shared) {
    let mut reader = Reader { gateway, token: None, polls: 0 };
    let mut pause = PAUSE_FIRST;
    loop {
        match reader.turn().await {
            Ok(()) => pause = PAUSE_FIRST,
            Err(setback) => {
                reader.learn(setback);
                pause = (pause * 2).min(PAUSE_MOST);
            }
        }
        tokio::time::sleep(pause).await;
    }
}

impl Reader {
    async fn turn(&mut self) -> Result<(), Setback> {
        match self.gateway.feed.cursor() {
            None => self.ask(&[]).await,
            Some(cursor) if self.polls > 0 => {
                // The first poll after a lost stream answers at once: half the silence allowed may be spent already.
                let wait = if self.polls == POLLS { 0 } else { self.half_silence().as_secs().min(WAIT_MOST) };
                self.polls -= 1;
                self.ask(&[("after", &cursor), ("wait", &wait.to_string())]).await
            }
            Some(cursor) => self.follow(&cursor).await,
        }
    }

    fn learn(&mut self, setback: Setback) {
        let feed = &self.gateway.feed;
        match setback {
            Setback::Trouble(trouble) => feed.note(trouble.to_string()),
            Setback::Void => {
                feed.note("the issuer calls this position void (it was restored); waiting for a new snapshot".into());
                feed.forget();
            }
            Setback::Unauthorized => self.token = None,
            Setback::NoStream(why) => {
                feed.note(format!("{why}; polling instead"));
                self.polls = POLLS;
            }
        }
    }

    /// A snapshot or a delta.
    async fn ask(&mut self, query: &[(&str, &str)]) -> Result<(), Setback> {
        let request = self.request(query, "application/json").await?;
        let sent = self.gateway.now();
        let answer = web::call(request, LIMIT + Duration::from_secs(WAIT_MOST)).await?;
        refusal(answer.status)?;
        self.gateway.feed.take(answer.expect::<Batch>()?, sent);
        Ok(())
    }

    /// The event stream, as long as it keeps coming. An `as_of` is due each second; half the silence allowed without
    /// one is taken for a dead connection.
    async fn follow(&mut self, cursor: &str) -> Result<(), Setback> {
        let request = self.request(&[("after", cursor)], "text/event-stream").await?;
        let silence = self.half_silence().max(Duration::from_millis(1_500));
        let lost = |why: &str| Setback::NoStream(format!("the event stream {why}"));
        let sent = tokio::time::timeout(silence, request.send()).await;
        let mut response = sent.map_err(|_| lost("did not begin"))?.map_err(web::unreachable)?;
        refusal(response.status())?;
        if !response.status().is_success() || !web::is_type(response.headers(), "text/event-stream") {
            return Err(lost("is not offered"));
        }
        let mut parser = Parser::default();
        let mut heard = false;
        loop {
            let piece = match tokio::time::timeout(silence, response.chunk()).await {
                Ok(Ok(Some(piece))) => piece,
                // A stream that worked and ended is simply begun again.
                Ok(_) if heard => return Ok(()),
                _ => return Err(lost("fell silent")),
            };
            for event in parser.take(&piece).map_err(|why| lost(&why.to_string()))? {
                self.gateway.apply(&event).map_err(|why| lost(&why))?;
                heard = true;
            }
        }
    }

    fn half_silence(&self) -> Duration {
        self.gateway.feed.stale_after().unwrap_or_default() / 2
    }

    async fn request(&mut self, query: &[(&str, &str)], accept: &str) -> Result<reqwest::RequestBuilder, Trouble> {
        let token = self.access_token().await?;
        let gateway = &self.gateway;
        let url = format!("{}/gateway/revocations", gateway.config.issuer);
        let mut url = url::Url::parse(&url).map_err(|_| Trouble::Refused(format!("{url} is no address")))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(gateway.issuer.http.get(url).bearer_auth(token).header(ACCEPT, accept))
    }

    async fn access_token(&mut self) -> Result<String, Trouble> {
        let now = self.gateway.clock.monotonic();
        if let Some((token, good_until)) = &self.token
            && now < *good_until
        {
            return Ok(token.clone());
        }
        let (config, issuer) = (&self.gateway.config, &self.gateway.issuer);
        let endpoint = &issuer.metadata().await?.token_endpoint;
        let credentials = web::basic(&config.client_id, &config.client_secret);
        let form = [("grant_type", "client_credentials"), ("scope", "chancery:feed")];
        let request = issuer.http.post(endpoint).header(AUTHORIZATION, credentials).form(&form);
        let granted: Granted = web::call(request, LIMIT).await?.expect()?;
        let life = Duration::from_secs(granted.expires_in);
        // A token that lives shorter than the spare time still serves for half its life.
        self.token = Some((granted.access_token.clone(), now + life.saturating_sub(SPARE).max(life / 2)));
        Ok(granted.access_token)
    }
}

impl Gateway {
    fn apply(&self, event: &Event) -> Result<(), String> {
        let unreadable = |why: serde_json::Error| format!("holds an event that can't be read: {why}");
        match event.name.as_str() {
            "entry" => self.feed.entry(serde_json::from_str(&event.data).map_err(unreadable)?),
            "as_of" => self.feed.as_of(serde_json::from_str(&event.data).map_err(unreadable)?, self.now()),
            _ => {}
        }
        Ok(())
    }
}

/// The statuses with a meaning of their own here.
fn refusal(status: StatusCode) -> Result<(), Setback> {
    match status {
        StatusCode::GONE => Err(Setback::Void),
        StatusCode::UNAUTHORIZED => Err(Setback::Unauthorized),
        _ => Ok(()),
    }
}
