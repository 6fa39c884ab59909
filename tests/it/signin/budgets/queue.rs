//! Hashing costs: it has a queue with an end, nobody fills it alone, and what is too long never enters it.

use super::*;

on_both!(a_full_queue_says_come_again, too_long_to_be_hashed, nobody_fills_the_queue_alone);

async fn a_full_queue_says_come_again(kind: Kind) {
    let change = |config: &mut chancery::config::Config| {
        config.login.hash_permits = 1;
        config.login.hash_queue = 0;
    };
    let (issuer, _clock) = held(kind, change).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let door = Door::new(&issuer, &rp).await;
    let permit = issuer.app.hashing.acquire().await.unwrap();
    for _ in 0..10 {
        let busy = door.knock(ALICE, &[]).await;
        assert_eq!(outcome(&busy), (503, Some(1)));
        assert!(busy.text.contains("was not checked"), "{}", busy.text);
    }
    drop(permit);
    assert_eq!(door.knock(ALICE, &[]).await.status, StatusCode::SEE_OTHER, "nobody paid for what was not looked at");
}

async fn too_long_to_be_hashed(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let door = Door::new(&issuer, &rp).await;
    // No permit is free: whatever is answered now was answered without a hash.
    let permit = issuer.app.hashing.acquire().await.unwrap();
    let marks = "e\u{301}\u{323}\u{302}".repeat(1400);
    for long in ["x".repeat(1025), "x".repeat(60_000), marks.clone(), "\u{fb2c}".repeat(400)] {
        let answer = tokio::time::timeout(SECOND * 5, door.knock(("alice", &long), &[])).await.unwrap();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", long.len());
        clock.advance(SECOND * 60);
    }
    for huge in ["x".repeat(1 << 20), marks.repeat(8)] {
        let answer = tokio::time::timeout(SECOND * 5, door.knock(("alice", &huge), &[])).await.unwrap();
        assert!([400, 413].contains(&answer.status.as_u16()), "{}", answer.status);
    }
    drop(permit);
    let mut browser = door.browser.clone();
    let done = sign_in(&mut browser, &door.page, &door.flow, ALICE).await;
    assert!(told(&done, "code").starts_with("ch_ac_"));
}

async fn nobody_fills_the_queue_alone(kind: Kind) {
    let (issuer, _clock) = held(kind, |config| config.login.hash_permits = 1).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let permit = issuer.app.hashing.acquire().await.unwrap();
    let queued = async |many: usize| {
        issuer.until("they wait", async |issuer| issuer.app.hashing.waiting() == many).await;
    };
    let mut doors = Vec::new();
    for _ in 0..4 {
        doors.push(Door::new(&issuer, &rp).await);
    }
    // The third in one name is told to come again, whether anybody has it or not: that tells nothing either.
    let [first, second, third, other] = &doors[..] else { panic!("four") };
    let hold = async {
        queued(2).await;
        for _ in 0..5 {
            assert_eq!(outcome(&third.knock(ALICE, &[]).await), (503, Some(1)));
        }
        let nobody = async {
            queued(4).await;
            assert_eq!(outcome(&third.knock(("nobody", "wrong"), &[]).await), (503, Some(1)));
            drop(permit);
        };
        let wrong = ("nobody", "wrong");
        tokio::join!(other.knock(wrong, &[]), third.knock(wrong, &[]), nobody)
    };
    let (one, two, (three, four, ())) = tokio::join!(first.knock(ALICE, &[]), second.knock(ALICE, &[]), hold);
    assert_eq!([one.status.as_u16(), two.status.as_u16()], [303, 303]);
    assert_eq!([three.status.as_u16(), four.status.as_u16()], [400, 400]);
    assert_eq!(third.knock(ALICE, &[]).await.status, StatusCode::SEE_OTHER, "nobody paid for what was not looked at");
}
