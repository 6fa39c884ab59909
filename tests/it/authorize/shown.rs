//! What people see of a client: its name, where it is, logo, policy and terms; and the way out.

use serde_json::json;

use super::{ALICE, Browser, Issuer, asking, has, registered, sign_in, told};
use crate::kit::actors::{Answer, location};
use crate::kit::issuer::{Kind, on_both};
use crate::kit::operator::Operator;

on_both!(
    a_cancel_button_on_sign_in_and_consent_sends_access_denied,
    name_logo_site_policy_and_terms_are_shown,
    a_logo_comes_from_its_own_origin_alone_or_not_at_all,
    the_operator_registers_what_is_shown,
);

async fn a_cancel_button_on_sign_in_and_consent_sends_access_denied(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    for mode in ["query", "form_post"] {
        let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[("response_mode", mode)]));
        let page = browser.begin(&flow).await;
        let cancelled = browser.press(&page, &flow.url, "login-cancel").await;
        let page = browser.begin(&flow).await;
        let consent = sign_in(&mut browser, &page, &flow, ALICE).await;
        let denied = browser.press(&consent, &flow.url, "consent-deny").await;
        for came in [cancelled, denied] {
            let came = super::answer(&came);
            assert_eq!((came.get("error"), came.get("state")), (Some("access_denied"), Some(flow.state.as_str())));
            assert_eq!((came.get("iss"), came.get("code")), (Some(issuer.name.as_str()), None));
        }
    }
    issuer.stop().await;
}

/// The pages on the way to a code: the sign-in, the question, the sign-in again, the chooser.
async fn pages(issuer: &Issuer, rp: &crate::kit::actors::RelyingParty) -> Vec<Answer> {
    let (mut browser, flow) = (Browser::new(issuer), rp.flow(&[]));
    let first = browser.begin(&flow).await;
    let consent = sign_in(&mut browser, &first, &flow, ALICE).await;
    assert!(has(&consent, "consent-allow"), "{}", consent.text);
    let again = browser.begin(&rp.flow(&[("prompt", "login")])).await;
    let choose = browser.begin(&rp.flow(&[("prompt", "select_account")])).await;
    assert!(has(&choose, "account-continue"), "{}", choose.text);
    vec![first, consent, again, choose]
}

fn images(page: &Answer) -> String {
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    policy.split("; ").find(|directive| directive.starts_with("img-src")).unwrap().to_owned()
}

async fn name_logo_site_policy_and_terms_are_shown(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let document =
        json!({ "logo_uri": "https://cdn.rp.test:8443/logo.svg?v=1", "client_uri": "https://www.rp.test/home" });
    let metadata = serde_json::from_value(document).unwrap();
    let rp = issuer.client_with(|row| {
        row.consent = "ask".to_owned();
        row.policy_uri = Some("https://rp.test/policy".to_owned());
        row.tos_uri = Some("https://rp.test/terms".to_owned());
        row.metadata.0 = metadata;
    });
    let rp = rp.await;
    for page in pages(&issuer, &rp).await {
        let logo =
            "<img class=\"logo\" src=\"https://cdn.rp.test:8443/logo.svg?v=1\" alt=\"\" referrerpolicy=\"no-referrer\"";
        for shown in [
            "Harbour Dashboard",
            logo,
            "href=\"https://www.rp.test/home\"",
            "<bdi>www.rp.test</bdi>",
            "href=\"https://rp.test/policy\"",
            "href=\"https://rp.test/terms\"",
        ] {
            assert!(page.text.contains(shown), "{shown}: {}", page.text);
        }
        assert_eq!(images(&page), "img-src 'self' data: https://cdn.rp.test:8443");
        assert!(!page.text.contains("href=\"https://www.rp.test/home\" referrer"), "links tell nothing either");
    }
    issuer.stop().await;
}

async fn a_logo_comes_from_its_own_origin_alone_or_not_at_all(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    for bad in [
        "javascript:alert(1)",
        "data:image/svg+xml,<svg onload=alert(1)>",
        "http://cdn.rp.test/logo.png",
        "https://[::1]/logo.png",
        "https://*.rp.test/logo.png",
        "https:",
        "//cdn.rp.test/logo.png",
        "/logo.png",
        "\"><script>alert(1)</script>",
    ] {
        let rp = registered(&issuer, json!({ "logo_uri": bad })).await;
        for page in pages(&issuer, &rp).await {
            assert!(!page.text.contains("<img") && !page.text.contains("alert(1)"), "{bad}: {}", page.text);
            assert_eq!(images(&page), "img-src 'self' data:", "{bad}");
        }
    }
    // One that tries to end the policy, or the attribute, does neither (V124, V129: an image is drawn, never run or embedded).
    let rp =
        registered(&issuer, json!({ "logo_uri": "https://cdn.rp.test/a;script-src *'\"><svg onload=alert(1)>" })).await;
    for page in pages(&issuer, &rp).await {
        assert_eq!(images(&page), "img-src 'self' data: https://cdn.rp.test");
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert_eq!(policy.matches("script-src").count(), 1, "{policy}");
        for markup in ["<svg onload", "<object", "<embed", "<iframe"] {
            assert!(!page.text.contains(markup), "{markup}: {}", page.text);
        }
    }
    issuer.stop().await;
}

async fn the_operator_registers_what_is_shown(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let operator = Operator::of(&issuer);
    let shown = [
        "--consent",
        "ask",
        "--logo-uri",
        "https://cdn.rp.test/logo.png",
        "--client-uri",
        "https://rp.test/",
        "--default-max-age",
        "600",
        "--default-acr",
        "urn:chancery:acr:1",
    ];
    let rp = operator.client(&issuer.at, &shown);
    let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[]));
    let page = browser.begin(&flow).await;
    assert!(page.text.contains("https://cdn.rp.test/logo.png"), "{}", page.text);
    browser.code(&flow, "alice").await;
    assert!(told(&browser.begin(&rp.flow(&[("prompt", "none")])).await, "code").starts_with("ch_ac_"));
    let id = rp.id.to_string();
    for (flag, bad, says) in [
        ("--logo-uri", "http://cdn.rp.test/logo.png", "https address"),
        ("--logo-uri", "javascript:alert(1)", "https address"),
        ("--client-uri", "rp.test", "https address"),
        ("--default-acr", "two words", "is no acr"),
    ] {
        operator.run(&["client", "update", &id, flag, bad]).refused(says);
    }
    operator.json(&["client", "update", &id, "--logo-uri", ""]);
    let page = browser.begin(&rp.flow(&[("prompt", "login")])).await;
    assert!(!page.text.contains("<img") && location(&page).is_none(), "{}", page.text);
    issuer.stop().await;
}
