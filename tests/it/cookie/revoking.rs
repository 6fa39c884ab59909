//! Revocation (RFC 7009) of a refresh token that only the browser knows.

use super::{REFRESH, ground, refused, rolls, set};
use crate::kit::issuer::{Kind, on_both};

on_both!(the_cookie_is_revoked_and_goes, an_access_token_is_revoked_as_ever, nothing_to_revoke);

async fn the_cookie_is_revoked_and_goes(kind: Kind) {
    let (issuer, mut page) = ground(kind).await;
    let access = page.sign_in("alice").await.str("access_token").to_owned();
    let kept = page.token();
    let answer = page.post("/oauth2/revoke", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
    assert!(!page.browser.cookies.contains_key(&page.cookie()), "{:?}", set(&answer));
    assert_eq!(page.rp.userinfo(&access).await.status, 401);
    refused(&page.refresh().await, 400, "invalid_grant");
    // Whoever kept it has nothing; and revoking it once more is the same to the page.
    page.plant(&kept);
    refused(&page.refresh().await, 400, "invalid_grant");
    let again = page.post("/oauth2/revoke", &[("token_type_hint", "refresh_token")]).await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert!(set(&again)[0].contains("Max-Age=0"));
    // The session lives: the next sign-in asks nothing.
    page.sign_in("alice").await;
    page.refresh().await.ok();
    issuer.stop().await;
}

async fn an_access_token_is_revoked_as_ever(kind: Kind) {
    let (issuer, mut page) = ground(kind).await;
    let access = page.sign_in("alice").await.str("access_token").to_owned();
    let answer = page.post("/oauth2/revoke", &[("token", &access)]).await;
    assert_eq!((answer.status.as_u16(), set(&answer)), (200, vec![]));
    assert_eq!(page.rp.userinfo(&access).await.status, 401);
    let next = page.refresh().await.ok();
    assert_eq!(page.rp.userinfo(next.str("access_token")).await.status, 200);
    issuer.stop().await;
}

async fn nothing_to_revoke(kind: Kind) {
    let (issuer, mut page) = ground(kind).await;
    page.sign_in("alice").await;
    let before = rolls(&issuer).await;
    let token = page.token();
    page.browser.cookies.remove(&page.cookie());
    refused(&page.post("/oauth2/revoke", &[]).await, 400, "invalid_request");
    refused(&page.post("/oauth2/token", &REFRESH).await, 400, "invalid_grant");
    // What was never ours ends nothing and is no use to keep.
    page.plant("ch_rt_nothing");
    assert_eq!(page.post("/oauth2/revoke", &[]).await.status, 200);
    assert_eq!(rolls(&issuer).await, before);
    page.plant(&token);
    page.refresh().await.ok();
    issuer.stop().await;
}
