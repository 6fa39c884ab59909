//! `kill -9` under a storm of refreshes and revocations: a real server process, killed and started again, round after round.
//!
//! What must hold after each restart: a token whose answer arrived works; a lost answer is answered again with the same
//! successor; a revocation that was acknowledged in the storm is never undone; every family stands at one generation, which is
//! none its owner had left behind, with one row of lineage for each. `CHANCERY_TEST_STORM` sets the rounds (`make storm`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use chancery::secret;
use serde_json::Value;
use uuid::Uuid;

use crate::kit::actors::{Answer, Browser, RelyingParty};
use crate::kit::figure;
use crate::kit::issuer::{Issuer, Kind, on_both};
use crate::kit::server::{Server, port};
use crate::lineage::desk::{family, family_of, lineage_of};

on_both!(nothing_acknowledged_is_lost);

const FAMILIES: usize = 8;

fn rounds() -> usize {
    std::env::var("CHANCERY_TEST_STORM").ok().and_then(|text| text.parse().ok()).unwrap_or(6)
}

/// What was seen of all rounds.
#[derive(Debug, Default)]
struct Seen {
    answered: AtomicUsize,
    /// Revocations whose answer arrived before the kill.
    acknowledged: AtomicUsize,
    /// Revocations without an answer: written nevertheless, and not.
    kept: AtomicUsize,
    dropped: AtomicUsize,
    /// Rotations that were written though their answer was lost.
    unheard: AtomicUsize,
}

fn one(count: &AtomicUsize) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// How far a revocation came.
const NONE: usize = 0;
const SENT: usize = 1;
const ACKNOWLEDGED: usize = 2;

/// One client's memory of its family.
struct Owner {
    rp: RelyingParty,
    family: Uuid,
    /// The last token whose answer arrived, its generation, and the one before it.
    token: String,
    generation: i64,
    before: Option<String>,
    revocation: Arc<AtomicUsize>,
}

impl Owner {
    /// A new family of this client. The node of the tests signs in: the process may be down.
    async fn begin(issuer: &Issuer, rp: RelyingParty) -> Self {
        let first = rp.through(issuer).tokens(&mut Browser::new(issuer), "alice").await;
        let (family, token) = (family_of(&first), first.str("refresh_token").to_owned());
        Self { rp, family, token, generation: 0, before: None, revocation: Arc::default() }
    }

    /// Posts to the process; nothing when it is gone, or going.
    async fn send(rp: &RelyingParty, path: &str, form: &[(&str, &str)]) -> Option<(u16, Value)> {
        let id = rp.id.to_string();
        let request = rp.http.post(format!("{}{path}", rp.at)).basic_auth(&id, rp.secret.as_ref()).form(form);
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let text = response.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// Refreshes as fast as answered until the server is gone, then keeps the last token whose answer arrived.
    async fn storm(&mut self, stop: &AtomicBool, seen: &Seen) {
        while !stop.load(Ordering::Relaxed) {
            let form = [("grant_type", "refresh_token"), ("refresh_token", self.token.as_str())];
            let Some((status, body)) = Self::send(&self.rp, "/oauth2/token", &form).await else { return };
            match status {
                503 => {}
                200 => {
                    self.heard(body["refresh_token"].as_str().unwrap());
                    one(&seen.answered);
                }
                // Nobody is refused before the family's revocation was sent.
                _ => {
                    assert_ne!(self.revocation.load(Ordering::SeqCst), NONE, "an honest client was refused: {body}");
                    assert_eq!((status, body["error"].as_str()), (400, Some("invalid_grant")), "{body}");
                    return;
                }
            }
        }
    }

    fn heard(&mut self, next: &str) {
        assert_ne!(next, self.token, "a generation answered with itself");
        self.before = Some(std::mem::replace(&mut self.token, next.to_owned()));
        self.generation += 1;
    }

    /// The answer of a server that has time: a busy machine may say "come again" before it says more.
    async fn present(&self, token: &str) -> Answer {
        loop {
            let answer = self.rp.refresh(token).await;
            if answer.status != 503 {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The rows of its family: one generation, no lower than what was heard, one row of lineage for each. Whether it ended.
    async fn rows(&self, issuer: &Issuer) -> (i64, bool) {
        let row = family(issuer, self.family).await;
        let heard = self.generation..=self.generation + 1;
        assert!(heard.contains(&row.generation), "heard of {}, the row says {}", self.generation, row.generation);
        let (lines, _) = lineage_of(issuer, self.family).await;
        let generations: Vec<i64> = lines.iter().map(|line| line.generation).collect();
        assert_eq!(generations, (0..=row.generation).collect::<Vec<_>>(), "one row for each generation");
        (row.generation, row.ended_at.is_some() || row.revoked_seq > 0)
    }

    /// Everything that must hold after a restart. True when the family goes on.
    async fn holds(&mut self, issuer: &Issuer, seen: &Seen) -> bool {
        let revocation = self.revocation.swap(NONE, Ordering::SeqCst);
        let (generation, ended) = self.rows(issuer).await;
        match (revocation, ended) {
            (NONE, _) => assert!(!ended, "nobody ended this family"),
            (ACKNOWLEDGED, _) => assert!(ended, "an acknowledged revocation was undone"),
            (_, true) => one(&seen.kept),
            (_, false) => one(&seen.dropped),
        }
        if ended {
            self.present(&self.token).await.is(400, "invalid_grant");
            return false;
        }
        // What the owner heard is the successor of the token before it, as long as it is the newest.
        if generation > self.generation {
            one(&seen.unheard);
        } else if let Some(before) = &self.before {
            assert_eq!(self.present(before).await.ok().str("refresh_token"), self.token, "another successor");
        }
        // The honest retry: presented twice, it has one successor. The answer is then forgotten: the storm begins with it again.
        let next = self.present(&self.token).await.ok().str("refresh_token").to_owned();
        assert_eq!(self.present(&self.token).await.ok().str("refresh_token"), next, "two successors");
        assert_eq!(
            self.rows(issuer).await,
            (self.generation + 1, false),
            "one rotation, however often it was asked for"
        );
        true
    }
}

/// Revokes a family after a while, while its owner refreshes it.
async fn revoke(rp: RelyingParty, token: String, (after, mark): (Duration, Arc<AtomicUsize>), seen: Arc<Seen>) {
    tokio::time::sleep(after).await;
    mark.store(SENT, Ordering::SeqCst);
    while let Some((status, body)) = Owner::send(&rp, "/oauth2/revoke", &[("token", &token)]).await {
        if status == 200 {
            mark.store(ACKNOWLEDGED, Ordering::SeqCst);
            one(&seen.acknowledged);
            return;
        }
        assert_eq!(status, 503, "{body}");
    }
}

/// One storm: every owner refreshes, one family's revocation is sent somewhere in it, the server is killed.
async fn storm(server: Server, owners: &mut Vec<Owner>, round: usize, seen: &Arc<Seen>) {
    let [lot, other, ..] = secret::bytes::<8>();
    let killed = Duration::from_millis(60 + u64::from(lot));
    let victim = &owners[round % owners.len()];
    // Up to shortly before the kill: some revocations are answered, some are cut off.
    let when = (killed.mul_f64(f64::from(other) / 300.0), Arc::clone(&victim.revocation));
    let revoking = tokio::spawn(revoke(victim.rp.clone(), victim.token.clone(), when, Arc::clone(seen)));
    let stop = Arc::new(AtomicBool::new(false));
    let mut storms = tokio::task::JoinSet::new();
    for (index, mut owner) in std::mem::take(owners).into_iter().enumerate() {
        let (stop, seen) = (Arc::clone(&stop), Arc::clone(seen));
        storms.spawn(async move {
            owner.storm(&stop, &seen).await;
            (index, owner)
        });
    }
    tokio::time::sleep(killed).await;
    server.kill();
    stop.store(true, Ordering::Relaxed);
    revoking.await.unwrap();
    let mut back: Vec<(usize, Owner)> = storms.join_all().await;
    back.sort_by_key(|(index, _)| *index);
    owners.extend(back.into_iter().map(|(_, owner)| owner));
}

async fn nothing_acknowledged_is_lost(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let port = port();
    let at = format!("http://127.0.0.1:{port}");
    let mut owners = Vec::new();
    for _ in 0..FAMILIES {
        let rp = issuer.client_with(|row| row.retry_window_seconds = Some(600)).await;
        owners.push(Owner::begin(&issuer, RelyingParty { at: at.clone(), ..rp }).await);
    }
    let seen = Arc::new(Seen::default());
    let (mut slowest, rounds) = (Duration::ZERO, rounds());
    for round in 0..=rounds {
        let mut server = Server::beside(&issuer, port);
        slowest = slowest.max(server.ready(&at).await);
        for owner in &mut owners {
            if !owner.holds(&issuer, &seen).await {
                *owner = Owner::begin(&issuer, owner.rp.clone()).await;
            }
        }
        // The last restart is for what the last storm left behind.
        if round < rounds {
            storm(server, &mut owners, round, &seen).await;
        }
    }
    let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    figure(&format!(
        "storm, {kind:?}: {rounds} kills, {} refreshes answered, {} written unheard; revocations: {} answered, {} written \
         unheard, {} not written; slowest start to ready {slowest:?}",
        count(&seen.answered),
        count(&seen.unheard),
        count(&seen.acknowledged),
        count(&seen.kept),
        count(&seen.dropped)
    ));
    assert!(count(&seen.answered) > rounds, "the storm was no storm");
    issuer.stop().await;
}
