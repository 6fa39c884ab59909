//! Actors: people and relying parties, as typed values with verbs; browsers stand beside them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery::identity::{key, password};
use chancery::secret::{self, ClientSecret, Opaque};
use chancery::store::details::Details;
use chancery::store::{clients, resources, users};
use reqwest::{Response, StatusCode, header};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

pub use super::browser::{Browser, claims, form_of, location, parameter};
use super::issuer::Issuer;

pub const PASSWORD: &str = "correct horse battery staple";

/// An HTTP client that follows nothing by itself.
pub fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

impl Issuer {
    /// A user with [`PASSWORD`].
    pub async fn user(&self, name: &str) -> users::User {
        let now = self.app.clock.now();
        let user = users::User {
            id: secret::uuid_v7(now),
            sub: secret::uuid_v4(),
            username: name.to_owned(),
            username_key: key::of(name),
            email: Some(format!("{name}@example.test")),
            email_key: Some(key::of(&format!("{name}@example.test"))),
            email_verified: true,
            name: Some(format!("{name} of the tests")),
            given_name: None,
            family_name: None,
            groups: Json(vec!["staff".to_owned()]),
            disabled_at: None,
            deleted_at: None,
            revoked_seq: 0,
            created_at: now,
            updated_at: now,
            details: Details::default(),
        };
        let hash = password::hash(&self.app, &password::Password::typed(PASSWORD).unwrap()).await.unwrap();
        let mut tx = self.app.store.begin().await.unwrap();
        users::insert(&mut tx, &user).await.unwrap();
        users::set_password(&mut tx, user.id, &hash, now).await.unwrap();
        tx.commit().await.unwrap();
        user
    }

    /// A resource with these scopes.
    pub async fn resource(&self, uri: &str, scopes: &[&str]) {
        let now = self.app.clock.now();
        let named = |name: &&str| resources::ResourceScope {
            name: (*name).to_owned(),
            description: String::new(),
            groups: vec![],
        };
        let resource = resources::Resource {
            id: secret::uuid_v7(now),
            uri: uri.to_owned(),
            name: uri.to_owned(),
            scopes: Json(scopes.iter().map(named).collect()),
            access_token_seconds: None,
            retired_at: None,
            created_at: now,
            updated_at: now,
            claims: Json::default(),
        };
        let mut tx = self.app.store.begin().await.unwrap();
        resources::insert(&mut tx, &resource).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The usual confidential client: code flow, refresh, consent skipped, `client_secret_basic`.
    pub async fn client(&self) -> RelyingParty {
        self.client_with(|_| {}).await
    }

    /// A client that differs.
    pub async fn client_with(&self, change: impl FnOnce(&mut clients::Client)) -> RelyingParty {
        let now = self.app.clock.now();
        let mut row = clients::Client {
            id: secret::uuid_v7(now),
            name: "Harbour Dashboard".to_owned(),
            profile: "oauth21".to_owned(),
            auth_method: "client_secret_basic".to_owned(),
            redirect_uris: Json(vec!["https://rp.test/cb".to_owned()]),
            post_logout_redirect_uris: Json(vec!["https://rp.test/bye".to_owned()]),
            origins: Json(vec![]),
            grants: Json(vec!["authorization_code".to_owned(), "refresh_token".to_owned()]),
            scopes: "openid profile email groups offline_access".to_owned(),
            resources: Json(vec![]),
            consent: "skip".to_owned(),
            retry_window_seconds: None,
            outlives_session: false,
            id_token_claims: false,
            pkce_optional: false,
            policy_uri: None,
            tos_uri: None,
            metadata: Json::default(),
            version: 1,
            disabled_at: None,
            deleted_at: None,
            revoked_seq: 0,
            created_at: now,
            updated_at: now,
            source: "admin".to_owned(),
            document: None,
            document_until: None,
            last_used_at: None,
        };
        change(&mut row);
        let secret = row.auth_method.starts_with("client_secret").then(Opaque::<ClientSecret>::generate);
        let mut tx = self.app.store.begin().await.unwrap();
        clients::insert(&mut tx, &row).await.unwrap();
        if let Some(secret) = &secret {
            let kept = clients::ClientSecret {
                id: secret::uuid_v7(now),
                client_id: row.id,
                digest: secret.digest().as_bytes().to_vec(),
                created_at: now,
                expires_at: None,
            };
            clients::add_secret(&mut tx, &kept).await.unwrap();
        }
        tx.commit().await.unwrap();
        let redirect = row.redirect_uris.0.first().cloned().unwrap_or_default();
        let scope = row.scopes.clone();
        RelyingParty {
            id: row.id,
            secret: secret.map(|secret| secret.expose()),
            method: row.auth_method,
            redirect,
            scope,
            at: self.at.clone(),
            http: http(),
        }
    }

    /// A client for devices: public, with refresh tokens and without a redirect URI.
    pub async fn device_client(&self) -> RelyingParty {
        self.client_with(|row| {
            row.name = "Harbour TV".to_owned();
            row.auth_method = "none".to_owned();
            row.redirect_uris = Json(vec![]);
            row.grants =
                Json(vec!["urn:ietf:params:oauth:grant-type:device_code".to_owned(), "refresh_token".to_owned()]);
        })
        .await
    }

    /// A service client with these scopes.
    pub async fn service(&self, scopes: &str, resources: &[&str]) -> RelyingParty {
        self.client_with(|row| {
            row.grants = Json(vec!["client_credentials".to_owned()]);
            row.redirect_uris = Json(vec![]);
            row.scopes = scopes.to_owned();
            row.resources = Json(resources.iter().map(|uri| (*uri).to_owned()).collect());
        })
        .await
    }
}

/// A client of the issuer.
#[derive(Debug, Clone)]
pub struct RelyingParty {
    pub id: Uuid,
    pub secret: Option<String>,
    pub method: String,
    pub redirect: String,
    pub scope: String,
    /// The node it talks to.
    pub at: String,
    pub http: reqwest::Client,
}

/// What came back, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub text: String,
    pub json: Value,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, text, json }
    }

    /// A member of the JSON, as text.
    #[track_caller]
    pub fn str(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_else(|| panic!("no {name} in {} {}", self.status, self.text))
    }

    #[track_caller]
    pub fn is(&self, status: u16, error: &str) {
        assert_eq!((self.status.as_u16(), self.json["error"].as_str().unwrap_or("")), (status, error), "{}", self.text);
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.text);
        self
    }
}

/// What a flow keeps between its two halves.
#[derive(Debug, Clone)]
pub struct Flow {
    pub verifier: String,
    pub state: String,
    pub url: String,
}

impl RelyingParty {
    /// The same client, talking to another node.
    pub fn through(&self, issuer: &Issuer) -> Self {
        Self { at: issuer.at.clone(), ..self.clone() }
    }

    /// A new flow: the address to send the browser to.
    pub fn flow(&self, more: &[(&str, &str)]) -> Flow {
        let verifier = URL_SAFE_NO_PAD.encode(secret::bytes::<32>());
        let state = URL_SAFE_NO_PAD.encode(secret::bytes::<16>());
        let challenge = URL_SAFE_NO_PAD.encode(secret::sha256(&[verifier.as_bytes()]));
        let id = self.id.to_string();
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", &id),
            ("redirect_uri", &self.redirect),
            ("scope", &self.scope),
            ("state", &state),
            ("nonce", "n-0S6_WzA2Mj"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in more {
            pairs.retain(|(known, _)| known != name);
            if !value.is_empty() {
                pairs.push((name, value));
            }
        }
        let url = format!("{}/oauth2/authorize?{}", self.at, chancery::http::params::encode(pairs));
        Flow { verifier, state, url }
    }

    /// A post with the client's own authentication.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let id = self.id.to_string();
        let mut form: Vec<(&str, &str)> = form.to_vec();
        let mut request = self.http.post(format!("{}{path}", self.at));
        match (self.method.as_str(), &self.secret) {
            ("client_secret_basic", Some(secret)) => request = request.basic_auth(&id, Some(secret)),
            ("client_secret_post", Some(secret)) => {
                form.extend([("client_id", id.as_str()), ("client_secret", secret.as_str())])
            }
            _ => form.push(("client_id", &id)),
        }
        Answer::of(request.form(&form).send().await.unwrap()).await
    }

    pub async fn token(&self, form: &[(&str, &str)]) -> Answer {
        self.post("/oauth2/token", form).await
    }

    pub async fn redeem(&self, flow: &Flow, code: &str) -> Answer {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect),
            ("code_verifier", &flow.verifier),
        ])
        .await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Asks for a device code.
    pub async fn device(&self, form: &[(&str, &str)]) -> Answer {
        self.post("/oauth2/device", form).await
    }

    /// Presents a device code.
    pub async fn poll(&self, device_code: &str) -> Answer {
        self.token(&[("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", device_code)])
            .await
    }

    pub async fn introspect(&self, token: &str) -> Answer {
        self.post("/oauth2/introspect", &[("token", token)]).await
    }

    pub async fn revoke(&self, token: &str) -> Answer {
        self.post("/oauth2/revoke", &[("token", token)]).await
    }

    pub async fn userinfo(&self, token: &str) -> Answer {
        Answer::of(self.http.get(format!("{}/oauth2/userinfo", self.at)).bearer_auth(token).send().await.unwrap()).await
    }

    /// A token for itself.
    pub async fn own_token(&self, scope: &str) -> String {
        self.token(&[("grant_type", "client_credentials"), ("scope", scope)]).await.ok().str("access_token").to_owned()
    }

    /// From the sign-in to the first tokens.
    pub async fn tokens(&self, browser: &mut Browser, user: &str) -> Answer {
        let flow = self.flow(&[]);
        let code = browser.code(&flow, user).await;
        self.redeem(&flow, &code).await.ok()
    }
}
