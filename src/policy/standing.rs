//! The one function that judges whether tokens may be held, over one snapshot of the rolls.
//!
//! Every grant, session, exchange and presented token passes it: a check added here is added everywhere. "Dead means born
//! below a mark; equal is alive": a birth is compared with every mark above it, so that whatever was read before a kill is
//! dead however late it is written (`docs/ARCHITECTURE.md`, "Before and after").

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::clock::Clock;
use crate::store::details::Details;
use crate::store::rolls::{ClientRoll, GrantRoll, SessionRoll, Snapshot, UserRoll};

/// What is asked about a snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// Wall time when the snapshot was asked for.
    pub now: DateTime<Utc>,
    /// Monotonic time then: the mint refuses a standing older than 30 s.
    pub read_at: Duration,
    /// How long a session may idle.
    pub session_idle: Duration,
    /// The number under which the code or family was born; none when nothing is born yet.
    pub born: Option<i64>,
    /// Whether the holder hangs on the session, or outlives it.
    pub hangs_on_session: bool,
}

impl Question {
    /// A question about now. Ask it before the snapshot is read, never after.
    #[must_use]
    pub fn now(clock: &Clock, session_idle: Duration) -> Self {
        Self { now: clock.now(), read_at: clock.monotonic(), session_idle, born: None, hangs_on_session: true }
    }

    /// The same about something born under `born`.
    #[must_use]
    pub fn born(mut self, born: i64, hangs_on_session: bool) -> Self {
        self.born = Some(born);
        self.hangs_on_session = hangs_on_session;
        self
    }
}

/// Why tokens may not be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the client is disabled")]
    ClientDisabled,
    #[error("the client is deleted")]
    ClientDeleted,
    #[error("the user is disabled")]
    UserDisabled,
    #[error("the user is deleted")]
    UserDeleted,
    #[error("the browser session has ended")]
    SessionEnded,
    #[error("the browser session has expired")]
    SessionExpired,
    #[error("what it was born of has been revoked")]
    Revoked,
}

/// Proof that, at one number of the log, tokens may be held. Only [`judge`] makes one.
#[derive(Debug, Clone)]
pub struct Standing {
    as_of: i64,
    read_at: Duration,
    now: DateTime<Utc>,
    longest_access: Duration,
    client: Option<ClientRoll>,
    user: Option<UserRoll>,
    grant: Option<GrantRoll>,
    session: Option<SessionRoll>,
}

impl Standing {
    /// The log's number in the snapshot this was judged in.
    #[must_use]
    pub fn as_of(&self) -> i64 {
        self.as_of
    }

    /// Wall time of the reading.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Monotonic time of the reading.
    #[must_use]
    pub fn read_at(&self) -> Duration {
        self.read_at
    }

    /// The longest life an access token may claim, in this snapshot.
    #[must_use]
    pub fn longest_access(&self) -> Duration {
        self.longest_access
    }

    #[must_use]
    pub fn client(&self) -> Option<&ClientRoll> {
        self.client.as_ref()
    }

    #[must_use]
    pub fn user(&self) -> Option<&UserRoll> {
        self.user.as_ref()
    }

    #[must_use]
    pub fn session(&self) -> Option<&SessionRoll> {
        self.session.as_ref()
    }

    /// The same, with what else is told of its user. Read after it, that is never older than it.
    #[must_use]
    pub fn knowing(mut self, details: Details) -> Self {
        if let Some(user) = &mut self.user {
            user.details = Some(details);
        }
        self
    }

    /// The pairwise subject that the client knows the user by, if it was handed out one.
    #[must_use]
    pub fn known_as(&self) -> Option<Uuid> {
        self.grant.as_ref().and_then(|grant| grant.grant_sub)
    }

    /// The grant with the consent it holds, if that consent is not older than a kill of the grant.
    #[must_use]
    pub fn consented(&self) -> Option<&GrantRoll> {
        let grant = self.grant.as_ref()?;
        (!grant.grant_scopes.is_empty() && grant.consented_seq >= grant.grant_mark).then_some(grant)
    }
}

/// Judges a snapshot.
pub fn judge(snapshot: Snapshot, question: &Question) -> Result<Standing, Refusal> {
    let Snapshot { counter, client, user, grant, session } = snapshot;
    if let Some(client) = &client {
        if client.client_deleted_at.is_some() {
            return Err(Refusal::ClientDeleted);
        }
        if client.client_disabled_at.is_some() {
            return Err(Refusal::ClientDisabled);
        }
    }
    if let Some(user) = &user {
        if user.user_deleted_at.is_some() {
            return Err(Refusal::UserDeleted);
        }
        if user.user_disabled_at.is_some() {
            return Err(Refusal::UserDisabled);
        }
    }
    let user_mark = user.as_ref().map_or(0, |user| user.user_mark);
    if let Some(session) = session.as_ref().filter(|_| question.hangs_on_session) {
        judge_session(session, counter.issuer_mark.max(user_mark), question)?;
    }
    if let Some(born) = question.born {
        let session_mark =
            session.as_ref().filter(|_| question.hangs_on_session).map_or(0, |session| session.session_mark);
        let marks = [
            counter.issuer_mark,
            user_mark,
            session_mark,
            client.as_ref().map_or(0, |client| client.client_mark),
            grant.as_ref().map_or(0, |grant| grant.grant_mark),
        ];
        if marks.into_iter().any(|mark| born < mark) {
            return Err(Refusal::Revoked);
        }
    }
    Ok(Standing {
        as_of: counter.as_of,
        read_at: question.read_at,
        now: question.now,
        longest_access: Duration::from_secs(counter.longest_access_seconds.unsigned_abs()),
        client,
        user,
        grant,
        session,
    })
}

fn judge_session(session: &SessionRoll, marks: i64, question: &Question) -> Result<(), Refusal> {
    if session.session_ended_at.is_some() || session.session_born < marks.max(session.session_mark) {
        return Err(Refusal::SessionEnded);
    }
    if session.session_expires_at <= question.now
        || session.session_last_used_at + question.session_idle <= question.now
    {
        return Err(Refusal::SessionExpired);
    }
    Ok(())
}
