//! `/device`: where a person enters the code that a device shows (RFC 8628, 3.3), and what is said at the end.
//!
//! A GET changes nothing: a code that comes with the address is filled into the form and no more. A POST needs the form's token,
//! bound to browser and session, and must come from our own page. What follows is the sign-in's machine, at `/login`.

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::front::{Front, Shown};
use super::handlers::{Visit, failed, note_foreign, unreadable};
use super::pages::{DeviceCode, DeviceCodeError, DeviceTold, Form, Problem};
use crate::app::App;
use crate::event::Caller;
use crate::http::html::Page;
use crate::http::origin;
use crate::http::params::Params;
use crate::oauth::device::PAGE;
use crate::oauth::device_code::user_code::UserCode;
use crate::oauth::reply::{self, Read};
use crate::secret::{BrowserSecret, Opaque};
use crate::signin::browser;
use crate::signin::device::{NotEntered, enter};

/// `GET /device`
pub async fn get(
    State(app): State<App>,
    (Extension(front), Extension(caller)): (Extension<Front>, Extension<Caller>),
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let visit =
        Visit { app: &app, front: &front, caller: &caller, headers: &headers, browser: front.browser(&headers) };
    let params = Params::parse(query.unwrap_or_default().as_bytes());
    let params = match params.and_then(|params| params.refuse_repeats(&[]).map(|()| params)) {
        Ok(params) => params,
        Err(error) => return unreadable(&visit, &error.into()),
    };
    let code = params.get("user_code").and_then(UserCode::read).map(|code| code.shown()).unwrap_or_default();
    page(visit, code, None)
}

/// The page; a browser without a secret is given one, which its form is bound to.
fn page(visit: Visit<'_>, code: String, error: Option<DeviceCodeError>) -> Response {
    let given = visit.browser.secret().is_none().then(Opaque::<BrowserSecret>::generate);
    let bound = given.clone().map_or_else(|| visit.browser.clone(), |given| visit.browser.with_secret(given));
    let lang = Front::language(visit.headers, None);
    let page = DeviceCode {
        frame: visit.front.frame(lang, visit.caller),
        form: Form {
            action: visit.app.config.issuer.endpoint(PAGE),
            token: bound.page_token(visit.app, PAGE),
            interaction: String::new(),
        },
        code,
        error,
    };
    let status = match error {
        None => StatusCode::OK,
        Some(DeviceCodeError::Unknown) => StatusCode::BAD_REQUEST,
        Some(DeviceCodeError::Elsewhere) => StatusCode::CONFLICT,
        Some(DeviceCodeError::Throttled { .. }) => StatusCode::TOO_MANY_REQUESTS,
    };
    let mut response = Page::new(lang, page).status(status).into_response();
    if let Some(cookie) = given.and_then(|given| visit.front.jar().set(browser::COOKIE, &given.expose(), None)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    if let Some(DeviceCodeError::Throttled { seconds }) = error
        && let Ok(value) = HeaderValue::from_str(&seconds.to_string())
    {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

/// `POST /device`
pub async fn post(
    State(app): State<App>,
    (Extension(front), Extension(caller)): (Extension<Front>, Extension<Caller>),
    headers: HeaderMap,
    body: Read,
) -> Response {
    let visit =
        Visit { app: &app, front: &front, caller: &caller, headers: &headers, browser: front.browser(&headers) };
    let form = match reply::form(&headers, body, &[]) {
        Ok(form) => form,
        Err(error) => return unreadable(&visit, &error),
    };
    let token = form.get("form_token").unwrap_or_default();
    if !origin::is_own(&headers, app.config.issuer.origin()) || !visit.browser.holds_of_page(&app, PAGE, token) {
        tracing::info!(request = ?caller.request_id, "a user code that is not from our page was refused");
        note_foreign(&visit).await;
        let shown = Shown { again: Some(app.config.issuer.endpoint(PAGE)), ..Shown::default() };
        return front.error(Front::language(&headers, None), &caller, Problem::NotFromHere, shown);
    }
    let typed = form.field("code").unwrap_or_default();
    // An empty form is the same page again, never a guess.
    if typed.trim().is_empty() {
        return page(visit, String::new(), None);
    }
    let error = match enter(&app, typed, &visit.browser, &caller).await {
        Ok(moved) => return front.follow(&app, &moved, (Front::language(&headers, None), &caller)),
        Err(NotEntered::Unknown) => DeviceCodeError::Unknown,
        Err(NotEntered::Elsewhere) => DeviceCodeError::Elsewhere,
        Err(NotEntered::Throttled(seconds)) => DeviceCodeError::Throttled { seconds },
        Err(NotEntered::NoClient) => {
            let lang = Front::language(&headers, None);
            return front.error(lang, &caller, Problem::UnknownClient, Shown::default());
        }
        Err(NotEntered::Failed(error)) => return failed(&visit, &error),
    };
    let typed = typed.to_owned();
    page(visit, typed, Some(error))
}

/// What came of it, told as often as it is asked.
pub(super) fn answered(visit: &Visit<'_>, allowed: bool, client: &str, ui_locales: Option<&str>) -> Response {
    let lang = Front::language(visit.headers, ui_locales);
    let frame = visit.front.frame(lang, visit.caller);
    Page::new(lang, DeviceTold { frame, allowed, client: client.to_owned() }).into_response()
}
