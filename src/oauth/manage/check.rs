//! What a registration must fulfil (RFC 7591 section 2, RFC 9700 section 2.1, RFC 8252 section 8.4), each fault with what
//! to write instead.

use std::time::Duration;

use url::Url;

use super::draft::Draft;
use super::{metadata, sector};
use crate::change::{Problems, Refused, plain};
use crate::oauth::client_auth::methods;
use crate::oauth::grants::request::{ActsFor, Refresh};
use crate::oauth::redirect::{self, is_loopback};
use crate::oauth::registry;
use crate::oauth::scope::{MOST, OWN, STANDARD};
use crate::store::resources::Resource;

/// The longest time in which a repeated refresh is taken for an honest retry.
const LONGEST_RETRY: Duration = Duration::from_secs(600);
/// The most URIs, origins and resources of one client, each.
const MOST_LISTED: usize = 100;

/// `was`: the registration that this one changes.
pub(super) fn check(draft: &Draft, was: Option<&Draft>, resources: &[Resource]) -> Result<(), Refused> {
    let mut problems = Problems::default();
    problems.check("name", plain(&draft.name));
    if methods::named(&draft.auth_method).is_none() {
        let known = registry::method_names(|_| true).join(", ");
        problems.add("auth_method", format!("{:?} is not known; choose one of {known}", draft.auth_method));
    }
    uris(draft, &mut problems);
    metadata::check(draft, &mut problems);
    sector::check(draft, was, &mut problems);
    grants(draft, &mut problems);
    scopes(draft, resources, &mut problems);
    if draft.retry_window.is_some_and(|window| window > LONGEST_RETRY) {
        problems.add("retry_window", "is longer than 600 seconds, the most allowed");
    }
    problems.into_result()
}

fn uris(draft: &Draft, problems: &mut Problems) {
    let public = draft.is_public();
    for uri in &draft.redirect_uris {
        problems.check("redirect_uris", redirect::register(uri, public));
    }
    for uri in &draft.post_logout_redirect_uris {
        problems.check("post_logout_redirect_uris", redirect::register(uri, public));
    }
    for origin in &draft.origins {
        problems.check("origins", self::origin(origin));
    }
    for (field, uri) in [("policy_uri", &draft.policy_uri), ("tos_uri", &draft.tos_uri)] {
        if let Some(uri) = uri {
            problems.check(field, metadata::page(uri));
        }
    }
    let lists = [
        ("redirect_uris", &draft.redirect_uris),
        ("post_logout_redirect_uris", &draft.post_logout_redirect_uris),
        ("origins", &draft.origins),
        ("resources", &draft.resources),
        ("grants", &draft.grants),
        ("scopes", &draft.scopes),
    ];
    for (field, list) in lists {
        if list.len() > MOST_LISTED {
            problems.add(field, format!("{} are too many: {MOST_LISTED} at most", list.len()));
        }
        for (at, text) in list.iter().enumerate() {
            if list.iter().take(at).any(|before| before == text) {
                problems.add(field, format!("{text:?} is named twice"));
            }
        }
    }
}

/// An origin as browsers send it: scheme, host, and the port unless it is the scheme's own.
fn origin(text: &str) -> Result<(), String> {
    let fail = |why: &str| Err(format!("{text:?} {why}"));
    let Ok(url) = Url::parse(text) else { return fail("is not an origin; write one such as https://app.example.com") };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        _ => return fail("must begin with https:// (http:// for loopback addresses only)"),
    }
    let exact = url.origin().ascii_serialization();
    if exact == text { Ok(()) } else { fail(&format!("is not an origin as browsers send it; write {exact:?}")) }
}

fn grants(draft: &Draft, problems: &mut Problems) {
    let mut chosen = Vec::new();
    if draft.grants.is_empty() {
        problems.add("grants", "there is none; a client without a grant can do nothing");
    }
    for name in &draft.grants {
        match registry::grant(name) {
            None => {
                let known = registry::grant_names(|_| true).join(", ");
                problems.add("grants", format!("{name:?} is not known; choose among {known}"));
            }
            Some(grant) if draft.is_public() && !grant.public_clients => {
                problems.add("grants", format!("{name} is not for public clients: they can't prove who they are"));
            }
            Some(grant) => chosen.push(grant),
        }
    }
    let taker = chosen.iter().find(|grant| grant.refresh == Refresh::Takes);
    if let Some(taker) = taker.filter(|_| !chosen.iter().any(|grant| grant.refresh == Refresh::Gives)) {
        let givers = registry::grant_names(|grant| grant.refresh == Refresh::Gives).join(" or ");
        problems.add("grants", format!("{} needs {givers}: no other grant gives refresh tokens", taker.name));
    }
}

fn scopes(draft: &Draft, resources: &[Resource], problems: &mut Problems) {
    let mut theirs = Vec::new();
    for uri in &draft.resources {
        match resources.iter().find(|resource| resource.uri == *uri && resource.retired_at.is_none()) {
            Some(resource) => theirs.extend(resource.scopes.iter().map(|scope| scope.name.as_str())),
            None => problems
                .add("resources", format!("{uri:?} is no registered resource; `chancery resource create` makes one")),
        }
    }
    if draft.scopes.len() > MOST {
        problems.add("scopes", format!("{} are too many: {MOST} at most", draft.scopes.len()));
    }
    let for_itself = registry::any_acts_for(&draft.grants, ActsFor::Itself);
    for scope in &draft.scopes {
        let own = OWN.iter().any(|(own, _)| own == scope);
        if own && !for_itself {
            let grants = registry::grant_names(|grant| grant.acts_for == ActsFor::Itself).join(" or ");
            problems.add("scopes", format!("{scope} is for clients acting for themselves: add the grant {grants}"));
        } else if !own && !STANDARD.contains(&scope.as_str()) && !theirs.contains(&scope.as_str()) {
            problems
                .add("scopes", format!("{scope:?} is neither a standard scope nor one of a resource of the client"));
        }
    }
}
