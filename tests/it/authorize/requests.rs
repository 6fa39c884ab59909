//! GET and POST, what comes back, which requests are refused and how, and what breaks nothing.

use reqwest::{StatusCode, header};

use super::{ALICE, Issuer};
use super::{Answer, Browser, RelyingParty, answer, asking, follow, has, old_fashioned, refused, sign_in, told};
use crate::kit::actors::{claims, http, location};
use crate::kit::issuer::{Kind, on_both};

on_both!(
    get_and_post_and_a_cross_site_post_brings_the_cookie_by_303,
    state_of_128_and_nonce_of_384_come_back_byte_for_byte,
    errors_carry_only_error_description_state_and_iss,
    a_missing_response_type_is_invalid_request_and_others_are_unsupported,
    request_and_request_uri_are_not_supported,
    a_bad_missing_or_altered_redirect_uri_is_a_page_that_names_it,
    unknown_parameters_display_locales_and_order_break_nothing,
    a_confidential_client_of_profile_oidc_needs_neither_pkce_nor_nonce,
);

/// A request as a form of another site posts it: without the `Lax` cookies.
async fn posted(url: &str) -> Answer {
    let (endpoint, query) = url.split_once('?').unwrap();
    let form = (header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let request = http().post(endpoint).header(form.0, form.1).header(header::ORIGIN, "https://rp.test");
    Answer::of(request.body(query.to_owned()).send().await.unwrap()).await
}

async fn get_and_post_and_a_cross_site_post_brings_the_cookie_by_303(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[]));
    let sent = posted(&flow.url).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    let page = follow(&mut browser, sent).await;
    let consent = sign_in(&mut browser, &page, &flow, ALICE).await;
    let done = browser.press(&consent, &flow.url, "consent-allow").await;
    rp.redeem(&flow, &told(&done, "code")).await.ok();
    // The session is there once the GET brings it, so that `prompt=none` works for a POST too.
    let flow = rp.flow(&[("prompt", "none")]);
    let to = location(&posted(&flow.url).await).unwrap();
    assert!(to.starts_with(&format!("{}/oauth2/authorize?", issuer.name)), "{to}");
    let done = browser.get(&to).await;
    assert_eq!(told(&done, "state"), flow.state);
    rp.redeem(&flow, &told(&done, "code")).await.ok();
    // A parameter twice, half in the address or half in the form: neither is a request.
    let twice = posted(&format!("{}&scope=openid", flow.url)).await;
    assert_eq!((twice.status, has(&twice, "error")), (StatusCode::BAD_REQUEST, true));
    issuer.stop().await;
}

async fn state_of_128_and_nonce_of_384_come_back_byte_for_byte(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    browser.code(&rp.flow(&[]), "alice").await;
    let every: String = (b' '..=b'~').map(char::from).collect();
    let (state, nonce) = (every.repeat(2), every.repeat(4) + "sixteen more....");
    for (state, nonce) in [(state.as_str(), nonce.as_str()), (&"s".repeat(2048), &"n".repeat(2048))] {
        assert!(state.len() > 128 && nonce.len() >= 384);
        for mode in ["query", "form_post"] {
            let flow = rp.flow(&[("state", state), ("nonce", nonce), ("response_mode", mode)]);
            let came = answer(&browser.begin(&flow).await);
            assert_eq!(came.get("state"), Some(state), "{mode}");
            let tokens = rp.redeem(&flow, came.get("code").unwrap()).await.ok();
            assert_eq!(claims(tokens.str("id_token"))["nonce"], nonce, "{mode}");
        }
    }
    issuer.stop().await;
}

async fn errors_carry_only_error_description_state_and_iss(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let rp = asking(&issuer).await;
    let mut browser = Browser::new(&issuer);
    for mode in ["query", "form_post"] {
        for (more, error) in [
            (("prompt", "none"), "login_required"),
            (("prompt", "create"), "invalid_request"),
            (("scope", "openid \u{e9}"), "invalid_scope"),
            (("claims", "{\"userinfo\": \"\u{2028}\\\"\"}"), "invalid_request"),
            (
                ("claims", "{\"id_token\":{\"acr\":{\"essential\":true,\"values\":[\"9\"]}}}"),
                "unmet_authentication_requirements",
            ),
            (("resource", "https://nobody.test"), "invalid_target"),
            (("code_challenge_method", "\"plain\\"), "invalid_request"),
            (("id_token_hint", "<x>"), "invalid_request"),
        ] {
            let flow = rp.flow(&[more, ("response_mode", mode)]);
            let came = answer(&browser.begin(&flow).await);
            let names: Vec<_> = came.pairs().iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["error", "error_description", "state", "iss"], "{more:?} {mode}");
            assert_eq!(
                (came.get("error"), came.get("state")),
                (Some(error), Some(flow.state.as_str())),
                "{more:?} {mode}"
            );
            assert_eq!(came.get("iss"), Some(issuer.name.as_str()));
            let description = came.get("error_description").unwrap();
            let allowed = |c| matches!(c, ' '..='~') && c != '"' && c != '\\';
            assert!(description.chars().all(allowed), "{description}");
        }
    }
    issuer.stop().await;
}

async fn a_missing_response_type_is_invalid_request_and_others_are_unsupported(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    assert_eq!(refused(&mut browser, &rp.flow(&[("response_type", "")])).await, "invalid_request");
    for other in [
        "token",
        "id_token",
        "id_token token",
        "code token",
        "code id_token",
        "code id_token token",
        "none",
        "Code",
        "code code",
    ] {
        let flow = rp.flow(&[("response_type", other)]);
        assert_eq!(refused(&mut browser, &flow).await, "unsupported_response_type", "{other}");
    }
    issuer.stop().await;
}

async fn request_and_request_uri_are_not_supported(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    for (name, value) in [("request", "e30.e30."), ("request_uri", "https://rp.test/r"), ("request_uri", "urn:x:y")] {
        let flow = rp.flow(&[(name, value)]);
        assert_eq!(refused(&mut browser, &flow).await, format!("{name}_not_supported"));
    }
    let metadata = browser.get(&issuer.url("/.well-known/openid-configuration")).await;
    for name in ["request_parameter_supported", "request_uri_parameter_supported"] {
        assert_eq!(metadata.json[name], false, "{name}");
    }
    issuer.stop().await;
}

async fn a_bad_missing_or_altered_redirect_uri_is_a_page_that_names_it(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let one = issuer.client().await;
    let query = issuer.client_with(|row| row.redirect_uris.0 = vec!["https://rp.test/cb?foo=bar".to_owned()]).await;
    let two = issuer
        .client_with(|row| row.redirect_uris.0 = vec!["https://rp.test/a".to_owned(), "https://rp.test/b".to_owned()])
        .await;
    let mut browser = Browser::new(&issuer);
    let cases: [(&RelyingParty, &str); 6] = [
        (&one, "https://rp.test/other"),
        (&one, "https://rp.test/cb?foo=bar"),
        (&query, "https://rp.test/cb"),
        (&query, "https://rp.test/cb?foo=baz"),
        (&query, "https://rp.test/cb?foo=bar&foo=bar"),
        (&two, ""),
    ];
    for (rp, uri) in cases {
        for mode in ["query", "form_post", "fragment", "form_post.jwt", "query.jwt", "unknown"] {
            let page = browser.begin(&rp.flow(&[("redirect_uri", uri), ("response_mode", mode)])).await;
            assert_eq!((page.status, location(&page)), (StatusCode::BAD_REQUEST, None), "{uri} {mode}");
            assert!(page.text.contains("redirect_uri") && has(&page, "error"), "{uri} {mode}");
            // V012: nothing that submits itself, and nothing that is posted at all.
            assert!(!page.text.contains("<form") && !page.text.contains("data-send"), "{uri} {mode}: {}", page.text);
        }
    }
    issuer.stop().await;
}

async fn unknown_parameters_display_locales_and_order_break_nothing(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let user = issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    browser.code(&rp.flow(&[]), "alice").await;
    for more in [
        ("extra", "foobar"),
        ("display", "page"),
        ("display", "popup"),
        ("display", "none of these"),
        ("ui_locales", "se xx-YY de"),
        ("ui_locales", "\u{202e}"),
        ("claims_locales", "se"),
        ("login_hint", "nobody@example.test"),
        ("acr_values", "1 2 urn:mace:incommon:iap:silver"),
        ("scope", "offline_access groups email profile openid"),
        ("scope", "  openid   openid "),
    ] {
        let tokens = super::silently(&mut browser, &rp, &[more]).await;
        assert_eq!(claims(tokens.str("id_token"))["sub"], user.sub.to_string(), "{more:?}");
    }
    // From the last parameter to the first.
    let flow = rp.flow(&[("prompt", "none")]);
    let (endpoint, query) = flow.url.split_once('?').unwrap();
    let backwards: Vec<_> = query.split('&').rev().collect();
    let done = browser.get(&format!("{endpoint}?{}", backwards.join("&"))).await;
    rp.redeem(&flow, &told(&done, "code")).await.ok();
    // The hint stands in the field, and the page is in the language that was asked for.
    let page = Browser::new(&issuer)
        .begin(&rp.flow(&[("login_hint", "alice"), ("ui_locales", "es"), ("display", "touch")]))
        .await;
    assert!(page.text.contains("value=\"alice\"") && page.text.contains("lang=\"es\""), "{}", page.text);
    issuer.stop().await;
}

async fn a_confidential_client_of_profile_oidc_needs_neither_pkce_nor_nonce(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let bare = [("code_challenge", ""), ("code_challenge_method", ""), ("nonce", "")];
    let rp = old_fashioned(&issuer).await;
    let mut browser = Browser::new(&issuer);
    let code = browser.code(&rp.flow(&bare), "alice").await;
    let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", rp.redirect.as_str())];
    let tokens = rp.token(&form).await.ok();
    assert!(claims(tokens.str("id_token")).get("nonce").is_none());
    // Nobody else: the same request of another profile, and of a public client.
    let strict = asking(&issuer).await;
    let public = issuer
        .client_with(|row| {
            row.profile = "oidc".to_owned();
            row.auth_method = "none".to_owned();
            row.pkce_optional = true;
        })
        .await;
    for rp in [&strict, &public] {
        assert_eq!(refused(&mut browser, &rp.flow(&bare)).await, "invalid_request");
    }
    issuer.stop().await;
}
