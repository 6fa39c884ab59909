//! Forms that come from elsewhere, too late, twice, empty or torn, and interactions of other browsers: refused, and nothing
//! has changed.

use reqwest::StatusCode;

use super::{ALICE, MINUTE, asking, events, follow, has, held, raw, sign_in, state, told};
use crate::kit::actors::{Browser, PASSWORD, form_of, location};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(
    another_browser_gets_nowhere,
    a_form_must_come_from_our_own_page,
    tokens_of_forms_are_bound,
    an_empty_or_torn_form_is_no_step,
    too_late,
    a_client_that_changed_meanwhile,
    every_page_refuses_to_be_framed,
);

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn encoded(fields: &[(String, String)], more: &[(&str, &str)]) -> String {
    let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    chancery::http::params::encode(fields.chain(more.iter().copied()))
}

async fn another_browser_gets_nowhere(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let (mut mine, flow) = (Browser::new(&issuer), rp.flow(&[]));
    let page = mine.begin(&flow).await;
    let (_, fields) = form_of(&page);
    let interaction = fields.iter().find(|(name, _)| name == "interaction").unwrap().1.clone();
    let at = format!("{}/login?interaction={interaction}", issuer.at);
    let mut signed_in = super::signed_in(&issuer, &issuer.client().await, "alice").await;
    for browser in [&mut Browser::new(&issuer), &mut signed_in] {
        let before = state(&issuer).await;
        let answer = browser.get(&at).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.text.contains("another browser") && !answer.text.contains("Harbour"), "{}", answer.text);
        let answer = browser.sign_in(&page, &flow.url, "alice", PASSWORD).await;
        assert_eq!((answer.status, location(&answer)), (StatusCode::BAD_REQUEST, None));
        assert_eq!(state(&issuer).await, before);
    }
    // The consent page needs the session that was signed in, too: the browser's secret alone is not enough.
    let consent = sign_in(&mut mine, &page, &flow, ALICE).await;
    assert!(has(&consent, "consent-allow"));
    let mut half = mine.clone();
    half.cookies.remove("ch_session");
    let before = state(&issuer).await;
    let answer = half.press(&consent, &flow.url, "consent-allow").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = half.get(&at).await;
    assert!(has(&answer, "login-submit") && !has(&answer, "consent-allow"), "{}", answer.text);
    assert_eq!(state(&issuer).await, before);
    // Signing in there again goes on to the same question.
    let consent = sign_in(&mut half, &answer, &flow, ALICE).await;
    let done = half.press(&consent, &flow.url, "consent-allow").await;
    assert_eq!(told(&done, "state"), flow.state);
}

async fn a_form_must_come_from_our_own_page(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[]));
    let page = browser.begin(&flow).await;
    let (url, (_, fields)) = (format!("{}/login", issuer.at), form_of(&page));
    let body = encoded(&fields, &[("username", "alice"), ("password", PASSWORD)]);
    let before = state(&issuer).await;
    let own = issuer.name.clone();
    let refused: [&[(&str, &str)]; 7] = [
        &[],
        &[("origin", "https://evil.test")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        // A foreign origin is one, whatever else is said.
        &[("origin", "https://evil.test"), ("sec-fetch-site", "same-origin")],
        &[("origin", "https://evil.test"), ("referer", &own), ("x-forwarded-host", "evil.test")],
    ];
    for headers in refused {
        let answer = raw(&browser, &url, &[&[FORM], headers].concat(), body.clone()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    assert_eq!(state(&issuer).await, before);
    assert_eq!(events(&issuer, "form.refused").await, 7);
    let taken = raw(&browser, &url, &[FORM, ("origin", "null"), ("sec-fetch-site", "same-origin")], body).await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER, "{}", taken.text);
}

async fn tokens_of_forms_are_bound(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let (mut browser, flow, other) = (Browser::new(&issuer), rp.flow(&[]), rp.flow(&[]));
    let (page, elsewhere) = (browser.begin(&flow).await, browser.begin(&other).await);
    let foreign = Browser::new(&issuer).begin(&rp.flow(&[])).await;
    let token = |page| form_of(page).1.into_iter().find(|(name, _)| name == "form_token").unwrap().1;
    let interaction = form_of(&page).1.into_iter().find(|(name, _)| name == "interaction").unwrap().1;
    let mut turned = token(&page);
    let last = if turned.pop() == Some('A') { 'B' } else { 'A' };
    turned.push(last);
    let before = state(&issuer).await;
    let url = format!("{}/login", issuer.at);
    for token in [String::new(), "x".into(), token(&elsewhere), token(&foreign), turned, token(&page) + "AAAA"] {
        let form = [("interaction", interaction.as_str()), ("form_token", &token), ("login-cancel", "yes")];
        let answer = browser.post(&url, &form).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{token}");
    }
    assert_eq!(state(&issuer).await, before);
    // A token from before the sign-in is worth nothing after it, and that of one step nothing at the next.
    let consent = sign_in(&mut browser, &page, &flow, ALICE).await;
    for (form_token, interaction) in [(token(&page), form_of(&consent).1), (token(&elsewhere), form_of(&elsewhere).1)] {
        let interaction = &interaction.iter().find(|(name, _)| name == "interaction").unwrap().1;
        let form = [("interaction", interaction.as_str()), ("form_token", &form_token), ("consent-allow", "yes")];
        assert_eq!(browser.post(&url, &form).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(events(&issuer, "consent.given").await, 0);
}

async fn an_empty_or_torn_form_is_no_step(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[]));
    let page = browser.begin(&flow).await;
    let url = format!("{}/login", issuer.at);
    for step in ["login-submit", "consent-allow"] {
        let page = if step == "login-submit" { page.clone() } else { sign_in(&mut browser, &page, &flow, ALICE).await };
        assert!(has(&page, step));
        let before = state(&issuer).await;
        let (_, fields) = form_of(&page);
        let own = [FORM, ("origin", issuer.name.as_str())];
        // The same step again.
        for more in [
            &[][..],
            &[("unknown", "field")],
            &[("username", "alice")],
            &[("username", ""), ("password", "")],
            &[("consent-allow", "yes"), ("consent-deny", "yes")],
        ] {
            let answer = raw(&browser, &url, &own, encoded(&fields, more)).await;
            assert!(has(&answer, step), "{more:?}: {} {}", answer.status, answer.text);
        }
        // No step at all.
        let json = [("content-type", "application/json"), own[1]];
        let repeated = encoded(&fields, &[("interaction", &fields[1].1)]);
        let torn = encoded(&fields, &[]) + "&password=%zz";
        for (headers, body) in [
            (&own, String::new()),
            (&json, "{}".to_owned()),
            (&[("content-type", "text/plain"), own[1]], encoded(&fields, &[])),
            (&own, repeated),
            (&own, torn),
            (&own, encoded(&fields, &[("username", "ali\0ce"), ("password", PASSWORD)])),
            (&own, "x=".to_owned() + &"y".repeat(70_000)),
        ] {
            let answer = raw(&browser, &url, headers, body.clone()).await;
            let refused = [StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN, StatusCode::PAYLOAD_TOO_LARGE];
            assert!(refused.contains(&answer.status), "{:?}: {}", body.get(..60), answer.status);
        }
        assert_eq!(state(&issuer).await, before);
    }
}

async fn too_late(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[]));
    let page = browser.begin(&flow).await;
    clock.advance(issuer.app.config.login.interaction_lifetime - MINUTE);
    let again = browser.sign_in(&page, &flow.url, "alice", "wrong").await;
    assert!(has(&again, "login-submit"), "still open");
    clock.advance(MINUTE);
    let late = browser.sign_in(&page, &flow.url, "alice", PASSWORD).await;
    assert_eq!(late.status, StatusCode::BAD_REQUEST);
    assert!(late.text.contains("took too long") && late.text.contains("Harbour Dashboard"), "{}", late.text);
    // The page leads back to the beginning, with the same request.
    let again = late.text.split("href=\"").find(|part| part.contains("/oauth2/authorize?")).unwrap();
    let again = again.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let page = browser.get(&again).await;
    let page = follow(&mut browser, page).await;
    let done = sign_in(&mut browser, &page, &flow, ALICE).await;
    assert_eq!(told(&done, "state"), flow.state);
    issuer.until("fresh again", async |issuer| issuer.app.live.issuing_allowed().is_ok()).await;
    rp.redeem(&flow, &told(&done, "code")).await.ok();
    // Done is done: no second code comes of it.
    let twice = browser.sign_in(&page, &flow.url, "alice", PASSWORD).await;
    assert_eq!((twice.status, location(&twice)), (StatusCode::CONFLICT, None));
    for id in ["", "nonsense", "00000000-0000-4000-8000-000000000000"] {
        let answer = browser.get(&format!("{}/login?interaction={id}", issuer.at)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(browser.get(&format!("{}/login", issuer.at)).await.status, StatusCode::BAD_REQUEST);
}

async fn a_client_that_changed_meanwhile(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    for (change, told) in [
        ("redirect_uris = '[\"https://rp.test/other\"]'", "send you back"),
        ("disabled_at = created_at", "isn’t known"),
        ("deleted_at = created_at", "isn’t known"),
    ] {
        let rp = issuer.client().await;
        let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[]));
        let page = browser.begin(&flow).await;
        let quoted = if kind == Kind::Sqlite { change.to_owned() } else { change.replace("]'", "]'::jsonb") };
        let hex = rp.id.simple();
        let only = if kind == Kind::Sqlite { format!("x'{hex}'") } else { format!("'{}'", rp.id) };
        super::meddle(&issuer, &format!("UPDATE client SET {quoted} WHERE id = {only}")).await;
        let answer = browser.sign_in(&page, &flow.url, "alice", PASSWORD).await;
        assert_eq!((answer.status, location(&answer)), (StatusCode::BAD_REQUEST, None), "{change}");
        assert!(answer.text.contains(told), "{change}: {}", answer.text);
    }
    assert_eq!(state(&issuer).await[1], 0, "no code");
}

async fn every_page_refuses_to_be_framed(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[]));
    let page = browser.begin(&flow).await;
    let consent = sign_in(&mut browser, &page, &flow, ALICE).await;
    let choose = async |browser: &mut Browser| browser.begin(&rp.flow(&[("prompt", "select_account")])).await;
    let (chooser, posts) = (choose(&mut browser).await, rp.flow(&[("prompt", "none"), ("response_mode", "form_post")]));
    let posts = browser.begin(&posts).await;
    assert!(has(&chooser, "account-continue") && has(&posts, "answer-send"), "{}", posts.text);
    let mut pages = vec![page, consent, chooser, posts];
    for path in ["/login", "/device", "/oauth2/authorize", "/oauth2/logout", "/nowhere", "/login/", "//login", "/LOGIN"]
    {
        pages.push(browser.get(&issuer.url(path)).await);
    }
    for page in pages {
        assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"), "{}", page.text);
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{policy}");
        assert_eq!(page.headers["x-frame-options"], "DENY");
        assert_eq!(page.headers["cross-origin-opener-policy"], "same-origin");
        assert!(page.headers.contains_key("x-request-id"));
    }
}
