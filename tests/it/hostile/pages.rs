//! What is shown: nothing that was sent stands in a page as markup, and every answer is armoured and never kept.
//! V122, V124, V125, V228, V229.

use chancery::config::{Config, Sources};

use super::Ground;
use super::wire::Raw;
use crate::kit::actors::{Answer, Browser, PASSWORD, form_of, location};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

on_both!(
    v125_what_was_sent_is_only_text,
    v124_what_is_registered_is_only_text,
    v122_v229_every_answer_is_armoured,
    v228_cookies_of_an_https_issuer,
    what_a_sibling_site_sets_keeps_nobody_out,
);

const TRICKS: [&str; 5] = [
    "\"><script>alert(1)</script>",
    "'><img src=x onerror=alert(1)>",
    "</title><svg onload=alert(1)>",
    "{{7*7}}${7*7}<%=7*7%>",
    "javascript:alert(1)//\u{202e}<b>",
];

/// Nothing of a trick stands there unescaped, nothing runs inline, and the policy would stop it.
#[track_caller]
fn harmless(answer: &Answer, of: &str) {
    let text = answer.text.to_lowercase();
    for markup in ["<script>alert", "<img src=x", "<svg onload", "onerror=alert", "href=\"javascript", "49$49", "<b>"] {
        let escaped = text.contains(&format!("&#60;{}", &markup[1..]));
        assert!(
            !text.contains(markup)
                || (escaped && !text.contains(markup))
                || markup.starts_with("onerror") && !text.contains("<img"),
            "{of}: {markup} in {}",
            answer.text
        );
    }
    if answer.headers.get("content-type").is_some_and(|kind| kind.to_str().unwrap().contains("html")) {
        armoured(answer, of);
        assert!(!text.contains("<style") && !text.contains(" style=") && !text.contains(" onclick="), "{of}");
    }
}

#[track_caller]
fn armoured(answer: &Answer, of: &str) {
    let header = |name: &str| answer.headers.get(name).unwrap_or_else(|| panic!("{of}: no {name}")).to_str().unwrap();
    let policy = header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{of}: {policy}");
    assert!(!policy.contains("unsafe"), "{of}: {policy}");
    assert_eq!((header("x-frame-options"), header("cross-origin-opener-policy")), ("DENY", "same-origin"), "{of}");
    assert_eq!((header("x-content-type-options"), header("referrer-policy")), ("nosniff", "no-referrer"), "{of}");
}

async fn v125_what_was_sent_is_only_text(kind: Kind) {
    let mut ground = Ground::new(kind).await;
    let mut fresh = Browser::new(&ground.issuer);
    for trick in TRICKS {
        // On error pages of every kind.
        for name in [
            "client_id",
            "redirect_uri",
            "state",
            "scope",
            "ui_locales",
            "login_hint",
            "error",
            "error_description",
            "response_type",
            trick,
        ] {
            let flow = ground.web.flow(&[(name, trick)]);
            for url in [
                flow.url.clone(),
                format!("{}&client_id=x", flow.url),
                flow.url.replace("redirect_uri=https", "redirect_uri=http"),
            ] {
                harmless(&fresh.get(&url).await, name);
            }
            let query = chancery::http::params::encode([(name, trick)]);
            for path in ["/login", "/device", "/oauth2/logout", "/nowhere"] {
                harmless(&fresh.get(&ground.issuer.url(&format!("{path}?{query}"))).await, path);
            }
        }
        let path = chancery::http::params::encode([("", trick)]);
        harmless(&fresh.get(&ground.issuer.url(&format!("/{path}"))).await, "a path");
        // On the sign-in page, from the request and from what was typed.
        let flow = ground.web.flow(&[
            ("login_hint", trick),
            ("state", trick),
            ("nonce", trick),
            ("ui_locales", trick),
            ("prompt", "login"),
        ]);
        let page = fresh.begin(&flow).await;
        assert_eq!(page.status, 200);
        harmless(&page, "the sign-in page");
        let wrong = fresh.sign_in(&page, &flow.url, trick, trick).await;
        harmless(&wrong, "a wrong password");
        assert!(!wrong.text.contains("value=\"javascript:alert(1)//\u{202e}<b>\""), "{}", wrong.text);
        // On the page that asks again, and on the way out.
        harmless(&ground.browser.begin(&flow).await, "asking again");
        for name in ["state", "scope", "claims", "nonce"] {
            let more = [("response_mode", "form_post"), ("prompt", "none"), (name, trick)];
            harmless(&ground.browser.begin(&ground.web.flow(&more)).await, "the form on its way");
        }
        let query = chancery::http::params::encode([("client_id", &*ground.web.id.to_string()), ("state", trick)]);
        harmless(&ground.browser.get(&ground.issuer.url(&format!("/oauth2/logout?{query}"))).await, "signing out");
    }
    ground.goes_on().await;
    ground.issuer.stop().await;
}

async fn v124_what_is_registered_is_only_text(kind: Kind) {
    let ground = Ground::new(kind).await;
    for trick in TRICKS {
        let client = ground.issuer.client_with(|row| {
            row.name = trick.to_owned();
            row.consent = "ask".to_owned();
            row.policy_uri = Some(trick.to_owned());
            row.tos_uri = Some("javascript:alert(1)".to_owned());
            row.metadata.0.logo_uri = Some(trick.to_owned());
            row.metadata.0.client_uri = Some(format!("https://rp.test/{trick}"));
        });
        let client = client.await;
        let mut browser = Browser::new(&ground.issuer);
        let flow = client.flow(&[]);
        let page = browser.begin(&flow).await;
        harmless(&page, "the sign-in page");
        let answer = browser.sign_in(&page, &flow.url, "alice", PASSWORD).await;
        let to = location(&answer).expect("on to the consent");
        let page = browser.get(&to).await;
        assert!(page.text.contains("id=\"consent-allow\""), "{}", page.text);
        harmless(&page, "the consent page");
        assert!(!page.text.contains("<img"), "no logo of such an address: {}", page.text);
        let choose = browser.begin(&client.flow(&[("prompt", "select_account")])).await;
        assert!(choose.text.contains("id=\"account-continue\""), "{}", choose.text);
        harmless(&choose, "the account chooser");
        let posts = browser.begin(&client.flow(&[("response_mode", "form_post"), ("prompt", "none")])).await;
        assert!(posts.text.contains("id=\"answer-send\""), "{}", posts.text);
        harmless(&posts, "the form on its way");
        let query = format!("client_id={}", client.id);
        harmless(&browser.get(&ground.issuer.url(&format!("/oauth2/logout?{query}"))).await, "signing out");
    }
    ground.issuer.stop().await;
}

async fn v122_v229_every_answer_is_armoured(kind: Kind) {
    let mut ground = Ground::new(kind).await;
    let at = ground.issuer.at.clone();
    let bearer = ground.service.own_token("chancery:feed").await;
    // Plain things: found, not found, wrong method, too large, wrong token.
    for raw in [
        Raw::get("/healthz"),
        Raw::get("/readyz"),
        Raw::get("/.well-known/jwks.json"),
        Raw::get("/.well-known/openid-configuration"),
        Raw::get("/oauth2/authorize"),
        Raw::get("/oauth2/logout"),
        Raw::get("/login"),
        Raw::get("/device"),
        Raw::form("/device", "code=x"),
        Raw::form("/oauth2/device", "scope=openid"),
        Raw::new("PUT", "/login"),
        Raw::form("/login", "a=b"),
        Raw::form("/oauth2/token", vec![b'a'; 70_000]),
        Raw::get("/oauth2/userinfo"),
        Raw::get("/gateway/revocations").header("authorization", format!("Bearer {bearer}")),
        Raw::get("/gateway/revocations"),
    ] {
        raw.send(&at).await.sound(&String::from_utf8_lossy(&raw.bytes()[..40]));
    }
    assert!(Raw::get("/nowhere").send(&at).await.body.contains("id=\"error\""));
    // What tells of somebody is never kept; what is public may be.
    let no_store = |answer: &Answer, of: &str| {
        assert!(answer.headers["cache-control"].to_str().unwrap().contains("no-store"), "{of}")
    };
    let (refresh, access) =
        (ground.tokens.str("refresh_token").to_owned(), ground.tokens.str("access_token").to_owned());
    no_store(&ground.tokens, "the token endpoint");
    no_store(&ground.web.refresh("x").await, "a refusal");
    no_store(&ground.web.introspect(&access).await, "introspection");
    no_store(&ground.web.introspect("x").await, "introspection of nothing");
    no_store(&ground.web.userinfo(&access).await, "userinfo");
    no_store(&ground.web.userinfo("x").await, "userinfo of nobody");
    no_store(&ground.web.revoke("x").await, "revocation");
    for more in [
        &[][..],
        &[("prompt", "login")],
        &[("prompt", "none")],
        &[("prompt", "select_account")],
        &[("response_mode", "form_post")],
        &[("response_mode", "form_post"), ("scope", "unknown")],
        &[("redirect_uri", "https://evil.test")],
    ] {
        let url = ground.web.flow(more).url;
        let answer = ground.browser.get(&url).await;
        no_store(&answer, "the authorization endpoint");
        armoured(&answer, "the authorization endpoint");
        if let Some(to) = location(&answer).filter(|to| to.contains("/login?")) {
            let page = ground.browser.get(&to).await;
            no_store(&page, "the sign-in page");
            armoured(&page, "the sign-in page");
            let wrong = ground.browser.sign_in(&page, &url, "alice", "wrong").await;
            no_store(&wrong, "a wrong password");
            armoured(&wrong, "a wrong password");
        }
    }
    no_store(&ground.browser.get(&ground.issuer.url("/oauth2/logout")).await, "signing out");
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration"] {
        let kept = Raw::get(path).send(&at).await;
        assert!(kept.header("cache-control").unwrap().contains("public") && kept.header("etag").is_some(), "{kept:?}");
    }
    ground.web.refresh(&refresh).await.ok();
    ground.issuer.stop().await;
}

async fn v228_cookies_of_an_https_issuer(kind: Kind) {
    const NAME: &str = "https://login.example.test";
    let change = |config: &mut Config| {
        config.issuer = Config::load(Sources::default().with_variable("CHANCERY_ISSUER", NAME)).unwrap().issuer;
    };
    let setup = Setup { change: Box::new(change), ..Setup::default() };
    let issuer = Issuer::start_with(kind, setup).await;
    issuer.user("alice").await;
    let web = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    browser.origin = NAME.to_owned();
    let flow = web.flow(&[]);
    let first = browser.get(&flow.url).await;
    let page = browser.get(&location(&first).unwrap().replace(NAME, &issuer.at)).await;
    let last = browser.sign_in(&page, &flow.url, "alice", PASSWORD).await;
    assert!(location(&last).is_some_and(|to| to.contains("code=")), "{} {}", last.status, last.text);
    let mut set = Vec::new();
    for answer in [&first, &page, &last] {
        set.extend(answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned()));
        assert!(answer.headers["strict-transport-security"].to_str().unwrap().contains("max-age="));
    }
    assert!(set.len() >= 2, "{set:?}");
    for line in set {
        let parts: Vec<&str> = line.split("; ").collect();
        assert!(parts[0].starts_with("__Host-"), "{line}");
        for wanted in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
            assert!(parts.contains(&wanted), "{line}");
        }
        assert!(!line.contains("Domain") && line.len() <= 4096, "{line}");
    }
    issuer.stop().await;
}

/// Another site of the same domain may set any bytes as a cookie, and the browser sends them with ours.
async fn what_a_sibling_site_sets_keeps_nobody_out(kind: Kind) {
    let ground = Ground::new(kind).await;
    let mut browser = Browser::new(&ground.issuer);
    let page = browser.begin(&ground.web.flow(&[])).await;
    let (action, fields) = form_of(&page);
    let own = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    for tossed in [&b"theme=caf\xe9; "[..], b"\xff\xfe=\x80; ", "x=\u{202e}ü; ".as_bytes(), b"ch_known_0=\xe9; "] {
        let cookies = [tossed, own.as_bytes()].concat();
        let interaction = &fields.iter().find(|(name, _)| name == "interaction").unwrap().1;
        let got = Raw::get(&format!("/login?interaction={interaction}")).header("cookie", &cookies);
        let got = got.send(&ground.issuer.at).await;
        assert!(got.status == 200 && got.body.contains("id=\"login-submit\""), "{tossed:?}: {got:?}");
    }
    let cookies = [b"theme=caf\xe9; ", own.as_bytes()].concat();
    let typed = [("username", "alice"), ("password", PASSWORD)];
    let pairs = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(typed);
    let form = Raw::form(action.strip_prefix(&ground.issuer.name).unwrap(), chancery::http::params::encode(pairs));
    let got = form.header("cookie", &cookies).header("origin", &ground.issuer.name).send(&ground.issuer.at).await;
    assert!(got.header("location").is_some_and(|to| to.contains("code=ch_ac_")), "{got:?}");
    ground.issuer.stop().await;
}
