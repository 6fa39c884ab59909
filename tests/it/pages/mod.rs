//! The public pages: every sample in every language is well-formed, labelled, free of anything inline, and carries
//! the element ids that scripts rely on; what comes from outside is text (ATTACKS V124, V125, V130); colours can be
//! told apart (WCAG 2.2, 1.4.3 and 1.4.11).

mod device;
mod evil;
mod scan;

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::{Router, middleware, routing};
use chancery::http::assets::{ACCENT, Assets, GROUND};
use chancery::http::colour::Colour;
use chancery::http::headers::{Https, secure};
use chancery::http::html::Page;
use chancery::http::locale::Lang;
use chancery::login::pages::*;
use evil::hostile;
use tower::ServiceExt;

use scan::{Tag, nests, tags};

/// A page's name and its text.
type Rendered = (String, String);

fn rendered<T: Template>(page: &str, samples: Vec<(&'static str, T)>) -> Vec<Rendered> {
    samples.into_iter().map(|(state, page_)| (format!("{page}/{state}"), page_.render().unwrap())).collect()
}

fn all(frame: &Frame) -> Vec<Rendered> {
    [
        rendered("sign_in", SignIn::sample(frame)),
        rendered("sign_in_again", SignInAgain::sample(frame)),
        rendered("choose", Choose::sample(frame)),
        rendered("consent", Consent::sample(frame)),
        rendered("form_post", FormPost::sample(frame)),
        rendered("sign_out", SignOut::sample(frame)),
        rendered("signed_out", SignedOut::sample(frame)),
        rendered("error", ErrorPage::sample(frame)),
        rendered("device_code", DeviceCode::sample(frame)),
        rendered("device_consent", DeviceConsent::sample(frame)),
        rendered("device_told", DeviceTold::sample(frame)),
    ]
    .concat()
}

/// Nothing inline, and no address a script could hide in.
fn nothing_inline(page: &str, tags: &[Tag]) {
    for tag in tags {
        assert!(!matches!(tag.name.as_str(), "style" | "object" | "base"), "{page}: <{}>", tag.name);
        if tag.name == "iframe" {
            // Those of applications that are told of a sign-out: unseen, and kept from leading the browser away.
            assert!(page.starts_with("signed_out/telling") && tag.get("hidden").is_some(), "{page}: {tag:?}");
            assert_eq!(tag.get("sandbox"), Some("allow-scripts allow-same-origin"), "{page}");
        }
        if tag.name == "img" {
            // A logo tells nobody who looks at it, and says nothing that the name beside it doesn't.
            let said = (tag.get("class"), tag.get("alt"), tag.get("referrerpolicy"));
            assert_eq!(said, (Some("logo"), Some(""), Some("no-referrer")), "{page}: {tag:?}");
            assert!(tag.get("src").is_some_and(|src| src.starts_with("https://")), "{page}: {tag:?}");
        }
        if tag.name == "script" {
            assert!(
                tag.get("src").is_some_and(|src| src.starts_with("/static/")) && tag.text.is_empty(),
                "{page}: {tag:?}"
            );
        }
        for (name, value) in &tag.attributes {
            assert!(!name.starts_with("on") && name != "style", "{page}: {tag:?}");
            if matches!(name.as_str(), "href" | "action" | "src") {
                assert!(
                    value.starts_with('/') || value.starts_with("https://") || value.starts_with("http://"),
                    "{page}: {tag:?}"
                );
            }
        }
        if tag.get("target").is_some() {
            assert_eq!(tag.get("rel"), Some("noopener noreferrer"), "{page}: {tag:?}");
        }
    }
}

/// One heading, labels, unique ids, names equal to ids, alerts that are pointed at.
fn usable(page: &str, tags: &[Tag]) {
    let count = |name: &str| tags.iter().filter(|t| t.name == name).count();
    assert_eq!((count("h1"), count("main"), count("title")), (1, 1, 1), "{page}");
    let mut ids = BTreeSet::new();
    for id in tags.iter().filter_map(|t| t.get("id")) {
        assert!(ids.insert(id), "{page}: id {id} stands twice");
    }
    let labels: BTreeSet<_> = tags.iter().filter(|t| t.name == "label").filter_map(|t| t.get("for")).collect();
    for input in tags.iter().filter(|t| t.name == "input") {
        let name = input.get("name").expect("a name");
        if input.get("type") == Some("hidden") {
            let ours = matches!(name, "form_token" | "interaction") || page.starts_with("form_post/");
            assert!(ours && input.get("id").is_none(), "{page}: {input:?}");
        } else {
            assert_eq!(input.get("id"), Some(name), "{page}");
            assert!(labels.contains(name), "{page}: {name} has no label");
        }
        if let Some(told) = input.get("aria-describedby") {
            let alert = tags.iter().find(|t| t.get("id") == Some(told)).expect("what describes it");
            assert_eq!(alert.get("role"), Some("alert"), "{page}");
        }
    }
    for button in tags.iter().filter(|t| t.name == "button") {
        // Without script these two do nothing, so they aren't there.
        let by_script = button.get("data-theme-switch").is_some() || button.get("data-peek").is_some();
        assert_eq!(by_script, button.get("hidden").is_some(), "{page}: {button:?}");
        assert_eq!(by_script, button.get("type") == Some("button"), "{page}: {button:?}");
        let says = !button.text.trim().is_empty() || button.get("id") == Some("account-continue");
        assert!(by_script || says, "{page}: {button:?}");
        assert!(button.get("name").is_none() || button.get("name") == button.get("id"), "{page}: {button:?}");
    }
}

/// Every form posts to a relative address and brings its token; no form stands in another.
fn forms_are_ours(page: &str, tags: &[Tag]) {
    let mut inside = false;
    for (at, tag) in tags.iter().enumerate() {
        match tag.name.as_str() {
            "form" => {
                assert!(!inside, "{page}: a form within a form");
                inside = true;
                assert_eq!(tag.get("method"), Some("post"), "{page}");
                if page.starts_with("form_post/") {
                    // The one form that leaves the house, and takes no token of ours along.
                    assert_eq!((tag.get("data-send"), tags[at + 1].get("name")), (Some(""), tags[at + 1].get("name")));
                    assert!(
                        tags.iter().all(|t| !matches!(t.get("name"), Some("form_token" | "interaction"))),
                        "{page}"
                    );
                    continue;
                }
                assert!(
                    tag.get("action").is_some_and(|a| a.starts_with('/') && !a.starts_with("//")),
                    "{page}: {tag:?}"
                );
                assert_eq!(tags[at + 1].get("name"), Some("form_token"), "{page}");
            }
            "/form" => inside = false,
            "input" => assert!(inside, "{page}: {tag:?} stands outside a form"),
            "button" if tag.get("type").is_none() => assert!(inside, "{page}: {tag:?} stands outside a form"),
            _ => {}
        }
    }
}

fn expected_ids(page: &str) -> &'static [&'static str] {
    match page.split('/').next().unwrap() {
        "sign_in" => &["username", "password", "login-submit", "login-cancel"],
        "sign_in_again" => &["username", "password", "login-submit", "login-cancel", "another-account"],
        "choose" => &["account-continue", "another-account", "login-cancel"],
        "consent" => &["consent-allow", "consent-deny", "another-account"],
        "form_post" => &["answer-send"],
        "sign_out" => &["logout-confirm"],
        "error" => &["error"],
        "device_code" => &["code", "code-submit"],
        "device_consent" => &["consent-allow", "consent-deny", "another-account"],
        _ => &[],
    }
}

#[test]
fn every_page_is_sound_in_every_language() {
    for lang in Lang::ALL {
        let frame = Frame::sample(lang).unwrap();
        let pages = all(&frame);
        assert_eq!(pages.len(), 7 + 6 + 2 + 4 + 2 + 2 + 3 + 16 + 5 + 3 + 2);
        for (page, html) in pages {
            let page = format!("{page} ({})", lang.tag());
            let tags = tags(&html);
            nests(&page, &tags);
            nothing_inline(&page, &tags);
            usable(&page, &tags);
            forms_are_ours(&page, &tags);
            assert_eq!(tags[1].get("lang"), Some(lang.tag()), "{page}");
            for id in expected_ids(&page) {
                assert!(tags.iter().any(|t| t.get("id") == Some(id)), "{page}: no {id}");
            }
            assert!(!html.contains("{}"), "{page}: a value is missing");
        }
    }
}

fn english(page: &str) -> Vec<Rendered> {
    let frame = Frame::sample(Lang::En).unwrap();
    all(&frame).into_iter().filter(|(name, _)| name.starts_with(page)).collect()
}

#[test]
fn titles_say_where_one_is() {
    for (page, title) in [("sign_in/", "Sign in"), ("sign_in_again/", "Sign in again"), ("signed_out/", "Signed out")] {
        for (name, html) in english(page) {
            let tags = tags(&html);
            let text = |tag: &str| tags.iter().find(|t| t.name == tag).unwrap().text.clone();
            assert_eq!(
                (text("h1").as_str(), text("title").as_str()),
                (title, &*format!("{title} · Harbour")),
                "{name}"
            );
        }
    }
}

#[test]
fn a_failed_attempt_is_announced_and_says_what_to_do() {
    let pages: BTreeMap<_, _> = english("sign_in").into_iter().collect();
    for (state, told, marked) in [
        ("sign_in/wrong", "don’t belong together", 2),
        ("sign_in/throttled", "Try again in 12 seconds.", 0),
        ("sign_in/busy", "was not checked", 0),
        ("sign_in/first", "", 0),
        ("sign_in_again/wrong", "That password isn’t right", 1),
        ("sign_in_again/throttled", "Try again in 5 minutes.", 0),
    ] {
        let tags = tags(&pages[state]);
        let alert = tags.iter().find(|t| t.get("role") == Some("alert"));
        assert_eq!(alert.is_some(), !told.is_empty(), "{state}");
        assert!(alert.is_none_or(|alert| alert.text.contains(told)), "{state}: {alert:?}");
        assert_eq!(tags.iter().filter(|t| t.get("aria-invalid").is_some()).count(), marked, "{state}");
    }
    // What was typed stays, but never the password.
    let tags = tags(&pages["sign_in/wrong"]);
    let value = |id: &str| tags.iter().find(|t| t.get("id") == Some(id)).unwrap().get("value");
    assert_eq!((value("username"), value("password")), (Some("alice"), None));
}

#[test]
fn an_error_page_names_the_parameter_and_the_request() {
    let (_, html) = english("error/named").remove(0);
    for text in ["redirect_uri", "invalid_request", "0199a3f2-7c1f-7b44-9d0e-4f2a91c0d3e8"] {
        assert!(html.contains(text), "{text}");
    }
    assert_eq!(Problem::Overloaded.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[test]
fn consent_tells_what_is_asked_and_for_how_long() {
    let (_, usual) = english("consent/usual").remove(0);
    for text in [
        "See your e-mail address",
        "<code><bdi>email",
        "for 90 days at most",
        "Read shipments",
        "Alice Marsh",
        "dashboard.harbour.example",
    ] {
        assert!(usual.contains(text), "{text}");
    }
    let (_, all) = english("consent/all").remove(0);
    assert!(all.contains("shipments:write") && all.contains("for 1 day at most"));
    assert!(all.contains("id=\"unverified\"") && !usual.contains("id=\"unverified\""));
    assert_eq!(Asked::standard("shipments:read", 90), None);
}

#[test]
fn what_comes_from_outside_is_text() {
    let skeleton = |html: &str| {
        let attributes = |t: &Tag| t.attributes.keys().cloned().collect::<Vec<_>>();
        tags(html).iter().map(|t| (t.name.clone(), attributes(t))).collect::<Vec<_>>()
    };
    let calm = hostile("calm");
    for evil in [
        "\"><svg onload=alert(1)>",
        "</title></main><script>alert(1)</script>",
        "' autofocus onfocus='alert(1)",
        "<!-- <style>*{display:none}",
        "&lt;script&gt; {{ frame.words }} {% raw %}",
        "javascript:alert(1)//https://rp.example",
    ] {
        for ((page, html), (_, calm)) in hostile(evil).into_iter().zip(&calm) {
            nothing_inline(&page, &tags(&html));
            assert_eq!(skeleton(&html), skeleton(calm), "{page}: {evil} changed the page");
        }
    }
}

#[test]
fn names_neither_turn_nor_flood_a_page() {
    for (page, html) in hostile("Harbour\u{202e}draobhsaD\u{2066}\u{0}\u{1b}") {
        let visible: String = tags(&html).into_iter().map(|t| t.text).collect();
        assert!(!visible.contains(['\u{202e}', '\u{2066}', '\u{0}', '\u{1b}']), "{page}");
        // What was typed is only typed again.
        assert!(visible.contains("HarbourdraobhsaD") || page == "device_code/evil", "{page}");
    }
    let long = "Ω".repeat(10_000);
    for (page, html) in hostile(&long) {
        let tags = tags(&html);
        nests(&page, &tags);
        assert!(tags.iter().all(|t| t.text.chars().count() < 700), "{page}: a name floods the page");
        // What is posted back is not cut.
        let typed = tags.iter().find(|t| t.get("id") == Some("username"));
        assert!(typed.is_none_or(|input| input.get("value") == Some(&long)), "{page}");
    }
    let nameless = Who { username: "alice".into(), name: "\u{202e} ".into(), email: None };
    assert_eq!((nameless.title(), nameless.more(), nameless.initial().as_str()), ("alice", None, "A"));
}

#[test]
fn colours_can_be_told_apart_in_both_schemes() {
    let assets = Assets::build("Harbour", ACCENT.0, ACCENT.1).unwrap();
    let css = String::from_utf8(assets.get("chancery.css").unwrap().body().to_vec()).unwrap();
    let token = |name: &str, dark: bool| {
        let (_, rest) = css.split_once(&format!("--{name}: light-dark(")).unwrap_or_else(|| panic!("no --{name}"));
        let (light, rest) = rest.split_once(", ").unwrap();
        Colour::parse(if dark { &rest[..7] } else { light }).unwrap()
    };
    let text = [
        ("ink", ["paper", "sheet", "sunken", "good-soft", "warn-soft", "bad-soft"].as_slice()),
        ("quiet", &["paper", "sheet", "sunken"]),
        ("bad", &["paper", "sheet", "bad-soft"]),
        ("good", &["sheet", "good-soft"]),
        ("warn", &["sheet", "warn-soft"]),
        ("sheet", &["ink"]),
    ];
    let shapes = [("field", ["paper", "sheet"].as_slice()), ("accent", &["paper", "sheet"]), ("bad", &["sheet"])];
    for (pairs, least) in [(text.as_slice(), 4.5), (shapes.as_slice(), 3.0)] {
        for dark in [false, true] {
            for (front, ground) in pairs.iter().flat_map(|(f, grounds)| grounds.iter().map(move |g| (f, g))) {
                let contrast = token(front, dark).contrast(token(ground, dark));
                assert!(contrast >= least, "{front} on {ground}, dark {dark}: {contrast:.2}:1");
            }
        }
    }
    assert_eq!((token("accent", false).to_string().as_str(), token("accent", true).to_string().as_str()), ACCENT);
    assert_eq!((token("paper", false).to_string().as_str(), token("sheet", true).to_string().as_str()), GROUND);
}

#[tokio::test]
async fn every_answer_carries_the_headers_and_a_page_its_own_policy() {
    let page = || async {
        Page::new(Lang::Es, SignedOut { frame: Frame::sample(Lang::Es).unwrap(), back: None, tells: vec![] })
    };
    let server = Router::new()
        .route("/page", routing::get(page))
        .route("/json", routing::get(|| async { "{}" }))
        .layer(middleware::map_response_with_state(Https(true), secure));
    for (path, status, policy) in [
        ("/page", StatusCode::OK, "form-action 'self'"),
        ("/json", StatusCode::OK, "default-src 'none'; frame-ancestors 'none'"),
        ("/none", StatusCode::NOT_FOUND, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = server.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let header =
            |name: &str| answer.headers().get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        let csp = header("content-security-policy");
        assert!(csp.ends_with(policy) && csp.contains("frame-ancestors 'none'"), "{path}: {csp}");
        assert!(!csp.contains("unsafe"), "{path}: {csp}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert!(header("strict-transport-security").contains("includeSubDomains"), "{path}");
        let stored = answer.headers().get(header::CACHE_CONTROL).map(|v| v.to_str().unwrap());
        assert_eq!(stored, (path == "/page").then_some("no-store"), "{path}");
    }
}
