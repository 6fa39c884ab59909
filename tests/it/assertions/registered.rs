//! Registering clients with keys, by the command: what is refused, that no secret is made, and that what was one is none any more.

use std::path::PathBuf;

use chancery::change::By;
use chancery::event::{Actor, Caller};
use chancery::oauth::manage::{self, Draft};
use chancery::store::clients;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::ask;
use crate::kit::actors::RelyingParty;
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;
use crate::kit::signer::{Signer, good_claims};

on_both!(a_client_with_keys_is_registered, what_proves_nothing_is_refused, from_a_secret_to_a_key);

struct Files(TempDir);

impl Files {
    fn file(&self, name: &str, json: &Value) -> String {
        let path: PathBuf = self.0.path().join(name);
        std::fs::write(&path, json.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

const SERVICE: [&str; 8] =
    ["client", "create", "--name", "Nightly Job", "--grant", "client_credentials", "--scope", "chancery:feed"];

fn party(issuer: &Issuer, made: &Value) -> RelyingParty {
    RelyingParty {
        id: made["client_id"].as_str().unwrap().parse().unwrap(),
        secret: None,
        method: "private_key_jwt".to_owned(),
        redirect: String::new(),
        scope: "chancery:feed".to_owned(),
        at: issuer.at.clone(),
        http: crate::kit::actors::http(),
    }
}

fn proof(issuer: &Issuer, rp: &RelyingParty, key: &Signer) -> String {
    key.sign(&good_claims(&issuer.name, rp.id, issuer.app.clock.now()))
}

async fn a_client_with_keys_is_registered(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let (operator, files) = (Operator::of(&issuer), Files(TempDir::new().unwrap()));
    let key = Signer::new("ES256", "k");
    let file = files.file("keys.json", &key.set());
    let by_key = ["--auth-method", "private_key_jwt", "--jwks", &file];
    let made = operator.json(&[&SERVICE[..], &by_key].concat());
    assert_eq!(made.as_object().unwrap().keys().collect::<Vec<_>>(), ["client_id"], "no secret");
    let rp = party(&issuer, &made);
    let id = rp.id.to_string();
    ask(&rp, &proof(&issuer, &rp, &key)).await.ok();
    let told = operator.run(&["client", "rotate-secret", &id]);
    told.refused("a client that authenticates by private_key_jwt has no secret");
    // Another set replaces the first; an address replaces both.
    let next = Signer::new("EdDSA", "next");
    let file = files.file("next.json", &next.set());
    operator.json(&["client", "update", &id, "--jwks", &file]);
    ask(&rp, &proof(&issuer, &rp, &next)).await.ok();
    ask(&rp, &proof(&issuer, &rp, &key)).await.is(401, "invalid_client");
    operator.json(&["client", "update", &id, "--jwks-uri", "https://rp.test/jwks.json"]);
    let row = clients::get(&issuer.app.store, rp.id).await.unwrap().unwrap();
    assert_eq!(row.metadata.0.jwks_uri.as_deref(), Some("https://rp.test/jwks.json"));
    assert!(row.metadata.0.jwks.is_none());
    issuer.stop().await;
}

async fn what_proves_nothing_is_refused(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let (operator, files) = (Operator::of(&issuer), Files(TempDir::new().unwrap()));
    let key = Signer::new("ES256", "k");
    let many: Vec<Value> = (0..65).map(|_| json!({"kty": "OKP", "crv": "Ed25519", "x": key.jwk()["x"]})).collect();
    for (set, why) in [
        (json!({"keys": [key.jwk_with(json!({"d": "AQAB"}))]}), "shows a private or symmetric key"),
        (json!({"keys": [key.jwk(), {"kty": "oct", "k": "c2VjcmV0"}]}), "shows a private or symmetric key"),
        (
            json!({"keys": [key.jwk_with(json!({"use": "enc"}))]}),
            "holds no key for signatures by ES256, RS256, PS256, EdDSA",
        ),
        (json!({"keys": []}), "holds no key for signatures"),
        (json!({"keys": many}), "holds more than 64 keys"),
        (json!([key.jwk()]), "is no JWK set"),
        (key.jwk(), "is no JWK set"),
    ] {
        let file = files.file("bad.json", &set);
        let told = operator.run(&[&SERVICE[..], &["--auth-method", "private_key_jwt", "--jwks", &file]].concat());
        told.refused(why);
    }
    let bare = operator.run(&[&SERVICE[..], &["--auth-method", "private_key_jwt"]].concat());
    bare.refused("private_key_jwt needs the client's public keys: jwks or jwks_uri");
    let there = |operator: &Operator, uri: &str| {
        operator.run(&[&SERVICE[..], &["--auth-method", "private_key_jwt", "--jwks-uri", uri]].concat())
    };
    for (uri, why) in [
        ("http://rp.test/jwks", "--jwks-uri: the URL is not https"),
        ("ftp://rp.test/jwks", "--jwks-uri: the URL is not https"),
        ("https://", "--jwks-uri: the URL names no host"),
        ("jwks.json", "--jwks-uri: the URL is not absolute"),
        ("https://rp.test/a b", "--jwks-uri: the URL holds blanks"),
        ("http://127.0.0.1:7700/jwks", "--jwks-uri: the URL is not https"),
        (
            "https://10.0.0.1/jwks",
            "10.0.0.1 is a private network, where this server doesn't connect (setting fetch.allow)",
        ),
    ] {
        there(&operator, uri).refused(why);
    }
    let operator = operator.and("CHANCERY_FETCH__ALLOW", "10.0.0.0/16").and("CHANCERY_FETCH__ALLOW_HTTP", "on");
    for uri in ["https://10.0.0.1/jwks", "http://127.0.0.1:7700/jwks", "https://rp.test/jwks"] {
        assert_eq!(there(&operator, uri).code, 0, "{uri}");
    }
    // Behind the command stands the rule of every registration.
    let caller = Caller::default();
    let by = By { actor: Actor::Operator, caller: &caller, at: issuer.app.clock.now() };
    for uri in ["http://rp.test/jwks", "https://", "jwks.json", "https://rp.test/a b"] {
        let mut draft = Draft { name: "N".to_owned(), auth_method: "private_key_jwt".to_owned(), ..Draft::default() };
        draft.metadata.jwks_uri = Some(uri.to_owned());
        let refused = manage::create(&issuer.app.store, &by, &draft).await.map(drop).unwrap_err().to_string();
        assert!(refused.contains("is not the https address of a document"), "{uri}: {refused}");
    }
    issuer.stop().await;
}

async fn from_a_secret_to_a_key(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let (operator, files) = (Operator::of(&issuer), Files(TempDir::new().unwrap()));
    let made = operator.json(&SERVICE);
    let (rp, key) = (party(&issuer, &made), Signer::new("PS256", "k"));
    let id = rp.id.to_string();
    let secret = made["client_secret"].as_str().unwrap().to_owned();
    let by_secret = RelyingParty { method: "client_secret_basic".to_owned(), secret: Some(secret), ..rp.clone() };
    by_secret.own_token("chancery:feed").await;
    let file = files.file("keys.json", &key.set());
    operator.json(&["client", "update", &id, "--auth-method", "private_key_jwt", "--jwks", &file]);
    let form = [("grant_type", "client_credentials"), ("scope", "chancery:feed")];
    by_secret.token(&form).await.is(401, "invalid_client");
    ask(&rp, &proof(&issuer, &rp, &key)).await.ok();
    // Back again it has no secret until it is given one: the old one is gone.
    operator.json(&["client", "update", &id, "--auth-method", "client_secret_basic"]);
    by_secret.token(&form).await.is(401, "invalid_client");
    ask(&rp, &proof(&issuer, &rp, &key)).await.is(401, "invalid_client");
    let given = operator.json(&["client", "rotate-secret", &id]);
    let secret = given["client_secret"].as_str().map(str::to_owned);
    RelyingParty { secret, ..by_secret }.own_token("chancery:feed").await;
    issuer.stop().await;
}
