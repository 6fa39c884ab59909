//! From the members of a registration (RFC 7591, 2; OpenID Connect Dynamic Client Registration 1.0, 2) to a draft. Members that
//! aren't known are ignored; null is as good as left out (RFC 7592, 2.2).
//!
//! Refused, each with its member: a wrong type, control characters, grants and response types that don't fit, and whatever
//! clients that register themselves may not have. What the draft's own checks refuse is not looked at here.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::Url;

use super::{GRANTS, MEMBERS, Terms};
use crate::change::{Problems, Refused};
use crate::oauth::client_auth::methods;
use crate::oauth::grants::authorization_code;
use crate::oauth::manage::Draft;
use crate::oauth::registry;
use crate::oauth::scope::{OWN, Scopes};
use crate::store::client_metadata::Metadata;

/// What a registration says, over what stands in `base` of the things that are not its to say.
pub fn read(members: &Map<String, Value>, base: &Draft, terms: &Terms) -> Result<Draft, Refused> {
    let mut from = Members { all: members, problems: Problems::default() };
    let redirect_uris: Vec<String> = from.texts("redirect_uris").unwrap_or_default();
    let name = from.text("client_name").unwrap_or_else(|| named_after(&redirect_uris));
    let grants = from.texts("grant_types").unwrap_or_else(|| vec![authorization_code::GRANT.name.to_owned()]);
    let auth_method = from.text("token_endpoint_auth_method").unwrap_or_else(|| methods::USUAL.name.to_owned());
    let scopes = from.scopes(&base.scopes, terms);
    let mut draft = Draft {
        name,
        auth_method,
        grants,
        scopes,
        post_logout_redirect_uris: from.texts("post_logout_redirect_uris").unwrap_or_default(),
        policy_uri: from.text("policy_uri"),
        tos_uri: from.text("tos_uri"),
        metadata: from.metadata(&base.metadata),
        redirect_uris,
        ..base.clone()
    };
    from.flows(&draft, &base.grants);
    from.application_type(&mut draft);
    from.problems.into_result()?;
    Ok(draft)
}

/// What a client is called that has no name: where it takes users.
fn named_after(redirect_uris: &[String]) -> String {
    let url = redirect_uris.first().and_then(|uri| Url::parse(uri).ok());
    let host = url.as_ref().map(|url| url.host_str().unwrap_or_else(|| url.scheme()));
    host.map_or_else(|| "unnamed".to_owned(), |host| host.chars().take(200).collect())
}

struct Members<'a> {
    all: &'a Map<String, Value>,
    problems: Problems,
}

impl<'a> Members<'a> {
    /// A member that is there and holds nothing that no text holds.
    fn get(&mut self, name: &'static str) -> Option<&'a Value> {
        let value = self.all.get(name).filter(|value| !value.is_null())?;
        if controls(value) {
            self.problems.add(name, "has a control character");
            return None;
        }
        Some(value)
    }

    fn of<T: DeserializeOwned>(&mut self, name: &'static str, what: &str) -> Option<T> {
        let value = self.get(name)?;
        let read = serde_json::from_value(value.clone());
        if read.is_err() {
            self.problems.add(name, format!("must be {what}"));
        }
        read.ok()
    }

    fn text(&mut self, name: &'static str) -> Option<String> {
        self.of(name, "a text")
    }

    fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        self.of(name, "a list of texts")
    }

    /// Narrowed to what they may have; what the client has already an administrator may have given it. Nothing asked for is all.
    fn scopes(&mut self, held: &[String], terms: &Terms) -> Vec<String> {
        let list = |scopes: &Scopes| scopes.iter().map(str::to_owned).collect::<Vec<_>>();
        let Some(text) = self.text("scope") else { return list(&terms.scopes) };
        let asked = match Scopes::parse(&text) {
            Ok(asked) => asked,
            Err(error) => {
                self.problems.add("scopes", error.description());
                return Vec::new();
            }
        };
        let held = |scope: &str| held.iter().any(|have| have == scope);
        if let Some(own) = asked.iter().find(|scope| OWN.iter().any(|(own, _)| own == scope) && !held(scope)) {
            self.problems.add("scopes", format!("{own} is of this server's own APIs: an administrator gives it"));
        }
        let given = asked.only(|scope| terms.scopes.has(scope) || held(scope));
        if given.is_empty() && !asked.is_empty() {
            self.problems.add("scopes", "none of them is for clients that register themselves");
        }
        list(&given)
    }

    /// Those members that are kept as they are.
    fn metadata(&mut self, base: &Metadata) -> Metadata {
        let mut kept = base.members();
        for name in MEMBERS.iter().copied() {
            kept.remove(name);
            let Some(value) = self.get(name) else { continue };
            let alone = Map::from_iter([(name.to_owned(), value.clone())]);
            match serde_json::from_value::<Metadata>(Value::Object(alone)) {
                Ok(_) => {
                    kept.insert(name.to_owned(), value.clone());
                }
                Err(why) => self.problems.add(name, unfit(&why)),
            }
        }
        serde_json::from_value(Value::Object(kept)).unwrap_or_else(|_| {
            self.problems.add("metadata", "can't be read");
            Metadata::default()
        })
    }

    /// Grants, response types and redirect URIs that fit each other (RFC 7591, 2.1).
    fn flows(&mut self, draft: &Draft, held: &[String]) {
        let other = |grant: &&String| !GRANTS.contains(&grant.as_str()) && !held.contains(grant);
        for grant in draft.grants.iter().filter(other) {
            // One that is nowhere known is told so, with those that are, by the draft's own checks.
            if registry::grant(grant).is_some() {
                self.problems.add("grants", format!("{grant} is not for clients that register themselves"));
            }
        }
        let coded = draft.grants.iter().any(|grant| grant == authorization_code::GRANT.name);
        let types = self.texts("response_types").unwrap_or_else(|| {
            if coded { registry::RESPONSE_TYPES.iter().map(|name| (*name).to_owned()).collect() } else { Vec::new() }
        });
        if let Some(odd) = types.iter().find(|asked| !registry::RESPONSE_TYPES.contains(&asked.as_str())) {
            let known = registry::RESPONSE_TYPES.join(", ");
            self.problems.add("response_types", format!("{odd:?} is not answered here; choose {known}"));
        }
        if types.is_empty() == coded {
            self.problems.add("response_types", "must be code with the grant authorization_code, and none without");
        }
        if coded && draft.redirect_uris.is_empty() {
            self.problems.add("redirect_uris", "there is none; the grant authorization_code needs one");
        }
    }

    /// `web` or `native`: what is not said is seen from where it takes users.
    fn application_type(&mut self, draft: &mut Draft) {
        let own_scheme = |uri: &String| !uri.starts_with("https://") && !uri.starts_with("http://");
        match draft.metadata.application_type.as_deref() {
            Some("native") => {}
            Some("web") => {
                if draft.redirect_uris.iter().any(own_scheme) {
                    self.problems.add("redirect_uris", "a web application has no scheme of its own: say native");
                }
            }
            Some(_) => self.problems.add("application_type", "must be web or native"),
            None => {
                let native = draft.redirect_uris.iter().any(|uri| !uri.starts_with("https://"));
                draft.metadata.application_type = Some(if native { "native" } else { "web" }.to_owned());
            }
        }
    }
}

/// Whether a text anywhere in it has a control character: databases don't keep all of them, and no member needs one.
fn controls(value: &Value) -> bool {
    match value {
        Value::String(text) => text.chars().any(char::is_control),
        Value::Array(items) => items.iter().any(controls),
        Value::Object(members) => {
            members.iter().any(|(name, value)| name.chars().any(char::is_control) || controls(value))
        }
        _ => false,
    }
}

/// What a member should have been. Of the reader's words those alone that are its own: what was sent is not said again.
fn unfit(why: &serde_json::Error) -> String {
    let why = why.to_string();
    let plain = |what: &str| what.len() <= 80 && what.chars().all(|c| matches!(c, ' '..='~'));
    let expected = why.rsplit_once("expected ").map(|(_, what)| what).filter(|what| plain(what));
    let says = "has a type or value that this member doesn't have";
    expected.map_or_else(|| says.to_owned(), |what| format!("{says}; expected {}", what.replace('`', "'")))
}
