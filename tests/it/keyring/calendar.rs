//! Announce, sign, retire, go: by the clock, by hand, by several nodes at once.

use chancery::keyring::{Alg, Error, Keyring, Refused, Rotated, State};
use chancery::store::{Store, audit};
use serde_json::Value;
use sqlx::Executor;

use super::{ALL, ANY, DAY, Ground, HOUR, LIFE, jwks, options, signed, states};

#[tokio::test]
async fn keys_take_turns_by_the_clock_alone() {
    for ground in Ground::both().await {
        let keyring = ground.keyring().await;
        for alg in ALL {
            let found: Vec<State> = states(&keyring, alg).await.into_iter().map(|(_, state)| state).collect();
            assert_eq!(found, [State::Signing, State::Announced], "{alg}");
        }
        let rows = states(&keyring, Alg::Es256).await;
        let (first, second) = (rows[0].0.clone(), rows[1].0.clone());
        let (old, kid) = signed(&keyring, Alg::Es256);
        assert_eq!(kid, first);
        let before = keyring.jwks();
        assert_eq!(before.kids.len(), 6, "what signs and what will, of each algorithm");

        ground.clock.advance(90 * DAY - HOUR);
        assert_eq!(signed(&keyring, Alg::Es256).1, first);
        ground.clock.advance(HOUR);
        assert_eq!(signed(&keyring, Alg::Es256).1, second, "nobody had to do anything");
        assert!(!keyring.verify(&old, ANY).unwrap().retired);

        keyring.maintain().await.unwrap();
        let found: Vec<State> = states(&keyring, Alg::Es256).await.into_iter().map(|(_, state)| state).collect();
        assert_eq!(found, [State::Retiring, State::Signing, State::Announced]);
        let during = keyring.jwks();
        assert_eq!(during.kids.len(), 9);
        assert_ne!(during.etag, before.etag);

        ground.clock.advance(LIFE + HOUR);
        let after = keyring.jwks();
        assert_eq!(after.kids.len(), 6, "the retired keys left without a reload");
        assert!(!after.kids.contains(&first) && after.etag != during.etag);
        assert_eq!(keyring.verify(&old, ANY).unwrap_err(), Refused::GoneKey);
        let hint = keyring.verify(&old, ANY.accept_gone()).unwrap();
        assert!(hint.retired);
        assert_eq!((hint.kid, hint.alg, hint.claims["sub"].as_str()), (first, Alg::Es256, Some("alice")));
    }
}

#[tokio::test]
async fn the_key_set_is_made_once_and_shows_public_members_only() {
    for ground in Ground::both().await {
        let keyring = ground.keyring().await;
        let published = keyring.jwks();
        assert!(std::sync::Arc::ptr_eq(&published, &keyring.jwks()));
        keyring.maintain().await.unwrap();
        assert_eq!(*keyring.jwks(), *published, "the same keys make the same bytes");
        assert_eq!(*ground.keyring().await.jwks(), *published, "on every node");
        for key in jwks(&published) {
            let mut members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
            members.sort_unstable();
            let public: &[&str] = match key["alg"].as_str().unwrap() {
                "ES256" => &["alg", "crv", "kid", "kty", "use", "x", "y"],
                "RS256" => &["alg", "e", "kid", "kty", "n", "use"],
                _ => &["alg", "crv", "kid", "kty", "use", "x"],
            };
            assert_eq!(members, public);
            assert_eq!(key["use"], "sig");
            assert!(published.kids.iter().any(|kid| key["kid"] == kid.as_str()));
        }
    }
}

#[tokio::test]
async fn racing_nodes_make_one_set() {
    for ground in Ground::both().await {
        race(&ground).await;
    }
}

/// Before the issuer's row is there nobody can hold its lock, and the unique ordinals decide. The four are held up until
/// all of them have found no key and are about to write one.
#[tokio::test]
async fn racing_nodes_make_one_set_without_a_row_to_lock() {
    let [_, ground] = Ground::both().await;
    ground.meddle("DELETE FROM issuer").await;
    let Store::Postgres(pool) = &ground.store else { panic!("the second is PostgreSQL") };
    let mut holder = pool.begin().await.unwrap();
    holder.execute("LOCK TABLE signing_key IN SHARE MODE").await.unwrap();
    let release = async {
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'signing_key'::regclass \
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        for _ in 0..500 {
            let count: i64 = sqlx::query_scalar(waiting).fetch_one(pool).await.unwrap();
            if count == 4 {
                return holder.commit().await.unwrap();
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("four nodes never wrote at once");
    };
    tokio::join!(race(&ground), release);
}

async fn race(ground: &Ground) {
    let sealing = ground.sealing();
    let nodes: Vec<_> = (0..4)
        .map(|_| {
            let (sealing, clock, url) = (sealing.clone(), ground.clock.clone(), ground.url.clone());
            tokio::spawn(async move {
                let store = super::open(&url).await;
                Keyring::open(sealing, store, clock, options()).await.unwrap()
            })
        })
        .collect();
    let mut keyrings = Vec::new();
    for node in nodes {
        keyrings.push(node.await.unwrap());
    }
    assert_eq!(keyrings[0].list().await.unwrap().len(), 6);
    for alg in ALL {
        let (token, kid) = signed(&keyrings[0], alg);
        for keyring in &keyrings {
            assert_eq!(signed(keyring, alg).1, kid);
            assert_eq!(keyring.verify(&token, ANY).unwrap().kid, kid);
        }
    }
    let rows = audit::newest(&ground.store, None, 100).await.unwrap();
    assert_eq!(rows.iter().filter(|row| row.event == "key.created").count(), 6, "each told once");
}

/// Rotates for good.
async fn rotate(ground: &Ground, keyring: &Keyring, alg: Alg) -> Rotated {
    let mut tx = ground.store.begin().await.unwrap();
    let rotated = keyring.rotate(&mut tx, alg).await.unwrap();
    tx.commit().await.unwrap();
    keyring.maintain().await.unwrap();
    rotated
}

#[tokio::test]
async fn a_rotation_by_hand_lets_the_successor_sign_at_once() {
    for ground in Ground::both().await {
        let (keyring, other) = (ground.keyring().await, ground.keyring().await);
        let rows = states(&keyring, Alg::Rs256).await;
        let (old, _) = signed(&keyring, Alg::Rs256);

        let mut tx = ground.store.begin().await.unwrap();
        keyring.rotate(&mut tx, Alg::Rs256).await.unwrap();
        tx.rollback().await.unwrap();
        keyring.maintain().await.unwrap();
        assert_eq!(states(&keyring, Alg::Rs256).await, rows, "what is not committed did not happen");

        let rotated = rotate(&ground, &keyring, Alg::Rs256).await;
        assert_eq!((rotated.from.as_ref(), &rotated.to), (Some(&rows[0].0), &rows[1].0));
        assert_eq!(rotated.announced_at, ground.clock.now());
        let (new, kid) = signed(&keyring, Alg::Rs256);
        assert_eq!(kid, rows[1].0);
        let found: Vec<State> = states(&keyring, Alg::Rs256).await.into_iter().map(|(_, state)| state).collect();
        assert_eq!(found, [State::Retiring, State::Signing, State::Announced]);
        assert_eq!(states(&keyring, Alg::Es256).await.len(), 2, "the others go on");

        // The other node has known the successor all along, and follows when it reads the records.
        assert!(other.verify(&new, ANY).is_ok() && other.verify(&old, ANY).is_ok());
        assert_eq!(signed(&other, Alg::Rs256).1, rows[0].0);
        other.reload_now().await.unwrap();
        assert_eq!(signed(&other, Alg::Rs256).1, rows[1].0);
    }
}

#[tokio::test]
async fn a_second_rotation_waits_for_a_successor() {
    for ground in Ground::both().await {
        let keyring = ground.keyring().await;
        let mut tx = ground.store.begin().await.unwrap();
        keyring.rotate(&mut tx, Alg::Es256).await.unwrap();
        ground.clock.advance(HOUR);
        let again = keyring.rotate(&mut tx, Alg::Es256).await.unwrap_err();
        assert!(matches!(again, Error::NoSuccessor(Alg::Es256)), "{again}");
    }
}

/// Revokes for good; whoever signed, who it was, who follows.
async fn revoke(ground: &Ground, keyring: &Keyring, kid: &str) -> (State, Option<String>) {
    let mut tx = ground.store.begin().await.unwrap();
    let revoked = keyring.revoke(&mut tx, kid, ground.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    keyring.maintain().await.unwrap();
    (revoked.was, revoked.successor)
}

#[tokio::test]
async fn a_revoked_key_neither_signs_nor_verifies_and_its_successor_does() {
    for ground in Ground::both().await {
        let (keyring, other) = (ground.keyring().await, ground.keyring().await);
        let rows = states(&keyring, Alg::Es256).await;
        let (old, first) = signed(&keyring, Alg::Es256);
        ground.clock.advance(HOUR);
        assert_eq!(revoke(&ground, &keyring, &first).await, (State::Signing, Some(rows[1].0.clone())));

        assert_eq!(signed(&keyring, Alg::Es256).1, rows[1].0);
        assert!(!keyring.jwks().kids.contains(&first));
        for expect in [ANY, ANY.accept_gone()] {
            assert_eq!(keyring.verify(&old, expect).unwrap_err(), Refused::RevokedKey);
        }
        let found: Vec<State> = states(&keyring, Alg::Es256).await.into_iter().map(|(_, state)| state).collect();
        assert_eq!(found, [State::Revoked, State::Signing, State::Announced]);
        other.reload_now().await.unwrap();
        assert_eq!(other.verify(&old, ANY).unwrap_err(), Refused::RevokedKey);
        assert_eq!(*other.jwks(), *keyring.jwks());

        assert_eq!(revoke(&ground, &keyring, &first).await, (State::Revoked, None), "once is enough");
        let mut tx = ground.store.begin().await.unwrap();
        let unknown = keyring.revoke(&mut tx, "nobody", ground.clock.now()).await.unwrap_err();
        assert!(matches!(&unknown, Error::UnknownKey(kid) if kid == "nobody"), "{unknown}");
    }
}

/// The log may tell of a key's end before the ring has been read again: until then nothing is signed with it.
#[tokio::test]
async fn a_key_the_log_has_ended_signs_nothing_more() {
    for ground in Ground::both().await {
        let (keyring, other) = (ground.keyring().await, ground.keyring().await);
        let (_, first) = signed(&keyring, Alg::Es256);
        let ended = |kid: &str| kid == first;
        let refused = keyring.ready(&[Alg::Es256], ended).await.unwrap_err();
        assert!(matches!(refused, Error::NoSigningKey(Alg::Es256)), "nobody has revoked it in the records: {refused}");
        keyring.ready(&[Alg::Rs256], ended).await.unwrap();
        revoke(&ground, &other, &first).await;
        assert_eq!(signed(&keyring, Alg::Es256).1, first, "this ring has not heard of it");
        ground.clock.advance(std::time::Duration::from_secs(1));
        keyring.ready(&[Alg::Es256], ended).await.unwrap();
        assert_ne!(signed(&keyring, Alg::Es256).1, first);
    }
}

#[tokio::test]
async fn whatever_is_revoked_there_is_a_key_that_signs_and_one_to_follow() {
    for ground in Ground::both().await {
        let keyring = ground.keyring().await;
        let rows = states(&keyring, Alg::Es256).await;

        // The announced one alone, an hour before its time: who signs goes on until gateways know another.
        ground.clock.advance(90 * DAY - HOUR);
        assert_eq!(revoke(&ground, &keyring, &rows[1].0).await, (State::Announced, None));
        let listed = keyring.list().await.unwrap();
        let next = listed.iter().find(|key| key.alg == "ES256" && key.state == State::Announced).unwrap();
        let signing = listed.iter().find(|key| key.alg == "ES256" && key.state == State::Signing).unwrap();
        assert_eq!(signing.kid, rows[0].0);
        assert_eq!((next.signs_from, signing.signs_until), (ground.clock.now() + DAY, ground.clock.now() + DAY));
        ground.clock.advance(DAY);
        assert_eq!(signed(&keyring, Alg::Es256).1, next.kid);

        // All of them in one transaction: a new one signs as soon as it is made.
        keyring.maintain().await.unwrap();
        let mut tx = ground.store.begin().await.unwrap();
        for (kid, _) in states(&keyring, Alg::Es256).await {
            keyring.revoke(&mut tx, &kid, ground.clock.now()).await.unwrap();
        }
        tx.commit().await.unwrap();
        keyring.reload_now().await.unwrap();
        let none = keyring.sign(Alg::Es256, "JWT", &Value::Null).unwrap_err();
        assert!(matches!(none, Error::NoSigningKey(Alg::Es256)), "{none}");
        keyring.maintain().await.unwrap();
        let (token, _) = signed(&keyring, Alg::Es256);
        assert!(keyring.verify(&token, ANY).is_ok());
        let found: Vec<State> = states(&keyring, Alg::Es256).await.into_iter().map(|(_, state)| state).collect();
        assert_eq!(found[found.len() - 2..], [State::Signing, State::Announced]);
        assert!(found[..found.len() - 2].iter().all(|state| *state == State::Revoked));
    }
}

#[tokio::test]
async fn a_server_that_was_off_for_a_year_signs_with_a_new_key() {
    for ground in Ground::both().await {
        let keyring = ground.keyring().await;
        let (old, _) = signed(&keyring, Alg::EdDsa);
        ground.clock.advance(400 * DAY);
        let keyring = ground.keyring().await;
        assert!(keyring.verify(&signed(&keyring, Alg::EdDsa).0, ANY).is_ok());
        assert!(keyring.verify(&old, ANY.accept_gone()).unwrap().retired);
        let found: Vec<State> = states(&keyring, Alg::EdDsa).await.into_iter().map(|(_, state)| state).collect();
        assert_eq!(found, [State::Gone, State::Gone, State::Signing, State::Announced]);
    }
}

#[tokio::test]
async fn an_unknown_kid_reads_the_records_again_at_most_once_a_second() {
    for ground in Ground::both().await {
        let (keyring, other) = (ground.keyring().await, ground.keyring().await);
        ground.clock.advance(2 * HOUR);
        rotate(&ground, &keyring, Alg::Es256).await;
        rotate(&ground, &keyring, Alg::Es256).await;
        let (token, _) = signed(&keyring, Alg::Es256);
        assert_eq!(other.verify(&token, ANY).unwrap_err(), Refused::UnknownKey);
        assert!(other.reload().await.unwrap());
        assert!(other.verify(&token, ANY).is_ok());
        assert!(!other.reload().await.unwrap(), "not again within the second");
        ground.clock.advance(std::time::Duration::from_secs(1));
        assert!(other.reload().await.unwrap());
    }
}
