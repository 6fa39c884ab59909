//! Judging an access token without asking anyone: RFC 9068 §4, then the revocation feed.
//!
//! Refuses another type than `at+jwt`, another issuer or audience, an expired token, one bound to a key (RFC 9449, RFC
//! 8705: this API takes plain bearer tokens, and a bound one shown without its proof is stolen), and one the feed covers.

use serde_json::{Map, Value};

use super::super::issuer::Unopened;
use super::super::jwt::{Opened, audiences, names_audience, text, time};
use super::answer::Refused;
use super::api::Allowed;
use super::coverage::Presented;
use super::feed::Judgement;
use super::{Gateway, SCOPE};

impl Gateway {
    /// Judges by signature, claims and feed.
    pub async fn judge_offline(&self, token: &str) -> Result<Allowed, Refused> {
        let opened = self.issuer.open(token).await.map_err(|why| match why {
            Unopened::Token(refusal) => Refused::Token(refusal.to_string()),
            Unopened::Keys(_) => Refused::Unsure("the issuer's keys can't be had".into()),
        })?;
        let now = self.now();
        self.check(&opened, now.unix)?;
        let presented = presented(&opened).ok_or_else(|| refused("it lacks a claim this gateway needs"))?;
        let as_of = match self.feed.judge(&presented, now) {
            Judgement::Clear { as_of } => as_of,
            Judgement::Revoked { kind, seq } => {
                return Err(Refused::Token(format!("revoked: entry {seq}, kind {kind:?}").to_lowercase()));
            }
            Judgement::Silent => return Err(Refused::Unsure("the revocation feed is not fresh".into())),
        };
        if !has_scope(&opened.claims) {
            return Err(Refused::Scope);
        }
        let how = format!("by signature and revocation feed, position {as_of}; the issuer was not asked");
        Ok(Allowed { sub: presented.user, client_id: presented.client, how })
    }

    fn check(&self, opened: &Opened, now: i64) -> Result<(), Refused> {
        let claims = &opened.claims;
        if opened.typ.as_deref() != Some("at+jwt") {
            return Err(refused("it is not an access token"));
        }
        if text(claims, "iss") != Some(&self.config.issuer) {
            return Err(refused("it is another issuer's"));
        }
        if !names_audience(claims, &self.config.resource) {
            return Err(refused("it is meant for another resource"));
        }
        if time(claims, "exp").is_none_or(|exp| exp <= now) {
            return Err(refused("it has expired"));
        }
        if claims.contains_key("cnf") {
            return Err(refused("it is bound to a key, and no proof came"));
        }
        Ok(())
    }
}

fn refused(why: &str) -> Refused {
    Refused::Token(why.to_owned())
}

/// What the feed may name. `rev_seq` is never absent from a good token: without it, before and after can't be told.
fn presented(opened: &Opened) -> Option<Presented> {
    let claims = &opened.claims;
    let owned = |name| text(claims, name).map(str::to_owned);
    Some(Presented {
        jti: owned("jti")?,
        kid: opened.kid.clone(),
        family: owned("family_id"),
        session: owned("sid"),
        user: owned("sub")?,
        client: owned("client_id")?,
        audiences: audiences(claims).into_iter().map(str::to_owned).collect(),
        rev_seq: claims.get("rev_seq")?.as_u64()?,
    })
}

/// Whether the token's `scope` names ours, as a whole word.
pub(super) fn has_scope(claims: &Map<String, Value>) -> bool {
    text(claims, "scope").is_some_and(|scope| scope.split(' ').any(|one| one == SCOPE))
}
