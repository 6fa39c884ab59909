//! Tokens and cookies cut, bent, made up and planted: V052, V204, V226.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::Ground;
use super::wire::Raw;
use crate::kit::issuer::{Kind, on_both};

on_both!(v052_v204_bent_and_random_tokens, v226_planted_cookies);

/// Bent in every way that a careless reader would straighten.
fn bent(token: &str) -> Vec<String> {
    let mut out: Vec<String> = (1..8).map(|cut| token[..token.len() - cut].to_owned()).collect();
    out.push(token[..token.len() / 2].to_owned());
    out.push(token.to_uppercase());
    out.push(token.to_lowercase());
    out.extend(["A", "=", "==", ".", " ", "%", "\u{200b}"].map(|tail| format!("{token}{tail}")));
    out.extend([" ", "\u{feff}", "ch_"].map(|head| format!("{head}{token}")));
    out.push(token.replace('-', "+").replace('_', "/"));
    for place in [8, token.len() / 3, token.len() - 1] {
        let other = if token.as_bytes()[place] == b'A' { "B" } else { "A" };
        out.push(format!("{}{other}{}", &token[..place], &token[place + 1..]));
    }
    out.retain(|changed| changed != token);
    out
}

async fn v052_v204_bent_and_random_tokens(kind: Kind) {
    let mut ground = Ground::new(kind).await;
    let (refresh, access) =
        (ground.tokens.str("refresh_token").to_owned(), ground.tokens.str("access_token").to_owned());
    let before = ground.state().await;
    for token in bent(&refresh) {
        ground.web.refresh(&token).await.is(400, "invalid_grant");
        assert_eq!(ground.web.introspect(&token).await.ok().text, r#"{"active":false}"#);
        assert_eq!(ground.web.revoke(&token).await.status, 200);
    }
    for token in bent(&access) {
        assert_eq!(ground.web.introspect(&token).await.ok().text, r#"{"active":false}"#, "{token}");
        assert_eq!(ground.web.revoke(&token).await.status, 200);
    }
    let mut runner = TestRunner::deterministic();
    let anything = "[ -~\u{80}-\u{2ff}]{0,80}".prop_map(|text| text.into_bytes());
    let like = "(ch_rt_|ch_ac_|ch_ss_|eyJ|)[A-Za-z0-9_.-]{0,120}".prop_map(|text| text.into_bytes());
    let bytes = proptest::collection::vec(prop_oneof![0x20u8..=0x7e, 0x80u8..=0xff], 0..60);
    let any = prop_oneof![anything, like, bytes];
    let at = ground.issuer.at.clone();
    let names: Vec<String> = ground.browser.cookies.keys().cloned().collect();
    let flow = ground.web.flow(&[("prompt", "none")]);
    for _ in 0..40 {
        let value = any.new_tree(&mut runner).unwrap().current();
        let shown = String::from_utf8_lossy(&value).into_owned();
        let bearer = Raw::get("/oauth2/userinfo").header("authorization", [b"Bearer ", &value[..]].concat());
        bearer.send(&at).await.refused(&shown);
        let target = flow.url.strip_prefix(&ground.web.at).unwrap();
        for name in &names {
            let got = Raw::get(target).header("cookie", [name.as_bytes(), b"=", &value].concat()).send(&at).await;
            assert!(
                got.header("location").is_some_and(|to| to.contains("error=login_required")),
                "{name}={shown}: {got:?}"
            );
        }
    }
    ground.unchanged(&before, &ground.state().await);
    // A code is bent likewise, and its own client's failure burns it only when it is the code.
    let flow = ground.web.flow(&[]);
    let code = ground.browser.code(&flow, "alice").await;
    for token in bent(&code) {
        ground.web.redeem(&flow, &token).await.is(400, "invalid_grant");
    }
    ground.web.redeem(&flow, &code).await.ok();
    ground.goes_on().await;
    ground.issuer.stop().await;
}

async fn v226_planted_cookies(kind: Kind) {
    let mut ground = Ground::new(kind).await;
    let (at, flow) = (ground.issuer.at.clone(), ground.web.flow(&[("prompt", "none")]));
    let target = flow.url.strip_prefix(&ground.web.at).unwrap().to_owned();
    let whole =
        ground.browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    let signed_in = |got: &super::wire::Got| got.header("location").is_some_and(|to| to.contains("?code="));
    assert!(signed_in(&Raw::get(&target).header("cookie", &whole).send(&at).await));
    // Two of one name: nobody can tell which was planted, so neither counts.
    for (name, value) in ground.browser.cookies.clone() {
        for planted in [format!("{name}=x; {whole}"), format!("{whole}; {name}=x"), format!("{whole}; {name}={value}")]
        {
            let got = Raw::get(&target).header("cookie", &planted).send(&at).await;
            got.sound(&planted);
            assert!(!signed_in(&got) || !name.contains("session"), "{planted}: {got:?}");
            let split = Raw::get(&target).header("cookie", &whole).header("cookie", format!("{name}={value}"));
            assert!(!signed_in(&split.send(&at).await) || !name.contains("session"));
        }
    }
    // A crowd of others, and long ones, do no harm.
    let crowd: String = (0..200).map(|n| format!("c{n}={n}; ")).collect();
    for more in
        [crowd, format!("long={}; ", "a".repeat(16 << 10)), "; ;=; x; =y; \"; ".to_owned(), "a=\u{e9}; ".to_owned()]
    {
        let got = Raw::get(&target).header("cookie", format!("{more}{whole}")).send(&at).await;
        assert!(signed_in(&got) || got.status == 431 || more.contains('\u{e9}'), "{got:?}");
        got.sound("a crowd of cookies");
    }
    // No answer to any of these took the session away.
    assert!(ground.browser.begin(&ground.web.flow(&[])).await.headers["location"].to_str().unwrap().contains("code="));
    ground.issuer.stop().await;
}
