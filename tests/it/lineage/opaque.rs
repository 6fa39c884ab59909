//! Opaque values (V022, V052): none serves as another, and none survives being cut, lengthened or changed in one character.

use chancery::secret::{
    BrowserSecret, ClientSecret, Code, DeviceCode, InitialToken, Kind as Credential, Opaque, RegistrationToken,
    SessionSecret,
};
use chancery::token::presented::recognise;

use crate::kit::actors::{Browser, RelyingParty, claims, location};
use crate::kit::figure;
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

use super::desk::{family, started};

on_both!(nothing_serves_as_another, mutations_over_http);

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Cut, lengthened, and each character replaced by every other of the alphabet, by the other alphabet's, by its other case.
fn mutations(text: &str) -> Vec<String> {
    let mut out: Vec<String> = (0..text.len()).map(|end| text[..end].to_owned()).collect();
    out.extend(["A", "=", "==", "_", " ", "\n", "\0", "%00", ".", "é"].iter().map(|more| format!("{text}{more}")));
    out.extend([" ", "\n", "A", "ch_", "Bearer "].iter().map(|before| format!("{before}{text}")));
    out.extend([text.to_uppercase(), text.to_lowercase(), text.replace('_', "/"), text.replace('-', "+")]);
    out.extend([format!("{text}{text}"), text.chars().rev().collect()]);
    for (at, own) in text.char_indices() {
        let others = ALPHABET.chars().chain(['+', '/', '=', ' ', '.']);
        let put = |other: char| format!("{}{other}{}", &text[..at], &text[at + own.len_utf8()..]);
        out.extend(others.filter(|other| *other != own).map(put));
    }
    out.retain(|mutated| mutated != text);
    out
}

/// Refused before any look-up, by the value alone: nothing here has a database to ask.
#[tokio::test]
async fn mutations_by_the_thousand() {
    let issuer = Issuer::start_with(Kind::Sqlite, Setup::patient()).await;
    issuer.user("alice").await;
    let start = started(&issuer, issuer.client().await, "alice").await;
    let token = start.first.str("refresh_token").to_owned();
    let next = start.rp.refresh(&token).await.ok().str("refresh_token").to_owned();
    let mut tried = 0;
    for text in [&token, &next] {
        assert!(recognise(&issuer.app, text).is_some());
        for mutated in mutations(text) {
            assert!(recognise(&issuer.app, &mutated).is_none(), "{mutated:?}");
            tried += 1;
        }
    }
    tried += opaque::<Code>() + opaque::<ClientSecret>() + opaque::<SessionSecret>() + opaque::<BrowserSecret>();
    tried += opaque::<DeviceCode>() + opaque::<InitialToken>() + opaque::<RegistrationToken>();
    figure(&format!("opaque values: {tried} mutations, none accepted"));
    assert_eq!(family(&issuer, start.family).await.generation, 1);
    issuer.stop().await;
}

fn opaque<K: Credential>() -> usize {
    let text = Opaque::<K>::generate().expose();
    assert!(Opaque::<K>::parse(&text).is_some());
    let mutations = mutations(&text);
    for mutated in &mutations {
        assert!(Opaque::<K>::parse(mutated).is_none(), "{mutated:?}");
    }
    // The prefix is part of the checksum: renamed, a value of one kind is none of another.
    let kinds = [Code::PREFIX, ClientSecret::PREFIX, SessionSecret::PREFIX, BrowserSecret::PREFIX, DeviceCode::PREFIX];
    for prefix in kinds.into_iter().chain([InitialToken::PREFIX, RegistrationToken::PREFIX]) {
        let renamed = text.replacen(K::PREFIX, prefix, 1);
        let read = [
            Opaque::<Code>::parse(&renamed).is_some(),
            Opaque::<ClientSecret>::parse(&renamed).is_some(),
            Opaque::<SessionSecret>::parse(&renamed).is_some(),
            Opaque::<BrowserSecret>::parse(&renamed).is_some(),
            Opaque::<DeviceCode>::parse(&renamed).is_some(),
            Opaque::<InitialToken>::parse(&renamed).is_some(),
            Opaque::<RegistrationToken>::parse(&renamed).is_some(),
        ];
        assert_eq!(read.into_iter().filter(|read| *read).count(), usize::from(prefix == K::PREFIX), "{renamed}");
    }
    mutations.len()
}

/// A few of each, where they are presented.
async fn mutations_over_http(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    let first = rp.tokens(&mut browser, "alice").await;
    let flow = rp.flow(&[]);
    let code = browser.code(&flow, "alice").await;
    let (refresh, access) = (first.str("refresh_token"), first.str("access_token"));
    let (session_name, session) = browser.cookies.iter().find(|(name, _)| name.contains("session")).unwrap();
    let (session_name, session) = (session_name.clone(), session.clone());
    let secret = rp.secret.clone().unwrap();
    let some = |text: &str| -> Vec<String> {
        let all = mutations(text).into_iter().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
        all.step_by(293).collect()
    };
    for mutated in some(refresh) {
        rp.refresh(&mutated).await.is(400, if mutated.is_empty() { "invalid_request" } else { "invalid_grant" });
        assert_eq!(rp.introspect(&format!("{mutated}~")).await.ok().text, r#"{"active":false}"#);
    }
    for mutated in some(&code) {
        rp.redeem(&flow, &mutated).await.is(400, if mutated.is_empty() { "invalid_request" } else { "invalid_grant" });
    }
    for mutated in some(&secret) {
        RelyingParty { secret: Some(mutated), ..rp.clone() }.refresh(refresh).await.is(401, "invalid_client");
    }
    for mutated in some(&session) {
        let mut other = browser.clone();
        other.cookies.insert(session_name.clone(), mutated);
        let page = other.begin(&rp.flow(&[])).await;
        assert!(location(&page).is_none() && page.text.contains("id=\"password\""), "{}", page.text);
    }
    // The signature of an access token: its last character carries two bits that mean nothing and must be zero.
    for mutated in some(access).into_iter().chain(mutations(access).into_iter().rev().take(63)) {
        let answer = rp.userinfo(&mutated).await;
        assert!([400, 401].contains(&answer.status.as_u16()), "{mutated}: {}", answer.text);
    }
    // None of it did any harm.
    rp.redeem(&flow, &code).await.ok();
    rp.userinfo(access).await.ok();
    rp.refresh(refresh).await.ok();
    assert!(location(&browser.begin(&rp.flow(&[])).await).unwrap().contains("code="));
    issuer.stop().await;
}

/// Every value at every door but its own.
async fn nothing_serves_as_another(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    let waiting = rp.flow(&[]);
    let page = browser.begin(&waiting).await;
    let (action, hidden) = crate::kit::actors::form_of(&page);
    let first = rp.tokens(&mut browser, "alice").await;
    let flow = rp.flow(&[]);
    let code = browser.code(&flow, "alice").await;
    let id = claims(first.str("id_token"));
    let mut values: Vec<(&str, String)> = vec![
        ("code", code.clone()),
        ("refresh", first.str("refresh_token").to_owned()),
        ("access", first.str("access_token").to_owned()),
        ("id token", first.str("id_token").to_owned()),
        ("client secret", rp.secret.clone().unwrap()),
        ("sid", id["sid"].as_str().unwrap().to_owned()),
        ("sub", id["sub"].as_str().unwrap().to_owned()),
        ("client id", rp.id.to_string()),
        ("family", super::desk::family_of(&first).to_string()),
        ("state", flow.state.clone()),
        ("verifier", flow.verifier.clone()),
        ("interaction", action.split_once("i=").map_or(action.clone(), |(_, id)| id.to_owned())),
    ];
    values.extend(browser.cookies.values().map(|value| ("cookie", value.clone())));
    values.extend(hidden.into_iter().map(|(_, value)| ("form token", value)));
    let mut tried = 0;
    for (what, value) in &values {
        if *what != "code" {
            rp.redeem(&flow, value).await.is(400, "invalid_grant");
        }
        if *what != "refresh" {
            rp.refresh(value).await.is(400, "invalid_grant");
        }
        if *what != "access" {
            rp.userinfo(value).await.is(401, "invalid_token");
        }
        if !["access", "refresh"].contains(what) {
            assert_eq!(rp.introspect(value).await.ok().text, r#"{"active":false}"#, "{what}");
        }
        if *what != "client secret" {
            let wrong = RelyingParty { secret: Some(value.clone()), ..rp.clone() };
            wrong.refresh(first.str("refresh_token")).await.is(401, "invalid_client");
        }
        tried += 5;
    }
    for (name, value) in values.iter().filter(|(what, _)| *what != "cookie") {
        let mut other = Browser::new(&issuer);
        other.cookies = browser.cookies.keys().map(|cookie| (cookie.clone(), value.clone())).collect();
        let page = other.begin(&rp.flow(&[])).await;
        assert!(location(&page).is_none() && page.text.contains("id=\"password\""), "{name}: {}", page.text);
        tried += 1;
    }
    figure(&format!("crosswise, {kind:?}: {} values at {tried} wrong doors", values.len()));
    rp.redeem(&flow, &code).await.ok();
    rp.refresh(first.str("refresh_token")).await.ok();
    issuer.stop().await;
}
