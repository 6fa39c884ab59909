//! What the document of a registration must fulfil (RFC 7591 section 2): addresses that are pages are `https`, a key set is
//! given or fetched and never both, and what belongs together stands together.

use serde_json::Value;
use url::Url;

use super::draft::Draft;
use crate::change::Problems;
use crate::oauth::registry;
use crate::oidc::claims::own;
use crate::store::client_metadata::SubjectType;

/// The most contacts of one client.
const MOST_LISTED: usize = 20;
/// The most bytes of a key set that is given.
const MOST_JWKS: usize = 32 * 1024;

/// What there is no ground for yet, and so can't be registered.
const NOT_YET: &[&str] = &[
    "logo_uri",
    "jwks",
    "jwks_uri",
    "default_max_age",
    "default_acr_values",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "frontchannel_logout_uri",
    "frontchannel_logout_session_required",
    "refresh_token_delivery",
];

pub(super) fn check(draft: &Draft, problems: &mut Problems) {
    let metadata = &draft.metadata;
    let members = metadata.members();
    for name in NOT_YET.iter().filter(|name| members.contains_key(**name)) {
        problems.add(name, "is not built yet");
    }
    let pages = [
        ("client_uri", &metadata.client_uri),
        ("logo_uri", &metadata.logo_uri),
        ("jwks_uri", &metadata.jwks_uri),
        ("sector_identifier_uri", &metadata.sector_identifier_uri),
    ];
    for (field, uri) in pages {
        if let Some(uri) = uri {
            problems.check(field, page(uri));
        }
    }
    keys(draft, problems);
    for (field, alg, known) in [
        ("id_token_signed_response_alg", &metadata.id_token_signed_response_alg, registry::ID_TOKEN_ALGS),
        ("userinfo_signed_response_alg", &metadata.userinfo_signed_response_alg, registry::USERINFO_ALGS),
    ] {
        if let Some(alg) = alg.as_deref().filter(|alg| !known.iter().any(|known| known.name() == *alg)) {
            let known: Vec<_> = known.iter().map(|known| known.name()).collect();
            problems.add(field, format!("{alg:?} is not signed with here; choose {}", known.join(" or ")));
        }
    }
    if metadata.sector_identifier_uri.is_some() && metadata.subject_type == SubjectType::Public {
        problems.add("sector_identifier_uri", "is of no use without the subject type pairwise");
    }
    for contact in &metadata.contacts {
        if contact.len() > 200 || !contact.contains('@') || contact.chars().any(|c| c.is_control() || c.is_whitespace())
        {
            problems.add("contacts", format!("{contact:?} is not an e-mail address"));
        }
    }
    for says in own::check(&metadata.claims) {
        problems.add("claims", says);
    }
    if metadata.contacts.len() > MOST_LISTED {
        problems.add("contacts", format!("{} are too many: {MOST_LISTED} at most", metadata.contacts.len()));
    }
}

fn keys(draft: &Draft, problems: &mut Problems) {
    let metadata = &draft.metadata;
    if metadata.jwks.is_some() && metadata.jwks_uri.is_some() {
        problems.add("jwks", "stands beside jwks_uri; give one of them (RFC 7591, 2)");
    }
    if let Some(jwks) = &metadata.jwks {
        if !jwks.get("keys").is_some_and(Value::is_array) {
            problems.add("jwks", "is no JWK set: it is an object with the member keys, an array (RFC 7517, 5)");
        }
        if jwks.to_string().len() > MOST_JWKS {
            problems.add("jwks", format!("is longer than {MOST_JWKS} bytes"));
        }
    }
}

/// The address of a page, or of a document: `https`, and plain.
pub(super) fn page(text: &str) -> Result<(), String> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.host().is_some());
    let plain = text.len() <= 2000 && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    if url.is_some() && plain { Ok(()) } else { Err(format!("{text:?} is not the https address of a page")) }
}
