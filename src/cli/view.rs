//! Records as the command line shows them: as JSON with stable names, and never with anything that could be presented.

use serde_json::{Value, json};

use super::out::{maybe_time, pairs, safe, time};
use crate::identity::people::TEXTS;
use crate::oauth::client::Source;
use crate::oauth::scope::Scopes;
use crate::store::clients::{Client, ClientSecret};
use crate::store::resources::Resource;
use crate::store::revocations::Entry;
use crate::store::users::User;

/// An object with one more member.
pub(super) fn with(mut object: Value, name: &str, value: Value) -> Value {
    if let Value::Object(members) = &mut object {
        members.insert(name.to_owned(), value);
    }
    object
}

pub(super) fn user(user: &User) -> Value {
    let mut all = json!({
        "id": user.id,
        "sub": user.sub,
        "username": user.username,
        "email": user.email,
        "email_verified": user.email_verified,
        "name": user.name,
        "given_name": user.given_name,
        "family_name": user.family_name,
        "groups": user.groups.0,
        "disabled_at": user.disabled_at,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "phone_number_verified": user.details.phone_number_verified,
        "attributes": user.details.attributes.0,
    });
    for text in TEXTS {
        all = with(all, text.name, json!((text.of)(&user.details)));
    }
    all
}

pub(super) fn user_text(user: &User) -> String {
    let or_empty = |text: &Option<String>| safe(text.as_deref().unwrap_or_default());
    let email = user.email.as_deref().map(|email| {
        let verified = if user.email_verified { "verified" } else { "not verified" };
        format!("{} ({verified})", safe(email))
    });
    let mut rows = named([
        ("username", safe(&user.username)),
        ("id", user.id.to_string()),
        ("sub", user.sub.to_string()),
        ("email", email.unwrap_or_default()),
        ("name", or_empty(&user.name)),
        ("given name", or_empty(&user.given_name)),
        ("family name", or_empty(&user.family_name)),
        ("groups", safe(&user.groups.join(", "))),
        ("disabled", maybe_time(user.disabled_at)),
        ("created", time(user.created_at)),
        ("updated", time(user.updated_at)),
    ]);
    for known in TEXTS {
        let verified = if user.details.phone_number_verified { " (verified)" } else { " (not verified)" };
        let beside = if known.name == "phone_number" { verified } else { "" };
        if let Some(told) = (known.of)(&user.details) {
            rows.push((known.name.replace('_', " "), safe(told) + beside));
        }
    }
    for (name, value) in user.details.attributes.iter() {
        rows.push((format!("attribute {}", safe(name)), safe(&value.to_string())));
    }
    pairs(&rows)
}

/// Pairs to which those are added that a record may have beside.
fn named<const N: usize>(known: [(&str, String); N]) -> Vec<(String, String)> {
    known.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

pub(super) fn client(client: &Client) -> Value {
    let mut all = json!({
        "client_id": called(client),
        "name": client.name,
        "profile": client.profile,
        "auth_method": client.auth_method,
        "redirect_uris": client.redirect_uris.0,
        "post_logout_redirect_uris": client.post_logout_redirect_uris.0,
        "origins": client.origins.0,
        "grants": client.grants.0,
        "scopes": Scopes::stored(&client.scopes).iter().collect::<Vec<_>>(),
        "resources": client.resources.0,
        "consent": client.consent,
        "retry_window": client.retry_window_seconds,
        "outlives_session": client.outlives_session,
        "id_token_claims": client.id_token_claims,
        "require_pkce": !client.pkce_optional,
        "policy_uri": client.policy_uri,
        "tos_uri": client.tos_uri,
        "disabled_at": client.disabled_at,
        "created_at": client.created_at,
        "updated_at": client.updated_at,
        "source": client.source,
        "document": client.document,
        "last_used_at": client.last_used_at,
    });
    if let Value::Object(all) = &mut all {
        all.extend(client.metadata.members());
    }
    all
}

/// What it is called outside.
pub(super) fn called(client: &Client) -> String {
    client.document.clone().unwrap_or_else(|| client.id.to_string())
}

/// How it came to be registered.
fn source(client: &Client) -> String {
    let document = client.document.as_deref().unwrap_or_default();
    match Source::parse(&client.source) {
        Some(Source::Admin) => "registered by an administrator".to_owned(),
        Some(Source::Dynamic) => "registered itself".to_owned(),
        Some(Source::Document) => format!("a metadata document, {}", safe(document)),
        None => safe(&client.source),
    }
}

/// When each secret was made and ends.
pub(super) fn secrets(secrets: &[ClientSecret]) -> Value {
    let secret = |secret: &ClientSecret| json!({ "id": secret.id, "created_at": secret.created_at, "expires_at": secret.expires_at });
    secrets.iter().map(secret).collect()
}

pub(super) fn client_text(client: &Client, secrets: &[ClientSecret]) -> String {
    let secrets = secrets.iter().map(|secret| match secret.expires_at {
        Some(end) => format!("made {}, ends {}", time(secret.created_at), time(end)),
        None => format!("made {}", time(secret.created_at)),
    });
    let yes = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
    let mut rows = named([
        ("name", safe(&client.name)),
        ("client_id", safe(&called(client))),
        ("source", source(client)),
        ("profile", client.profile.clone()),
        ("auth method", client.auth_method.clone()),
        ("grants", client.grants.join(" ")),
        ("scopes", client.scopes.clone()),
        ("consent", client.consent.clone()),
        ("retry window", client.retry_window_seconds.map(|seconds| format!("{seconds} s")).unwrap_or_default()),
        ("outlives session", yes(client.outlives_session)),
        ("claims in ID token", yes(client.id_token_claims)),
        ("PKCE required", yes(!client.pkce_optional)),
        ("secrets", secrets.collect::<Vec<_>>().join("; ")),
        ("policy", safe(client.policy_uri.as_deref().unwrap_or_default())),
        ("terms", safe(client.tos_uri.as_deref().unwrap_or_default())),
        ("disabled", maybe_time(client.disabled_at)),
        ("created", time(client.created_at)),
        ("updated", time(client.updated_at)),
        ("last used", maybe_time(client.last_used_at)),
    ]);
    let lists = [
        ("redirect URIs", &client.redirect_uris.0),
        ("post-logout redirect URIs", &client.post_logout_redirect_uris.0),
        ("origins", &client.origins.0),
        ("resources (the first is the default)", &client.resources.0),
    ];
    for (name, value) in client.metadata.members() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        rows.push((name.replace('_', " "), safe(&value)));
    }
    let mut text = pairs(&rows);
    for (name, values) in lists.into_iter().filter(|(_, values)| !values.is_empty()) {
        let values: Vec<_> = values.iter().map(|value| safe(value)).collect();
        text.push_str(&format!("{name}\n    {}\n", values.join("\n    ")));
    }
    text
}

pub(super) fn resource(resource: &Resource) -> Value {
    json!({
        "id": resource.id,
        "uri": resource.uri,
        "name": resource.name,
        "scopes": resource.scopes.0,
        "access_token_lifetime": resource.access_token_seconds,
        "claims": resource.claims.0,
        "retired_at": resource.retired_at,
        "created_at": resource.created_at,
        "updated_at": resource.updated_at,
    })
}

pub(super) fn resource_text(resource: &Resource) -> String {
    let lifetime = resource.access_token_seconds.map(|seconds| format!("{seconds} s"));
    let mut text = pairs(&[
        ("uri", safe(&resource.uri)),
        ("id", resource.id.to_string()),
        ("name", safe(&resource.name)),
        ("access tokens", lifetime.unwrap_or_else(|| "as the server says".to_owned())),
        ("retired", maybe_time(resource.retired_at)),
        ("created", time(resource.created_at)),
    ]);
    text.push_str("scopes\n");
    for scope in resource.scopes.iter() {
        text.push_str(format!("    {}  {}", scope.name, safe(&scope.description)).trim_end());
        if !scope.groups.is_empty() {
            text.push_str(&format!(" (for {} only)", safe(&scope.groups.join(", "))));
        }
        text.push('\n');
    }
    for (name, attribute) in resource.claims.iter() {
        text.push_str(&pairs(&[(&format!("claim {}", safe(name)), safe(attribute))]));
    }
    text
}

/// An entry of the revocation log; `written` says whether this call wrote it.
pub(super) fn entry(entry: &Entry, written: bool) -> Value {
    json!({
        "seq": entry.seq,
        "at": entry.at,
        "kind": entry.kind,
        "value": entry.value,
        "reach": entry.reach,
        "until": entry.until,
        "reason": entry.reason,
        "written": written,
    })
}
