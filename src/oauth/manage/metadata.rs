//! What the document of a registration must fulfil (RFC 7591 section 2): addresses that are pages are `https`, a key set is
//! given or fetched and never both, and what belongs together stands together.

use url::Url;

use super::draft::Draft;
use crate::change::Problems;
use crate::keyring::foreign::{self, ForeignAlg, ForeignKeys};
use crate::oauth::client_auth::methods::{self, Method};
use crate::oauth::grants::{authorization_code, refresh_token};
use crate::oauth::redirect::is_loopback;
use crate::oauth::registry;
use crate::oidc::claims::own;
use crate::store::client_metadata::{Delivery, SubjectType};

/// The most contacts of one client.
const MOST_LISTED: usize = 20;
/// The most bytes of a key set that is given.
const MOST_JWKS: usize = 32 * 1024;

pub(super) fn check(draft: &Draft, problems: &mut Problems) {
    let metadata = &draft.metadata;
    let pages = [
        ("client_uri", &metadata.client_uri),
        ("logo_uri", &metadata.logo_uri),
        ("sector_identifier_uri", &metadata.sector_identifier_uri),
    ];
    for (field, uri) in pages {
        if let Some(uri) = uri {
            problems.check(field, page(uri));
        }
    }
    keys(draft, problems);
    for channel in registry::LOGOUT_CHANNELS {
        if let Some((field, says)) = channel.check(metadata, &draft.redirect_uris) {
            problems.add(field, says);
        }
    }
    cookie(draft, problems);
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
    for acr in &metadata.default_acr_values {
        if acr.is_empty() || acr.len() > 200 || !acr.chars().all(|c| c.is_ascii_graphic()) {
            problems.add(
                "default_acr_values",
                format!("{acr:?} is no acr: a word without spaces, of 200 characters at most"),
            );
        }
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
    let lists = [("contacts", metadata.contacts.len()), ("default_acr_values", metadata.default_acr_values.len())];
    for (field, many) in lists {
        if many > MOST_LISTED {
            problems.add(field, format!("{many} are too many: {MOST_LISTED} at most"));
        }
    }
}

/// A refresh token in a cookie is for pages that hold nothing themselves, and hangs on the browser session.
fn cookie(draft: &Draft, problems: &mut Problems) {
    const FIELD: &str = "refresh_token_delivery";
    if draft.metadata.refresh_token_delivery != Delivery::Cookie {
        return;
    }
    if !draft.is_public() {
        problems.add(FIELD, "cookie is for public clients: who can keep a secret keeps the refresh token as well");
    }
    if draft.origins.is_empty() {
        problems.add(FIELD, "cookie needs the origins of the client's pages: nobody else may call in its name");
    }
    if draft.outlives_session {
        problems.add(FIELD, "cookie hangs on the browser session: a family that outlives it can't travel so");
    }
    let takes = [authorization_code::GRANT.name, refresh_token::GRANT.name];
    if !takes.iter().all(|name| draft.grants.iter().any(|grant| grant == name)) {
        problems.add(FIELD, format!("cookie needs the grants {}", takes.join(" and ")));
    }
    for other in draft.grants.iter().filter(|grant| !takes.contains(&grant.as_str())) {
        problems
            .add(FIELD, format!("cookie is for a browser's own sign-in: {other} has no browser session to hang on"));
    }
}

fn keys(draft: &Draft, problems: &mut Problems) {
    let metadata = &draft.metadata;
    if metadata.jwks.is_some() && metadata.jwks_uri.is_some() {
        problems.add("jwks", "stands beside jwks_uri; give one of them (RFC 7591, 2)");
    }
    if let Some(jwks) = &metadata.jwks {
        match ForeignKeys::read(jwks) {
            Err(why) => problems.add("jwks", why.to_string()),
            Ok(_) if foreign::gives_away(jwks) => {
                problems.add("jwks", "shows a private or symmetric key; make a new pair, and register its public half");
            }
            Ok(keys) if keys.is_empty() => {
                let algs: Vec<_> = ForeignAlg::ALL.iter().map(|alg| alg.name()).collect();
                problems.add("jwks", format!("holds no key for signatures by {}", algs.join(", ")));
            }
            Ok(_) => {}
        }
        if jwks.to_string().len() > MOST_JWKS {
            problems.add("jwks", format!("is longer than {MOST_JWKS} bytes"));
        }
    }
    if let Some(uri) = &metadata.jwks_uri {
        problems.check("jwks_uri", document(uri));
    }
    let proves_key = methods::named(&draft.auth_method).is_some_and(Method::proves_key);
    if proves_key && metadata.jwks.is_none() && metadata.jwks_uri.is_none() {
        problems.add("auth_method", format!("{} needs the client's public keys: jwks or jwks_uri", draft.auth_method));
    }
}

/// The address of a document that this server fetches: `https`; `http` on loopback can be registered, and is fetched where the
/// setting `fetch.allow_http` says so.
fn document(text: &str) -> Result<(), String> {
    let loopback = Url::parse(text).is_ok_and(|url| url.scheme() == "http" && is_loopback(&url));
    let https = if loopback { text.replacen("http", "https", 1) } else { text.to_owned() };
    page(&https).map_err(|_| format!("{text:?} is not the https address of a document"))
}

/// The address of a page, or of a document: `https`, and plain, without a user's name that looks like another host.
pub(super) fn page(text: &str) -> Result<(), String> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.host().is_some());
    let bare = url.is_some_and(|url| url.username().is_empty() && url.password().is_none());
    let plain = text.len() <= 2000 && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    if bare && plain { Ok(()) } else { Err(format!("{text:?} is not the https address of a page")) }
}
