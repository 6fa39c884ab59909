//! Users, as an administrator keeps them: created, changed, disabled, enabled, deleted, their consents removed.
//!
//! A user's row is never removed while lineage needs its mark: deleting empties its personal columns and frees its name.
//! Names and e-mail addresses share one space, since people sign in with either: whoever would take another's is refused.
//! Refused besides: control characters, names above 200 characters, addresses that aren't one.

mod details;
mod draft;
mod end;

pub use details::{DetailsEdit, TEXTS, attribute};
pub use draft::{Edit, NewUser};
pub use end::{delete, disable, enable, remove_consent, set_password, unlock};
use serde_json::json;
use sqlx::types::Json;
use uuid::Uuid;

use self::draft::Checked;
use crate::change::{By, Change, Refused};
use crate::event::Event;
use crate::revocation::{self, Reach, Target};
use crate::secret;
use crate::store::details::Details;
use crate::store::locks::{Owner, lock};
use crate::store::users::{self, User};
use crate::store::{Error, Store, Tx};

/// Creates a user, with a password if a hash is given.
pub async fn create(store: &Store, by: &By<'_>, new: NewUser, hash: Option<&str>) -> Result<Change<User>, Refused> {
    let checked = draft::check(&new.username, new.email.as_deref(), &new, &Details::default())?;
    let Checked { username, username_key, email, groups, details } = checked;
    let mut tx = store.begin().await?;
    // One at a time: two users may not race for a name and an address that are the same.
    lock(&mut tx, &[Owner::Issuer]).await?;
    let user = User {
        id: secret::uuid_v7(by.at),
        sub: secret::uuid_v4(),
        username,
        username_key,
        email_key: email.as_ref().map(|(_, key)| key.clone()),
        email: email.map(|(text, _)| text),
        email_verified: new.email_verified && new.email.is_some(),
        name: new.name,
        given_name: new.given_name,
        family_name: new.family_name,
        groups: Json(groups),
        disabled_at: None,
        deleted_at: None,
        revoked_seq: 0,
        created_at: by.at,
        updated_at: by.at,
        details,
    };
    unclaimed(&mut tx, &user).await?;
    users::insert(&mut tx, &user).await.map_err(taken)?;
    if let Some(hash) = hash {
        users::set_password(&mut tx, user.id, hash, by.at).await?;
    }
    let record = by.record(Event::UserCreated).user(user.id).detail(json!({ "password": hash.is_some() }));
    crate::store::audit::insert(&mut tx, &record).await?;
    Ok(Change::new(tx, user))
}

/// Changes a user's attributes and groups. A group that is removed, and an attribute that says something else, ends the access
/// tokens that may tell it.
pub async fn update(store: &Store, by: &By<'_>, id: Uuid, edit: &Edit) -> Result<Change<User>, Refused> {
    let mut tx = store.begin().await?;
    lock(&mut tx, &[Owner::Issuer, Owner::User(id)]).await?;
    let before = living(&mut tx, id).await?;
    let after = draft::apply(&before, edit)?;
    unclaimed(&mut tx, &after).await?;
    users::update(&mut tx, &after, by.at).await.map_err(taken)?;
    let removed: Vec<_> = before.groups.iter().filter(|group| !after.groups.contains(group)).collect();
    let added: Vec<_> = after.groups.iter().filter(|group| !before.groups.contains(group)).collect();
    let detail = json!({ "changed": draft::changed(&before, &after), "added": added, "removed": removed });
    let record = by.record(Event::UserUpdated).user(id).detail(detail);
    crate::store::audit::insert(&mut tx, &record).await?;
    let reason = match () {
        () if !removed.is_empty() => "group_removed",
        () if details::took_back(&before.details, &after.details) => "attribute_changed",
        () => return Ok(Change::new(tx, after)),
    };
    let target = Target::User { id, sub: after.sub };
    let killed = revocation::kill(&mut tx, &target, Reach::Access, &by.cause(reason)).await?;
    Ok(Change::new(tx, after).and(killed))
}

/// The user, unless there is none or it is deleted.
async fn living(tx: &mut Tx, id: Uuid) -> Result<User, Refused> {
    let user = users::get(tx, id).await?.filter(|user| user.deleted_at.is_none());
    user.ok_or_else(|| Refused::Unknown(format!("there is no user {id}")))
}

/// Whether nobody else goes by this user's name or address, as either.
async fn unclaimed(tx: &mut Tx, user: &User) -> Result<(), Refused> {
    for (key, text) in
        [(Some(&user.username_key), Some(&user.username)), (user.email_key.as_ref(), user.email.as_ref())]
    {
        let (Some(key), Some(text)) = (key, text) else { continue };
        if users::by_key(&mut *tx, key).await?.is_some_and(|other| other.id != user.id) {
            return Err(Refused::Conflict(format!("{text:?} is the name or e-mail address of another user")));
        }
    }
    Ok(())
}

fn taken(error: Error) -> Refused {
    match error {
        Error::Taken(what) => Refused::Conflict(format!("another user has this {what}")),
        other => other.into(),
    }
}
