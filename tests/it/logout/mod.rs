//! Logout: what a relying party asks for it (RP-Initiated), and how the others are told (Back-Channel, Front-Channel). V056,
//! V066, V067, V069, V078, V116, V117.

mod bounds;
mod browser;
mod crash;
mod ends;
mod front;
mod guard;
mod initiated;
mod receiver;
mod registered;
mod retries;
mod token;

use std::time::Duration;

use chancery::config::Config;
use chancery::store::logouts::{self, Notice};
use uuid::Uuid;

use crate::kit::actors::{Answer, Browser, RelyingParty};
use crate::kit::issuer::{Issuer, Kind, Setup};

/// What is promised soon is waited for so long.
const SOON: Duration = Duration::from_secs(10);

/// An issuer that may tell receivers on loopback.
async fn issuer(kind: Kind) -> Issuer {
    issuer_with(kind, |_| {}).await
}

async fn issuer_with(kind: Kind, change: impl FnOnce(&mut Config) + Send + 'static) -> Issuer {
    let change = |config: &mut Config| {
        config.fetch.allow_http = true;
        change(config);
    };
    Issuer::start_with(kind, Setup { change: Box::new(change), ..Setup::patient() }).await
}

/// A client that is told here.
async fn told_at(issuer: &Issuer, uri: &str) -> RelyingParty {
    let uri = uri.to_owned();
    issuer.client_with(|row| row.metadata.0.backchannel_logout_uri = Some(uri)).await
}

/// The sign-out with this ID token as hint.
async fn sign_out(issuer: &Issuer, browser: &mut Browser, id_token: &str) -> Answer {
    let query = chancery::http::params::encode([
        ("id_token_hint", id_token),
        ("post_logout_redirect_uri", "https://rp.test/bye"),
        ("state", "s"),
    ]);
    browser.get(&issuer.url(&format!("/oauth2/logout?{query}"))).await
}

/// What the outbox holds for a client.
async fn notices(issuer: &Issuer, client_id: Uuid) -> Vec<Notice> {
    logouts::of_client(&issuer.app.store, client_id, 100).await.unwrap()
}

/// Waits until the outbox is empty.
async fn all_told(issuer: &Issuer) {
    issuer.until("everybody is told", async |issuer| logouts::waiting(&issuer.app.store).await.unwrap() == 0).await;
}
