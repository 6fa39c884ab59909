//! The kill matrix: every cause, on one node; every probe, on another; every neighbour goes on; whoever may, begins again.

use std::time::Duration;

use chancery::clock::Clock;
use chancery::live::Tuning;

use super::browsing::{Page, afresh, carry_on, held};
use super::causes::{Cause, Reach, TABLE, carry_out, open_again};
use super::probes::{Gateway, active, bearing, refused, told};
use super::world::{Name, World};
use crate::kit::actors::{Answer, Browser, Flow, RelyingParty, claims};
use crate::kit::figure;
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

on_both!(each_cause_ends_what_it_reaches_and_nothing_else, clients_revoke_their_own_and_nothing_else);

/// "Within a second, everywhere".
const BOUND: Duration = Duration::from_secs(1);

async fn each_cause_ends_what_it_reaches_and_nothing_else(kind: Kind) {
    matrix(kind, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polling_alone_is_enough() {
    matrix(Kind::Postgres, false).await;
}

fn setup(listen: bool) -> Setup {
    Setup { tuning: Tuning { listen, ..Tuning::default() }, ..Setup::default() }
}

async fn matrix(kind: Kind, listen: bool) {
    let here = Issuer::start_with(kind, setup(listen)).await;
    // SQLite is for one machine, and one server on it.
    let there = if kind == Kind::Postgres { Some(here.another_node(setup(listen)).await) } else { None };
    let there = there.as_ref().unwrap_or(&here);
    let mut lines = Vec::new();
    for (at, (cause, reach)) in TABLE.iter().enumerate() {
        lines.push(row(&here, there, (*cause, reach), &format!("w{at}")).await);
    }
    let notify = if listen { "on" } else { "off" };
    let columns =
        format!("{:<24} {:>7} {:>7} {:>9} {:>10}  begins again", "cause", "refresh", "access", "spared", "ms there");
    let title = format!("kill matrix on {kind:?}, NOTIFY {notify} (refused at once where it was ended):");
    figure(&format!("{title}\n{columns}\n{}", lines.join("\n")));
}

async fn row(here: &Issuer, there: &Issuer, (cause, reach): (Cause, &Reach), tag: &str) -> String {
    let mut world = World::build(here, tag).await;
    let mut gateway = Gateway::beside(there).await;
    for (name, token) in world.access() {
        assert!(active(there, &world, &token).await, "{cause:?}: {name} before");
    }
    let opened = Opened::before(&mut world).await;
    let groups = claims(&world.this().access)["groups"].clone();
    assert_eq!(groups, serde_json::json!(["staff"]));

    carry_out(cause, here, &mut world).await;
    // From the kill to its effect elsewhere: what counts is when a stale answer was asked for, not how long answers take.
    let clock = Clock::system();
    let ended: Vec<(Name, String)> =
        world.access().into_iter().filter(|(name, _)| reach.access.contains(name)).collect();
    assert_eq!(ended.len(), reach.access.len());
    for (name, token) in &ended {
        assert!(!active(here, &world, token).await, "{cause:?}: {name} where it was ended, at once");
    }
    let mut took = clock.monotonic();
    while !ended_there(there, &world, &mut gateway, &ended).await {
        assert!(took < BOUND, "{cause:?}: still not everywhere after {took:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
        took = clock.monotonic();
    }
    for line in world.lines.iter().filter(|line| reach.refresh.contains(&line.name)) {
        assert!(refused(there, world.rp(line), &line.refresh).await, "{cause:?}: the refresh token of {}", line.name);
    }
    let spared = neighbours(cause, reach, (here, there), &mut world, &mut gateway).await;
    let again = begin_again(cause, reach, (here, there), &mut world, opened).await;
    format!(
        "{:<24} {:>7} {:>7} {:>9} {:>10}  {again}",
        format!("{cause:?}"),
        reach.refresh.len(),
        reach.access.len(),
        spared,
        took.as_millis()
    )
}

/// Whether every probe on the other node refuses every token that ended.
async fn ended_there(there: &Issuer, world: &World, gateway: &mut Gateway<'_>, ended: &[(Name, String)]) -> bool {
    for (_, token) in ended {
        if active(there, world, token).await || told(there, world, token).await {
            return false;
        }
    }
    let Some(entries) = gateway.entries().await else { return false };
    ended.iter().all(|(_, token)| entries.iter().any(|entry| entry.covers(&bearing(token))))
}

/// Everything the cause doesn't reach goes on, at every probe; answers how many tokens that are.
async fn neighbours(
    cause: Cause,
    reach: &Reach,
    nodes: (&Issuer, &Issuer),
    world: &mut World,
    gateway: &mut Gateway<'_>,
) -> usize {
    let entries = gateway.entries().await.unwrap();
    let mut spared = 0;
    for (name, token) in world.access().into_iter().filter(|(name, _)| !reach.access.contains(name)) {
        for node in [nodes.0, nodes.1] {
            assert!(active(node, world, &token).await, "{cause:?} spares the access token of {name}");
        }
        // A client's own token tells of no user; a grant, session or user that ended tells userinfo nothing of others.
        if name != "own" {
            assert!(told(nodes.1, world, &token).await, "{cause:?}: userinfo for {name}");
        }
        assert!(!entries.iter().any(|entry| entry.covers(&bearing(&token))), "{cause:?}: the feed spares {name}");
        spared += 1;
    }
    for at in 0..world.lines.len() {
        let line = &world.lines[at];
        if reach.refresh.contains(&line.name) {
            continue;
        }
        let rp = world.rp(line).through(nodes.1);
        if cause == Cause::ResourceRetired && matches!(line.name, "this" | "both") {
            // The family lives on, for nobody: whoever asks for the resource by name is told why.
            assert_eq!(rp.introspect(&line.refresh).await.ok().json["active"], true);
            rp.refresh(&line.refresh).await.is(400, "invalid_grant");
            let named = [("grant_type", "refresh_token"), ("refresh_token", &line.refresh), ("resource", &world.first)];
            rp.token(&named).await.is(400, "invalid_target");
            continue;
        }
        let next = rp.refresh(&line.refresh).await.ok();
        live(nodes, world, &next).await;
        if cause == Cause::GroupRemoved && line.name == "this" {
            assert_eq!(claims(next.str("access_token")).get("groups"), None, "what is allowed now");
        }
        world.lines[at].refresh = next.str("refresh_token").to_owned();
        world.lines[at].access = next.str("access_token").to_owned();
        spared += 1;
    }
    spared
}

/// Tokens that were just issued work on both nodes, at every probe.
async fn live((here, there): (&Issuer, &Issuer), world: &World, answer: &Answer) {
    let access = answer.str("access_token");
    for node in [there, here] {
        assert!(active(node, world, access).await, "a new token lives");
        assert!(told(node, world, access).await);
    }
    let mut gateway = Gateway::beside(there).await;
    let entries = gateway.entries().await.unwrap();
    assert!(!entries.iter().any(|entry| entry.covers(&bearing(access))), "no gateway refuses a new token");
}

/// Pages that were open in Alice's browser when it happened.
struct Opened {
    sign_in: (Flow, Answer),
    consent: (Flow, Answer),
}

impl Opened {
    async fn before(world: &mut World) -> Self {
        let resource = world.first.clone();
        let sign_in = world.dash.flow(&[("resource", &resource), ("prompt", "login")]);
        let consent = world.dash.flow(&[("resource", &resource), ("prompt", "consent")]);
        let page = world.here.begin(&sign_in).await.ok();
        assert_eq!(super::browsing::page(&page), Page::SignIn);
        let asked = world.here.begin(&consent).await.ok();
        assert_eq!(super::browsing::page(&asked), Page::Consent);
        Self { sign_in: (sign_in, page), consent: (consent, asked) }
    }
}

/// The owner starts over: from the client, and from the pages that were open. What is issued lives.
async fn begin_again(
    cause: Cause,
    reach: &Reach,
    nodes: (&Issuer, &Issuer),
    world: &mut World,
    opened: Opened,
) -> &'static str {
    let fresh = (world.dash.flow(&[("resource", &world.first)]), None);
    if !open_again(cause, nodes.0, world).await {
        let lost = world.here.begin(&fresh.0).await;
        let page = if cause == Cause::UserDeleted { Page::SignIn } else { Page::Error };
        assert_eq!(super::browsing::page(&lost), page, "{}", lost.text);
        return "never: it is gone";
    }
    let session_lives = held(nodes.0, &world.here).await.map(|held| held.session_id.to_string());
    let sid = claims(&world.this().access)["sid"].as_str().unwrap().to_owned();
    let keeps = session_lives.as_ref() == Some(&sid);
    assert_eq!(keeps, !reach.refresh.contains(&"client"), "{cause:?}: the session");
    // Whoever goes on after a change of his own does so in that browser, and nowhere else.
    let ends_there = reach.refresh.contains(&"client") && reach.refresh.contains(&"session");
    assert_eq!(held(nodes.0, &world.there).await.is_none(), ends_there, "{cause:?}: her other browser");
    let Opened { sign_in, consent } = opened;
    let (sign_in, consent) = ((sign_in.0, Some(sign_in.1)), (consent.0, Some(consent.1)));
    // A sign-in gives the browser a new secret: what needs none comes first.
    let order = if session_lives.is_some() { [fresh, consent, sign_in] } else { [sign_in, consent, fresh] };
    let mut first = None;
    for (flow, page) in order {
        let who = (world.alice.username.clone(), world.alices_password.clone());
        let who = (who.0.as_str(), who.1.as_str());
        let (code, met) = match page {
            Some(page) => carry_on(&mut world.here, &flow, page, who).await,
            None => afresh(&mut world.here, &flow, who).await,
        };
        let tokens = world.dash.redeem(&flow, &code).await.ok();
        live(nodes, world, &tokens).await;
        let next = world.dash.through(nodes.1).refresh(tokens.str("refresh_token")).await.ok();
        live(nodes, world, &next).await;
        if keeps {
            assert_eq!(claims(next.str("access_token"))["sid"], sid, "{cause:?}: in the same session");
        }
        first.get_or_insert(met);
    }
    let asked = |page| first.as_ref().is_some_and(|met| met.contains(&page));
    let anew = matches!(cause, Cause::ConsentRemoved | Cause::Admin("grant"));
    assert_eq!(
        asked(Page::Consent),
        anew,
        "{cause:?}: consent is asked for anew when it was taken back, and only then"
    );
    match (asked(Page::SignIn), asked(Page::Consent)) {
        (true, _) => "after signing in",
        (_, true) => "after consenting",
        _ => "without a page",
    }
}

/// RFC 7009, 2.1: a public client's word is enough for its own tokens; a stranger's never is; a secret that is due is asked for.
async fn clients_revoke_their_own_and_nothing_else(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let public = issuer.client_with(|row| row.auth_method = "none".to_owned()).await;
    let stranger = issuer.client_with(|row| row.auth_method = "none".to_owned()).await;
    let confidential = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    for which in ["access_token", "refresh_token"] {
        for owner in [&public, &confidential] {
            let tokens = owner.tokens(&mut browser, "alice").await;
            stranger.revoke(tokens.str(which)).await.ok();
            owner.userinfo(tokens.str("access_token")).await.ok();
            let tokens = owner.refresh(tokens.str("refresh_token")).await.ok();
            if owner.secret.is_some() {
                let nobody = RelyingParty { secret: None, method: "none".to_owned(), ..owner.clone() };
                nobody.revoke(tokens.str(which)).await.is(401, "invalid_client");
                owner.userinfo(tokens.str("access_token")).await.ok();
            }
            let whole = which == "refresh_token";
            for _ in 0..2 {
                owner.revoke(tokens.str(which)).await.ok();
            }
            owner.userinfo(tokens.str("access_token")).await.is(401, "invalid_token");
            let next = owner.refresh(tokens.str("refresh_token")).await;
            assert_eq!(next.status, if whole { 400 } else { 200 }, "{}", next.text);
        }
    }
}
