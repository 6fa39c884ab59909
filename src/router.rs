//! Every route of the server, one line each: the table of contents.
//!
//! The layers stand below, outermost last, each with its reason. A path has one spelling: another is 404.

use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router, middleware};
use serde::Deserialize;
use std::time::Duration;

use crate::app::App;
use crate::config::RegistrationMode;
use crate::event::Caller;
use crate::gateway::Stopping;
use crate::http::caller::{Gate, identify};
use crate::http::cookies::Jar;
use crate::http::headers::{Https, secure};
use crate::http::meter::{Meter, measure};
use crate::http::settle::{Bounds, Unsettled, settle};
use crate::login::front::{Front, Shown};
use crate::login::pages::{Brand, Problem};
use crate::oauth::metadata::{self, Metadata};
use crate::oauth::registration::{self, manage};
use crate::oauth::{authorize, cors, device, introspection, reply, revocation, token};
use crate::oidc::{logout, userinfo};
use crate::outbox::Came;
use crate::{admin, gateway, login};

/// The longest a gateway's long poll may take, over the 30 s it may ask for.
const WAITING: Duration = Duration::from_secs(45);

/// The public endpoints of an issuer.
pub fn public(app: &App, meter: &Meter, stopping: Stopping) -> Router {
    let config = &app.config;
    let https = config.issuer.is_https();
    let front = Front::new(Brand::of(&config.brand, &app.assets), Jar::new(https));
    let bounds = Bounds::new(config.limits.in_flight, config.limits.request_timeout, config.limits.body);

    let readable = Router::new()
        .route("/.well-known/openid-configuration", get(metadata::metadata))
        .route("/.well-known/oauth-authorization-server", get(metadata::metadata))
        .route("/.well-known/jwks.json", get(metadata::jwks))
        .route("/gateway/protected-resource", get(gateway::protected_resource::get))
        .method_not_allowed_fallback(wrong_method)
        .layer(cors::public());
    let with_cookies = Router::new()
        .route("/oauth2/token", post(token::token))
        .route("/oauth2/revoke", post(revocation::revoke))
        .method_not_allowed_fallback(wrong_method)
        .layer(cors::with_cookies());
    let callable = Router::new()
        .route("/oauth2/userinfo", get(userinfo::userinfo).post(userinfo::userinfo))
        .method_not_allowed_fallback(wrong_method)
        .layer(cors::registered())
        .merge(with_cookies)
        .layer(middleware::from_fn_with_state(app.clone(), cors::look_up));
    let protocol = Router::new()
        .merge(readable)
        .merge(callable)
        .merge(registering(config.registration.mode))
        .route("/oauth2/introspect", post(introspection::introspect))
        .route(device::PATH, post(device::authorize))
        .route("/admin/v1/revocations", post(admin::revocations::create))
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(bounds.clone(), settle));
    // Places of their own, so that whoever floods pages doesn't stop refreshes, nor the other way round.
    let pages = Router::new()
        .route("/oauth2/authorize", get(authorize::get).post(authorize::post))
        .route("/oauth2/logout", get(logout::get).post(logout::post))
        .route("/login", get(login::handlers::get).post(login::handlers::post))
        .route(device::PAGE, get(login::device::get).post(login::device::post))
        .route("/static/{file}", get(asset))
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(bounds.apart(), settle))
        .layer(middleware::from_fn(on_a_page));
    let waiting = Router::new()
        .route("/gateway/revocations", get(gateway::feed::revocations))
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(bounds.waiting(WAITING), settle));

    let routes = protocol.merge(pages).merge(waiting).with_state(app.clone());
    beneath(config.issuer.path_prefix(), routes)
        // What handlers need beside the app.
        .layer(Extension(Metadata::new(config)))
        .layer(Extension(front))
        .layer(Extension(stopping))
        // Bodies are read whole, to the limit, by `settle`; this is the same limit for whoever asks for one again.
        .layer(DefaultBodyLimit::max(config.limits.body))
        // Knows the route, so that it counts by route.
        .layer(middleware::from_fn_with_state(meter.clone(), measure))
        // Every answer, refusals too, carries the security headers.
        .layer(middleware::map_response_with_state(Https(https), secure))
        // First of all: who calls, and under which request id.
        .layer(middleware::from_fn_with_state(Gate::new(&config.proxies, &app.clock), identify))
}

/// Registration, unless nobody may: then there is no such endpoint.
fn registering(mode: RegistrationMode) -> Router<App> {
    if mode == RegistrationMode::Off {
        return Router::new();
    }
    Router::new()
        .route("/oauth2/register", post(registration::register))
        .route("/oauth2/register/{client_id}", get(manage::read).put(manage::replace).delete(manage::delete))
}

/// The routes of an issuer with a path, all beneath it; but its metadata stands at the root as well, the well-known part
/// before the path (RFC 8414, 3).
fn beneath(prefix: &str, routes: Router) -> Router {
    if prefix.is_empty() {
        return routes;
    }
    Router::new()
        .route(&format!("/.well-known/oauth-authorization-server{prefix}"), get(metadata::metadata))
        .route(&format!("/.well-known/openid-configuration{prefix}"), get(metadata::metadata))
        .layer(cors::public())
        .nest(prefix, routes)
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
}

/// The management endpoints. `/metrics`, and why a node is not ready, are never told on the public listener.
pub fn management(app: &App, meter: &Meter) -> Router {
    Router::new()
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready_or_why))
        .route("/metrics", get(metrics))
        .layer(Extension(meter.clone()))
        .with_state(app.clone())
}

/// Alive: the process answers.
async fn healthy() -> &'static str {
    "ok\n"
}

/// Ready: the log is fresh and the clock is right, so that tokens may be issued and judged.
async fn ready(State(app): State<App>) -> Response {
    readiness(&app, "not ready\n".to_owned())
}

/// The same for operators, who are told why not.
async fn ready_or_why(State(app): State<App>) -> Response {
    let why = app.live.issuing_allowed().err().map(|why| format!("{why}\n"));
    readiness(&app, why.unwrap_or_default())
}

fn readiness(app: &App, why_not: String) -> Response {
    match app.live.issuing_allowed() {
        Ok(()) => "ready\n".into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")], why_not).into_response(),
    }
}

async fn metrics(State(app): State<App>, Extension(meter): Extension<Meter>) -> Response {
    let ready = i32::from(app.live.issuing_allowed().is_ok());
    let entries = app.live.len();
    let (busy, waiting) = (app.store.busy(), app.hashing.waiting());
    let seq = app.live.cursor().map_or(0, |cursor| cursor.seq);
    let told = |came| app.outbox.counted(came);
    let (delivered, refused) = (told(Came::Delivered), told(Came::Refused));
    let (failed, given_up, unsent) = (told(Came::Failed), told(Came::GivenUp), app.outbox.waiting());
    let own = format!(
        "# TYPE chancery_ready gauge\nchancery_ready {ready}\n# TYPE chancery_live_entries gauge\nchancery_live_entries {entries}\n\
         # TYPE chancery_live_seq gauge\nchancery_live_seq {seq}\n\
         # TYPE chancery_database_connections_busy gauge\nchancery_database_connections_busy {busy}\n\
         # TYPE chancery_password_hashes_waiting gauge\nchancery_password_hashes_waiting {waiting}\n\
         # TYPE chancery_logout_notices counter\nchancery_logout_notices_total{{outcome=\"delivered\"}} {delivered}\n\
         chancery_logout_notices_total{{outcome=\"refused\"}} {refused}\nchancery_logout_notices_total{{outcome=\"failed\"}} {failed}\n\
         chancery_logout_notices_total{{outcome=\"given_up\"}} {given_up}\n\
         # TYPE chancery_logout_notices_waiting gauge\nchancery_logout_notices_waiting {unsent}\n"
    );
    ([("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")], own + &meter.text())
        .into_response()
}

#[derive(Deserialize)]
struct Version {
    v: Option<String>,
}

async fn asset(
    State(app): State<App>,
    Path(file): Path<String>,
    Query(version): Query<Version>,
    headers: HeaderMap,
) -> Response {
    match app.assets.get(&file) {
        Some(asset) => asset.answer(version.v.as_deref(), &headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Who is at a browser is told on a page that the server has too much to do; a program, in JSON.
async fn on_a_page(
    Extension(front): Extension<Front>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let mut accepted = request.headers().get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let reads = accepted.any(|kinds| kinds.contains("text/html"));
    let language = reads.then(|| Front::language(request.headers(), None));
    let answer = next.run(request).await;
    let (Some(language), Some(unsettled)) = (language, answer.extensions().get()) else { return answer };
    let problem = match unsettled {
        Unsettled::ComeAgain => Problem::Overloaded,
        Unsettled::Broken => Problem::Broken,
    };
    let mut page = front.error(language, &caller, problem, Shown::default());
    if let Some(after) = answer.headers().get(header::RETRY_AFTER) {
        page.headers_mut().insert(header::RETRY_AFTER, after.clone());
    }
    page
}

/// The path is there, the method is not; `Allow` names those that are.
async fn wrong_method() -> Response {
    let told = serde_json::json!({
        "error": "invalid_request",
        "error_description": "this address takes another method: see the Allow header",
    });
    reply::json(StatusCode::METHOD_NOT_ALLOWED.as_u16(), &told)
}

async fn not_found(
    Extension(front): Extension<Front>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Response {
    front.error(Front::language(&headers, None), &caller, Problem::NotFound, Shown::default())
}
