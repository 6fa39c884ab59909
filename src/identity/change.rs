//! Changing one's own password: evidence, so its owner's row and the acting session's are locked and judged in one transaction.
//!
//! Nothing is spared: the kill ends every session and family of the user, this one too. Who did it has just proved himself, so
//! that in the same transaction this browser gets a fresh session, born under the entry's own number ("equal is alive").
//! Refused: a session that no longer stands, a wrong old password, one that changed meanwhile, one that doesn't fit.

use super::password::{self, Looked, Password, Unfit, Unhashed};
use super::prove::{self, METHOD, Unproven};
use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::policy::{self, Question};
use crate::revocation::{self, Cause, Reach, Target};
use crate::session::{self, Begun, Birth, Held};
use crate::store::locks::{Owner, lock};
use crate::store::sessions::Proof;
use crate::store::{self, rolls, signin_rolls, users};
use crate::throttle::account::{self, Attempt, Budget};

/// Why a password was not changed.
#[derive(Debug, thiserror::Error)]
pub enum Unchanged {
    #[error("the old password is wrong")]
    Wrong,
    #[error("the session has ended, or the password was changed meanwhile: sign in again")]
    SignInAgain,
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The old password was not looked at, or is not to be tried again yet.
    #[error(transparent)]
    Unproven(Unproven),
    #[error(transparent)]
    Unhashed(#[from] Unhashed),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Changes the password of whoever holds this session; answers the browser's fresh session.
pub async fn password(app: &App, held: &Held, old: &str, new: &str, caller: &Caller) -> Result<Begun, Unchanged> {
    let new = Password::chosen(new, app.config.login.password_min_length)?;
    let old = Password::typed(old).map_err(|_| Unchanged::Wrong)?;
    let (_, known, _) = signin_rolls::of_user(&app.store, held.user_id).await?.ok_or(Unchanged::SignInAgain)?;
    // Whoever took over a session shall not find the password with it. The budget is the session's own: others' failures
    // don't keep its owner from changing what they are after.
    let (rules, budget) = (&app.config.throttle, Budget::Device(held.user_id, held.session_id));
    let attempt = Attempt { rules, budget, address: caller.address, at: app.clock.now() };
    prove::pay(app, &attempt, Some(held.user_id), caller).await.map_err(Unchanged::Unproven)?;
    if prove::look(app, &old, known.as_deref(), &attempt).await.map_err(Unchanged::Unproven)? == Looked::Wrong {
        return Err(Unchanged::Wrong);
    }
    let hash = password::hash(app, &new).await?;
    let mut tx = app.store.begin().await?;
    // The issuer too: an end of everything that comes between would be outlived by what is born below.
    lock(&mut tx, &[Owner::Issuer, Owner::User(held.user_id), Owner::Session(held.session_id)]).await?;
    let question = Question::now(&app.clock, app.config.sessions.idle);
    let session = store::sessions::get(&mut tx, held.session_id).await?.ok_or(Unchanged::SignInAgain)?;
    let snapshot = rolls::of_browser(&mut tx, &session.secret_digest).await?.ok_or(Unchanged::SignInAgain)?;
    let standing = policy::judge(snapshot, &question).map_err(|_| Unchanged::SignInAgain)?;
    let user = standing.user().ok_or(Unchanged::SignInAgain)?;
    // The hash that was looked at is still the user's: nobody changed it while this one was computed.
    if users::password(&mut tx, held.user_id).await? != known {
        return Err(Unchanged::SignInAgain);
    }
    let (actor, at) = (Actor::User(held.user_id), standing.now());
    users::set_password(&mut tx, held.user_id, &hash, at).await?;
    account::reset(&mut tx, held.user_id).await?;
    let record = Record::new(Event::PasswordChanged, actor, caller, at).user(held.user_id).session(held.session_id);
    store::audit::insert(&mut tx, &record).await?;
    let target = Target::User { id: held.user_id, sub: user.sub };
    let cause = Cause { reason: "password_changed", actor, caller, at: app.clock.after_stamps() };
    let killed = revocation::kill(&mut tx, &target, Reach::Lineage, &cause).await?;
    let proofs = vec![Proof { method: METHOD.to_owned(), at, seq: killed.seq() }];
    let birth = Birth { user_id: held.user_id, proofs, born: killed.seq(), now: at };
    let begun = session::begin_at(app, &mut tx, birth, caller).await?;
    revocation::settle(app, tx, &[killed]).await?;
    // Only now: a right password that came to nothing was a guess like others.
    prove::forgive(app, &attempt.paid()).await;
    Ok(begun)
}
