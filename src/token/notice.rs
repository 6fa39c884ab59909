//! Proof that a browser session has ended and that a client is to be told: the mint makes logout tokens of nothing else (OpenID
//! Connect Back-Channel Logout 1.0, 2.4).
//!
//! Refused: a session that stands, whatever the outbox says. A token that ends somebody's session at every client is not made by
//! mistake.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::App;
use crate::oauth::client::Registration;
use crate::oidc::subject;
use crate::policy::{self, Question, Refusal};
use crate::store::logouts::Notice;
use crate::store::{self, rolls, sessions, signin_rolls};

/// The right to one logout token.
#[derive(Debug)]
pub struct LogoutNotice {
    pub(super) client: Registration,
    /// The user, as the client knows him, if it does. The session is named in any case.
    pub(super) sub: Option<String>,
    pub(super) sid: Uuid,
    /// The same at every attempt.
    pub(super) jti: Uuid,
    pub(super) now: DateTime<Utc>,
}

/// Judges a notice, now and by the rolls. None: the session stands, or has merely expired.
pub async fn judge(app: &App, notice: &Notice, client: Registration) -> store::Result<Option<LogoutNotice>> {
    let question = Question::now(&app.clock, app.config.sessions.idle);
    let Some((user, ..)) = signin_rolls::of_user(&app.store, notice.user_id).await? else { return Ok(None) };
    // One that is swept has ended as well.
    if let Some(session) = sessions::get(&app.store, notice.session_id).await? {
        let snapshot = rolls::of_browser(&app.store, &session.secret_digest).await?;
        let judged = snapshot.map(|snapshot| policy::judge(snapshot, &question));
        let ended = matches!(judged, Some(Err(why)) if why != Refusal::SessionExpired);
        if !ended || session.user_id != notice.user_id {
            return Ok(None);
        }
    }
    let sub = subject::last_known_to(&app.store, &client, &user).await?;
    Ok(Some(LogoutNotice { client, sub, sid: notice.session_id, jti: notice.id, now: question.now }))
}
