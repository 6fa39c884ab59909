//! One issuer that the operations are carried out on, and what it answers in the reference's words.

mod managed;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chancery::app::App;
use chancery::change::By;
use chancery::clock::Clock;
use chancery::event::{Actor, Caller};
use chancery::http::params::{Params, encode};
use chancery::identity::people::{self, Edit};
use chancery::identity::{change, password};
use chancery::keyring::Alg;
use chancery::oauth::client_auth::authenticate;
use chancery::oauth::error::Error;
use chancery::oauth::grants::request::{Redeemed, TokenRequest};
use chancery::oauth::{manage, registry};
use chancery::store::sweep::{self, Horizon};
use chancery::store::{issuer, sessions};
use chancery::token::{access, mint};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use super::op::{CLIENTS, Named, Op, Presented};
use super::reference::{DAY, NATIVE, SESSION_ABSOLUTE, SESSION_IDLE, Said, State, WINDOW};
use crate::kills::browsing::{afresh, give, held};
use crate::kills::causes::try_admin;
use crate::kit::actors::{Browser, Flow, PASSWORD, RelyingParty, claims};
use crate::kit::issuer::{Issuer, Kind};
use crate::lineage::bench::setup;

/// How a token is presented: to the rules over the store, or to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    Rules,
    Http,
}

pub struct World {
    pub issuer: Issuer,
    pub surface: Surface,
    clock: Clock,
    /// When the reference's time was zero.
    base: DateTime<Utc>,
    users: Vec<Uuid>,
    subjects: Vec<Uuid>,
    pub clients: Vec<RelyingParty>,
    browsers: Vec<Browser>,
    pub sessions: Vec<Uuid>,
    codes: Vec<(Flow, String)>,
    pub families: Vec<Uuid>,
    /// Each family's refresh tokens, as far as heard of.
    pub refresh: Vec<Vec<Option<String>>>,
    pub access: Vec<String>,
}

const NAMES: [&str; 2] = ["alice", "bob"];

impl World {
    pub async fn begin(kind: Kind, surface: Surface, state: &State) -> Self {
        let now = Clock::system().now().timestamp();
        // Whole seconds, as tokens count them.
        let base = DateTime::from_timestamp(now, 0).unwrap() - TimeDelta::seconds(i64::try_from(state.now).unwrap());
        let clock = Clock::held(DateTime::from_timestamp(now, 0).unwrap());
        let issuer = Issuer::start_with(kind, Self::setup(&clock)).await;
        let mut world = Self {
            issuer,
            surface,
            clock,
            base,
            users: Vec::new(),
            subjects: Vec::new(),
            clients: Vec::new(),
            browsers: Vec::new(),
            sessions: Vec::new(),
            codes: Vec::new(),
            families: Vec::new(),
            refresh: Vec::new(),
            access: Vec::new(),
        };
        for name in NAMES {
            let user = world.issuer.user(name).await;
            world.users.push(user.id);
            world.subjects.push(user.sub);
            world.browsers.push(Browser::new(&world.issuer));
        }
        for (client, window) in WINDOW.into_iter().enumerate() {
            let window = i64::try_from(window).unwrap();
            let made = world.issuer.client_with(|row| {
                row.retry_window_seconds = Some(window);
                row.outlives_session = client == NATIVE;
                row.consent = if client == 1 { "ask" } else { "skip" }.to_owned();
                row.redirect_uris = Json(vec![format!("https://rp{client}.test/cb")]);
            });
            let made = made.await;
            world.clients.push(made);
        }
        world
    }

    fn setup(clock: &Clock) -> crate::kit::issuer::Setup {
        setup(clock, |config| {
            config.sessions.idle = Duration::from_secs(SESSION_IDLE);
            config.sessions.absolute = Duration::from_secs(SESSION_ABSOLUTE);
        })
    }

    fn at(&self, seconds: u64) -> DateTime<Utc> {
        self.base + TimeDelta::seconds(i64::try_from(seconds).unwrap())
    }

    pub fn app(&self) -> &App {
        &self.issuer.app
    }

    /// Carries an operation out. `state` is the reference after it; what it answers is ours.
    pub async fn carry_out(&mut self, op: Op, state: &State) -> Said {
        match op {
            Op::Authorize { user, client, again } => self.authorize(user, client, again).await,
            Op::Redeem { code, how } => self.redeem(code % self.codes.len(), how, state).await,
            Op::Refresh { family, back, how } => self.refresh(family % self.families.len(), back, how, state).await,
            Op::RevokeRefresh { family, back, stranger } => {
                let at = family % self.families.len();
                let heard: Vec<&String> = self.refresh[at].iter().flatten().collect();
                let token = heard[heard.len() - 1 - back % heard.len()].clone();
                self.revoke(state.families[at].client, stranger, &token).await
            }
            Op::RevokeAccess { token, stranger } => {
                let at = token % self.access.len();
                let token = self.access[at].clone();
                self.revoke(state.families[state.tokens[at].family].client, stranger, &token).await
            }
            Op::SignOut(user) => self.sign_out(user).await,
            Op::ChangePassword(user) => {
                let session = held(&self.issuer, &self.browsers[user]).await.unwrap();
                let begun =
                    change::password(self.app(), &session, PASSWORD, PASSWORD, &Caller::default()).await.unwrap();
                give(&mut self.browsers[user], &begun.secret);
                self.sessions.push(begun.session_id);
                Said::Done
            }
            Op::Sweep => self.sweep().await,
            Op::Wait(seconds) => {
                self.clock.advance(Duration::from_secs(seconds));
                self.settled().await;
                Said::Done
            }
            Op::Restart => panic!("the world is consumed by a restart"),
            _ => self.manage(op, state).await,
        }
    }

    /// Another process takes over the same address.
    pub async fn restart(self) -> Self {
        let issuer = self.issuer.restart(Self::setup(&self.clock)).await;
        let http = crate::kit::actors::http();
        let clients = self.clients.into_iter().map(|rp| RelyingParty { http: http.clone(), ..rp }).collect();
        let again = |browser: Browser| {
            let mut again = Browser::new(&issuer);
            again.cookies = browser.cookies;
            again
        };
        let browsers = self.browsers.into_iter().map(again).collect();
        Self { issuer, clients, browsers, ..self }
    }

    async fn authorize(&mut self, user: usize, client: usize, again: bool) -> Said {
        let flow = self.clients[client].flow(if again { &[("prompt", "login")] } else { &[] });
        let (code, _) = afresh(&mut self.browsers[user], &flow, (NAMES[user], PASSWORD)).await;
        self.codes.push((flow, code));
        let id = held(&self.issuer, &self.browsers[user]).await.unwrap().session_id;
        let session = self.sessions.iter().position(|known| *known == id).unwrap_or(self.sessions.len());
        if session == self.sessions.len() {
            self.sessions.push(id);
        }
        Said::Code { session }
    }

    /// Who presents what is a client's.
    fn by(&self, client: usize, stranger: bool) -> RelyingParty {
        self.clients[if stranger { (client + 1) % CLIENTS } else { client }].clone()
    }

    async fn redeem(&mut self, code: usize, how: Presented, state: &State) -> Said {
        let client = state.codes[code].client;
        let (flow, text) = self.codes[code].clone();
        let verifier = if how == Presented::Wrong { "w".repeat(43) } else { flow.verifier };
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &text),
            ("redirect_uri", &self.clients[client].redirect),
            ("code_verifier", &verifier),
        ];
        let answer = self.token(&self.by(client, how == Presented::Stranger), &form).await;
        self.heard(answer, true)
    }

    async fn refresh(&mut self, family: usize, back: usize, how: Presented, state: &State) -> Said {
        let heard: Vec<&String> = self.refresh[family].iter().flatten().collect();
        let token = heard[heard.len() - 1 - back % heard.len()].clone();
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
        if how == Presented::Wrong {
            form.push(("scope", "openid chancery:revocations:write"));
        }
        let by = self.by(state.families[family].client, how == Presented::Stranger);
        let answer = self.token(&by, &form).await;
        self.heard(answer, how != Presented::Unheard)
    }

    /// Takes in what was answered, if it was heard.
    fn heard(&mut self, answer: Result<(String, String), String>, heard: bool) -> Said {
        const REFUSED: [&str; 3] = ["invalid_grant", "invalid_client", "invalid_scope"];
        let (access, refresh) = match answer {
            Ok(tokens) => tokens,
            Err(error) => {
                let known = REFUSED.into_iter().find(|known| *known == error);
                return Said::Refused(known.unwrap_or_else(|| panic!("an unexpected error: {error}")));
            }
        };
        let id: Uuid = claims(&access)["family_id"].as_str().unwrap().parse().unwrap();
        let family = self.families.iter().position(|known| *known == id).unwrap_or(self.families.len());
        if family == self.families.len() {
            self.families.push(id);
            self.refresh.push(Vec::new());
        }
        let token = chancery::token::presented::recognise(&self.issuer.app, &refresh).expect("a refresh token");
        let generation = usize::try_from(token.generation).unwrap();
        if heard {
            self.access.push(access);
            let known = &mut self.refresh[family];
            known.resize(known.len().max(generation + 1), None);
            if let Some(known) = &known[generation] {
                assert_eq!(*known, refresh, "a generation has one token");
            }
            known[generation] = Some(refresh);
        }
        Said::Tokens { family, generation }
    }

    async fn token(&self, rp: &RelyingParty, form: &[(&str, &str)]) -> Result<(String, String), String> {
        if self.surface == Surface::Http {
            let answer = rp.token(form).await;
            return match answer.json["error"].as_str() {
                Some(error) => Err(error.to_owned()),
                None => Ok((answer.str("access_token").to_owned(), answer.str("refresh_token").to_owned())),
            };
        }
        let minted = self.by_the_rules(rp, form).await.map_err(|error| error.code.name().to_owned())?;
        Ok((minted.access_token, minted.refresh_token.expect("a refresh token")))
    }

    async fn by_the_rules(&self, rp: &RelyingParty, form: &[(&str, &str)]) -> Result<mint::Minted, Error> {
        let app = self.app();
        app.keyring.ready(&[Alg::Es256, Alg::Rs256], |_| false).await.unwrap();
        let params = Params::parse(encode(form.iter().copied()).as_bytes()).unwrap();
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", rp.id, rp.secret.as_ref().unwrap())));
        let (client, caller) = (authenticate(app, &[&basic], &params).await?, Caller::default());
        let request = TokenRequest { app, client: &client, params: &params, caller: &caller, page: None };
        let grant = registry::grant(params.get("grant_type").unwrap()).unwrap();
        match (grant.redeem)(&request).await? {
            Redeemed::Entitled(entitlement) => mint::issue(app, &entitlement),
            Redeemed::ClientMoved => panic!("nobody changes a client meanwhile"),
        }
    }

    async fn revoke(&self, client: usize, stranger: bool, token: &str) -> Said {
        let answer = self.by(client, stranger).revoke(token).await;
        match answer.json["error"].as_str() {
            None => {
                assert_eq!(answer.status, 200, "{}", answer.text);
                Said::Done
            }
            Some(error) => {
                assert_eq!(error, "invalid_client");
                Said::Refused("invalid_client")
            }
        }
    }

    async fn sign_out(&mut self, user: usize) -> Said {
        let url = self.issuer.url("/oauth2/logout");
        let page = self.browsers[user].get(&url).await.ok();
        let done = self.browsers[user].press(&page, &url, "logout-confirm").await.ok();
        assert!(done.text.contains("Signed out"), "{}", done.text);
        Said::Done
    }

    /// What has expired is removed, as the server's own job does it, until nothing is left to remove.
    async fn sweep(&self) -> Said {
        self.settled().await;
        let now = self.clock.now();
        let days = |days: u64| TimeDelta::seconds(i64::try_from(days * DAY).unwrap());
        let horizon = Horizon { now, log: now, codes: now - days(1), lineage: now - days(30) };
        while sweep::batch(&self.app().store, &horizon).await.unwrap() > 0 {}
        Said::Done
    }

    /// The view is where the log is.
    async fn settled(&self) {
        let caught_up = async |issuer: &Issuer| {
            let position = issuer::position(&issuer.app.store).await.unwrap().unwrap();
            issuer.app.live.issuing_allowed().is_ok()
                && issuer.app.live.cursor().is_some_and(|cursor| cursor.seq == position.seq)
        };
        self.issuer.until("the view is where the log is", caught_up).await;
    }

    fn jti(&self, token: usize) -> String {
        claims(&self.access[token])["jti"].as_str().unwrap().to_owned()
    }

    /// Whether a presented access token is good.
    pub async fn is_good(&self, token: usize, client: usize, enabled: bool) -> bool {
        let text = &self.access[token];
        match self.surface {
            Surface::Rules => access::verify(self.app(), text).await.is_ok(),
            Surface::Http => {
                let told = self.clients[client].userinfo(text).await;
                let good = told.status == 200;
                assert!(good || told.status == 401, "{}", told.text);
                // A disabled client is nobody who could ask.
                if enabled {
                    let active = self.clients[client].introspect(text).await.ok().json["active"] == true;
                    assert_eq!(active, good, "userinfo and introspection say the same");
                }
                good
            }
        }
    }

    /// A session's use is written down beside the request: waits for it.
    pub async fn used(&self, session: usize, at: u64) {
        let (id, at) = (self.sessions[session], self.at(at));
        let noted = async |issuer: &Issuer| {
            sessions::get(&issuer.app.store, id).await.unwrap().is_some_and(|row| row.last_used_at == at)
        };
        self.issuer.until("the session's use is noted", noted).await;
    }
}
