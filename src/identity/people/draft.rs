//! What may stand in a user's row: checked before anything is written, all problems at once.

use super::details::{self, DetailsEdit};
use crate::change::{Problems, Refused, plain};
use crate::identity::key;
use crate::store::details::Details;
use crate::store::users::User;

/// A user to be.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    pub username: String,
    pub email: Option<String>,
    /// Whether someone vouches for the address.
    pub email_verified: bool,
    pub name: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub groups: Vec<String>,
    pub details: DetailsEdit,
}

/// What changes of a user; an empty text empties the attribute.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    pub username: Option<String>,
    pub email: Option<String>,
    pub email_verified: Option<bool>,
    pub name: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub add_groups: Vec<String>,
    pub remove_groups: Vec<String>,
    pub details: DetailsEdit,
}

/// A draft that may be written.
pub(super) struct Checked {
    pub username: String,
    pub username_key: String,
    /// As written, and its key.
    pub email: Option<(String, String)>,
    pub groups: Vec<String>,
    pub details: Details,
}

/// The most groups of one user: they travel in tokens.
const MOST_GROUPS: usize = 200;
/// The most bytes of their names: tokens have to pass through headers, and through ours.
const MOST_GROUP_BYTES: usize = 4096;

/// `was`: the details that `new` changes.
pub(super) fn check(username: &str, email: Option<&str>, new: &NewUser, was: &Details) -> Result<Checked, Refused> {
    let mut problems = Problems::default();
    let username_key = problems.check("username", name_key(username)).unwrap_or_default();
    let email = email.and_then(|email| Some((email.to_owned(), problems.check("email", address_key(email))?)));
    let names = [("name", &new.name), ("given_name", &new.given_name), ("family_name", &new.family_name)];
    for (field, text) in names.into_iter().filter_map(|(field, text)| Some((field, text.as_deref()?))) {
        problems.check(field, plain(text));
    }
    let mut groups: Vec<String> = Vec::new();
    for group in &new.groups {
        problems.check("groups", plain(group));
        if !groups.contains(group) {
            groups.push(group.clone());
        }
    }
    if groups.len() > MOST_GROUPS {
        problems.add("groups", format!("{} are too many: {MOST_GROUPS} at most", groups.len()));
    }
    let bytes: usize = groups.iter().map(String::len).sum();
    if bytes > MOST_GROUP_BYTES {
        problems.add(
            "groups",
            format!("their names have {bytes} bytes: {MOST_GROUP_BYTES} at most, for tokens carry them"),
        );
    }
    let details = details::apply(was, &new.details, &mut problems);
    problems.into_result()?;
    Ok(Checked { username: username.to_owned(), username_key, email, groups, details })
}

fn name_key(username: &str) -> Result<String, String> {
    key::check_username(username).map(|()| key::of(username))
}

fn address_key(email: &str) -> Result<String, String> {
    key::check_email(email).map(|()| key::of(email))
}

/// The user as he will be.
pub(super) fn apply(user: &User, edit: &Edit) -> Result<User, Refused> {
    let text = |new: &Option<String>, old: &Option<String>| match new {
        Some(new) => Some(new.clone()).filter(|new| !new.is_empty()),
        None => old.clone(),
    };
    let email = text(&edit.email, &user.email);
    let mut groups = user.groups.0.clone();
    groups.extend(edit.add_groups.iter().cloned());
    groups.retain(|group| !edit.remove_groups.contains(group));
    let mut problems = Problems::default();
    for group in edit.remove_groups.iter().filter(|group| !user.groups.contains(group)) {
        problems.add("groups", format!("the user is not in the group {group:?}, so it can't be removed"));
    }
    problems.into_result()?;
    let draft = NewUser {
        name: text(&edit.name, &user.name),
        given_name: text(&edit.given_name, &user.given_name),
        family_name: text(&edit.family_name, &user.family_name),
        groups,
        details: edit.details.clone(),
        ..NewUser::default()
    };
    let username = edit.username.as_ref().unwrap_or(&user.username);
    let checked = check(username, email.as_deref(), &draft, &user.details)?;
    let mut after = user.clone();
    // A new address has not been vouched for.
    let same = checked.email.as_ref().map(|(_, key)| key) == user.email_key.as_ref();
    after.email_verified = edit.email_verified.unwrap_or(user.email_verified && same) && checked.email.is_some();
    after.username = checked.username;
    after.username_key = checked.username_key;
    after.email_key = checked.email.as_ref().map(|(_, key)| key.clone());
    after.email = checked.email.map(|(text, _)| text);
    after.name = draft.name;
    after.given_name = draft.given_name;
    after.family_name = draft.family_name;
    after.groups.0 = checked.groups;
    after.details = checked.details;
    Ok(after)
}

/// The names of what differs: an audit row tells that something changed, not the personal data themselves.
pub(super) fn changed(before: &User, after: &User) -> Vec<String> {
    let differs = [
        ("username", before.username != after.username),
        ("email", before.email != after.email),
        ("email_verified", before.email_verified != after.email_verified),
        ("name", before.name != after.name),
        ("given_name", before.given_name != after.given_name),
        ("family_name", before.family_name != after.family_name),
        ("groups", before.groups.0 != after.groups.0),
    ];
    differs
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| name.to_owned())
        .chain(details::changed(&before.details, &after.details))
        .collect()
}
