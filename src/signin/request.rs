//! An authorization request that passed all its checks, as an interaction keeps it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::device::Device;
use crate::http::params;
use crate::oauth::client::Registration;
use crate::oauth::prompt::Prompt;
use crate::oauth::redirect::ValidRedirect;
use crate::oauth::{code, pkce};
use crate::oidc::requested::Wanted;
use crate::oidc::subject;
use crate::policy::Standing;
use crate::store::client_metadata::SubjectType;
use crate::store::device_codes::DeviceCode;
use crate::store::rolls::UserRoll;

/// What was asked for, validated. Only `oauth/authorize` makes one, at the end of its list of checks. While servers are upgraded
/// one by one an older one reads what a newer one wrote: a member it doesn't know is left alone, and a new one must be optional.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    pub client_id: Uuid,
    /// Where the answer goes: matched against the registration.
    pub redirect_uri: String,
    /// Whether the request named it; the token request must then name it too.
    pub redirect_sent: bool,
    pub state: Option<String>,
    pub nonce: Option<String>,
    /// PKCE, S256.
    pub challenge: Option<String>,
    /// Space-delimited; every one is registered for the client.
    pub scopes: String,
    /// RFC 8707; empty: the client's default resource, else the issuer.
    pub resources: Vec<String>,
    pub prompt: Prompt,
    /// Seconds.
    pub max_age: Option<u64>,
    pub login_hint: Option<String>,
    /// Whom an ID token that came as a hint was about: nobody else will do.
    pub hinted: Option<String>,
    pub ui_locales: Option<String>,
    /// How the answer travels; none: as is usual for a code.
    pub response_mode: Option<String>,
    /// The parameter as sent, to ask once more.
    #[serde(default)]
    pub claims: Option<String>,
    /// The same, read and narrowed.
    #[serde(default)]
    pub wanted: Wanted,
    /// Classes of authentication that are preferred and can be met, best first.
    #[serde(default)]
    pub acr_values: Vec<String>,
    /// The device that is answered instead of a redirect URI (RFC 8628).
    #[serde(default)]
    pub device: Option<Device>,
}

impl AuthorizationRequest {
    /// A request of this client that asks for nothing yet.
    #[must_use]
    pub fn to(client_id: Uuid, redirect: &ValidRedirect) -> Self {
        Self {
            client_id,
            redirect_uri: redirect.uri().to_owned(),
            redirect_sent: redirect.was_sent(),
            state: None,
            nonce: None,
            challenge: None,
            scopes: String::new(),
            resources: Vec::new(),
            prompt: Prompt::default(),
            max_age: None,
            login_hint: None,
            hinted: None,
            ui_locales: None,
            response_mode: None,
            claims: None,
            wanted: Wanted::default(),
            acr_values: Vec::new(),
            device: None,
        }
    }

    /// What a device asks for: it has no redirect URI, scopes and resources stand with its code, and consent is asked for always.
    #[must_use]
    pub fn of_device(client_id: Uuid, device: &DeviceCode, user_code: String) -> Self {
        Self {
            client_id,
            // Named, and nobody's: an older server, which knows of no device, leads nobody anywhere.
            redirect_uri: String::new(),
            redirect_sent: true,
            state: None,
            nonce: None,
            challenge: None,
            scopes: device.scopes.clone(),
            resources: device.resources.0.clone(),
            prompt: Prompt { consent: true, ..Prompt::default() },
            max_age: None,
            login_hint: None,
            hinted: None,
            ui_locales: None,
            response_mode: None,
            claims: None,
            wanted: Wanted::default(),
            acr_values: Vec::new(),
            device: Some(Device { family_id: device.family_id, user_code }),
        }
    }

    /// Whether it may be answered for the user of this standing: nobody else is who a hint or the `claims` parameter names. The latter
    /// names a user as the client knows him: what another client knows him by must not be found out so.
    #[must_use]
    pub fn accepts(&self, client: &Registration, standing: &Standing) -> bool {
        let known = || subject::known_to(client, standing).is_ok_and(|sub| self.wanted.accepts(&sub));
        standing.user().is_some_and(|user| self.is_hinted(user)) && (self.wanted.subjects.is_none() || known())
    }

    /// The same of somebody who has just proved to be this user, as far as it can be said before there is a session.
    #[must_use]
    pub fn may_accept(&self, client: &Registration, user: &UserRoll) -> bool {
        let public = client.metadata.subject_type == SubjectType::Public;
        self.is_hinted(user) && (!public || self.wanted.accepts(&subject::of_user(user)))
    }

    fn is_hinted(&self, user: &UserRoll) -> bool {
        self.hinted.as_ref().is_none_or(|hinted| *hinted == subject::of_user(user))
    }

    /// The query that asks for the same once more, for the client as it is called outside; none where a hint belongs to it, which is
    /// not kept.
    #[must_use]
    pub fn query(&self, client_id: &str) -> Option<String> {
        if self.hinted.is_some() || self.device.is_some() {
            return None;
        }
        let (max_age, prompt) = (self.max_age.map(|age| age.to_string()), self.prompt.words());
        let acr_values = self.acr_values.join(" ");
        let method = self.challenge.as_ref().map(|_| pkce::S256);
        let redirect_uri = self.redirect_sent.then_some(self.redirect_uri.as_str());
        let once = [
            ("response_type", Some(code::RESPONSE_TYPE)),
            ("response_mode", self.response_mode.as_deref()),
            ("client_id", Some(client_id)),
            ("redirect_uri", redirect_uri),
            ("scope", Some(self.scopes.as_str())),
            ("state", self.state.as_deref()),
            ("nonce", self.nonce.as_deref()),
            ("code_challenge", self.challenge.as_deref()),
            ("code_challenge_method", method),
            ("prompt", Some(prompt.as_str())),
            ("max_age", max_age.as_deref()),
            ("login_hint", self.login_hint.as_deref()),
            ("ui_locales", self.ui_locales.as_deref()),
            ("claims", self.claims.as_deref()),
            ("acr_values", Some(acr_values.as_str())),
        ];
        let once = once.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
        Some(params::encode(once.chain(self.resources.iter().map(|uri| ("resource", uri.as_str())))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_server_reads_what_a_newer_one_wrote() {
        let written = serde_json::json!({
            "client_id": Uuid::nil(), "redirect_uri": "https://rp.test/cb", "redirect_sent": true, "state": "s", "scopes": "openid",
            "resources": [], "prompt": { "none": false, "login": true, "consent": false, "select_account": false, "create": true },
            "requested_acr": ["2"],
        });
        let read: AuthorizationRequest = serde_json::from_value(written).unwrap();
        assert_eq!((read.state.as_deref(), read.prompt.login, read.hinted), (Some("s"), true, None));
    }
}
