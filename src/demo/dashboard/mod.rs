//! The sample dashboard: a relying party whose tokens never reach the browser.
//!
//! Code flow with PKCE, a confidential client, `client_secret_basic`. The browser holds one opaque cookie; tokens stay in
//! this process's memory. A sign-out anywhere ends its session too: the issuer tells it (`told`). Beside it, `alone`: the same as a
//! page without a server behind it. Refuses posts from another origin and requests under another host name.

mod actions;
mod afterwards;
mod alone;
mod browsers;
mod calls;
mod guard;
mod id_token;
mod pages;
mod signin;
mod signout;
mod tokens;
mod told;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use self::browsers::Browsers;
use super::issuer::Issuer;
use super::{DashboardConfig, Trouble, page};
use crate::clock::Clock;

/// Everything a request of the dashboard may need.
struct Dashboard {
    config: DashboardConfig,
    issuer: Issuer,
    browsers: Browsers,
    clock: Clock,
}

type Shared = Arc<Dashboard>;

/// The dashboard's routes.
///
/// # Errors
/// When no HTTP client can be made.
pub fn app(config: DashboardConfig, clock: Clock) -> Result<Router, Trouble> {
    let issuer = Issuer::new(config.issuer.clone(), clock.clone())?;
    let shared = Arc::new(Dashboard { config, issuer, browsers: Browsers::default(), clock });
    Ok(Router::new()
        .route("/", get(pages::overview))
        .route("/browser", get(alone::page))
        .route("/browser.js", get(alone::own_script))
        .route("/chancery-spa.js", get(alone::reference_script))
        .route("/sign-in", post(signin::start))
        .route("/callback", get(signin::callback))
        .route("/sign-out", post(signout::start))
        .route("/signed-out", get(signout::back))
        .route("/refresh", post(actions::refresh))
        .route("/repeat", post(actions::repeat))
        .route("/replay", post(actions::replay))
        .route("/revoke", post(actions::revoke))
        .route("/call-offline", post(actions::call_offline))
        .route("/call-introspect", post(actions::call_introspect))
        .merge(page::assets()?)
        .fallback(pages::nothing_here)
        .layer(from_fn_with_state(shared.clone(), guard::guard))
        // Beside the guard: the issuer posts this, and no browser.
        .route("/backchannel-logout", post(told::told))
        .with_state(shared))
}
