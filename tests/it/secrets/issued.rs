//! Every kind of secret there is, issued by a running server and used by whom it was issued to, rightly and wrongly.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery::secret;
use serde_json::Value;

use super::hunt::Hunt;
use crate::kit::actors::{Answer, Browser, Flow, RelyingParty, form_of, http, location, parameter};
use crate::kit::operator::{Ran, Server};

/// What was issued, and to whom.
pub struct Issued {
    pub user: String,
    pub client: String,
    /// Each with its name: whole, as it is presented.
    pub held: Vec<(String, String)>,
    /// What was answered besides secrets: error pages, errors, what commands print.
    pub told: String,
    /// A client that can authenticate.
    pub rp: RelyingParty,
    /// The token of a service, for the feed and for revocations.
    pub bearer: String,
}

pub fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A password nobody had before.
fn password() -> String {
    format!("{} {}", URL_SAFE_NO_PAD.encode(secret::bytes::<12>()), URL_SAFE_NO_PAD.encode(secret::bytes::<12>()))
}

/// A server, a hunt, and what has been issued so far.
struct Issuing<'a> {
    server: &'a Server,
    hunt: &'a mut Hunt,
    held: Vec<(String, String)>,
    told: String,
}

impl Issued {
    /// Issues them all.
    pub async fn all(server: &Server, hunt: &mut Hunt, user: &str) -> Self {
        let mut to = Issuing { server, hunt, held: Vec::new(), told: String::new() };
        let password = to.user(user);
        let rp = to.client(&["--consent", "ask"]);
        let posting = to.client(&["--auth-method", "client_secret_post"]);
        let posting = RelyingParty { method: "client_secret_post".to_owned(), ..posting };
        let public = to.client(&["--public", "--consent", "ask"]);
        let service = to.service();
        let mut browser = Browser::at(&server.at);

        to.wrongly_signed_in(&rp, user, &password).await;
        let (flow, code) = to.signed_in(&mut browser, &rp, (user, &password)).await;
        let first = to.redeemed(&rp, &flow, &code).await;
        let second = to.refreshed(&rp, &first).await;
        let again = to.refreshed(&rp, &first).await;
        assert_eq!(again.str("refresh_token"), second.str("refresh_token"), "an honest retry");
        to.refreshed(&rp, &second).await;
        for rp in [&posting, &public] {
            let (flow, code) = to.signed_in(&mut browser, rp, (user, &password)).await;
            let first = to.redeemed(rp, &flow, &code).await;
            let second = to.refreshed(rp, &first).await;
            to.refreshed(rp, &second).await;
            // Reuse: the family ends.
            to.tell(&rp.refresh(first.str("refresh_token")).await);
        }
        // One code is burnt by a wrong verifier, one spent twice, one never spent.
        let (_, burnt) = to.signed_in(&mut browser, &rp, (user, &password)).await;
        to.tell(&rp.redeem(&rp.flow(&[]), &burnt).await);
        to.tell(&rp.redeem(&flow, &code).await);
        to.signed_in(&mut browser, &rp, (user, &password)).await;
        to.of_a_device(&mut browser).await;
        to.of_a_registration().await;
        let page = browser.get(&format!("{}/oauth2/logout", server.at)).await.ok();
        to.form_token("form token of the sign-out", &page);

        let bearer = service.own_token("chancery:feed chancery:revocations:write").await;
        to.keep("service token", &bearer, Hunt::signed);
        to.rotated(&rp);
        let live = rp.tokens_anew(&mut browser, &mut to, (user, &password)).await;
        assert_eq!(rp.userinfo(live.str("access_token")).await.status, 200);
        assert_eq!(rp.introspect(live.str("access_token")).await.ok().json["active"], true);
        let Issuing { held, told, .. } = to;
        Self { user: user.to_owned(), client: rp.id.to_string(), held, told, rp, bearer }
    }
}

impl RelyingParty {
    async fn tokens_anew(&self, browser: &mut Browser, to: &mut Issuing<'_>, who: (&str, &str)) -> Answer {
        let (flow, code) = to.signed_in(browser, self, who).await;
        to.redeemed(self, &flow, &code).await
    }
}

impl Issuing<'_> {
    fn keep(&mut self, name: &str, secret: &str, how: fn(&mut Hunt, &str, &str)) {
        if self.held.iter().all(|(_, known)| known != secret) {
            how(self.hunt, name, secret);
            self.held.push((name.to_owned(), secret.to_owned()));
        }
    }

    fn tell(&mut self, answer: &Answer) {
        assert!(answer.status.is_client_error(), "{} {}", answer.status, answer.text);
        self.told += &format!("{:?}\n{}\n", answer.headers, answer.text);
    }

    fn ran(&mut self, ran: Ran) {
        self.told += &(ran.out + &ran.err);
    }

    /// A user, whose first password is replaced: both came by standard input.
    fn user(&mut self, name: &str) -> String {
        let (first, second) = (password(), password());
        let operator = &self.server.operator;
        let made = operator.run_with(&["user", "create", name, "--password-stdin"], &format!("{first}\n")).ok();
        let set = operator.run_with(&["user", "set-password", name, "--password-stdin"], &format!("{second}\n")).ok();
        self.ran(made);
        self.ran(set);
        self.keep("first password", &first, Hunt::text);
        self.keep("password", &second, Hunt::text);
        second
    }

    fn client(&mut self, more: &[&str]) -> RelyingParty {
        let rp = self.server.operator.client(&self.server.at, more);
        if let Some(secret) = &rp.secret {
            self.keep("client secret", secret, Hunt::opaque);
        }
        rp
    }

    fn service(&mut self) -> RelyingParty {
        let scopes = ["--scope", "chancery:feed", "--scope", "chancery:revocations:write"];
        let usual = ["client", "create", "--name", "Gateway", "--grant", "client_credentials"];
        let made = self.server.operator.json(&[&usual[..], &scopes].concat());
        let secret = made["client_secret"].as_str().unwrap();
        self.keep("secret of a service", secret, Hunt::opaque);
        RelyingParty {
            id: made["client_id"].as_str().unwrap().parse().unwrap(),
            secret: Some(secret.to_owned()),
            method: "client_secret_basic".to_owned(),
            redirect: String::new(),
            scope: String::new(),
            at: self.server.at.clone(),
            http: http(),
        }
    }

    /// A new secret beside the old one.
    fn rotated(&mut self, rp: &RelyingParty) {
        let made = self.server.operator.json(&["client", "rotate-secret", &rp.id.to_string()]);
        let secret = made.get("client_secret").and_then(Value::as_str).unwrap().to_owned();
        self.keep("new client secret", &secret, Hunt::opaque);
    }

    fn form_token(&mut self, name: &str, page: &Answer) {
        let (_, fields) = form_of(page);
        let token = fields.into_iter().find(|(name, _)| name == "form_token").unwrap().1;
        self.keep(name, &token, Hunt::text);
        self.hunt.bytes(name, &decoded(&token)[8..]);
    }

    fn cookies(&mut self, browser: &Browser) {
        for (name, value) in &browser.cookies {
            if name.starts_with("ch_known_") {
                self.keep("cookie of a known device", value, Hunt::text);
                self.hunt.bytes("cookie of a known device", &decoded(value)[8..]);
            } else {
                self.keep(name, value, Hunt::opaque);
            }
        }
    }

    /// A wrong password, and the right one typed into the field of the name.
    async fn wrongly_signed_in(&mut self, rp: &RelyingParty, user: &str, right: &str) {
        let mut browser = Browser::at(&self.server.at);
        let flow = rp.flow(&[]);
        let page = browser.begin(&flow).await.ok();
        self.cookies(&browser);
        let wrong = password();
        self.keep("wrong password", &wrong, Hunt::text);
        let answer = browser.sign_in(&page, &flow.url, user, &wrong).await;
        assert_eq!(answer.status, 400);
        let answer = browser.sign_in(&page, &flow.url, right, right).await;
        assert_eq!(answer.status, 400);
        let mut stranger = Browser::at("https://evil.test");
        stranger.cookies = browser.cookies.clone();
        let stolen = stranger.sign_in(&page, &flow.url, user, right).await;
        self.tell(&stolen);
    }

    /// Through sign-in and consent to a code, keeping all that is handed out on the way.
    async fn signed_in(&mut self, browser: &mut Browser, rp: &RelyingParty, who: (&str, &str)) -> (Flow, String) {
        let flow = rp.flow(&[]);
        self.keep("PKCE verifier", &flow.verifier, Hunt::text);
        self.hunt.bytes("PKCE verifier", &decoded(&flow.verifier));
        let mut answer = browser.begin(&flow).await;
        for _ in 0..5 {
            self.cookies(browser);
            if let Some(to) = location(&answer) {
                if let Some(code) = parameter(&to, "code") {
                    self.keep("code", &code, Hunt::opaque);
                    return (flow, code);
                }
                answer = browser.get(&to).await;
                continue;
            }
            self.form_token("form token", &answer);
            answer = if answer.text.contains("id=\"consent-allow\"") {
                browser.press(&answer, &flow.url, "consent-allow").await
            } else {
                browser.sign_in(&answer, &flow.url, who.0, who.1).await
            };
        }
        panic!("no code: {} {}", answer.status, answer.text);
    }

    /// A device code that was redeemed and presented again, one that was denied, and one that nobody answered.
    async fn of_a_device(&mut self, browser: &mut Browser) {
        let device = &["--public", "--grant", "device_code", "--grant", "refresh_token"];
        let rp = self.client(device);
        for button in ["consent-allow", "consent-deny", ""] {
            let asked = rp.device(&[("scope", &rp.scope)]).await.ok();
            let code = asked.str("device_code").to_owned();
            self.keep("device code", &code, Hunt::opaque);
            self.tell(&rp.poll(&code).await);
            if button.is_empty() {
                continue;
            }
            let entry = browser.get(asked.str("verification_uri_complete")).await.ok();
            self.form_token("form token of the device page", &entry);
            let page = crate::device::desk::enters(browser, asked.str("user_code")).await;
            self.form_token("form token", &page);
            crate::device::desk::presses(browser, &page, button).await.ok();
            let answer = rp.poll(&code).await;
            if button == "consent-allow" {
                self.tokens(&answer.ok());
                self.tell(&rp.poll(&code).await);
            } else {
                self.tell(&answer);
            }
        }
    }

    /// A client that registers itself, rightly and wrongly, and what it manages itself with.
    async fn of_a_registration(&mut self) {
        let made = self.server.operator.json(&["client", "initial-token", "create", "--name", "hunt", "--uses", "2"]);
        let initial = made["initial_access_token"].as_str().unwrap().to_owned();
        self.keep("initial access token", &initial, Hunt::opaque);
        let url = format!("{}/oauth2/register", self.server.at);
        let body = serde_json::json!({ "redirect_uris": ["https://rp.test/cb"] });
        let send = async |token: &str, body: &Value| {
            Answer::of(http().post(&url).bearer_auth(token).json(body).send().await.unwrap()).await
        };
        let answer = send(&initial, &body).await;
        let (token, secret) = (answer.str("registration_access_token"), answer.str("client_secret"));
        self.keep("registration access token", token, Hunt::opaque);
        self.keep("secret of a registered client", secret, Hunt::opaque);
        let odd = serde_json::json!({ "redirect_uris": [token], "client_name": initial, "scope": secret });
        for (token, body) in [(token, &body), (secret, &body), (&initial, &odd)] {
            self.tell(&send(token, body).await);
        }
        let own = answer.str("registration_client_uri").to_owned();
        for token in [&initial, &format!("{token}x"), secret] {
            self.tell(&Answer::of(http().get(&own).bearer_auth(token).send().await.unwrap()).await);
        }
    }

    async fn redeemed(&mut self, rp: &RelyingParty, flow: &Flow, code: &str) -> Answer {
        let answer = rp.redeem(flow, code).await.ok();
        self.tokens(&answer);
        answer
    }

    async fn refreshed(&mut self, rp: &RelyingParty, before: &Answer) -> Answer {
        let answer = rp.refresh(before.str("refresh_token")).await.ok();
        self.tokens(&answer);
        answer
    }

    fn tokens(&mut self, answer: &Answer) {
        self.keep("access token", answer.str("access_token"), Hunt::signed);
        self.keep("refresh token", answer.str("refresh_token"), Hunt::refresh);
        if let Some(id_token) = answer.json["id_token"].as_str() {
            self.keep("ID token", id_token, Hunt::signed);
        }
    }
}
