//! How often someone may be wrong, and what it costs everyone else: nothing.

mod queue;

use std::time::Duration;

use chancery::change::By;
use chancery::event::{Actor, Caller};
use chancery::identity::password::{self, Password};
use chancery::identity::people;
use reqwest::StatusCode;

use super::{ALICE, SECOND, count, events, has, held, meddle, raw, sign_in, told};
use crate::kit::actors::{Answer, Browser, Flow, PASSWORD, RelyingParty, form_of, location};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(
    some_are_free_then_one_waits,
    all_spellings_of_a_user_are_one,
    a_network_has_a_budget_too,
    a_wide_network_has_a_wider_one,
    a_name_is_kept_by_its_mac,
    an_operator_opens_what_strangers_closed,
    headers_of_strangers_count_for_nothing,
    a_trusted_proxy_says_who_calls,
    the_owner_gets_in_where_he_is_known,
    without_budgets_nobody_gets_in,
);

/// A sign-in page that attempts are made on, from anywhere.
struct Door<'a> {
    issuer: &'a Issuer,
    browser: Browser,
    flow: Flow,
    page: Answer,
}

impl<'a> Door<'a> {
    async fn new(issuer: &'a Issuer, rp: &RelyingParty) -> Self {
        Self::with(issuer, rp, Browser::new(issuer)).await
    }

    async fn with(issuer: &'a Issuer, rp: &RelyingParty, mut browser: Browser) -> Self {
        let flow = rp.flow(&[("prompt", "login")]);
        let page = browser.begin(&flow).await;
        assert!(has(&page, "login-submit"), "{} {}", page.status, page.text);
        Self { issuer, browser, flow, page }
    }

    async fn knock(&self, (name, password): (&str, &str), headers: &[(&str, &str)]) -> Answer {
        let (_, fields) = form_of(&self.page);
        let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let body = chancery::http::params::encode(fields.chain([("username", name), ("password", password)]));
        let usual = [("content-type", "application/x-www-form-urlencoded"), ("origin", self.issuer.name.as_str())];
        raw(&self.browser, &self.issuer.url("/login"), &[&usual[..], headers].concat(), body).await
    }

    /// The status, and how long to wait.
    async fn wrong(&self, name: &str, headers: &[(&str, &str)]) -> (u16, Option<u64>) {
        outcome(&self.knock((name, "wrong"), headers).await)
    }
}

fn outcome(answer: &Answer) -> (u16, Option<u64>) {
    let wait = answer.headers.get("retry-after").map(|value| value.to_str().unwrap().parse().unwrap());
    (answer.status.as_u16(), wait)
}

async fn some_are_free_then_one_waits(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let door = Door::new(&issuer, &rp).await;
    for name in ["alice", "nobody"] {
        for _ in 0..5 {
            assert_eq!(door.wrong(name, &[]).await, (400, None), "{name}");
        }
        for wait in [1, 2, 4] {
            // Early ones are refused, the right one too, and push nothing up.
            for _ in 0..3 {
                assert_eq!(door.wrong(name, &[]).await, (429, Some(wait)), "{name}");
                assert_eq!(outcome(&door.knock((name, PASSWORD), &[]).await), (429, Some(wait)), "{name}");
            }
            clock.advance(SECOND * u32::try_from(wait).unwrap());
            assert_eq!(door.wrong(name, &[]).await, (400, None), "{name}");
        }
    }
    assert!(events(&issuer, "signin.throttled").await > 0);
    clock.advance(SECOND * 8);
    let done = door.knock(ALICE, &[]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    // A success forgives.
    let door = Door::new(&issuer, &rp).await;
    for _ in 0..5 {
        assert_eq!(door.wrong("alice", &[]).await, (400, None));
    }
    assert_eq!(door.wrong("alice", &[]).await, (429, Some(1)));
}

async fn all_spellings_of_a_user_are_one(kind: Kind) {
    let (issuer, _clock) = held(kind, |_| {}).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let door = Door::new(&issuer, &rp).await;
    for name in ["alice", "ALICE", " alice ", "alice@example.test", "ＡＬＩＣＥ"] {
        assert_eq!(door.wrong(name, &[]).await, (400, None), "{name}");
    }
    assert_eq!(door.wrong("Alice", &[]).await, (429, Some(1)));
    assert_eq!(count(&issuer, "SELECT COUNT(*) FROM throttle WHERE key LIKE '%alice%'").await, 0, "no name in clear");
}

async fn a_network_has_a_budget_too(kind: Kind) {
    let (issuer, clock) = held(kind, |config| config.throttle.network_failures = 8).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    // What succeeds costs nothing.
    for _ in 0..10 {
        Browser::new(&issuer).code(&rp.flow(&[]), "alice").await;
    }
    let door = Door::new(&issuer, &rp).await;
    for n in 0..8 {
        assert_eq!(door.wrong(&format!("user{n}"), &[]).await, (400, None));
    }
    let refused = door.knock(ALICE, &[]).await;
    assert_eq!(outcome(&refused), (429, Some(600)));
    assert!(refused.text.contains("Try again in 10 minutes"), "{}", refused.text);
    clock.advance(SECOND * 600);
    assert_eq!(door.knock(ALICE, &[]).await.status, StatusCode::SEE_OTHER);
}

async fn headers_of_strangers_count_for_nothing(kind: Kind) {
    let (issuer, _clock) = held(kind, |config| config.throttle.network_failures = 8).await;
    let rp = issuer.client().await;
    let door = Door::new(&issuer, &rp).await;
    let names = [
        "x-forwarded-for",
        "x-real-ip",
        "forwarded",
        "cf-connecting-ip",
        "true-client-ip",
        "x_forwarded_for",
        "client-ip",
        "via",
    ];
    for (n, header) in names.into_iter().enumerate() {
        let value = if header == "forwarded" { format!("for=198.51.100.{n}") } else { format!("198.51.100.{n}") };
        assert_eq!(door.wrong(&format!("user{n}"), &[(header, &value)]).await, (400, None));
    }
    let next = door.wrong("another", &[("x-forwarded-for", "127.0.0.1")]).await;
    assert_eq!(next, (429, Some(600)), "one peer is one network, loopback no exception");
}

async fn a_trusted_proxy_says_who_calls(kind: Kind) {
    let change = |config: &mut chancery::config::Config| {
        config.throttle.network_failures = 4;
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    };
    let (issuer, _clock) = held(kind, change).await;
    let rp = issuer.client().await;
    let door = Door::new(&issuer, &rp).await;
    let from = async |n: u32, hops: &str| door.wrong(&format!("user{n}"), &[("x-forwarded-for", hops)]).await.0;
    // The right-most hop that isn't ours counts; what the client put before it doesn't.
    for (n, hops) in
        (0..).zip(["203.0.113.9", "1.2.3.4, 203.0.113.9", "evil, 203.0.113.9, 10.1.1.1", "203.0.113.9:8080"])
    {
        assert_eq!(from(n, hops).await, 400, "{hops}");
    }
    assert_eq!(from(5, "9.9.9.9, 203.0.113.9").await, 429);
    // One IPv6 /64 is one network.
    for n in 10..14 {
        assert_eq!(from(n, &format!("2001:db8:1:2:{n:x}::{n:x}")).await, 400);
    }
    assert_eq!(from(15, "[2001:db8:1:2:ffff::1]:443").await, 429);
    assert_eq!(from(16, "2001:db8:1:3::1").await, 400);
    // What can't be read is the proxy itself, never nobody.
    let long = "1.1.1.1,".repeat(500) + "x";
    for (n, hops) in (20..).zip(["a", "", "[::1", "fe80::1%eth0", "203.0.113.256", &long]) {
        let status = from(n, hops).await;
        assert_eq!(status, if n < 24 { 400 } else { 429 }, "{n}: {hops:.20}");
    }
}

async fn the_owner_gets_in_where_he_is_known(kind: Kind) {
    let change = |config: &mut chancery::config::Config| {
        config.throttle.account_hard_stop = 12;
        config.throttle.account_cap = Duration::from_secs(1);
        config.throttle.network_failures = 1_000_000;
    };
    let (issuer, clock) = held(kind, change).await;
    let (alice, _) = (issuer.user("alice").await, issuer.user("bob").await);
    let rp = issuer.client().await;
    let home = super::signed_in(&issuer, &rp, "alice").await;
    assert_eq!(
        home.cookies.keys().filter(|name| name.starts_with("ch_known_")).count(),
        1,
        "{:?}",
        home.cookies.keys()
    );
    let stranger = Door::new(&issuer, &rp).await;
    for _ in 0..50 {
        stranger.wrong("alice", &[]).await;
        clock.advance(SECOND);
    }
    let closed = stranger.knock(ALICE, &[]).await;
    assert_eq!(closed.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(closed.text.contains("closed until a new one is set"), "{}", closed.text);
    clock.advance(Duration::from_secs(40 * 86_400));
    let stranger = Door::new(&issuer, &rp).await;
    assert_eq!(stranger.wrong("alice", &[]).await.0, 429, "closed is closed");
    // At home, without a session, the owner types his password as ever.
    let mut bare = home.clone();
    bare.cookies.retain(|name, _| name.starts_with("ch_known_"));
    let again = Door::with(&issuer, &rp, bare.clone()).await;
    assert_eq!(again.wrong("alice", &[]).await, (400, None));
    assert_eq!(again.knock(ALICE, &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(stranger.wrong("alice", &[]).await.0, 429, "which opens nothing for strangers");
    // Nobody else's cookie helps, nor an altered one; and the known browser has its own limit.
    let bob = super::signed_in(&issuer, &rp, "bob").await;
    let mut forged = bare.clone();
    for value in forged.cookies.values_mut() {
        let last = if value.pop() == Some('A') { 'Q' } else { 'A' };
        value.push(last);
    }
    for browser in [bob, forged] {
        let door = Door::with(&issuer, &rp, browser).await;
        assert_eq!(door.knock(ALICE, &[]).await.status, StatusCode::TOO_MANY_REQUESTS);
    }
    let known = Door::with(&issuer, &rp, bare.clone()).await;
    for _ in 0..12 {
        assert_eq!(known.wrong("alice", &[]).await, (400, None));
        clock.advance(SECOND);
    }
    assert_eq!(known.wrong("alice", &[]).await.0, 429);
    // A new password opens it, and makes every browser a stranger.
    let new = "another horse, another staple";
    let hash = password::hash(&issuer.app, &Password::typed(new).unwrap()).await.unwrap();
    let caller = Caller::default();
    let by = By { actor: Actor::Operator, caller: &caller, at: clock.now() };
    let change = people::set_password(&issuer.app.store, &by, alice.id, &hash).await.unwrap();
    change.settle(&issuer.app).await.unwrap();
    for _ in 0..5 {
        assert_eq!(known.wrong("alice", &[]).await, (400, None));
    }
    assert_eq!(stranger.wrong("alice", &[]).await, (429, Some(1)), "one budget again");
    clock.advance(SECOND);
    assert_eq!(stranger.knock(("alice", new), &[]).await.status, StatusCode::SEE_OTHER);
}

async fn without_budgets_nobody_gets_in(kind: Kind) {
    let (issuer, _clock) = held(kind, |_| {}).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let door = Door::new(&issuer, &rp).await;
    meddle(&issuer, "ALTER TABLE throttle RENAME TO gone").await;
    let closed = door.knock(ALICE, &[]).await;
    assert_eq!((closed.status.as_u16(), location(&closed)), (503, None), "{}", closed.text);
    assert!(closed.headers.contains_key("retry-after"));
    meddle(&issuer, "ALTER TABLE gone RENAME TO throttle").await;
    assert_eq!(door.knock(ALICE, &[]).await.status, StatusCode::SEE_OTHER);
}

async fn a_wide_network_has_a_wider_one(kind: Kind) {
    let change = |config: &mut chancery::config::Config| {
        config.throttle.network_failures = 2;
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
    };
    let (issuer, clock) = held(kind, change).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let door = Door::new(&issuer, &rp).await;
    let from = async |n: u32, address: &str| door.wrong(&format!("user{n}"), &[("x-forwarded-for", address)]).await;
    // A /48 is what one customer is given: its /64s are his to change as he likes, and eight times as many is enough.
    for n in 0..16 {
        assert_eq!(from(n, &format!("2001:db8:1:{n:x}::1")).await, (400, None), "{n}");
    }
    for n in 16..24 {
        assert_eq!(from(n, &format!("2001:db8:1:{n:x}::1")).await, (429, Some(600)), "{n}");
    }
    assert_eq!(from(24, "2001:db8:2::1").await, (400, None), "another /48");
    clock.advance(SECOND * 600);
    // A /64 that goes on after its own end costs its neighbours nothing, and success costs nothing at all.
    for n in 30..60 {
        let status = from(n, "2001:db8:1:1::1").await.0;
        assert_eq!(status, if n < 32 { 400 } else { 429 }, "{n}");
        let fine = Door::new(&issuer, &rp).await.knock(ALICE, &[("x-forwarded-for", "2001:db8:1:2::1")]).await;
        assert_eq!(fine.status, StatusCode::SEE_OTHER, "{n}");
    }
    let wide = count(&issuer, "SELECT charged FROM throttle WHERE key = 'network:2001:db8:1::/48'").await;
    assert_eq!(wide, 2);
}

async fn a_name_is_kept_by_its_mac(kind: Kind) {
    let (issuer, _clock) = held(kind, |_| {}).await;
    let rp = issuer.client().await;
    let door = Door::new(&issuer, &rp).await;
    // A password typed into the wrong field.
    let typed = "hunter2 hunter2";
    assert_eq!(door.wrong(typed, &[]).await, (400, None));
    let key = chancery::identity::key::of(typed);
    let hex = |bytes: &[u8]| bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
    let (_, tag) = issuer.app.keyring.mac("chancery name v1").sign(key.as_bytes());
    let kept =
        async |name: String| count(&issuer, &format!("SELECT COUNT(*) FROM throttle WHERE key = 'name:{name}'")).await;
    assert_eq!(kept(hex(&tag)).await, 1);
    assert_eq!(count(&issuer, "SELECT COUNT(*) FROM throttle WHERE key LIKE 'name:%'").await, 1);
    // Nothing that could be computed without the key.
    for digest in [&[key.as_bytes()][..], &[b"chancery account budget", key.as_bytes()], &[b"name", key.as_bytes()]] {
        assert_eq!(kept(hex(&chancery::secret::sha256(digest))).await, 0);
    }
}

async fn an_operator_opens_what_strangers_closed(kind: Kind) {
    let change = |config: &mut chancery::config::Config| {
        config.throttle.account_hard_stop = 8;
        config.throttle.account_cap = Duration::from_secs(1);
        config.throttle.network_failures = 1_000_000;
    };
    let (issuer, clock) = held(kind, change).await;
    let (alice, _) = (issuer.user("alice").await, issuer.user("bob").await);
    let rp = issuer.client().await;
    let mut home = super::signed_in(&issuer, &rp, "alice").await;
    let mut known = home.clone();
    known.cookies.retain(|name, _| name.starts_with("ch_known_"));
    let (stranger, known) = (Door::new(&issuer, &rp).await, Door::with(&issuer, &rp, known).await);
    for _ in 0..8 {
        for (door, name) in [(&stranger, "alice"), (&stranger, "bob"), (&known, "alice")] {
            assert_eq!(door.wrong(name, &[]).await, (400, None));
        }
        clock.advance(SECOND);
    }
    for door in [&stranger, &known] {
        assert_eq!(door.knock(ALICE, &[]).await.status, StatusCode::TOO_MANY_REQUESTS);
    }
    let caller = Caller::default();
    let by = By { actor: Actor::Operator, caller: &caller, at: clock.now() };
    people::unlock(&issuer.app.store, &by, alice.id).await.unwrap().settle(&issuer.app).await.unwrap();
    assert_eq!(events(&issuer, "user.unlocked").await, 1);
    // Nothing has ended, the password is the same, and it may be tried anywhere; the others' are as closed as they were.
    home.code(&rp.flow(&[]), "alice").await;
    assert_eq!(known.wrong("alice", &[]).await, (400, None));
    assert_eq!(stranger.knock(("bob", PASSWORD), &[]).await.status, StatusCode::TOO_MANY_REQUESTS);
    for door in [&stranger, &known] {
        assert_eq!(door.knock(ALICE, &[]).await.status, StatusCode::SEE_OTHER);
    }
}
