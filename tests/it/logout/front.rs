//! Front-channel logout (OpenID Connect Front-Channel Logout 1.0): the page of frames, its policy, and the way on without scripts.

use reqwest::header;

use super::receiver::Receiver;
use super::{issuer, sign_out};
use crate::kit::actors::{Answer, Browser, RelyingParty, claims};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(
    every_client_is_loaded_unseen_and_nothing_else,
    a_question_first_tells_nobody,
    nobody_is_sent_on_who_was_not_signed_out
);

async fn shown_at(issuer: &Issuer, origin: &str, path: &str, named: bool) -> RelyingParty {
    let (origin, uri) = (origin.to_owned(), format!("{origin}{path}"));
    issuer
        .client_with(|row| {
            row.redirect_uris.0 = vec![format!("{origin}/cb")];
            row.metadata.0.frontchannel_logout_uri = Some(uri);
            row.metadata.0.frontchannel_logout_session_required = named;
        })
        .await
}

fn frames(page: &Answer) -> Vec<String> {
    let source = |tag: &str| tag.split("src=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    page.text.split("<iframe").skip(1).map(source).collect()
}

async fn every_client_is_loaded_unseen_and_nothing_else(kind: Kind) {
    let issuer = issuer(kind).await;
    issuer.user("alice").await;
    let one = shown_at(&issuer, "https://one.test", "/out?keep=1", true).await;
    let two = shown_at(&issuer, "https://two.test:8443", "/out", false).await;
    let strange = shown_at(&issuer, "https://strange.test", "/out", true).await;
    let receiver = Receiver::new().await;
    let both = issuer
        .client_with(|row| {
            row.redirect_uris.0 = vec!["https://both.test/cb".to_owned()];
            row.metadata.0.frontchannel_logout_uri = Some("https://both.test/out".to_owned());
            row.metadata.0.backchannel_logout_uri = Some(receiver.uri.clone());
        })
        .await;
    let mut browser = Browser::new(&issuer);
    let tokens = one.tokens(&mut browser, "alice").await;
    two.tokens(&mut browser, "alice").await;
    both.tokens(&mut browser, "alice").await;
    strange.tokens(&mut Browser::new(&issuer), "alice").await;

    let page = sign_out(&issuer, &mut browser, tokens.str("id_token")).await;
    assert_eq!((page.status.as_u16(), receiver.posts().len()), (200, 1), "{}", page.text);
    assert!(!browser.cookies.contains_key("ch_session"));
    let sid = claims(tokens.str("id_token"))["sid"].as_str().unwrap().to_owned();
    let named = chancery::http::params::encode([("iss", issuer.name.as_str()), ("sid", sid.as_str())]);
    let mut found = frames(&page);
    found.sort();
    assert_eq!(
        found,
        ["https://both.test/out", &format!("https://one.test/out?keep=1&{named}"), "https://two.test:8443/out"]
    );
    for tag in page.text.split("<iframe").skip(1) {
        let tag = tag.split('>').next().unwrap();
        assert!(tag.contains(" hidden") && tag.contains("sandbox=\"allow-scripts allow-same-origin\""), "{tag}");
    }
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    let allowed = policy.split("; ").find(|directive| directive.starts_with("frame-src")).unwrap();
    let mut origins: Vec<_> = allowed.split(' ').skip(1).collect();
    origins.sort_unstable();
    assert_eq!(origins, ["https://both.test", "https://one.test", "https://two.test:8443"]);
    assert!(!policy.contains("unsafe") && policy.contains("default-src 'none'"), "{policy}");
    // The way on, for who runs no scripts: a link, and nothing that goes off by itself.
    assert!(page.text.contains("id=\"back\" href=\"https://rp.test/bye?state=s\" data-go-on"), "{}", page.text);
    assert!(!page.text.contains("http-equiv") && !page.headers.contains_key("refresh"));
}

async fn a_question_first_tells_nobody(kind: Kind) {
    let issuer = issuer(kind).await;
    issuer.user("alice").await;
    let rp = shown_at(&issuer, "https://one.test", "/out", true).await;
    let mut browser = Browser::new(&issuer);
    rp.tokens(&mut browser, "alice").await;
    let url = issuer.url("/oauth2/logout");
    let page = browser.get(&url).await;
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(frames(&page).is_empty() && !policy.contains("frame-src"), "{policy}");
    let done = browser.press(&page, &url, "logout-confirm").await;
    assert_eq!(frames(&done).len(), 1, "{}", done.text);
    assert!(!done.text.contains("data-go-on"), "nobody has said where to: {}", done.text);
}

async fn nobody_is_sent_on_who_was_not_signed_out(kind: Kind) {
    let issuer = issuer(kind).await;
    issuer.user("alice").await;
    let rp = shown_at(&issuer, "https://one.test", "/out", true).await;
    let id = rp.id.to_string();
    let query = chancery::http::params::encode([
        ("client_id", id.as_str()),
        ("post_logout_redirect_uri", "https://rp.test/bye"),
    ]);
    let page = Browser::new(&issuer).get(&issuer.url(&format!("/oauth2/logout?{query}"))).await;
    assert!(page.status == 200 && frames(&page).is_empty() && !page.text.contains("data-go-on"), "{}", page.text);
}
