//! The buttons: each makes its requests, tells what happened, and leads back to the overview.
//!
//! RFC 6749 §6 (refresh), RFC 9700 §4.14 (rotation and reuse), RFC 7009 (revocation).

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::super::page;
use super::super::web::{Answer, Trouble};
use super::browsers::{Outcome, Step};
use super::calls::{Mode, step};
use super::id_token::Occasion;
use super::tokens::{Brought, SignedIn, TokenSet};
use super::{Dashboard, Shared, pages};

/// A button that needs somebody signed in.
pub(super) enum Button {
    Refresh,
    Repeat,
    Replay,
    Revoke,
    Call(Mode),
}

/// `POST /refresh`: the newest refresh token, as a dashboard does when its access token runs out.
pub(super) async fn refresh(State(dashboard): State<Shared>, headers: HeaderMap) -> Response {
    dashboard.press(Button::Refresh, &headers).await
}

/// `POST /repeat`: the refresh before, again, as if its answer had been lost.
pub(super) async fn repeat(State(dashboard): State<Shared>, headers: HeaderMap) -> Response {
    dashboard.press(Button::Repeat, &headers).await
}

/// `POST /replay`: the oldest refresh token, as a thief would present it.
pub(super) async fn replay(State(dashboard): State<Shared>, headers: HeaderMap) -> Response {
    dashboard.press(Button::Replay, &headers).await
}

/// `POST /revoke`: the newest refresh token is given back.
pub(super) async fn revoke(State(dashboard): State<Shared>, headers: HeaderMap) -> Response {
    dashboard.press(Button::Revoke, &headers).await
}

/// `POST /call-offline`: the gateway judges by keys and feed.
pub(super) async fn call_offline(State(dashboard): State<Shared>, headers: HeaderMap) -> Response {
    dashboard.press(Button::Call(Mode::Offline), &headers).await
}

/// `POST /call-introspect`: the gateway asks the issuer.
pub(super) async fn call_introspect(State(dashboard): State<Shared>, headers: HeaderMap) -> Response {
    dashboard.press(Button::Call(Mode::Introspect), &headers).await
}

impl Dashboard {
    async fn press(&self, button: Button, headers: &HeaderMap) -> Response {
        let home = format!("{}/", self.config.base_url);
        let Some(browser) = self.browsers.find(headers, self.clock.monotonic()) else {
            return page::see_other(&home, None);
        };
        let mut browser = browser.lock().await;
        let Some(signed_in) = browser.signed_in.as_mut() else { return page::see_other(&home, None) };
        let done = match button {
            Button::Refresh => self.do_refresh(signed_in).await,
            Button::Repeat => self.do_repeat(signed_in).await,
            Button::Replay => self.do_replay(signed_in).await,
            Button::Revoke => self.do_revoke(signed_in).await,
            Button::Call(mode) => self.do_call(signed_in, mode).await,
        };
        match done {
            Ok(outcome) => {
                browser.result = Some(outcome);
                page::see_other(&format!("{home}#result"), None)
            }
            Err(trouble) => pages::trouble(self, StatusCode::BAD_GATEWAY, &trouble),
        }
    }

    async fn do_refresh(&self, signed_in: &mut SignedIn) -> Result<Outcome, Trouble> {
        let Some(token) = signed_in.newest().map(str::to_owned) else { return Ok(none_given()) };
        let answer = self.refresh_with(&token).await?;
        let steps = vec![step("The newest refresh token was presented.", "POST", &answer)];
        Ok(match self.take_in(signed_in, &answer, "refresh").await? {
            Some(Brought::Next) => {
                told("good", "Refreshed", "A new access token, and a new refresh token: the next generation.", steps)
            }
            Some(Brought::Same) => told("good", "Refreshed", "A new access token; the refresh token stays.", steps),
            None => refused(steps),
        })
    }

    async fn do_repeat(&self, signed_in: &mut SignedIn) -> Result<Outcome, Trouble> {
        let Some(token) = signed_in.previous().map(str::to_owned) else {
            return Ok(told(
                "warn",
                "Nothing to repeat yet",
                "Press Refresh first: then there is a refresh to repeat.",
                vec![],
            ));
        };
        let answer = self.refresh_with(&token).await?;
        let steps = vec![step("The refresh token before the newest was presented again.", "POST", &answer)];
        Ok(match self.take_in(signed_in, &answer, "repeat").await? {
            Some(Brought::Same) => told(
                "good",
                "An honest retry, answered as one",
                "A lost answer or a second tab looks like this. The issuer gave the same refresh token as before and a \
                 fresh access token; nobody is signed out.",
                steps,
            ),
            Some(Brought::Next) => {
                told("warn", "Refreshed", "The issuer answered with a generation we did not have.", steps)
            }
            None => {
                signed_in.ended = Some("an earlier refresh token came back too late");
                told(
                    "bad",
                    "Too late for a retry",
                    "Within the client's retry window (60 seconds unless set otherwise) this would have been answered. \
                     Later it can't be told from theft, so the issuer ended the family.",
                    steps,
                )
            }
        })
    }

    async fn do_replay(&self, signed_in: &mut SignedIn) -> Result<Outcome, Trouble> {
        let mut steps = Vec::new();
        if signed_in.ended.is_some() {
            self.afterwards(signed_in, &mut steps).await?;
            let words = "There is nothing left to steal: every token of this family is refused.";
            return Ok(told("warn", "This family has already ended", words, steps));
        }
        // Reuse shows from two generations back: rotate until the first token is that old.
        while signed_in.history.len() < 3 {
            let Some(token) = signed_in.newest().map(str::to_owned) else { return Ok(none_given()) };
            let answer = self.refresh_with(&token).await?;
            steps.push(step("First an ordinary refresh, so that there is an old token to steal.", "POST", &answer));
            if !matches!(self.take_in(signed_in, &answer, "refresh").await?, Some(Brought::Next)) {
                return Ok(refused(steps));
            }
        }
        let Some(oldest) = signed_in.oldest().map(str::to_owned) else { return Ok(none_given()) };
        let answer = self.refresh_with(&oldest).await?;
        steps.push(step("The oldest refresh token was presented, as a thief would.", "POST", &answer));
        if answer.status.is_success() {
            return Ok(told("bad", "The replay was answered", "The issuer should have refused this.", steps));
        }
        signed_in.ended.get_or_insert("an old refresh token was replayed");
        let words = "Two parties hold this family's tokens, and the issuer can't know which of them is you. So it ended the \
             whole family: the newest refresh token is refused from now on, and the gateway refuses the access token, \
             although its signature and its lifetime are still good.";
        self.afterwards(signed_in, &mut steps).await?;
        Ok(told("bad", "Reuse found: the family has ended", words, steps))
    }

    async fn do_revoke(&self, signed_in: &mut SignedIn) -> Result<Outcome, Trouble> {
        let Some(token) = signed_in.newest().map(str::to_owned) else { return Ok(none_given()) };
        let answer = self.revoke_token(&token).await?;
        let mut steps = vec![step("The refresh token was given back.", "POST", &answer)];
        if !answer.status.is_success() {
            return Ok(told("bad", "Not revoked", "The issuer refused the revocation.", steps));
        }
        signed_in.ended.get_or_insert("it was revoked");
        self.afterwards(signed_in, &mut steps).await?;
        let words = "Revoking a refresh token ends its family: no refresh works any more, and the gateway refuses the \
             access token within a second.";
        Ok(told("warn", "Revoked", words, steps))
    }

    async fn do_call(&self, signed_in: &SignedIn, mode: Mode) -> Result<Outcome, Trouble> {
        let answer = self.shipments(mode, &signed_in.access_token).await?;
        let words = match mode {
            Mode::Offline => {
                "The gateway checked the signature by the issuer's keys and looked the token up in its copy of \
                 the revocation feed. It did not ask the issuer."
            }
            Mode::Introspect => "The gateway asked the issuer about this token.",
        };
        let (tone, title) =
            if answer.status.is_success() { ("good", "The gateway answered") } else { ("bad", "The gateway refused") };
        Ok(told(tone, title, words, vec![step("The access token was presented.", "GET", &answer)]))
    }

    /// Takes in a refresh's answer; `None` when it was refused.
    async fn take_in(
        &self,
        signed_in: &mut SignedIn,
        answer: &Answer,
        how: &'static str,
    ) -> Result<Option<Brought>, Trouble> {
        if answer.status.is_client_error() {
            if answer.json().is_some_and(|json| json.get("error").is_some_and(|error| error == "invalid_grant")) {
                signed_in.ended.get_or_insert("the issuer refused it");
            }
            return Ok(None);
        }
        let tokens: TokenSet = answer.expect()?;
        if let Some(id_token) = &tokens.id_token {
            let occasion = Occasion::Refresh { before: &signed_in.id_claims };
            let claims = self.id_token(id_token, &tokens.access_token, occasion).await?;
            signed_in.id_claims = claims;
        }
        Ok(Some(signed_in.take(tokens, self.clock.now().timestamp(), how)))
    }
}

fn told(tone: &'static str, title: &str, words: &str, steps: Vec<Step>) -> Outcome {
    Outcome { tone, title: title.into(), words: words.into(), steps }
}

fn refused(steps: Vec<Step>) -> Outcome {
    told("bad", "The issuer refused", "This family's refresh token no longer works. Sign in again to go on.", steps)
}

fn none_given() -> Outcome {
    told("warn", "No refresh token", "The issuer gave none at this sign-in.", vec![])
}
