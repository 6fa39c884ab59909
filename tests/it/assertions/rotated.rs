//! Keys that are fetched: kept for a while, fetched anew for one that is missing, and gone when their holder took them away. V059.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chancery::change::By;
use chancery::event::{Actor, Caller};
use chancery::oauth::manage;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::{Keyed, ask, by_key};
use crate::fetch::servers::{Server, script};
use crate::kit::actors::RelyingParty;
use crate::kit::issuer::{Kind, on_both};
use crate::kit::signer::{Signer, good_claims};

on_both!(
    v059_a_key_that_was_taken_away_is_gone,
    a_missing_key_is_looked_for_once_a_minute,
    an_answer_says_how_long_it_is_kept,
    what_can_not_be_had_is_not_asked_for_at_every_request,
    a_registration_that_moves_meanwhile_costs_no_assertion,
    a_slow_server_of_keys_takes_few_places,
);

/// A server of keys, whose answer the test decides.
struct Keys {
    server: Server,
    /// Headers and body.
    answer: Arc<Mutex<(String, String)>>,
}

impl Keys {
    async fn new(set: &Value) -> Self {
        let answer = Arc::new(Mutex::new((String::new(), set.to_string())));
        let told = Arc::clone(&answer);
        let say = script(move |mut wire| {
            let (headers, body) = told.lock().unwrap().clone();
            async move {
                let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
                wire.write_all((head + &body).as_bytes()).await?;
                wire.shutdown().await
            }
        });
        Self { server: Server::plain(say).await, answer }
    }

    fn says(&self, headers: &str, set: &Value) {
        *self.answer.lock().unwrap() = (headers.to_owned(), set.to_string());
    }

    fn times(&self) -> usize {
        self.server.connections()
    }
}

/// A client whose keys are fetched from there.
async fn client(keyed: &Keyed, url: String) -> RelyingParty {
    keyed.issuer.client_with(|row| by_key(row, None, Some(url))).await
}

async fn ground(kind: Kind) -> Keyed {
    Keyed::with(kind, |config| config.fetch.allow_http = true, |_| {}).await
}

/// Whether this client is taken with this key.
async fn taken(keyed: &Keyed, rp: &RelyingParty, key: &Signer) -> bool {
    let answer = ask(rp, &key.sign(&good_claims(&keyed.issuer.name, rp.id, keyed.clock.now()))).await;
    if answer.status != 200 {
        answer.is(401, "invalid_client");
    }
    answer.status == 200
}

const MINUTE: Duration = Duration::from_mins(1);

async fn v059_a_key_that_was_taken_away_is_gone(kind: Kind) {
    let keyed = ground(kind).await;
    let (old, new) = (Signer::new("ES256", "old"), Signer::new("ES256", "new"));
    let keys = Keys::new(&old.set()).await;
    let rp = client(&keyed, keys.server.url("/jwks")).await;
    assert!(taken(&keyed, &rp, &old).await && taken(&keyed, &rp, &old).await);
    assert_eq!(keys.times(), 1, "kept");
    // Taken away, while nobody asks for another: for as long as the set is kept, and no longer.
    keys.says("", &new.set());
    keyed.clock.advance(5 * MINUTE - Duration::from_secs(1));
    assert!(taken(&keyed, &rp, &old).await);
    assert_eq!(keys.times(), 1);
    keyed.clock.advance(Duration::from_secs(1));
    assert!(!taken(&keyed, &rp, &old).await);
    assert!(taken(&keyed, &rp, &new).await);
    assert_eq!(keys.times(), 2);
    // A new one brings the set along in which the old one isn't any more.
    keys.says("", &old.set());
    keyed.clock.advance(MINUTE);
    assert!(taken(&keyed, &rp, &old).await && !taken(&keyed, &rp, &new).await);
    assert_eq!(keys.times(), 3);
    // What was kept is not believed longer because nothing newer can be had.
    keys.says("", &json!("no set"));
    keyed.clock.advance(5 * MINUTE);
    assert!(!taken(&keyed, &rp, &old).await);
    keyed.issuer.stop().await;
}

async fn a_missing_key_is_looked_for_once_a_minute(kind: Kind) {
    let keyed = ground(kind).await;
    let (known, unknown) = (Signer::new("ES256", "known"), Signer::new("ES256", "unknown"));
    let keys = Keys::new(&known.set()).await;
    let rp = client(&keyed, keys.server.url("/jwks")).await;
    let other = client(&keyed, keys.server.url("/jwks")).await;
    assert!(taken(&keyed, &rp, &known).await);
    for round in 0..3 {
        for _ in 0..10 {
            assert!(!taken(&keyed, &rp, &unknown).await && !taken(&keyed, &other, &unknown).await);
        }
        assert_eq!(keys.times(), 1 + round, "round {round}");
        assert!(taken(&keyed, &rp, &known).await, "the others go on");
        keyed.clock.advance(MINUTE);
        assert!(!taken(&keyed, &rp, &unknown).await);
    }
    // Many at once make one fetch, and all of them see what it brought.
    keyed.clock.advance(MINUTE);
    keys.says("", &json!({"keys": [known.jwk(), unknown.jwk()]}));
    let before = keys.times();
    let assertions: Vec<String> =
        (0..20).map(|_| unknown.sign(&good_claims(&keyed.issuer.name, rp.id, keyed.clock.now()))).collect();
    let answers = crate::lineage::desk::at_once(20, |nth| {
        let (rp, assertion) = (rp.clone(), assertions[nth].clone());
        async move { ask(&rp, &assertion).await }
    });
    assert!(answers.await.iter().all(|answer| answer.status == 200));
    assert_eq!(keys.times(), before + 1);
    keyed.issuer.stop().await;
}

async fn an_answer_says_how_long_it_is_kept(kind: Kind) {
    let keyed = ground(kind).await;
    let key = Signer::new("ES256", "k");
    for (headers, minutes) in [
        ("", 5),
        ("Cache-Control: public\r\n", 5),
        ("Cache-Control: public, max-age=600\r\n", 10),
        ("Cache-Control: max-age=0\r\n", 1),
        ("Cache-Control: max-age=1\r\n", 1),
        ("Cache-Control: no-store\r\n", 1),
        ("Cache-Control: max-age=86400\r\n", 60),
        ("Cache-Control: max-age=nonsense\r\n", 5),
    ] {
        let keys = Keys::new(&key.set()).await;
        keys.says(headers, &key.set());
        let rp = client(&keyed, keys.server.url("/jwks")).await;
        assert!(taken(&keyed, &rp, &key).await);
        keyed.clock.advance(minutes * MINUTE - Duration::from_secs(1));
        assert!(taken(&keyed, &rp, &key).await);
        assert_eq!(keys.times(), 1, "{headers}");
        keyed.clock.advance(Duration::from_secs(1));
        assert!(taken(&keyed, &rp, &key).await);
        assert_eq!(keys.times(), 2, "{headers}");
    }
    keyed.issuer.stop().await;
}

async fn what_can_not_be_had_is_not_asked_for_at_every_request(kind: Kind) {
    let keyed = ground(kind).await;
    let key = Signer::new("ES256", "k");
    let keys = Keys::new(&json!("no set")).await;
    let rp = client(&keyed, keys.server.url("/jwks")).await;
    for _ in 0..10 {
        assert!(!taken(&keyed, &rp, &key).await);
    }
    assert_eq!(keys.times(), 1);
    // A while later it is tried again, and an honest client is back.
    keys.says("", &key.set());
    keyed.clock.advance(Duration::from_secs(10));
    assert!(taken(&keyed, &rp, &key).await);
    assert_eq!(keys.times(), 2);
    keyed.issuer.stop().await;
}

/// The registration changes between the reading of the client and the grant's: the request begins again, and the one assertion it
/// has is still good.
async fn a_registration_that_moves_meanwhile_costs_no_assertion(kind: Kind) {
    let keyed = ground(kind).await;
    let key = Signer::new("ES256", "k");
    let (store, body) = (keyed.issuer.app.store.clone(), key.set().to_string());
    let now = keyed.clock.now();
    let moved = Arc::new(Mutex::new(None::<uuid::Uuid>));
    let which = Arc::clone(&moved);
    let server = Server::plain(script(move |mut wire| {
        let (store, body, id) = (store.clone(), body.clone(), which.lock().unwrap().unwrap());
        async move {
            let caller = Caller::default();
            let by = By { actor: Actor::Operator, caller: &caller, at: now };
            let rename = |draft: &mut manage::Draft| draft.name = "Another Name".to_owned();
            manage::update(&store, &by, id, rename).await.unwrap().commit().await.unwrap();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            wire.write_all(answer.as_bytes()).await
        }
    }))
    .await;
    let rp = client(&keyed, server.url("/jwks")).await;
    *moved.lock().unwrap() = Some(rp.id);
    let assertion = key.sign(&good_claims(&keyed.issuer.name, rp.id, keyed.clock.now()));
    ask(&rp, &assertion).await.ok();
    assert_eq!(server.connections(), 1);
    let row = chancery::store::clients::get(&keyed.issuer.app.store, rp.id).await.unwrap().unwrap();
    assert_eq!((row.name.as_str(), row.version), ("Another Name", 2));
    ask(&rp, &assertion).await.is(401, "invalid_client");
    keyed.issuer.stop().await;
}

/// Whoever names a client whose keys are slow to come waits for them, up to a number; the others are told to come again, and hold
/// nothing up.
async fn a_slow_server_of_keys_takes_few_places(kind: Kind) {
    let patience = |config: &mut chancery::config::Config| {
        config.fetch.allow_http = true;
        config.fetch.timeout = MINUTE;
        config.limits.request_timeout = MINUTE;
    };
    let keyed = Keyed::with(kind, patience, |_| {}).await;
    let key = Signer::new("ES256", "k");
    let (gate, body) = (Arc::new(tokio::sync::Semaphore::new(0)), key.set().to_string());
    let open = Arc::clone(&gate);
    let server = Server::plain(script(move |mut wire| {
        let (open, body) = (Arc::clone(&open), body.clone());
        async move {
            let _open = open.acquire().await;
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            wire.write_all(answer.as_bytes()).await
        }
    }))
    .await;
    let rp = client(&keyed, server.url("/jwks")).await;
    let proof = || key.sign(&good_claims(&keyed.issuer.name, rp.id, keyed.clock.now()));
    let asked: Vec<_> = (0..80)
        .map(|_| {
            let (rp, proof) = (rp.clone(), proof());
            tokio::spawn(async move { ask(&rp, &proof).await })
        })
        .collect();
    // One fetches, 32 wait, and the rest is answered while they do.
    let told = |asked: &[tokio::task::JoinHandle<_>]| asked.iter().filter(|one| one.is_finished()).count();
    keyed.issuer.until("the others are told", async |_| told(&asked) == 80 - 33).await;
    assert_eq!(server.connections(), 1);
    keyed.ask(&keyed.assertion()).await.ok();
    gate.add_permits(1);
    let mut statuses = Vec::new();
    for one in asked {
        let answer = one.await.unwrap();
        if answer.status != 200 {
            answer.is(503, "temporarily_unavailable");
            assert!(answer.headers.contains_key("retry-after"));
        }
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 33, "{statuses:?}");
    assert_eq!(server.connections(), 1);
    keyed.issuer.stop().await;
}
