//! Judging an access token by asking the issuer: RFC 7662.
//!
//! Refuses what is not active, meant for another resource, expired by now, or bound to a key; an issuer that does not
//! answer as it should makes 503, never a yes.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION};
use serde_json::{Map, Value};

use super::super::jwt::{names_audience, text, time};
use super::super::web::{self, Trouble};
use super::Gateway;
use super::answer::Refused;
use super::api::Allowed;
use super::offline::has_scope;

const LIMIT: Duration = Duration::from_secs(5);

impl Gateway {
    /// Judges by what the issuer says of the token now.
    pub async fn judge_by_introspection(&self, token: &str) -> Result<Allowed, Refused> {
        let refused = |why: &str| Refused::Token(why.to_owned());
        let said = self.introspect(token).await.map_err(|trouble| {
            self.feed.note(format!("introspection: {trouble}"));
            Refused::Unsure("the issuer gave no usable answer".into())
        })?;
        if said.get("active") != Some(&Value::Bool(true)) {
            return Err(refused("the issuer says it is not active"));
        }
        // A refresh token can be active too; it is no pass for an API.
        if !text(&said, "token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"))
            || said.contains_key("cnf")
        {
            return Err(refused("it is not a plain bearer access token"));
        }
        if text(&said, "iss").is_some_and(|iss| iss != self.config.issuer) {
            return Err(refused("it is another issuer's"));
        }
        if !names_audience(&said, &self.config.resource) {
            return Err(refused("it is meant for another resource"));
        }
        if time(&said, "exp").is_none_or(|exp| exp <= self.clock.now().timestamp()) {
            return Err(refused("it has expired"));
        }
        if !has_scope(&said) {
            return Err(Refused::Scope);
        }
        let owned = |name| text(&said, name).unwrap_or("unknown").to_owned();
        Ok(Allowed {
            sub: owned("sub"),
            client_id: owned("client_id"),
            how: "by introspection: the issuer was asked".into(),
        })
    }

    async fn introspect(&self, token: &str) -> Result<Map<String, Value>, Trouble> {
        let endpoint = &self.issuer.metadata().await?.introspection_endpoint;
        let credentials = web::basic(&self.config.client_id, &self.config.client_secret);
        let request =
            self.issuer.http.post(endpoint).header(AUTHORIZATION, credentials).header(ACCEPT, "application/json");
        let form = [("token", token), ("token_type_hint", "access_token")];
        web::call(request.form(&form), LIMIT).await?.expect()
    }
}
