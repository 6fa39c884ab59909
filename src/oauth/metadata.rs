//! Metadata, at both paths (RFC 8414; OpenID Connect Discovery 1.0), and the JWKS: bytes made once per change.
//!
//! Everything in it is derived from the registry and the settings: what is advertised is what is there.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::scope::STANDARD;
use super::{device, registry};
use crate::app::App;
use crate::config::{Config, RegistrationMode};
use crate::http::etag;
use crate::http::locale::Lang;
use crate::keyring::Alg;
use crate::oidc::{claims, id_token};
use crate::secret;
use crate::session;

/// How caches may keep them: gateways look again within five minutes, and a slow answer of ours is bridged for a day.
const CACHE: &str = "public, max-age=300, stale-while-revalidate=86400";

/// The metadata of one issuer, made once.
#[derive(Debug, Clone)]
pub struct Metadata {
    bytes: Bytes,
    etag: String,
}

impl Metadata {
    /// Writes it down.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let bytes = Bytes::from(serde_json::to_vec(&document(config)).unwrap_or_default());
        let etag = secret::sha256(&[&bytes]).iter().take(12).map(|byte| format!("{byte:02x}")).collect::<String>();
        Self { bytes, etag: format!("\"{etag}\"") }
    }
}

fn document(config: &Config) -> Value {
    let at = |path: &str| config.issuer.endpoint(path);
    let told: Vec<&&str> =
        id_token::CLAIMS.iter().chain(claims::BY_SCOPE.iter().flat_map(|(_, names)| *names)).collect();
    let algs = |algs: &[Alg]| algs.iter().map(|alg| alg.name()).collect::<Vec<_>>();
    let methods = registry::method_names(|_| true);
    let signed = registry::signed_with(|_| true);
    let mut document = json!({
        "issuer": config.issuer.as_str(),
        "authorization_endpoint": at("/oauth2/authorize"),
        "token_endpoint": at("/oauth2/token"),
        "userinfo_endpoint": at("/oauth2/userinfo"),
        "jwks_uri": at("/.well-known/jwks.json"),
        "introspection_endpoint": at("/oauth2/introspect"),
        "revocation_endpoint": at("/oauth2/revoke"),
        "end_session_endpoint": at("/oauth2/logout"),
        "device_authorization_endpoint": at(device::PATH),
        "scopes_supported": STANDARD,
        "response_types_supported": registry::RESPONSE_TYPES,
        "response_modes_supported": registry::RESPONSE_MODES.iter().map(|mode| mode.name).collect::<Vec<_>>(),
        "grant_types_supported": registry::grant_names(|_| true),
        "token_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": registry::method_names(|method| !method.public),
        "revocation_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": signed,
        "introspection_endpoint_auth_signing_alg_values_supported": signed,
        "revocation_endpoint_auth_signing_alg_values_supported": signed,
        "code_challenge_methods_supported": registry::CHALLENGE_METHODS,
        "prompt_values_supported": registry::PROMPTS.iter().map(|word| word.name).collect::<Vec<_>>(),
        "subject_types_supported": registry::SUBJECT_TYPES,
        "id_token_signing_alg_values_supported": algs(registry::ID_TOKEN_ALGS),
        "userinfo_signing_alg_values_supported": algs(registry::USERINFO_ALGS),
        "claims_supported": told,
        "claim_types_supported": ["normal"],
        "ui_locales_supported": Lang::ALL.map(Lang::tag),
        "authorization_response_iss_parameter_supported": true,
        "claims_parameter_supported": true,
        "acr_values_supported": session::ACRS,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    });
    if let Value::Object(members) = &mut document {
        for name in registry::LOGOUT_CHANNELS.iter().map(|channel| channel.name) {
            members.insert(format!("{name}_logout_supported"), json!(true));
            // The session is named wherever a client asks for it.
            members.insert(format!("{name}_logout_session_supported"), json!(true));
        }
        if config.registration.mode != RegistrationMode::Off {
            members.insert("registration_endpoint".to_owned(), at("/oauth2/register").into());
        }
        if config.registration.documents {
            members.insert("client_id_metadata_document_supported".to_owned(), true.into());
        }
    }
    document
}

/// `GET /.well-known/openid-configuration` and `GET /.well-known/oauth-authorization-server`
pub async fn metadata(axum::Extension(metadata): axum::Extension<Metadata>, headers: HeaderMap) -> Response {
    cached(metadata.bytes, &metadata.etag, &headers)
}

/// `GET /.well-known/jwks.json`
pub async fn jwks(State(app): State<App>, headers: HeaderMap) -> Response {
    let published = app.keyring.jwks();
    cached(published.bytes.clone(), &published.etag, &headers)
}

fn cached(bytes: Bytes, tag: &str, headers: &HeaderMap) -> Response {
    let fresh = etag::is_known(headers, tag);
    let mut response = Response::new(if fresh { Body::empty() } else { Body::from(bytes) });
    if fresh {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}
