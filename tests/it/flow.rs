//! The main job, from sign-in to revocation, over HTTP.

use crate::kit::actors::{Browser, claims};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(from_sign_in_to_revocation);

async fn from_sign_in_to_revocation(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);

    let first = rp.tokens(&mut browser, "alice").await;
    let access = claims(first.str("access_token"));
    assert_eq!(access["iss"], issuer.name);
    assert_eq!(access["client_id"], rp.id.to_string());
    let id = claims(first.str("id_token"));
    assert_eq!((&id["sub"], &id["sid"]), (&access["sub"], &access["sid"]));
    assert_eq!(id["nonce"], "n-0S6_WzA2Mj");

    let told = rp.userinfo(first.str("access_token")).await.ok();
    assert_eq!(told.json["email"], "alice@example.test");
    assert_eq!(rp.introspect(first.str("access_token")).await.ok().json["active"], true);

    let second = rp.refresh(first.str("refresh_token")).await.ok();
    assert_ne!(second.str("refresh_token"), first.str("refresh_token"));
    // The lost answer: the same token again gives the same successor.
    let again = rp.refresh(first.str("refresh_token")).await.ok();
    assert_eq!(again.str("refresh_token"), second.str("refresh_token"));
    assert_ne!(claims(again.str("access_token"))["jti"], claims(second.str("access_token"))["jti"]);

    let third = rp.refresh(second.str("refresh_token")).await.ok();
    assert_eq!(rp.introspect(third.str("refresh_token")).await.ok().json["active"], true);
    // Two generations old: somebody has a copy.
    rp.refresh(first.str("refresh_token")).await.is(400, "invalid_grant");
    rp.refresh(third.str("refresh_token")).await.is(400, "invalid_grant");
    rp.userinfo(third.str("access_token")).await.is(401, "invalid_token");
    assert_eq!(rp.introspect(third.str("access_token")).await.ok().text, r#"{"active":false}"#);
    issuer.stop().await;
}
