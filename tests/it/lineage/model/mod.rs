//! Lineage against a model: the same random history on a reference and on four issuers (the rules over both stores, and the
//! server over both), which must answer alike and end up alike.
//!
//! `CHANCERY_TEST_MODEL` sets how many histories; each is up to 60 operations. A failing one is printed, shrunk. The seed of a
//! run is printed first; `CHANCERY_TEST_SEED` takes one again.

mod op;
mod reference;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

use chancery::secret;
use futures_util::future::join_all;
use op::Op;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use reference::{Reference, State};
use tokio::runtime::Runtime;
use world::{Surface, World};

use super::desk;
use crate::kit::figure;
use crate::kit::issuer::Kind;

const LENGTH: std::ops::Range<usize> = 20..60;

/// How many operations were carried out, in all histories.
static CARRIED_OUT: AtomicU64 = AtomicU64::new(0);

#[test]
fn all_answer_as_the_model_does() {
    let cases = std::env::var("CHANCERY_TEST_MODEL").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    let config = Config { cases, max_shrink_iters: 200, failure_persistence: None, ..Config::default() };
    let seed =
        std::env::var("CHANCERY_TEST_SEED").ok().map(|text| text.parse().expect("CHANCERY_TEST_SEED is a number"));
    let seed: u64 = seed.unwrap_or_else(|| u64::from_be_bytes(secret::bytes()));
    println!("model: CHANCERY_TEST_SEED={seed}");
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &secret::sha256(&[&seed.to_be_bytes()]));
    let mut runner = TestRunner::new_with_rng(config.clone(), rng);
    let begun = chancery::clock::Clock::system();
    runner
        .run(&Reference::sequential_strategy(LENGTH), |(state, ops, seen)| {
            Issuers::test_sequential(config.clone(), state, ops, seen);
            Ok(())
        })
        .unwrap_or_else(|failed| panic!("{failed}"));
    let operations = CARRIED_OUT.load(Ordering::Relaxed);
    figure(&format!(
        "model: {cases} histories, {operations} operations on four issuers, {:?}, CHANCERY_TEST_SEED={seed}",
        begun.monotonic()
    ));
}

struct Issuers {
    runtime: Runtime,
    worlds: Vec<World>,
}

impl StateMachineTest for Issuers {
    type SystemUnderTest = Self;
    type Reference = Reference;

    fn init_test(state: &State) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let all = [
            (Kind::Sqlite, Surface::Rules),
            (Kind::Postgres, Surface::Rules),
            (Kind::Sqlite, Surface::Http),
            (Kind::Postgres, Surface::Http),
        ];
        let worlds = runtime.block_on(join_all(all.map(|(kind, surface)| World::begin(kind, surface, state))));
        Self { runtime, worlds }
    }

    fn apply(mut this: Self, state: &State, op: Op) -> Self {
        CARRIED_OUT.fetch_add(1, Ordering::Relaxed);
        if op == Op::Restart {
            this.worlds = this.runtime.block_on(join_all(this.worlds.into_iter().map(World::restart)));
            return this;
        }
        this.runtime.block_on(join_all(this.worlds.iter_mut().map(async |world| {
            let said = world.carry_out(op, state).await;
            assert_eq!(said, state.said, "{op:?} on {:?}, {:?}", world.issuer.kind, world.surface);
            follow_up(world, state, op).await;
        })));
        this
    }

    fn check_invariants(this: &Self, state: &State) {
        this.runtime.block_on(join_all(this.worlds.iter().map(|world| alike(world, state))));
    }

    fn teardown(this: Self, state: State) {
        this.runtime.block_on(join_all(this.worlds.into_iter().map(async |world| {
            told(&world, &state).await;
            world.issuer.stop().await;
        })));
    }
}

/// What is written beside a request has been written before the next one.
async fn follow_up(world: &World, state: &State, op: Op) {
    let session = match (op, &state.said) {
        (Op::Authorize { .. }, reference::Said::Code { session }) => *session,
        (Op::Refresh { .. }, reference::Said::Tokens { family, .. }) => state.families[*family].session,
        _ => return,
    };
    if state.session_lives(session) {
        world.used(session, state.sessions[session].used).await;
    }
}

/// The newest families' rows and the newest tokens, one by one.
async fn alike(world: &World, state: &State) {
    let place = (world.issuer.kind, world.surface);
    assert_eq!(world.families.len(), state.families.len(), "{place:?}");
    for at in state.families.len().saturating_sub(5)..state.families.len() {
        let (it, id) = (&state.families[at], world.families[at]);
        let row = chancery::store::rolls::of_family(&world.app().store, id).await.unwrap();
        let Some((row, _)) = row else {
            assert!(it.gone || state.is_due(at), "family {at} is gone too early: {place:?}");
            continue;
        };
        assert!(!it.gone, "family {at} is still there: {place:?}");
        let ended = (row.end_reason.as_deref(), row.ended_at.is_some(), row.revoked_seq > 0);
        let why = it.ended.map(|(_, why)| why);
        assert_eq!(ended, (why, why.is_some(), why.is_some()), "family {at} on {place:?}");
        assert_eq!(usize::try_from(row.generation).unwrap(), it.generation, "family {at} on {place:?}");
        let (rows, _) = desk::lineage_of(&world.issuer, id).await;
        let retries: i64 = rows.iter().map(|row| row.retries).sum();
        assert_eq!((rows.len(), usize::try_from(retries).unwrap()), (it.generation + 1, it.retries), "{place:?}");
        introspected(world, state, at).await;
    }
    for at in state.tokens.len().saturating_sub(8)..state.tokens.len() {
        let client = state.families[state.tokens[at].family].client;
        let good = world.is_good(at, client, state.clients[client]).await;
        assert_eq!(good, state.token_lives(at), "token {at} of family {} on {place:?}", state.tokens[at].family);
    }
}

/// Of a family's refresh tokens the live generation is active, while the family lives, and no other.
async fn introspected(world: &World, state: &State, at: usize) {
    let it = &state.families[at];
    if world.surface == Surface::Rules || !state.clients[it.client] {
        return;
    }
    for (generation, token) in world.refresh[at].iter().enumerate().rev().take(2) {
        let Some(token) = token else { continue };
        let active = world.clients[it.client].introspect(token).await.ok().json["active"] == true;
        let live = state.family_lives(at) && generation == it.generation;
        assert_eq!(active, live, "generation {generation} of family {at} on {:?}", world.issuer.kind);
    }
}

/// The audit trail tells of every rotation, and of what ended each family.
async fn told(world: &World, state: &State) {
    for (at, (it, id)) in state.families.iter().zip(&world.families).enumerate() {
        let count = async |event| desk::count(&world.issuer, *id, event).await;
        assert_eq!(count("code.redeemed").await, 1);
        assert_eq!(count("refresh.rotated").await, it.generation);
        assert_eq!(count("refresh.retried").await, it.retries.min(64));
        if state.is_due(at) {
            // Whether it was still there when it was ended once more is the sweeper's affair.
            continue;
        }
        let why = it.ended.map(|(_, why)| why);
        for (event, reason) in [("refresh.reused", "reuse"), ("refresh.late", "late"), ("code.reused", "code_reuse")] {
            assert_eq!(count(event).await, usize::from(why == Some(reason)), "{event} of {why:?}");
        }
    }
}
