//! How much is taken on at once: V199, V200, the flow of revocations, requests in flight.

use std::time::Duration;

use chancery::change::By;
use chancery::clock::Clock;
use chancery::config::{Argon2, Config};
use chancery::event::{Actor, Caller};
use chancery::oauth::manage;
use chancery::store::audit;
use reqwest::header;
use tokio::task::JoinSet;

use super::Ground;
use super::wire::Raw;
use crate::kit::actors::{Answer, Browser, RelyingParty, form_of, http};
use crate::kit::issuer::{Kind, Setup, on_both};
use crate::kit::raw::Raw as Database;

on_both!(
    v199_hashing_has_a_queue_with_an_end,
    v200_no_hash_of_what_is_too_long,
    revocations_come_in_a_measured_flow,
    what_is_in_flight_is_counted,
    a_dawdling_body_holds_nothing,
    failures_are_counted_and_success_is_not,
);

fn setup(change: impl FnOnce(&mut Config) + Send + 'static) -> Setup {
    Setup { change: Box::new(change), ..Setup::default() }
}

/// "Come again": 503 or 429 in clear words, and when.
#[track_caller]
fn come_again(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text);
    let after = answer.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap();
    assert!((1..=900).contains(&after));
    assert!(answer.headers["cache-control"].to_str().unwrap().contains("no-store"));
}

async fn v199_hashing_has_a_queue_with_an_end(kind: Kind) {
    let small = setup(|config| {
        config.login.hash_permits = 1;
        config.login.hash_queue = 4;
        config.throttle.network_failures = 100_000;
    });
    let ground = Ground::with(kind, small).await;
    // What is looked at costs what it really does; alice's own hash was made more cheaply before.
    let mut hashes = JoinSet::new();
    for _ in 0..5 {
        let app = ground.issuer.app.clone();
        hashes.spawn(async move {
            loop {
                // The look below, whether it is full, takes a place for a moment.
                if let Ok(permit) = app.hashing.acquire().await {
                    return permit;
                }
                tokio::task::yield_now().await;
            }
        });
    }
    // One runs and four wait: from here on the queue is full until the first lets go.
    let full = async |issuer: &crate::kit::issuer::Issuer| {
        let place = tokio::time::timeout(Duration::from_millis(1), issuer.app.hashing.acquire()).await;
        matches!(place, Ok(Err(_)))
    };
    ground.issuer.until("the queue is full", full).await;
    let mut browser = Browser::new(&ground.issuer);
    let flow = ground.web.flow(&[]);
    let page = browser.begin(&flow).await;
    let (action, hidden) = form_of(&page);
    let cookies = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    let mut logins = JoinSet::new();
    for nth in 0..200 {
        let mut form = hidden.clone();
        form.extend([("username".to_owned(), format!("somebody{nth}")), ("password".to_owned(), "a guess".to_owned())]);
        let request = http().post(&action).header("cookie", &cookies).header("origin", &ground.issuer.name).form(&form);
        logins.spawn(async move { Answer::of(request.send().await.unwrap()).await });
    }
    // Meanwhile tokens are refreshed as if nothing was.
    let mut refresh = ground.tokens.str("refresh_token").to_owned();
    let clock = &ground.issuer.app.clock;
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        let from = clock.monotonic();
        refresh = ground.web.refresh(&refresh).await.ok().str("refresh_token").to_owned();
        slowest = slowest.max(clock.monotonic().saturating_sub(from));
    }
    assert!(slowest < Duration::from_secs(3), "a refresh took {slowest:?} while sign-ins queued");
    for answer in logins.join_all().await {
        come_again(&answer, 503);
        assert!(answer.text.contains("id=\"password\""), "the page to try again on: {}", answer.text);
    }
    // The queue moves on, and the same browser signs in.
    while let Some(hash) = hashes.join_next().await {
        drop(hash.unwrap());
    }
    let answer = browser.sign_in(&page, &flow.url, "alice", crate::kit::actors::PASSWORD).await;
    assert!(answer.status.is_redirection(), "{} {}", answer.status, answer.text);
    ground.issuer.stop().await;
}

async fn v200_no_hash_of_what_is_too_long(kind: Kind) {
    // A hash at this cost would be seen.
    let dear = setup(|config| config.login.password = Argon2 { memory_kib: 256 << 10, iterations: 8, parallelism: 1 });
    let mut ground = Ground::with(kind, setup(|_| {})).await;
    let dear_node = ground.issuer.another_node(dear).await;
    let flow = ground.web.through(&dear_node).flow(&[("prompt", "login")]);
    ground.browser.cookies.clear();
    let clock = &ground.issuer.app.clock;
    let words = [
        "a".repeat(1025),
        "a".repeat(40_000),
        "\u{301}".repeat(15_000),
        "\u{fdfa}".repeat(400),
        "e\u{301}\u{323}".repeat(300),
    ];
    for word in words {
        let page = ground.browser.begin(&flow).await;
        let from = clock.monotonic();
        let answer = ground.browser.sign_in(&page, &flow.url, "alice", &word).await;
        let took = clock.monotonic().saturating_sub(from);
        assert!([400, 401, 429].contains(&answer.status.as_u16()), "{} {}", answer.status, answer.text);
        // Generous: what would not end is caught, not a busy machine.
        assert!(took < Duration::from_secs(5), "{} bytes took {took:?}", word.len());
        assert!(!answer.text.contains(&word.chars().take(30).collect::<String>()), "it is not repeated");
    }
    dear_node.stop().await;
    ground.issuer.stop().await;
}

async fn revocations_come_in_a_measured_flow(kind: Kind) {
    let ground = Ground::new(kind).await;
    let token = ground.service.own_token("chancery:revocations:write").await;
    let ask = async |value: &str| {
        let body = serde_json::json!({"kind": "family", "value": value}).to_string();
        let request = http().post(ground.issuer.url("/admin/v1/revocations")).bearer_auth(&token);
        Answer::of(request.header("content-type", "application/json").body(body).send().await.unwrap()).await
    };
    assert_eq!(ask("x").await.status, 400);
    let app = &ground.issuer.app;
    // A minute ahead of now nothing is refilled: the burst is spent and stays so.
    let ahead = app.clock.monotonic() + Duration::from_secs(60);
    while app.revocation_rate.take(ground.service.id, None, ahead) {}
    let before = ground.state().await;
    let family =
        crate::kit::actors::claims(ground.tokens.str("access_token"))["family_id"].as_str().unwrap().to_owned();
    let answer = ask(&family).await;
    come_again(&answer, 429);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    ground.unchanged(&before, &ground.state().await);
    // Only what would be written is measured.
    assert_eq!(ask("x").await.status, 400);
    // Another client has its own measure.
    let other = ground.issuer.service("chancery:revocations:write", &[]).await;
    let bearer = other.own_token("chancery:revocations:write").await;
    let body = serde_json::json!({"kind": "family", "value": family}).to_string();
    let raw = Raw::new("POST", "/admin/v1/revocations").header("authorization", format!("Bearer {bearer}"));
    let got = raw.header("content-type", "application/json").body(body).send(&ground.issuer.at).await;
    assert_eq!(got.status, 201, "{got:?}");
    ground.web.refresh(ground.tokens.str("refresh_token")).await.is(400, "invalid_grant");
    assert_eq!(ask(&family).await.status, 200, "what has ended is told without measure");
    ground.issuer.stop().await;
}

/// Waits for a place of each kind: a refresh, a page, a long poll.
struct Kinds<'a> {
    ground: &'a Ground,
    bearer: String,
    cursor: String,
}

impl Kinds<'_> {
    /// Whether each is answered: refreshes, pages, long polls.
    async fn answered(&self) -> [bool; 3] {
        let (issuer, ok) = (&self.ground.issuer, |status: u16| status != 503);
        let page = http().get(issuer.url("/oauth2/logout")).send().await.unwrap().status();
        let token = self.ground.web.introspect("x").await.status;
        [ok(token.as_u16()), ok(page.as_u16()), ok(self.poll(0).await)]
    }

    async fn poll(&self, seconds: u32) -> u16 {
        let url = self.ground.issuer.url(&format!("/gateway/revocations?after={}&wait={seconds}", self.cursor));
        http().get(url).bearer_auth(&self.bearer).send().await.unwrap().status().as_u16()
    }
}

async fn what_is_in_flight_is_counted(kind: Kind) {
    let small = setup(|config| {
        config.limits.in_flight = 3;
        config.login.hash_permits = 1;
    });
    let ground = Ground::with(kind, small).await;
    let bearer = ground.service.own_token("chancery:feed").await;
    let feed =
        Answer::of(http().get(ground.issuer.url("/gateway/revocations")).bearer_auth(&bearer).send().await.unwrap())
            .await;
    let kinds = Kinds { ground: &ground, bearer, cursor: feed.json["cursor"].as_str().unwrap().to_owned() };
    assert_eq!(kinds.answered().await, [true; 3]);

    // Readers who wait take the places of readers, and nobody else's.
    let mut waiting = JoinSet::new();
    while kinds.poll(0).await == 200 {
        let url = ground.issuer.url(&format!("/gateway/revocations?after={}&wait=30", kinds.cursor));
        let request = http().get(url).bearer_auth(&kinds.bearer);
        waiting.spawn(async move { request.send().await.unwrap().status() });
        assert!(waiting.len() < 30, "there is no end to places");
    }
    assert_eq!(kinds.answered().await, [true, true, false]);
    // Something to tell wakes those who wait, and their places are free.
    let (app, caller) = (&ground.issuer.app, Caller::default());
    let other = ground.issuer.client().await;
    let by = By { actor: Actor::Operator, caller: &caller, at: app.clock.now() };
    manage::disable(&app.store, &by, other.id).await.unwrap().settle(app).await.unwrap();
    let told = waiting.join_all().await.into_iter().filter(|status| *status == 200).count();
    assert!((2..=3).contains(&told), "{told} waited");
    ground.issuer.until("a place is free", async |_| kinds.poll(0).await == 200).await;

    // People who wait for the hasher take the places of pages.
    let permit = app.hashing.acquire().await.unwrap();
    let flow = ground.web.flow(&[]);
    let mut browser = Browser::new(&ground.issuer);
    let page = browser.begin(&flow).await;
    let (mut typing, mut nth) = (JoinSet::new(), 0);
    let crowded = async |_: &crate::kit::issuer::Issuer| {
        // Who has waited for too long is told to come again, and another takes the place.
        while typing.try_join_next().is_some() {}
        while typing.len() < 3 {
            let (mut browser, page, flow, name) = (browser.clone(), page.clone(), flow.clone(), format!("nobody{nth}"));
            typing.spawn(async move { browser.sign_in(&page, &flow.url, &name, "wrong").await.status });
            nth += 1;
        }
        kinds.answered().await == [true, false, true]
    };
    ground.issuer.until("pages have no place left, and only they", crowded).await;
    // A person is told on a page.
    let browsing = http().get(ground.issuer.url("/login")).header(header::ACCEPT, "text/html,*/*;q=0.8");
    let told = Answer::of(browsing.send().await.unwrap()).await;
    come_again(&told, 503);
    assert!(told.text.contains("id=\"error\""), "{}", told.text);
    drop(permit);
    assert!(typing.join_all().await.iter().all(|status| [400, 503].contains(&status.as_u16())));

    // Refreshes that wait for the database take the places of refreshes.
    let lock = hold_writes(&ground).await;
    let mut refreshing = JoinSet::new();
    let crowded = async |_: &crate::kit::issuer::Issuer| {
        // Who has waited for too long is told to come again, and another takes the place.
        while refreshing.try_join_next().is_some() {}
        while refreshing.len() < 3 {
            let (web, token) = (ground.web.clone(), ground.tokens.str("refresh_token").to_owned());
            refreshing.spawn(async move { web.refresh(&token).await.status });
        }
        kinds.answered().await == [false, true, true]
    };
    ground.issuer.until("refreshes have no place left, and only they", crowded).await;
    let answer = ground.web.revoke("x").await;
    come_again(&answer, 503);
    assert_eq!(answer.text, r#"{"error":"temporarily_unavailable"}"#);
    drop(lock);
    let told_or_let_in = |status: &reqwest::StatusCode| [200, 503].contains(&status.as_u16());
    assert!(refreshing.join_all().await.iter().all(told_or_let_in));
    ground.issuer.until("a place is free", async |_| kinds.answered().await == [true; 3]).await;
    ground.goes_on().await;
    ground.issuer.stop().await;
}

/// A connection that lets everybody read and nobody rotate, until it is dropped.
async fn hold_writes(ground: &Ground) -> Database {
    let mut held = Database::open(&ground.issuer.database).await;
    match held {
        Database::Sqlite(_) => held.run("BEGIN IMMEDIATE").await,
        Database::Postgres(_) => held.run("BEGIN; LOCK TABLE family IN EXCLUSIVE MODE").await,
    };
    held
}

async fn a_dawdling_body_holds_nothing(kind: Kind) {
    use tokio::io::AsyncWriteExt;
    let short = setup(|config| {
        config.limits.in_flight = 3;
        config.limits.request_timeout = Duration::from_secs(2);
    });
    let ground = Ground::with(kind, short).await;
    let mut held = Vec::new();
    for _ in 0..20 {
        let mut stream =
            tokio::net::TcpStream::connect(ground.issuer.at.strip_prefix("http://").unwrap()).await.unwrap();
        let head = b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\ngrant";
        stream.write_all(head).await.unwrap();
        held.push(stream);
    }
    // Twenty have begun a body and don't go on; whoever sends a whole request is answered.
    ground.goes_on().await;
    for mut stream in held {
        use tokio::io::AsyncReadExt;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "told and let go");
        let got = super::wire::Got::parse(&answer);
        got.refused("a body that does not come");
        assert!(got.body.contains("did not come in time"), "{got:?}");
    }
    ground.issuer.stop().await;
}

async fn failures_are_counted_and_success_is_not(kind: Kind) {
    let clock = Clock::held(Clock::system().now() + chrono::TimeDelta::minutes(1));
    let change = Box::new(|config: &mut Config| {
        config.throttle.endpoint_failures = 6;
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let ground = Ground::with(kind, Setup { change, ..Setup::held(&clock) }).await;
    let here = |rp: &RelyingParty, address: &str| {
        let mut headers = header::HeaderMap::new();
        headers.insert("x-forwarded-for", address.parse().unwrap());
        RelyingParty { http: reqwest::Client::builder().default_headers(headers).build().unwrap(), ..rp.clone() }
    };
    let honest = here(&ground.web, "192.0.2.1");
    let posing = RelyingParty { secret: Some("ch_cs_guessed".to_owned()), ..honest.clone() };
    let access = ground.tokens.str("access_token");
    // One budget for all that a client may get wrong, wherever and however it does.
    for _ in 0..2 {
        posing.token(&[("grant_type", "client_credentials")]).await.is(401, "invalid_client");
        posing.introspect(access).await.is(401, "invalid_client");
        honest.refresh("ch_rt_guessed").await.is(400, "invalid_grant");
    }
    for answer in [
        posing.token(&[("grant_type", "client_credentials")]).await,
        posing.introspect(access).await,
        posing.revoke(access).await,
        honest.refresh("ch_rt_guessed").await,
    ] {
        answer.is(429, "temporarily_unavailable");
        come_again(&answer, 429);
    }
    // Success is never refused; another network and another client have budgets of their own.
    assert_eq!(honest.introspect(access).await.ok().json["active"], true);
    honest.refresh(ground.tokens.str("refresh_token")).await.ok();
    here(&posing, "198.51.100.1").introspect(access).await.is(401, "invalid_client");
    here(&ground.service, "192.0.2.1").refresh("ch_rt_guessed").await.is(400, "unauthorized_client");
    // The end of what was ours is told to everyone, however many there are.
    honest.revoke(ground.tokens.str("refresh_token")).await.ok();
    for _ in 0..20 {
        honest.refresh(ground.tokens.str("refresh_token")).await.is(400, "invalid_grant");
    }
    // With time it is refilled.
    clock.advance(Duration::from_secs(10));
    ground.issuer.until("the view is fresh", async |issuer| issuer.app.live.issuing_allowed().is_ok()).await;
    posing.introspect(access).await.is(401, "invalid_client");
    posing.introspect(access).await.is(429, "temporarily_unavailable");
    // Who could not prove to be a client is told to the auditor, as long as it was answered as what it is.
    let rows = audit::newest(&ground.issuer.app.store, None, 1000).await.unwrap();
    let told: Vec<_> = rows.iter().filter(|row| row.event == "client.refused").collect();
    assert_eq!(told.len(), 4 + 1 + 1 + 1);
    assert_eq!(told.iter().filter(|row| row.client_id == Some(ground.web.id)).count(), 6);
    ground.issuer.stop().await;
}
