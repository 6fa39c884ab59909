//! What a token is asked: at a node's introspection and userinfo, and at a gateway that reads the feed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery::demo::gateway::coverage::{Entry, Presented};
use serde_json::Value;

use super::world::World;
use crate::kit::actors::{Answer, RelyingParty, claims, http};
use crate::kit::issuer::Issuer;

/// A gateway beside a node.
pub struct Gateway<'a> {
    node: &'a Issuer,
    rp: RelyingParty,
    token: String,
}

const SCOPE: &str = "chancery:feed";

impl<'a> Gateway<'a> {
    pub async fn beside(node: &'a Issuer) -> Self {
        let rp = node.service(SCOPE, &[]).await;
        let token = rp.own_token(SCOPE).await;
        Self { node, rp, token }
    }

    /// The feed, as asked for; its own token is renewed when that was ended too.
    pub async fn ask(&mut self, query: &str) -> Answer {
        let url = self.node.url(&format!("/gateway/revocations{query}"));
        let answer = Answer::of(http().get(&url).bearer_auth(&self.token).send().await.unwrap()).await;
        if answer.status != 401 {
            return answer;
        }
        self.token = self.rp.own_token(SCOPE).await;
        Answer::of(http().get(&url).bearer_auth(&self.token).send().await.unwrap()).await
    }

    /// Everything that stands; none while its own token is being replaced.
    pub async fn entries(&mut self) -> Option<Vec<Entry>> {
        let answer = self.ask("").await;
        (answer.status == 200).then(|| serde_json::from_value(answer.json["entries"].clone()).unwrap())
    }
}

/// The key that signed a token.
pub fn kid(jwt: &str) -> String {
    let head = URL_SAFE_NO_PAD.decode(jwt.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&head).unwrap()["kid"].as_str().unwrap().to_owned()
}

/// A token, as a gateway reads it.
pub fn bearing(jwt: &str) -> Presented {
    let carried = claims(jwt);
    let text = |name: &str| carried[name].as_str().map(str::to_owned);
    let audiences = match &carried["aud"] {
        Value::Array(many) => many.iter().map(|aud| aud.as_str().unwrap().to_owned()).collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    };
    Presented {
        jti: text("jti").unwrap(),
        kid: kid(jwt),
        family: text("family_id"),
        session: text("sid"),
        user: text("sub").unwrap(),
        client: text("client_id").unwrap(),
        audiences,
        rev_seq: carried["rev_seq"].as_u64().unwrap(),
    }
}

/// Whether introspection at a node, asked by the resource server, calls a token active.
pub async fn active(node: &Issuer, world: &World, token: &str) -> bool {
    let answer = world.guard.through(node).introspect(token).await.ok();
    if answer.json["active"] == false {
        assert_eq!(answer.text, r#"{"active":false}"#);
    }
    answer.json["active"] == true
}

/// Whether userinfo at a node answers.
pub async fn told(node: &Issuer, world: &World, token: &str) -> bool {
    let answer = world.dash.through(node).userinfo(token).await;
    assert!(matches!(answer.status.as_u16(), 200 | 401), "{} {}", answer.status, answer.text);
    answer.status == 200
}

/// Whether a refresh token is refused, at introspection and at the token endpoint; nothing else may be wrong with it.
pub async fn refused(node: &Issuer, rp: &RelyingParty, refresh: &str) -> bool {
    let rp = rp.through(node);
    let told = rp.introspect(refresh).await;
    let answer = rp.refresh(refresh).await;
    let error = answer.json["error"].as_str().unwrap_or_default();
    let refused =
        (answer.status == 400 && error == "invalid_grant") || (answer.status == 401 && error == "invalid_client");
    assert!(refused || answer.status == 200 || error == "invalid_target", "{} {}", answer.status, answer.text);
    assert_eq!(refused, told.json["active"] != true, "introspection and refresh agree: {}", told.text);
    refused
}
