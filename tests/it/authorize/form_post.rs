//! Form post: the answer in a page whose form goes to the client (OAuth 2.0 Form Post Response Mode 1.0). V012, V122, V125, V127.

use reqwest::StatusCode;
use serde_json::json;

use super::{ALICE, Answer, Browser, Flow, Issuer, answer, asking, follow, has, refused, sign_in};
use crate::kit::actors::{form_of, location};
use crate::kit::issuer::{Kind, on_both};

on_both!(
    an_html_page_submits_by_itself_and_has_a_visible_button,
    nothing_is_in_the_query,
    errors_travel_in_a_form_too,
    form_action_names_the_origin_of_the_client,
    v127_state_and_iss_are_escaped_and_no_form_leads_elsewhere,
    what_no_form_reaches_is_answered_by_address,
    modes_that_are_not_there_are_refused_and_not_advertised,
);

/// A page whose form carries the answer to this client, and nothing else.
#[track_caller]
fn carries(page: &Answer, action: &str) -> Vec<(String, String)> {
    assert_eq!((page.status, location(page)), (StatusCode::OK, None), "{}", page.text);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(
        (&page.headers["cache-control"], &page.headers["x-frame-options"]),
        (&"no-store".parse().unwrap(), &"DENY".parse().unwrap())
    );
    assert_eq!(page.text.matches("<form").count(), 1, "{}", page.text);
    let (to, fields) = form_of(page);
    assert_eq!(to, action);
    fields
}

async fn signed_in(issuer: &Issuer, rp: &crate::kit::actors::RelyingParty) -> Browser {
    let mut browser = Browser::new(issuer);
    browser.code(&rp.flow(&[]), "alice").await;
    browser
}

async fn an_html_page_submits_by_itself_and_has_a_visible_button(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[("response_mode", "form_post"), ("ui_locales", "de")]));
    // The whole way: the answer comes after the consent, from our own page, and goes out as a page.
    let page = browser.begin(&flow).await;
    let page = sign_in(&mut browser, &page, &flow, ALICE).await;
    let page = browser.press(&page, &flow.url, "consent-allow").await;
    let fields = carries(&page, &rp.redirect);
    let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["code", "state", "iss"]);
    assert_eq!((fields[1].1.as_str(), fields[2].1.as_str()), (flow.state.as_str(), issuer.name.as_str()));
    rp.redeem(&flow, &fields[0].1).await.ok();
    // By our script, which is a file of ours; without it by a button that anybody can see, in the reader's language.
    assert!(
        page.text.contains(" data-send>") && page.text.contains("<script src=\"/static/chancery.js?v="),
        "{}",
        page.text
    );
    let button = page.text.split("<button").find(|tag| tag.contains("id=\"answer-send\"")).unwrap();
    assert!(!button.split('>').next().unwrap().contains("hidden") && button.contains(">Weiter<"), "{button}");
    assert!(page.text.contains("lang=\"de\"") && page.text.contains("Harbour Dashboard"), "{}", page.text);
    let script = browser.get(&issuer.url("/static/chancery.js")).await;
    assert!(script.text.contains("form[data-send]"), "{}", script.text);
    for inline in ["onload", "<script>", "javascript:", "http-equiv"] {
        assert!(!page.text.contains(inline), "{inline}: {}", page.text);
    }
    // At once, when nothing is left to ask.
    let flow = rp.flow(&[("response_mode", "form_post")]);
    let page = browser.begin(&flow).await;
    let fields = carries(&page, &rp.redirect);
    rp.redeem(&flow, &fields[0].1).await.ok();
    issuer.stop().await;
}

async fn nothing_is_in_the_query(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let uri = "https://rp.test/cb?tenant=7&code=theirs";
    let rp = issuer.client_with(|row| row.redirect_uris.0 = vec![uri.to_owned()]).await;
    let mut browser = Browser::new(&issuer);
    let flow = rp.flow(&[("response_mode", "form_post")]);
    let page = browser.begin(&flow).await;
    let page = sign_in(&mut browser, &page, &flow, ALICE).await;
    // Its own query stays byte for byte, and each of ours stands once, in the form (V010).
    let fields = carries(&page, uri);
    assert_eq!(fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["code", "state", "iss"]);
    let code = &fields[0].1;
    assert_eq!(page.text.matches(code.as_str()).count(), 1, "{}", page.text);
    assert!(page.headers.values().all(|value| !value.to_str().unwrap().contains(code.as_str())), "nor in a header");
    rp.redeem(&flow, code).await.ok();
    issuer.stop().await;
}

async fn errors_travel_in_a_form_too(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let mut browser = Browser::new(&issuer);
    for (more, error) in [
        (("prompt", "none"), "login_required"),
        (("response_type", ""), "invalid_request"),
        (("response_type", "id_token"), "unsupported_response_type"),
        (("scope", "openid unknown"), "invalid_scope"),
        (("request", "e30.e30."), "request_not_supported"),
        (("code_challenge", "short"), "invalid_request"),
    ] {
        let flow = rp.flow(&[more, ("response_mode", "form_post")]);
        let page = browser.begin(&flow).await;
        let fields = carries(&page, &rp.redirect);
        let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["error", "error_description", "state", "iss"], "{more:?}");
        assert_eq!((fields[0].1.as_str(), &fields[2].1, &fields[3].1), (error, &flow.state, &issuer.name));
    }
    let flow = rp.flow(&[("response_mode", "form_post")]);
    let page = browser.begin(&flow).await;
    let cancelled = browser.press(&page, &flow.url, "login-cancel").await;
    assert_eq!(carries(&cancelled, &rp.redirect)[0].1, "access_denied");
    issuer.stop().await;
}

async fn form_action_names_the_origin_of_the_client(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let first = issuer.client().await;
    let mut browser = signed_in(&issuer, &first).await;
    for (uri, origin) in [
        ("https://rp.test:8443/cb?x=;script-src%20*", "https://rp.test:8443"),
        ("https://rp.test/a,b;form-action%20*", "https://rp.test"),
        ("http://127.0.0.1:9/cb", "http://127.0.0.1:9"),
    ] {
        let rp = issuer.client_with(|row| row.redirect_uris.0 = vec![uri.to_owned()]).await;
        for more in [("prompt", "none"), ("scope", "unknown")] {
            let page = browser.begin(&rp.flow(&[("response_mode", "form_post"), more])).await;
            carries(&page, uri);
            let policy = page.headers["content-security-policy"].to_str().unwrap();
            // Not even our own origin: nothing on this page goes there.
            assert!(policy.ends_with(&format!("; form-action {origin}")), "{policy}");
            assert!(policy.contains("default-src 'none'; style-src 'self'; script-src 'self';"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        }
    }
    issuer.stop().await;
}

async fn v127_state_and_iss_are_escaped_and_no_form_leads_elsewhere(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = signed_in(&issuer, &rp).await;
    for state in [
        "\"><img src=x onerror=alert(1)>",
        "'></form><form action=https://evil.test>",
        "</title><script>alert(1)</script>",
        "&quot;&#34;&amp;<!--",
        "a\tb c+d%20e=f&g",
        "\u{202e}\u{2028}\u{1F98A}\u{e9}",
        "{{7*7}}${7*7}",
    ] {
        for more in [("prompt", "none"), ("scope", "unknown")] {
            let flow = rp.flow(&[("state", state), ("response_mode", "form_post"), more]);
            let page = browser.begin(&flow).await;
            carries(&page, &rp.redirect);
            let skeleton = (page.text.matches('<').count(), page.text.matches('"').count());
            let calm = browser.begin(&rp.flow(&[("response_mode", "form_post"), more])).await;
            assert_eq!(skeleton, (calm.text.matches('<').count(), calm.text.matches('"').count()), "{state}");
            assert!(
                unescaped(&page.text).contains(&format!("name=\"state\" value=\"{state}\"")),
                "{state}: {}",
                page.text
            );
        }
    }
    // NUL is no character of a parameter; more than is kept is refused, and so is what a form would change.
    let nul = browser.get(&rp.flow(&[("response_mode", "form_post"), ("state", "a\0b")]).url).await;
    assert_eq!((nul.status, has(&nul, "error")), (StatusCode::BAD_REQUEST, true));
    let long = rp.flow(&[("response_mode", "form_post"), ("state", &"s".repeat(20_000))]);
    assert_eq!(refused(&mut browser, &long).await, "invalid_request");
    for lines in ["a\r\nb", "a\nb", "a\rb"] {
        let page = browser.begin(&rp.flow(&[("response_mode", "form_post"), ("state", lines)])).await;
        let came = answer(&page);
        assert_eq!(
            (came.get("error"), came.get("state")),
            (Some("invalid_request"), Some(lines)),
            "by address, unchanged"
        );
        assert!(location(&page).is_some());
    }
    issuer.stop().await;
}

/// The text of a page, its character references resolved as far as these tests write any.
fn unescaped(html: &str) -> String {
    let pairs = [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
    pairs.iter().fold(html.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Whether an answer would take a browser to this place with a code, by whichever way.
fn leads(of: &Answer) -> String {
    location(of).unwrap_or_else(|| form_of(of).0)
}

async fn what_no_form_reaches_is_answered_by_address(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let app = issuer
        .client_with(|row| {
            row.auth_method = "none".to_owned();
            row.redirect_uris.0 = vec!["com.example.app:/cb".to_owned()];
        })
        .await;
    let mut browser = Browser::new(&issuer);
    let came = browser.begin(&app.flow(&[("response_mode", "form_post")])).await;
    assert!(leads(&came).starts_with("com.example.app:/cb?error=invalid_request"), "{}", leads(&came));
    // Rows that no registration would let in: there is no form to a script.
    for evil in ["javascript:alert(1)", "data:text/html,x", "vbscript:x"] {
        let rp = issuer.client_with(|row| row.redirect_uris.0 = vec![evil.to_owned()]).await;
        let came = browser.begin(&rp.flow(&[("response_mode", "form_post")])).await;
        assert!(!came.text.contains("<form") && !came.text.contains("data-send"), "{evil}: {}", came.text);
    }
    issuer.stop().await;
}

async fn modes_that_are_not_there_are_refused_and_not_advertised(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    for mode in ["fragment", "form_post.jwt", "query.jwt", "jwt", "web_message", "FORM_POST"] {
        let flow: Flow = rp.flow(&[("response_mode", mode)]);
        let came = browser.begin(&flow).await;
        assert!(leads(&came).starts_with("https://rp.test/cb?error=invalid_request&"), "{mode}: {}", leads(&came));
        let settled = follow(&mut browser, came).await;
        assert!(location(&settled).is_some());
    }
    let metadata = browser.get(&issuer.url("/.well-known/openid-configuration")).await;
    assert_eq!(metadata.json["response_modes_supported"], json!(["query", "form_post"]));
    issuer.stop().await;
}
