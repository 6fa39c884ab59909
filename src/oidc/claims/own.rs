//! Claims of clients' and resources' own: a name of the operator's choice for an attribute of the user (OpenID Connect Core
//! 5.1.2; RFC 9068, 2.2.3).
//!
//! Refused, at registration and once more where tokens are made: a name that the registry of JWT claims knows, or that our tokens
//! and answers carry already. `roles` and `entitlements` may be chosen: RFC 9068, 2.2.3.1, means them for just this.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Own, is_known};
use crate::identity::people;
use crate::store::details::Attributes;
use crate::store::rolls::UserRoll;

/// The most claims of one client or resource.
pub const MOST: usize = 20;

/// What our access tokens carry beyond the registered claims, and what introspection tells besides.
const OURS: &[&str] = &["family_id", "rev_seq", "active", "token_type", "username"];

/// The registry of JWT claims (RFC 7519, 10.1), but for those that stand among the standard claims of users.
const REGISTERED: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "azp",
    "nonce",
    "auth_time",
    "at_hash",
    "c_hash",
    "s_hash",
    "acr",
    "amr",
    "sub_jwk",
    "cnf",
    "sip_from_tag",
    "sip_date",
    "sip_callid",
    "sip_cseq_num",
    "sip_via_branch",
    "orig",
    "dest",
    "mky",
    "events",
    "toe",
    "txn",
    "rph",
    "sid",
    "vot",
    "vtm",
    "attest",
    "origid",
    "act",
    "scope",
    "client_id",
    "may_act",
    "jcard",
    "at_use_nbr",
    "div",
    "opt",
    "vc",
    "vp",
    "sph",
    "ace_profile",
    "cnonce",
    "exi",
    "token_introspection",
    "eat_nonce",
    "ueid",
    "sueids",
    "oemid",
    "hwmodel",
    "hwversion",
    "oemboot",
    "dbgstat",
    "location",
    "eat_profile",
    "submods",
    "uptime",
    "bootcount",
    "bootseed",
    "dloas",
    "swname",
    "swversion",
    "manifests",
    "measurements",
    "measres",
    "intuse",
    "cdniv",
    "cdnicrit",
    "cdniip",
    "cdniuc",
    "cdniets",
    "cdnistt",
    "cdnistd",
    "sig_val_claims",
    "authorization_details",
    "verified_claims",
    "place_of_birth",
    "nationalities",
    "birth_family_name",
    "birth_given_name",
    "birth_middle_name",
    "salutation",
    "title",
    "msisdn",
    "also_known_as",
    "htm",
    "htu",
    "ath",
    "atc",
    "sub_id",
    "rcd",
    "rcdi",
    "crn",
    "msgi",
    "_claim_names",
    "_claim_sources",
    "rdap_allowed_purposes",
    "rdap_dnt_allowed",
    "geohash",
    "_sd",
    "...",
    "_sd_alg",
    "sd_hash",
    "vct",
    "vct#integrity",
    "status",
    "consumerPlmnId",
    "consumerSnpnId",
    "producerPlmnId",
    "producerSnpnId",
    "producerSnssaiList",
    "producerNsiList",
    "producerNfSetId",
    "producerNfServiceSetId",
    "sourceNfInstanceId",
    "analyticsIdList",
    "resOwnerId",
    "ist",
    "dcr",
    "trust_mark",
    "authority_hints",
    "jwks",
    "metadata",
    "metadata_policy",
    "constraints",
    "crit",
    "ref",
    "delegation",
    "logo_uri",
    "rt_hash",
    "token_hash",
    "urn:openid:params:jwt:claim:auth_req_id",
    "urn:openid:params:jwt:claim:rt_hash",
    "cap",
];

/// Whether a name means something already.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    REGISTERED.contains(&name) || OURS.contains(&name) || is_known(name)
}

/// Whether claims may be registered as a client's or resource's own: at most [`MOST`], by free names, each from an attribute of
/// its own.
pub fn check(own: &Own) -> Vec<String> {
    let mut says = Vec::new();
    if own.len() > MOST {
        says.push(format!("{} are too many: {MOST} at most", own.len()));
    }
    let mut told = BTreeSet::new();
    for (name, attribute) in own {
        if let Err(why) = claim(name).and_then(|()| people::attribute(attribute)) {
            says.push(why);
        }
        // Tokens have to stay small enough to be read.
        if !told.insert(attribute) {
            says.push(format!("{attribute:?} is told twice; one claim for an attribute is enough"));
        }
    }
    says
}

fn claim(name: &str) -> Result<(), String> {
    if is_reserved(name) {
        return Err(format!("{name:?} is reserved: tokens give it a meaning of its own; choose another name"));
    }
    let may = |c: char| c.is_ascii_alphanumeric() || "_-.:/".contains(c);
    if name.is_empty() || name.len() > 100 || name.starts_with(['_', '.']) || !name.chars().all(may) {
        return Err(format!(
            "{name:?} is no name for a claim: up to 100 letters, digits and _-.:/ that begin with none of _ and ."
        ));
    }
    Ok(())
}

fn told(user: &UserRoll, own: &Own, name: &str) -> Option<Value> {
    let attributes = &user.details.as_ref()?.attributes.0;
    if is_reserved(name) { None } else { value(attributes, own.get(name)?) }
}

/// All of one's own claims that the user has a value for.
#[must_use]
pub fn all(user: &UserRoll, own: &Own) -> Map<String, Value> {
    own.keys().filter_map(|name| Some((name.clone(), told(user, own, name)?))).collect()
}

/// An attribute as it is told; what is empty, or of a shape that attributes don't have, isn't.
fn value(attributes: &Attributes, name: &str) -> Option<Value> {
    let told = attributes.get(name)?;
    match told {
        Value::Bool(_) | Value::Number(_) => Some(told.clone()),
        Value::String(text) => (!text.is_empty()).then(|| told.clone()),
        Value::Array(list) => {
            let texts: Vec<_> = list.iter().filter_map(Value::as_str).collect();
            (!texts.is_empty()).then(|| json!(texts))
        }
        Value::Null | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(name: &str) -> Own {
        Own::from([(name.to_owned(), "dept".to_owned())])
    }

    #[test]
    fn names_that_mean_something_are_refused() {
        for name in REGISTERED.iter().chain(OURS).chain(&["email", "groups", "phone_number_verified"]) {
            assert!(check(&own(name)).iter().any(|says| says.contains("reserved")), "{name}");
        }
        for name in ["", "_private", "a b", "a\"b", "ä", "a#de", &"x".repeat(101)] {
            assert!(!check(&own(name)).is_empty(), "{name}");
        }
        for name in ["department", "roles", "entitlements", "https://example.com/claims/role", "urn:example:role"] {
            assert_eq!(check(&own(name)), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn what_was_registered_behind_our_back_is_not_told() {
        let mut user = super::super::tests::user();
        let shapes = json!({ "dept": "Sales", "none": "", "list": ["a"], "empty": [], "odd": { "a": 1 }, "level": 3, "chief": true });
        if let Some(details) = &mut user.details {
            details.attributes.0 = serde_json::from_value(shapes).unwrap();
        }
        for name in
            ["iss", "sub", "aud", "exp", "scope", "client_id", "cnf", "act", "acr", "amr", "rev_seq", "family_id"]
        {
            assert!(all(&user, &own(name)).is_empty(), "{name}");
        }
        let own: Own = ["dept", "none", "list", "empty", "odd", "level", "chief", "gone"]
            .map(|name| (format!("my_{name}"), name.to_owned()))
            .into();
        let told = json!({ "my_dept": "Sales", "my_list": ["a"], "my_level": 3, "my_chief": true });
        assert_eq!(Value::Object(all(&user, &own)), told);
    }
}
