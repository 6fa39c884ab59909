//! Two browsers and a device in any order, against a model: who may answer a code, what the device is told, and what each page
//! says, must agree with a few lines of rules; and at the same moment, one answer stands.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::desk::{Asked, asks, enters, has, presses, reaches};
use crate::kit::actors::{Answer, Browser, RelyingParty};
use crate::kit::figure;
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

on_both!(any_order_of_two_browsers, two_windows_at_once, two_browsers_at_once);

/// What happens; the number is a browser.
#[derive(Debug, Clone, Copy)]
enum Op {
    Enter(usize),
    Allow(usize),
    Deny(usize),
    Poll,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    Not,
    Yes,
    No,
    Spent,
}

/// The rules: the first browser keeps the code, its first answer stands, and what was allowed is given once.
#[derive(Debug)]
struct Model {
    claimed: Option<usize>,
    answered: Answered,
    alive: bool,
}

fn histories() -> Vec<Vec<Op>> {
    let cases = std::env::var("CHANCERY_TEST_MODEL").ok().and_then(|text| text.parse().ok()).unwrap_or(8usize) * 2;
    let seed = std::env::var("CHANCERY_TEST_SEED").ok().map(|text| text.parse().expect("a number"));
    let seed: u64 = seed.unwrap_or_else(|| u64::from_be_bytes(chancery::secret::bytes()));
    println!("model: CHANCERY_TEST_SEED={seed}");
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &chancery::secret::sha256(&[&seed.to_be_bytes()]));
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let op = prop_oneof![
        3 => (0..2usize).prop_map(Op::Enter),
        3 => (0..2usize).prop_map(Op::Allow),
        1 => (0..2usize).prop_map(Op::Deny),
        2 => Just(Op::Poll),
    ];
    let strategy = prop::collection::vec(op, 4..14);
    (0..cases).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

async fn any_order_of_two_browsers(kind: Kind) {
    let setup = Setup { change: Box::new(|config| config.throttle.user_codes = 100_000), ..Setup::patient() };
    let issuer = Issuer::start_with(kind, setup).await;
    issuer.user("alice").await;
    let tv = issuer.device_client().await;
    let mut browsers = [Browser::new(&issuer), Browser::new(&issuer)];
    for browser in &mut browsers {
        super::desk::connects(browser, &tv, "alice").await;
    }
    let mut carried = 0;
    let histories = histories();
    for history in &histories {
        let asked = asks(&tv).await;
        let mut model = Model { claimed: None, answered: Answered::Not, alive: true };
        let mut pages: [Option<Answer>; 2] = [None, None];
        for op in history {
            step(*op, &tv, &asked, (&mut browsers, &mut pages), &mut model).await;
            carried += 1;
        }
    }
    figure(&format!("device model, {kind:?}: {} histories, {carried} operations", histories.len()));
    issuer.stop().await;
}

async fn step(
    op: Op,
    tv: &RelyingParty,
    asked: &Asked,
    (browsers, pages): (&mut [Browser; 2], &mut [Option<Answer>; 2]),
    model: &mut Model,
) {
    match op {
        Op::Enter(who) => {
            let page = enters(&mut browsers[who], &asked.user_code).await;
            let free = model.claimed.is_none_or(|owner| owner == who);
            let wanted = match (model.answered, free) {
                (Answered::Not, true) => 200,
                (Answered::Not, false) => 409,
                _ => 400,
            };
            assert_eq!(page.status, wanted, "{op:?} {model:?}: {}", page.text);
            if wanted == 200 {
                assert!(has(&page, "consent-allow"), "{}", page.text);
                model.claimed = Some(who);
                pages[who] = Some(page);
            }
        }
        Op::Allow(who) | Op::Deny(who) => {
            let Some(page) = pages[who].clone() else { return };
            let (button, says) = if matches!(op, Op::Allow(_)) {
                ("consent-allow", Answered::Yes)
            } else {
                ("consent-deny", Answered::No)
            };
            let told = presses(&mut browsers[who], &page, button).await;
            assert_eq!(model.claimed, Some(who), "only who claimed it has a page");
            if model.answered == Answered::Not {
                model.answered = says;
            }
            // A page tells what stands, or that it is over; never what doesn't stand.
            let (yes, no) = (told.text.contains("<h1>Signed in</h1>"), told.text.contains("<h1>Denied</h1>"));
            let stands = if model.answered == Answered::No { no } else { yes };
            let over = told.status == 400 && told.text.contains("no longer valid");
            assert!((stands || over) && !(yes && no), "{op:?} {model:?}: {}", told.text);
            if model.answered == says {
                assert!(stands || over, "{op:?} {model:?}: {}", told.text);
            }
        }
        Op::Poll => {
            let answer = tv.poll(&asked.device_code).await;
            match model.answered {
                Answered::Not => assert!(
                    ["authorization_pending", "slow_down"].contains(&answer.str("error")),
                    "{model:?}: {}",
                    answer.text
                ),
                Answered::No => answer.is(400, "access_denied"),
                Answered::Yes => {
                    answer.ok();
                    model.answered = Answered::Spent;
                }
                Answered::Spent => {
                    answer.is(400, "invalid_grant");
                    model.alive = false;
                }
            }
        }
    }
}

/// Two windows of one browser, one saying yes and one saying no, at the same moment: one answer stands, and both windows say it.
async fn two_windows_at_once(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    let tv = issuer.device_client().await;
    let mut browser = Browser::new(&issuer);
    super::desk::connects(&mut browser, &tv, "alice").await;
    let mut stood = [0, 0];
    for _ in 0..12 {
        let asked = asks(&tv).await;
        let first = reaches(&mut browser, &asked.user_code, "alice").await;
        let second = reaches(&mut browser, &asked.user_code, "alice").await;
        let press = |page: Answer, button: &'static str| {
            let mut browser = browser.clone();
            tokio::spawn(async move { presses(&mut browser, &page, button).await })
        };
        let (yes, no) = (press(first, "consent-allow"), press(second, "consent-deny"));
        let (yes, no) = (yes.await.unwrap(), no.await.unwrap());
        let (in_, out) = (yes.text.contains("<h1>Signed in</h1>"), no.text.contains("<h1>Denied</h1>"));
        assert!(in_ != out, "one of the two stands: {} {}", yes.text, no.text);
        let late = if in_ { &no } else { &yes };
        assert!(late.status == 400 && late.text.contains("no longer valid"), "{}", late.text);
        if in_ {
            tv.poll(&asked.device_code).await.ok();
        } else {
            tv.poll(&asked.device_code).await.is(400, "access_denied");
        }
        stood[usize::from(out)] += 1;
    }
    figure(&format!("device windows, {kind:?}: yes stood {} times, no {} times", stood[0], stood[1]));
    issuer.stop().await;
}

/// Two browsers that enter a code at the same moment: one keeps it, and it alone can answer.
async fn two_browsers_at_once(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    issuer.user("mallory").await;
    let tv = issuer.device_client().await;
    let (mut alice, mut mallory) = (Browser::new(&issuer), Browser::new(&issuer));
    super::desk::connects(&mut alice, &tv, "alice").await;
    super::desk::connects(&mut mallory, &tv, "mallory").await;
    for _ in 0..6 {
        let asked = asks(&tv).await;
        let enter = |browser: &Browser| {
            let (mut browser, code) = (browser.clone(), asked.user_code.clone());
            tokio::spawn(async move { enters(&mut browser, &code).await })
        };
        let (one, two) = (enter(&alice), enter(&mallory));
        let (one, two) = (one.await.unwrap(), two.await.unwrap());
        let mine = has(&one, "consent-allow");
        assert!(mine != has(&two, "consent-allow"), "{} {}", one.text, two.text);
        assert_eq!(if mine { two.status } else { one.status }, 409);
        let (browser, page, name) =
            if mine { (&mut alice, &one, "alice of the tests") } else { (&mut mallory, &two, "mallory of the tests") };
        presses(browser, page, "consent-allow").await.ok();
        let tokens = tv.poll(&asked.device_code).await.ok();
        assert_eq!(tv.userinfo(tokens.str("access_token")).await.ok().json["name"], name);
    }
    issuer.stop().await;
}
