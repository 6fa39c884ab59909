//! `kill -9` under a storm of refreshes: a real server process, killed and started again, round after round.
//!
//! What must hold: a token whose answer arrived works; a lost answer is answered again with the same successor; a revocation
//! that was acknowledged is never undone; every family stands at one generation. `CHANCERY_TEST_STORM` sets the rounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use chancery::secret;

use crate::kit::actors::{Browser, RelyingParty};
use crate::kit::issuer::{Issuer, Kind, on_both};
use crate::kit::server::{Server, port};

on_both!(nothing_acknowledged_is_lost);

const FAMILIES: usize = 8;

fn rounds() -> usize {
    std::env::var("CHANCERY_TEST_STORM").ok().and_then(|text| text.parse().ok()).unwrap_or(6)
}

/// One client's memory of its family.
struct Owner {
    rp: RelyingParty,
    token: String,
    /// A revocation was acknowledged.
    revoked: bool,
}

impl Owner {
    /// Refreshes as fast as answered until the server is gone, then keeps the last token whose answer arrived.
    async fn storm(&mut self, stop: &AtomicBool, answered: &AtomicUsize) {
        while !stop.load(Ordering::Relaxed) {
            let form = [("grant_type", "refresh_token"), ("refresh_token", self.token.as_str())];
            let id = self.rp.id.to_string();
            let request = self
                .rp
                .http
                .post(format!("{}/oauth2/token", self.rp.at))
                .basic_auth(&id, self.rp.secret.as_ref())
                .form(&form);
            let Ok(response) = request.send().await else { return };
            let status = response.status();
            let Ok(body) = response.json::<serde_json::Value>().await else { return };
            if status == 503 {
                continue;
            }
            assert_eq!(status, 200, "an honest client was refused: {body}");
            self.token = body["refresh_token"].as_str().unwrap().to_owned();
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn nothing_acknowledged_is_lost(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let mut owners = Vec::new();
    let port = port();
    let at = format!("http://127.0.0.1:{port}");
    for _ in 0..FAMILIES {
        let rp = issuer.client().await;
        let token = rp.tokens(&mut Browser::new(&issuer), "alice").await.str("refresh_token").to_owned();
        owners.push(Owner { rp: RelyingParty { at: at.clone(), ..rp }, token, revoked: false });
    }
    let answered = Arc::new(AtomicUsize::new(0));
    let (mut slowest, rounds) = (Duration::ZERO, rounds());
    for round in 0..rounds {
        let mut server = Server::beside(&issuer, port);
        slowest = slowest.max(server.ready(&at).await);
        // Who was revoked stays revoked; everyone else goes on with the last token whose answer arrived.
        for owner in &owners {
            let mut answer = owner.rp.refresh(&owner.token).await;
            // A busy machine may say "come again" before it says more.
            while answer.status == 503 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                answer = owner.rp.refresh(&owner.token).await;
            }
            if owner.revoked {
                answer.is(400, "invalid_grant");
            } else {
                // Its answer is forgotten here: the storm begins with an honest retry.
                answer.ok();
            }
        }
        let stop = Arc::new(AtomicBool::new(false));
        let mut storms = tokio::task::JoinSet::new();
        for (index, mut owner) in std::mem::take(&mut owners).into_iter().enumerate() {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            storms.spawn(async move {
                if !owner.revoked {
                    owner.storm(&stop, &answered).await;
                }
                (index, owner)
            });
        }
        let [lot, ..] = secret::bytes::<8>();
        tokio::time::sleep(Duration::from_millis(20 + u64::from(lot) / 2)).await;
        server.kill();
        stop.store(true, Ordering::Relaxed);
        let mut back: Vec<(usize, Owner)> = storms.join_all().await;
        back.sort_by_key(|(index, _)| *index);
        owners = back.into_iter().map(|(_, owner)| owner).collect();
        // One family a round ends for good, on a server that is then killed at once.
        if round + 1 < rounds
            && round % 3 == 0
            && let Some(victim) = owners.iter_mut().skip(1).find(|owner| !owner.revoked)
        {
            let mut server = Server::beside(&issuer, port);
            server.ready(&at).await;
            while victim.rp.revoke(&victim.token).await.status != 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            victim.revoked = true;
            server.kill();
        }
    }
    println!(
        "{kind:?}: {rounds} rounds, {} refreshes answered, slowest start to ready {slowest:?}",
        answered.load(Ordering::Relaxed)
    );
    assert!(answered.load(Ordering::Relaxed) > rounds, "the storm was no storm");
    issuer.stop().await;
}
