//! Claims about a user, by scope (OpenID Connect Core 5.4). A claim that has no value is left out; nothing is empty or null.

use serde_json::{Map, Value, json};

use crate::oauth::scope::Scopes;
use crate::store::rolls::UserRoll;

/// Each scope with the claims it opens: also the source of `claims_supported`.
pub const BY_SCOPE: &[(&str, &[&str])] = &[
    ("profile", &["name", "given_name", "family_name", "preferred_username", "updated_at"]),
    ("email", &["email", "email_verified"]),
    ("groups", &["groups"]),
];

/// What these scopes tell of a user.
#[must_use]
pub fn of_user(user: &UserRoll, scopes: &Scopes) -> Map<String, Value> {
    let mut out = Map::new();
    for (scope, names) in BY_SCOPE {
        if scopes.has(scope) {
            for name in *names {
                if let Some(value) = claim(user, name) {
                    out.insert((*name).to_owned(), value);
                }
            }
        }
    }
    out
}

/// Whether it is a claim that some scope opens.
#[must_use]
pub fn is_known(name: &str) -> bool {
    BY_SCOPE.iter().any(|(_, names)| names.contains(&name))
}

/// Whether one of these scopes opens a claim.
#[must_use]
pub fn opened_by(name: &str, scopes: &Scopes) -> bool {
    BY_SCOPE.iter().any(|(scope, names)| names.contains(&name) && scopes.has(scope))
}

/// What claims of these names tell of a user.
#[must_use]
pub fn of_user_named(user: &UserRoll, names: &[String]) -> Map<String, Value> {
    names.iter().filter(|name| is_known(name)).filter_map(|name| Some((name.clone(), claim(user, name)?))).collect()
}

fn claim(user: &UserRoll, name: &str) -> Option<Value> {
    let text = |value: &Option<String>| value.as_ref().filter(|text| !text.is_empty()).map(|text| json!(text));
    match name {
        "name" => text(&user.name),
        "given_name" => text(&user.given_name),
        "family_name" => text(&user.family_name),
        "preferred_username" => Some(json!(user.username)),
        "updated_at" => Some(json!(user.user_updated_at.timestamp())),
        "email" => text(&user.email),
        "email_verified" => user.email.as_ref().map(|_| json!(user.email_verified)),
        "groups" => (!user.groups.0.is_empty()).then(|| json!(user.groups.0)),
        _ => None,
    }
}
