//! What ends a user's access, or opens it again: each with the kill its cause calls for.

use serde_json::json;
use uuid::Uuid;

use super::living;
use crate::change::{By, Change, Refused};
use crate::event::Event;
use crate::revocation::{self, Reach, Target};
use crate::store::details::Details;
use crate::store::locks::{Owner, lock};
use crate::store::users::{self, User};
use crate::store::{Store, Tx, audit, grants};
use crate::throttle::account;

/// Disables a user and ends everything he holds.
pub async fn disable(store: &Store, by: &By<'_>, id: Uuid) -> Result<Change<User>, Refused> {
    let (mut tx, mut user) = locked(store, id).await?;
    if user.disabled_at.is_some() {
        return Err(Refused::Conflict(format!("{} is disabled already", user.username)));
    }
    user.disabled_at = Some(by.at);
    users::update(&mut tx, &user, by.at).await?;
    audit::insert(&mut tx, &by.record(Event::UserDisabled).user(id)).await?;
    end(tx, by, user, "disabled").await
}

/// Lets a disabled user sign in again. What was ended stays ended.
pub async fn enable(store: &Store, by: &By<'_>, id: Uuid) -> Result<Change<User>, Refused> {
    let (mut tx, mut user) = locked(store, id).await?;
    if user.disabled_at.take().is_none() {
        return Err(Refused::Conflict(format!("{} is not disabled", user.username)));
    }
    users::update(&mut tx, &user, by.at).await?;
    audit::insert(&mut tx, &by.record(Event::UserEnabled).user(id)).await?;
    Ok(Change::new(tx, user))
}

/// Forgets a user's failed sign-ins, so that a closed password may be tried again. Ends nothing: the password stays, and whoever
/// closed it by guessing learnt nothing.
pub async fn unlock(store: &Store, by: &By<'_>, id: Uuid) -> Result<Change<User>, Refused> {
    let (mut tx, user) = locked(store, id).await?;
    account::unlock(&mut tx, id).await?;
    audit::insert(&mut tx, &by.record(Event::UserUnlocked).user(id)).await?;
    Ok(Change::new(tx, user))
}

/// Deletes a user: personal columns emptied, password gone, name free again, everything he holds ended.
pub async fn delete(store: &Store, by: &By<'_>, id: Uuid) -> Result<Change<User>, Refused> {
    let (mut tx, user) = locked(store, id).await?;
    let gone = User {
        username: String::new(),
        // No name has control characters, so this key can be nobody's.
        username_key: format!("\u{1}{id}"),
        email: None,
        email_key: None,
        email_verified: false,
        name: None,
        given_name: None,
        family_name: None,
        groups: Vec::new().into(),
        details: Details::default(),
        deleted_at: Some(by.at),
        ..user
    };
    users::update(&mut tx, &gone, by.at).await?;
    users::remove_password(&mut tx, id).await?;
    audit::insert(&mut tx, &by.record(Event::UserDeleted).user(id)).await?;
    end(tx, by, gone, "deleted").await
}

/// Sets another's password, given its hash, and ends everything the old one opened.
pub async fn set_password(store: &Store, by: &By<'_>, id: Uuid, hash: &str) -> Result<Change<User>, Refused> {
    let (mut tx, user) = locked(store, id).await?;
    users::set_password(&mut tx, id, hash, by.at).await?;
    // Failures were those of the old one.
    account::reset(&mut tx, id).await?;
    let record = by.record(Event::PasswordChanged).user(id).detail(json!({ "by": "another" }));
    audit::insert(&mut tx, &record).await?;
    end(tx, by, user, "password_set").await
}

/// Removes a user's consent to a client and ends what it gave.
pub async fn remove_consent(store: &Store, by: &By<'_>, user_id: Uuid, client_id: Uuid) -> Result<Change<()>, Refused> {
    let mut tx = store.begin().await?;
    let found = grants::find(&mut tx, user_id, client_id).await?;
    let Some(grant) = found else {
        return Err(Refused::Unknown(format!("user {user_id} has allowed client {client_id} nothing")));
    };
    lock(&mut tx, &[Owner::Client(client_id), Owner::User(user_id), Owner::Grant(grant.id)]).await?;
    let user = living(&mut tx, user_id).await?;
    grants::forget(&mut tx, grant.id).await?;
    audit::insert(&mut tx, &by.record(Event::ConsentRemoved).user(user_id).client(client_id)).await?;
    let target = Target::Grant { id: grant.id, sub: user.sub, client_id };
    let killed = revocation::kill(&mut tx, &target, Reach::Lineage, &by.cause("consent_removed")).await?;
    Ok(Change::new(tx, ()).and(killed))
}

async fn locked(store: &Store, id: Uuid) -> Result<(Tx, User), Refused> {
    let mut tx = store.begin().await?;
    lock(&mut tx, &[Owner::User(id)]).await?;
    let user = living(&mut tx, id).await?;
    Ok((tx, user))
}

async fn end(mut tx: Tx, by: &By<'_>, user: User, reason: &str) -> Result<Change<User>, Refused> {
    let target = Target::User { id: user.id, sub: user.sub };
    let killed = revocation::kill(&mut tx, &target, Reach::Lineage, &by.cause(reason)).await?;
    Ok(Change::new(tx, user).and(killed))
}
