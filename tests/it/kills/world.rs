//! One thing to end, and a neighbour of it along every line of its lineage.

use chancery::store::client_metadata::SubjectType;
use chancery::store::users::User;
use sqlx::types::Json;

use super::browsing::{Page, afresh};
use crate::device::desk::{GRANT as DEVICE, allows, asks_for};
use crate::kit::actors::{Answer, Browser, Flow, PASSWORD, RelyingParty};
use crate::kit::issuer::Issuer;

/// What its owner may call it. `this` is what is ended; each other differs from it in what it is named after.
pub type Name = &'static str;

/// An authorization: its newest tokens.
pub struct Line {
    pub name: Name,
    /// The client it is of: the dashboard, or the other one.
    pub of_dash: bool,
    pub access: String,
    pub refresh: String,
}

pub struct World {
    pub alice: User,
    pub alices_password: String,
    pub dash: RelyingParty,
    pub other: RelyingParty,
    /// The server of both resources.
    pub guard: RelyingParty,
    /// The resource `this` and `both` are for; everything else is for another one.
    pub first: String,
    /// Alice's browser with `this`, `family` and `client`; her other one with `session`; Bob's with `user` and `both`.
    pub here: Browser,
    pub there: Browser,
    pub lines: Vec<Line>,
    /// The access token of `this` before its last refresh.
    pub earlier: String,
    /// The dashboard's own access token.
    pub own: String,
    /// The refresh tokens of `this` that were rotated, oldest first.
    pub rotated: Vec<String>,
    /// The code `this` came of.
    pub spent: (Flow, String),
}

impl World {
    /// Builds one on an issuer, under names of its own.
    pub async fn build(issuer: &Issuer, tag: &str) -> Self {
        let (first, second) = (format!("https://one.{tag}.test"), format!("https://two.{tag}.test"));
        for uri in [&first, &second] {
            issuer.resource(uri, &["read"]).await;
        }
        let resources = Json(vec![first.clone(), second.clone()]);
        let asking = |row: &mut chancery::store::clients::Client| {
            row.resources = resources.clone();
            row.grants.0.extend(["client_credentials".to_owned(), DEVICE.to_owned()]);
            row.scopes.push_str(" read");
            row.consent = "ask".to_owned();
            // Whatever is presented twice is a copy.
            row.retry_window_seconds = Some(0);
        };
        // Every other world's dashboard knows its users by names of its own: what ends must name those, too.
        let pairwise = tag.ends_with(['0', '2', '4', '6', '8']);
        let named = |row: &mut chancery::store::clients::Client| {
            asking(row);
            row.metadata.subject_type = if pairwise { SubjectType::Pairwise } else { SubjectType::Public };
        };
        let (dash, other) = (issuer.client_with(named).await, issuer.client_with(asking).await);
        let guard = issuer.service("read", &[&first, &second]).await;
        let (alice, bob) = (issuer.user(&format!("alice-{tag}")).await, issuer.user(&format!("bob-{tag}")).await);

        // Alice's, her other one, and Bob's.
        let mut browsers = [Browser::new(issuer), Browser::new(issuer), Browser::new(issuer)];
        let flow = dash.flow(&[("resource", &first)]);
        let (code, met) = afresh(&mut browsers[0], &flow, (&alice.username, PASSWORD)).await;
        assert_eq!(met, [Page::SignIn, Page::Consent]);
        let begun = dash.redeem(&flow, &code).await.ok();
        let next = dash.refresh(begun.str("refresh_token")).await.ok();
        let this = dash.refresh(next.str("refresh_token")).await.ok();
        let line = |name, of_dash, answer: &Answer| Line {
            name,
            of_dash,
            access: answer.str("access_token").to_owned(),
            refresh: answer.str("refresh_token").to_owned(),
        };
        let mut lines = vec![line("this", true, &this)];
        for (name, rp, browser, user, resource) in [
            ("family", &dash, 0, &alice, &second),
            ("client", &other, 0, &alice, &second),
            ("session", &dash, 1, &alice, &second),
            ("user", &dash, 2, &bob, &second),
            ("both", &other, 2, &bob, &first),
        ] {
            // One of them came of a device.
            let tokens = if name == "family" {
                let asked = asks_for(rp, &[("scope", &rp.scope), ("resource", resource)]).await;
                allows(&mut browsers[browser], &asked, &user.username).await;
                rp.poll(&asked.device_code).await.ok()
            } else {
                let flow = rp.flow(&[("resource", resource)]);
                let (code, _) = afresh(&mut browsers[browser], &flow, (&user.username, PASSWORD)).await;
                rp.redeem(&flow, &code).await.ok()
            };
            lines.push(line(name, rp.id == dash.id, &tokens));
        }
        let own =
            dash.token(&[("grant_type", "client_credentials"), ("scope", "read"), ("resource", &second)]).await.ok();
        let [here, there, _] = browsers;
        Self {
            alice,
            alices_password: PASSWORD.to_owned(),
            guard,
            first,
            here,
            there,
            lines,
            earlier: next.str("access_token").to_owned(),
            own: own.str("access_token").to_owned(),
            rotated: vec![begun.str("refresh_token").to_owned(), next.str("refresh_token").to_owned()],
            spent: (flow, code),
            dash,
            other,
        }
    }

    pub fn this(&self) -> &Line {
        &self.lines[0]
    }

    pub fn rp(&self, line: &Line) -> &RelyingParty {
        if line.of_dash { &self.dash } else { &self.other }
    }

    /// Every access token, by name.
    pub fn access(&self) -> Vec<(Name, String)> {
        let mut all: Vec<(Name, String)> = self.lines.iter().map(|line| (line.name, line.access.clone())).collect();
        all.extend([("earlier", self.earlier.clone()), ("own", self.own.clone())]);
        all
    }
}
