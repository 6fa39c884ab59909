//! Browser sessions and their cookies: new at every sign-in, dead when ended, never mixed, never adopted.

use std::time::Duration;

use chancery::change::By;
use chancery::event::{Actor, Caller};
use chancery::identity::change::{self, Unchanged};
use chancery::identity::people;
use chancery::identity::prove::Unproven;
use chancery::revocation::{self, Cause, Reach, Target};
use chancery::session::{self, Held};
use reqwest::{Method, header};

use super::{MINUTE, SECOND, count, has, held, raw, sign_in, signed_in, told};
use crate::kit::actors::{Answer, Browser, PASSWORD, RelyingParty, form_of, http, location};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(
    a_session_has_a_new_secret_each_time,
    ended_is_ended,
    idle_and_absolute,
    a_cookie_is_one_or_none,
    cookies_of_an_https_issuer,
    changing_ones_own_password,
);

/// Whether a browser is signed in, asked without a page.
async fn stands(browser: &Browser, rp: &RelyingParty) -> bool {
    let answer = browser.clone().begin(&rp.flow(&[("prompt", "none")])).await;
    let to = location(&answer).unwrap_or_else(|| panic!("a page: {}", answer.text));
    assert!(to.contains("code=") || to.contains("error=login_required"), "{to}");
    to.contains("code=")
}

async fn session_of(issuer: &Issuer, browser: &Browser) -> Held {
    session::of_cookie(&issuer.app, Some(&browser.cookies["ch_session"])).await.unwrap().unwrap()
}

async fn a_session_has_a_new_secret_each_time(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    // A planted session is never adopted: not garbage, not one that is somebody's, not one that is nobody's.
    let mallory = issuer.user("mallory").await;
    let theirs = signed_in(&issuer, &rp, "mallory").await.cookies["ch_session"].clone();
    for planted in ["x", "ch_ss_", &theirs] {
        let mut browser = Browser::new(&issuer);
        browser.cookies.insert("ch_session".to_owned(), planted.to_owned());
        let flow = rp.flow(&[("prompt", "login")]);
        let page = browser.begin(&flow).await;
        sign_in(&mut browser, &page, &flow, super::ALICE).await;
        assert_ne!(browser.cookies["ch_session"], planted);
        assert_ne!(session_of(&issuer, &browser).await.user_id, mallory.id);
    }
    let mut browser = signed_in(&issuer, &rp, "alice").await;
    let (old, sid) = (browser.clone(), session_of(&issuer, &browser).await.session_id);
    let flow = rp.flow(&[("prompt", "login")]);
    let page = browser.begin(&flow).await;
    sign_in(&mut browser, &page, &flow, super::ALICE).await;
    assert_eq!(session_of(&issuer, &browser).await.session_id, sid);
    assert!(stands(&browser, &rp).await && !stands(&old, &rp).await, "the former secret is dead");
    // What is unknown means signed out, and clears nothing: it may be another node's news.
    let answer = old.clone().begin(&rp.flow(&[])).await;
    assert!(has(&answer, "login-submit"));
    assert!(
        answer.headers.get_all(header::SET_COOKIE).iter().all(|line| !line.to_str().unwrap().contains("ch_session"))
    );
    assert_eq!(old.cookies["ch_session"].len(), "ch_ss_".len() + 48);
}

async fn ended_is_ended(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let rp = issuer.client().await;
    for cause in ["sign out", "session", "user", "all", "disable", "delete", "password"] {
        let name = cause.replace(' ', "-");
        let user = issuer.user(&name).await;
        let (mine, other) = (signed_in(&issuer, &rp, &name).await, signed_in(&issuer, &rp, &name).await);
        let held = session_of(&issuer, &mine).await;
        let (app, caller) = (&issuer.app, Caller::default());
        let by = By { actor: Actor::Operator, caller: &caller, at: app.clock.now() };
        let kill = async |target| {
            let cause = Cause { reason: "test", actor: Actor::Operator, caller: &caller, at: app.clock.now() };
            revocation::run(app, &target, Reach::Lineage, &cause).await.map(|_| ()).unwrap();
        };
        match cause {
            "sign out" => session::sign_out(app, &held, &caller).await.unwrap(),
            "session" => kill(Target::Session(held.session_id)).await,
            "user" => kill(Target::User { id: user.id, sub: user.sub }).await,
            "all" => kill(Target::All).await,
            "disable" => drop(people::disable(&app.store, &by, user.id).await.unwrap().settle(app).await.unwrap()),
            "delete" => drop(people::delete(&app.store, &by, user.id).await.unwrap().settle(app).await.unwrap()),
            _ => {
                let change = people::set_password(&app.store, &by, user.id, "$argon2id$no").await.unwrap();
                change.settle(app).await.unwrap();
            }
        }
        assert!(!stands(&mine, &rp).await, "{cause}");
        let one_only = ["sign out", "session"].contains(&cause);
        assert_eq!(stands(&other, &rp).await, one_only, "{cause}");
        if ["sign out", "session", "user", "all"].contains(&cause) {
            let mut again = mine.clone();
            again.code(&rp.flow(&[]), &name).await;
            assert!(stands(&again, &rp).await, "{cause}: begin again");
        }
    }
}

async fn idle_and_absolute(kind: Kind) {
    let (issuer, clock) = held(kind, |config| {
        config.sessions.idle = Duration::from_secs(600);
        config.sessions.absolute = Duration::from_secs(1800);
    })
    .await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let idle = signed_in(&issuer, &rp, "alice").await;
    clock.advance(MINUTE * 10);
    assert!(!stands(&idle, &rp).await, "idle");
    let used = signed_in(&issuer, &rp, "alice").await;
    let begun = clock.now();
    for _ in 0..5 {
        clock.advance(MINUTE * 5 + SECOND * 50);
        assert!(stands(&used, &rp).await);
        // Use is noted beside the request.
        let noted = "SELECT COUNT(*) FROM session WHERE last_used_at > created_at";
        issuer.until("noted", async |issuer| count(issuer, noted).await == 1).await;
        let session = session_of(&issuer, &used).await;
        let now = clock.now();
        issuer
            .until("noted as of now", async |issuer| {
                let at = chancery::store::sessions::get(&issuer.app.store, session.session_id).await.unwrap().unwrap();
                at.last_used_at == now
            })
            .await;
    }
    clock.advance(MINUTE);
    assert!((clock.now() - begun).num_seconds() >= 1800);
    assert!(!stands(&used, &rp).await, "too old, however much used");
}

async fn a_cookie_is_one_or_none(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    issuer.user("mallory").await;
    let rp = issuer.client().await;
    let alice = signed_in(&issuer, &rp, "alice").await.cookies["ch_session"].clone();
    let mallory = signed_in(&issuer, &rp, "mallory").await.cookies["ch_session"].clone();
    let many: String = (0..200).map(|n| format!("c{n}=v; ")).collect();
    for (header, signed_in) in [
        (format!("ch_session={alice}"), true),
        (format!("{many}ch_session={alice}"), true),
        (format!("a=b;ch_session={alice};  c=d"), true),
        (format!("ch_session={alice}; ch_session={mallory}"), false),
        (format!("ch_session={mallory}; ch_session={alice}"), false),
        (format!("ch_session={alice}; ch_session={alice}"), false),
        (format!("ch_session=; ch_session={alice}"), false),
        (format!("CH_SESSION={alice}"), false),
        (format!("ch_session=\"{alice}\""), false),
        (format!("ch_session={}", &alice[..alice.len() - 1]), false),
        (format!("ch_session={alice}A"), false),
        (format!("ch_session={}", alice.to_uppercase()), false),
    ] {
        let request = http().request(Method::GET, rp.flow(&[("prompt", "none")]).url).header(header::COOKIE, &header);
        let answer = Answer::of(request.send().await.unwrap()).await;
        let to = location(&answer).unwrap();
        assert_eq!(to.contains("code="), signed_in, "{header:.200}");
    }
}

async fn cookies_of_an_https_issuer(kind: Kind) {
    let (issuer, _clock) = held(kind, |config| config.issuer = "https://id.example".parse().unwrap()).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    let here = |to: String| to.replace("https://id.example", &issuer.at);
    let begun = browser.get(&rp.flow(&[]).url).await;
    let page = browser.get(&here(location(&begun).unwrap())).await;
    assert_eq!(page.headers["strict-transport-security"], "max-age=63072000; includeSubDomains");
    let (action, fields) = form_of(&page);
    assert_eq!(action, "https://id.example/login");
    let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let body = chancery::http::params::encode(fields.chain([("username", "alice"), ("password", PASSWORD)]));
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let url = issuer.url("/login");
    // The address we are reached at is not our name.
    let refused = raw(&browser, &url, &[kind, ("origin", &issuer.at)], body.clone()).await;
    assert_eq!(refused.status.as_u16(), 403);
    let done = raw(&browser, &url, &[kind, ("origin", "https://id.example")], body).await;
    assert!(told(&done, "code").starts_with("ch_ac_"));
    let lines = begun.headers.get_all(header::SET_COOKIE).iter().chain(done.headers.get_all(header::SET_COOKIE));
    let lines: Vec<_> = lines.map(|line| line.to_str().unwrap().to_owned()).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    for line in &lines {
        assert!(line.starts_with("__Host-ch_") && line.len() < 4096, "{line}");
        for part in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!line.to_lowercase().contains("domain"), "{line}");
    }
    // A twin without the prefix, as a sibling host could plant it, is none of ours.
    let session =
        lines.iter().find_map(|line| line.strip_prefix("__Host-ch_session=")).unwrap().split(';').next().unwrap();
    for (header, signed_in) in [
        (format!("__Host-ch_session={session}"), true),
        (format!("__Host-ch_session={session}; ch_session=x"), true),
        (format!("ch_session={session}"), false),
        (format!("__Secure-ch_session={session}"), false),
    ] {
        let request = http().request(Method::GET, rp.flow(&[("prompt", "none")]).url).header(header::COOKIE, &header);
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(location(&answer).unwrap().contains("code="), signed_in, "{header:.40}");
    }
}

async fn changing_ones_own_password(kind: Kind) {
    const NEW: &str = "a new and longer password";
    let (issuer, clock) = held(kind, |_| {}).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let (mut mine, other) = (signed_in(&issuer, &rp, "alice").await, signed_in(&issuer, &rp, "alice").await);
    let tokens = rp.tokens(&mut mine, "alice").await;
    let (app, caller, held) = (&issuer.app, Caller::default(), session_of(&issuer, &mine).await);
    // Whoever took a session over doesn't find the password with it.
    for _ in 0..5 {
        let wrong = change::password(app, &held, "wrong", NEW, &caller).await;
        assert!(matches!(wrong, Err(Unchanged::Wrong)), "{wrong:?}");
    }
    let early = change::password(app, &held, PASSWORD, NEW, &caller).await;
    assert!(matches!(early, Err(Unchanged::Unproven(Unproven::Throttled(1)))), "{early:?}");
    clock.advance(SECOND);
    for unfit in ["short", "", "   ", &"x".repeat(1025)] {
        let unfit = change::password(app, &held, PASSWORD, unfit, &caller).await;
        assert!(matches!(unfit, Err(Unchanged::Unfit(_))), "{unfit:?}");
    }
    assert!(stands(&mine, &rp).await && stands(&other, &rp).await, "nothing has changed");
    let begun = change::password(app, &held, PASSWORD, NEW, &caller).await.unwrap();
    // This browser goes on, under a session of its own; everything else is over.
    assert!(!stands(&other, &rp).await && !stands(&mine, &rp).await);
    mine.cookies.insert("ch_session".to_owned(), begun.secret.expose());
    assert!(stands(&mine, &rp).await);
    issuer.until("fresh", async |issuer| issuer.app.live.issuing_allowed().is_ok()).await;
    rp.refresh(tokens.str("refresh_token")).await.is(400, "invalid_grant");
    rp.userinfo(tokens.str("access_token")).await.is(401, "invalid_token");
    let flow = rp.flow(&[]);
    let code = mine.code(&flow, "alice").await;
    rp.redeem(&flow, &code).await.ok();
    // The session that did it is over: it does nothing twice.
    let twice = change::password(app, &held, NEW, PASSWORD, &caller).await;
    assert!(matches!(twice, Err(Unchanged::SignInAgain)), "{twice:?}");
    let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[]));
    let page = browser.begin(&flow).await;
    let old = sign_in(&mut browser, &page, &flow, super::ALICE).await;
    assert!(has(&old, "login-submit"));
    let new = sign_in(&mut browser, &page, &flow, ("alice", NEW)).await;
    assert!(told(&new, "code").starts_with("ch_ac_"));
}
