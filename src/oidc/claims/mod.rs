//! Claims about a user, by scope and by name (OpenID Connect Core 5.1, 5.4), and those of clients' and resources' own (5.1.2).
//!
//! A claim that has no value is left out: nothing is empty or null. Refused: a claim of one's own under a name that means
//! something in tokens already.

pub mod own;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::oauth::scope::Scopes;
use crate::policy::Standing;
use crate::store::details::{Address, Details};
use crate::store::rolls::{self, UserRoll};
use crate::store::{self, Store};

/// Each scope with the claims it opens: also the source of `claims_supported`.
pub const BY_SCOPE: &[(&str, &[&str])] = &[
    (
        "profile",
        &[
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
    ),
    ("email", &["email", "email_verified"]),
    ("address", &["address"]),
    ("phone", &["phone_number", "phone_number_verified"]),
    ("groups", &["groups"]),
];

/// The scope that opens a client's own claims, too: they are about the person.
const OWN_SCOPE: &str = "profile";

/// A client's own claims, by name: each the user attribute it tells.
pub type Own = BTreeMap<String, String>;

/// What these scopes tell a client with these claims of its own of a user whose details were read along
/// ([`rolls`](crate::store::rolls), [`read_along`]).
#[must_use]
pub fn of_user(user: &UserRoll, own: &Own, scopes: &Scopes) -> Map<String, Value> {
    let opened = BY_SCOPE.iter().filter(|(scope, _)| scopes.has(scope)).flat_map(|(_, names)| *names);
    let mut told = named(user, opened.copied());
    if scopes.has(OWN_SCOPE) {
        told.extend(own::all(user, own));
    }
    told
}

/// What claims of these names tell of a user whose details were read along. A name that is no standard claim is passed over.
#[must_use]
pub fn of_user_named(user: &UserRoll, names: &[String]) -> Map<String, Value> {
    named(user, names.iter().map(String::as_str))
}

fn named<'a>(user: &UserRoll, names: impl Iterator<Item = &'a str>) -> Map<String, Value> {
    names.filter_map(|name| Some((name.to_owned(), standard(user, name)?))).collect()
}

/// A standing with the details of its user read along, where it turned out only after the judging that some are to be told. An
/// attribute that is taken back ends the tokens judged before, so that what is read later is never too old.
pub async fn read_along(store: &Store, standing: Standing, needed: bool) -> store::Result<Standing> {
    let Some(user) = standing.user().filter(|user| needed && user.details.is_none()) else { return Ok(standing) };
    let details = rolls::details(store, user.user_id).await?.unwrap_or_default();
    Ok(standing.knowing(details))
}

/// Whether there is a standard claim of this name.
#[must_use]
pub fn is_known(name: &str) -> bool {
    BY_SCOPE.iter().any(|(_, names)| names.contains(&name))
}

/// Whether one of these scopes opens this claim.
#[must_use]
pub fn opened_by(name: &str, scopes: &Scopes) -> bool {
    BY_SCOPE.iter().any(|(scope, names)| names.contains(&name) && scopes.has(scope))
}

fn text(value: &Option<String>) -> Option<Value> {
    value.as_ref().filter(|text| !text.is_empty()).map(|text| json!(text))
}

fn standard(user: &UserRoll, name: &str) -> Option<Value> {
    match name {
        "name" => text(&user.name),
        "given_name" => text(&user.given_name),
        "family_name" => text(&user.family_name),
        "preferred_username" => Some(json!(user.username)),
        "updated_at" => Some(json!(user.user_updated_at.timestamp())),
        "email" => text(&user.email),
        "email_verified" => text(&user.email).map(|_| json!(user.email_verified)),
        "groups" => (!user.groups.0.is_empty()).then(|| json!(user.groups.0)),
        _ => detail(user.details.as_ref()?, name),
    }
}

fn detail(details: &Details, name: &str) -> Option<Value> {
    match name {
        "middle_name" => text(&details.middle_name),
        "nickname" => text(&details.nickname),
        "profile" => text(&details.profile),
        "picture" => text(&details.picture),
        "website" => text(&details.website),
        "gender" => text(&details.gender),
        "birthdate" => text(&details.birthdate),
        "zoneinfo" => text(&details.zoneinfo),
        "locale" => text(&details.locale),
        "address" => address(&details.address),
        "phone_number" => text(&details.phone_number),
        "phone_number_verified" => text(&details.phone_number).map(|_| json!(details.phone_number_verified)),
        _ => None,
    }
}

fn address(address: &Address) -> Option<Value> {
    let parts = [
        ("formatted", &address.formatted),
        ("street_address", &address.street_address),
        ("locality", &address.locality),
        ("region", &address.region),
        ("postal_code", &address.postal_code),
        ("country", &address.country),
    ];
    let told: Map<_, _> = parts.into_iter().filter_map(|(name, part)| Some((name.to_owned(), text(part)?))).collect();
    (!told.is_empty()).then_some(Value::Object(told))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use uuid::Uuid;

    pub(super) fn user() -> UserRoll {
        let at: DateTime<Utc> = DateTime::from_timestamp(1_795_000_000, 999_000_000).unwrap();
        UserRoll {
            user_id: Uuid::nil(),
            sub: Uuid::nil(),
            username: "ada".to_owned(),
            email: None,
            email_verified: true,
            name: Some(String::new()),
            given_name: None,
            family_name: None,
            groups: sqlx::types::Json(Vec::new()),
            user_updated_at: at,
            user_disabled_at: None,
            user_deleted_at: None,
            user_mark: 0,
            details: Some(Details { phone_number_verified: true, ..Details::default() }),
        }
    }

    #[test]
    fn nothing_is_empty_or_null() {
        let all: Vec<String> = BY_SCOPE.iter().flat_map(|(_, names)| *names).map(|name| (*name).to_owned()).collect();
        let told = of_user_named(&user(), &all);
        let written = json!({ "preferred_username": "ada", "updated_at": 1_795_000_000 });
        assert_eq!(Value::Object(told), written, "nor is anything verified that isn't there");
    }

    #[test]
    fn a_name_is_opened_by_its_scope() {
        let scopes = Scopes::stored("openid email");
        assert!(
            opened_by("email_verified", &scopes) && !opened_by("phone_number", &scopes) && !opened_by("dept", &scopes)
        );
        assert!(is_known("address") && !is_known("sub") && !is_known("dept"));
        assert!(of_user_named(&user(), &["dept".to_owned(), "sub".to_owned()]).is_empty());
    }

    #[test]
    fn each_claim_is_opened_by_one_scope_and_told() {
        let mut full = user();
        let some = || Some("x".to_owned());
        (full.email, full.name, full.given_name, full.family_name) = (some(), some(), some(), some());
        full.groups.0.push("staff".to_owned());
        let address = Address { country: some(), ..Address::default() };
        full.details = Some(Details {
            middle_name: some(),
            nickname: some(),
            profile: some(),
            picture: some(),
            website: some(),
            gender: some(),
            birthdate: some(),
            zoneinfo: some(),
            locale: some(),
            phone_number: some(),
            phone_number_verified: false,
            address,
            attributes: sqlx::types::Json::default(),
        });
        let mut seen: Vec<&str> = Vec::new();
        for (scope, names) in BY_SCOPE {
            let told = of_user(&full, &Own::new(), &Scopes::stored(scope));
            assert_eq!(
                told.keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>(),
                names.iter().copied().collect()
            );
            seen.extend(*names);
        }
        let several = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), several);
        assert!(seen.iter().all(|name| own::is_reserved(name)));
    }
}
