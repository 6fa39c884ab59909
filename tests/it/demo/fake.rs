//! An issuer of the tests' own: as much of the protocol as the samples use, and a string to pull for each lie.

mod resource;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chancery::clock::Clock;
use chancery::secret::{bytes, sha256};
use josekit::jwk::alg::ec::EcKeyPair;
use josekit::jws::{ES256, JwsHeader};
use josekit::jwt::{JwtPayload, encode_with_signer};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use self::resource::{introspect, revocations};

/// A lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lie {
    #[default]
    None,
    WrongState,
    NoState,
    TwoStates,
    WrongIss,
    NoIss,
    WrongNonce,
    NoNonce,
    WrongIdIssuer,
    WrongIdAudience,
    SecondIdAudience,
    ExpiredIdToken,
    ForeignKey,
    UnsignedIdToken,
    AccessTokenType,
    WrongAtHash,
    OtherUserinfo,
    OtherName,
    SubChangesOnRefresh,
}

#[derive(Default)]
pub struct Strings {
    pub lie: Lie,
    /// The feed: `None` answers 410 to a position, an empty log to a snapshot.
    pub log: Vec<Value>,
    /// What `as_of` says besides the log's length.
    pub base: u64,
    pub void: bool,
    pub streams: bool,
    pub feed_down: bool,
    pub current: u64,
    pub dead: bool,
    pub introspects: bool,
    pub feed_requests: Vec<String>,
    codes: HashMap<String, HashMap<String, String>>,
    spent: bool,
}

pub struct Fake {
    pub issuer: String,
    inner: Arc<Inner>,
}

struct Inner {
    issuer: String,
    resource: String,
    redirect_uri: String,
    key: EcKeyPair,
    foreign: EcKeyPair,
    clock: Clock,
    strings: Mutex<Strings>,
}

type Shared = Arc<Inner>;

impl Fake {
    pub async fn serve(resource: &str, redirect_uri: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let mut key = ES256.generate_key_pair().unwrap();
        key.set_key_id(Some("key-1"));
        let inner = Arc::new(Inner {
            issuer: issuer.clone(),
            resource: resource.into(),
            redirect_uri: redirect_uri.into(),
            key,
            foreign: ES256.generate_key_pair().unwrap(),
            clock: Clock::system(),
            strings: Mutex::new(Strings { streams: true, introspects: true, ..Strings::default() }),
        });
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/jwks", get(jwks))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .route("/revoke", post(revoke))
            .route("/introspect", post(introspect))
            .route("/gateway/revocations", get(revocations))
            .with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { issuer, inner }
    }

    pub fn strings(&self) -> MutexGuard<'_, Strings> {
        self.inner.strings.lock().unwrap()
    }

    pub fn lie(&self, lie: Lie) {
        self.strings().lie = lie;
    }

    /// Writes an entry of the log.
    pub fn revoke(&self, kind: &str, value: &str) -> u64 {
        self.inner.write(kind, value)
    }

    /// An access token, changed by `change`.
    pub fn access_token(&self, change: impl FnOnce(&mut Map<String, Value>)) -> String {
        let mut claims = self.inner.access_claims("user-1");
        change(&mut claims);
        self.inner.sign(&self.inner.key, "at+jwt", claims)
    }

    /// A token of this type with these claims, by the issuer's key or by a foreign one.
    pub fn token(&self, typ: &str, claims: &Value, ours: bool) -> String {
        let key = if ours { &self.inner.key } else { &self.inner.foreign };
        self.inner.sign(key, typ, claims.as_object().unwrap().clone())
    }

    /// The same claims under a header of the caller's choice, signed by nobody.
    pub fn signed_as(&self, typ: &str) -> String {
        self.inner.sign(&self.inner.key, typ, self.inner.access_claims("user-1"))
    }

    /// A token signed by a key that calls itself ours.
    pub fn forged(&self) -> String {
        self.inner.sign(&self.inner.foreign, "at+jwt", self.inner.access_claims("user-1"))
    }
}

impl Inner {
    fn strings(&self) -> MutexGuard<'_, Strings> {
        self.strings.lock().unwrap()
    }

    fn write(&self, kind: &str, value: &str) -> u64 {
        let mut strings = self.strings();
        let (seq, at) = (strings.position() + 1, self.clock.now().timestamp());
        let entry =
            json!({ "seq": seq, "at": at, "kind": kind, "value": value, "reach": "lineage", "until": at + 900 });
        strings.log.push(entry);
        seq
    }

    fn sign(&self, key: &EcKeyPair, typ: &str, claims: Map<String, Value>) -> String {
        let mut header = JwsHeader::new();
        header.set_key_id("key-1");
        header.set_token_type(typ);
        let signer = ES256.signer_from_der(key.to_der_private_key()).unwrap();
        encode_with_signer(&JwtPayload::from_map(claims).unwrap(), &header, &signer).unwrap()
    }

    fn access_claims(&self, sub: &str) -> Map<String, Value> {
        let now = self.clock.now().timestamp();
        let jti = URL_SAFE_NO_PAD.encode(bytes::<12>());
        let claims = json!({
            "iss": self.issuer, "aud": self.resource, "sub": sub, "client_id": "dashboard", "iat": now, "exp": now + 600,
            "jti": jti, "scope": "openid shipments:read", "sid": "session-1", "family_id": "family-1",
            "rev_seq": self.strings().position(),
        });
        claims.as_object().unwrap().clone()
    }

    fn id_token(&self, nonce: Option<&str>, access_token: &str, refreshed: bool) -> String {
        let (lie, now) = (self.strings().lie, self.clock.now().timestamp());
        let mut claims = json!({
            "iss": self.issuer, "aud": "dashboard", "sub": "user-1", "sid": "session-1", "iat": now, "exp": now + 300, "auth_time": 1_000,
            "at_hash": URL_SAFE_NO_PAD.encode(&sha256(&[access_token.as_bytes()])[..16]),
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        match lie {
            Lie::WrongNonce => claims["nonce"] = json!("another"),
            Lie::NoNonce => drop(claims.as_object_mut().unwrap().remove("nonce")),
            Lie::WrongIdIssuer => claims["iss"] = json!("http://127.0.0.1:1"),
            Lie::WrongIdAudience => claims["aud"] = json!("another"),
            Lie::SecondIdAudience => claims["aud"] = json!(["dashboard", "another"]),
            Lie::ExpiredIdToken => claims["exp"] = json!(now - 1),
            Lie::WrongAtHash => claims["at_hash"] = json!("another"),
            Lie::SubChangesOnRefresh if refreshed => claims["sub"] = json!("user-2"),
            _ => {}
        }
        let claims = claims.as_object().unwrap().clone();
        match lie {
            Lie::ForeignKey => self.sign(&self.foreign, "JWT", claims),
            Lie::AccessTokenType => self.sign(&self.key, "at+jwt", claims),
            Lie::UnsignedIdToken => {
                let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
                format!("{}.{}.", part(json!({ "alg": "none", "kid": "key-1" })), part(Value::Object(claims)))
            }
            _ => self.sign(&self.key, "JWT", claims),
        }
    }

    fn answer(&self, nonce: Option<&str>, refreshed: bool) -> Value {
        let access_token = self.sign(&self.key, "at+jwt", self.access_claims("user-1"));
        let id_token = self.id_token(nonce, &access_token, refreshed);
        let refresh_token = format!("ch_rt_generation-{}", self.strings().current);
        json!({
            "access_token": access_token, "token_type": "Bearer", "expires_in": 600,
            "refresh_token": refresh_token, "id_token": id_token,
        })
    }

    fn end_family(&self) {
        if !std::mem::replace(&mut self.strings().dead, true) {
            self.write("family", "family-1");
        }
    }
}

impl Strings {
    pub fn position(&self) -> u64 {
        self.base + u64::try_from(self.log.len()).unwrap()
    }
}

async fn metadata(State(fake): State<Shared>) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", fake.issuer);
    let name = if fake.strings().lie == Lie::OtherName { "http://127.0.0.1:1".into() } else { fake.issuer.clone() };
    Json(json!({
        "issuer": name, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
        "jwks_uri": at("/jwks"), "userinfo_endpoint": at("/userinfo"), "revocation_endpoint": at("/revoke"),
        "introspection_endpoint": at("/introspect"), "end_session_endpoint": at("/logout"),
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn jwks(State(fake): State<Shared>) -> Json<Value> {
    Json(
        json!({ "keys": [fake.key.to_jwk_public_key(), { "kty": "OKP", "crv": "Ed25519", "kid": "other", "x": "AA" }] }),
    )
}

async fn authorize(State(fake): State<Shared>, Query(asked): Query<HashMap<String, String>>) -> Redirect {
    assert_eq!(asked["response_type"], "code");
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!((&asked["redirect_uri"], &asked["resource"]), (&fake.redirect_uri, &fake.resource));
    let code = URL_SAFE_NO_PAD.encode(bytes::<16>());
    let mut back = url::Url::parse(&fake.redirect_uri).unwrap();
    let lie = fake.strings().lie;
    let mut pairs = back.query_pairs_mut();
    pairs.append_pair("code", &code);
    match lie {
        Lie::WrongState => drop(pairs.append_pair("state", "another")),
        Lie::NoState => {}
        Lie::TwoStates => drop(pairs.append_pair("state", &asked["state"]).append_pair("state", &asked["state"])),
        _ => drop(pairs.append_pair("state", &asked["state"])),
    }
    match lie {
        Lie::WrongIss => drop(pairs.append_pair("iss", "http://127.0.0.1:1")),
        Lie::NoIss => {}
        _ => drop(pairs.append_pair("iss", &fake.issuer)),
    }
    drop(pairs);
    fake.strings().codes.insert(code, asked);
    Redirect::to(back.as_str())
}

/// The client that `client_secret_basic` names, its secret decoded as RFC 6749 §2.3.1 says.
fn client(headers: &HeaderMap) -> String {
    let given = headers[header::AUTHORIZATION].to_str().unwrap().strip_prefix("Basic ").unwrap();
    let given = String::from_utf8(STANDARD.decode(given).unwrap()).unwrap();
    let (id, secret) = given.split_once(':').unwrap();
    let secret = form_urlencoded::parse(format!("s={secret}").as_bytes()).next().unwrap().1.into_owned();
    assert_eq!(secret, if id == "dashboard" { "a secret: with %signs&" } else { "another" });
    id.to_owned()
}

fn form(body: &str) -> HashMap<String, String> {
    form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

fn invalid_grant() -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response()
}

async fn token(State(fake): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let (client, form) = (client(&headers), form(&body));
    match form["grant_type"].as_str() {
        "client_credentials" => {
            assert_eq!((client.as_str(), form["scope"].as_str()), ("gateway", "chancery:feed"));
            Json(json!({ "access_token": "feed-token", "token_type": "Bearer", "expires_in": 600 })).into_response()
        }
        "authorization_code" => {
            let Some(asked) = fake.strings().codes.remove(&form["code"]) else { return invalid_grant() };
            let challenge = URL_SAFE_NO_PAD.encode(sha256(&[form["code_verifier"].as_bytes()]));
            if challenge != asked["code_challenge"] || form["redirect_uri"] != asked["redirect_uri"] {
                return invalid_grant();
            }
            fake.strings().spent = true;
            Json(fake.answer(Some(&asked["nonce"]), false)).into_response()
        }
        _ => refresh(&fake, &form["refresh_token"]),
    }
}

fn refresh(fake: &Inner, presented: &str) -> Response {
    let generation: u64 = presented.strip_prefix("ch_rt_generation-").unwrap().parse().unwrap();
    let (current, dead) = {
        let strings = fake.strings();
        (strings.current, strings.dead)
    };
    if dead || generation + 1 < current {
        fake.end_family();
        return invalid_grant();
    }
    if generation == current {
        fake.strings().current += 1;
    }
    Json(fake.answer(None, true)).into_response()
}

async fn userinfo(State(fake): State<Shared>) -> Json<Value> {
    let sub = if fake.strings().lie == Lie::OtherUserinfo { "user-2" } else { "user-1" };
    Json(json!({ "sub": sub, "name": "Ada <Lovelace>", "email": "ada@example.test" }))
}

async fn revoke(State(fake): State<Shared>, headers: HeaderMap, body: String) -> StatusCode {
    assert_eq!(client(&headers), "dashboard");
    assert!(form(&body)["token"].starts_with("ch_rt_"));
    fake.end_family();
    StatusCode::OK
}
