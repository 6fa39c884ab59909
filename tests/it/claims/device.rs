//! Devices (RFC 8628) are told as browsers are: by the same names, and the same claims.

use chancery::store::client_metadata::SubjectType;
use chancery::store::clients::Client;
use serde_json::json;
use sqlx::types::Json;

use super::attributes;
use crate::device::desk::connects;
use crate::kills::causes::admin;
use crate::kit::actors::{Browser, claims};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

on_both!(a_device_of_the_sector_knows_the_same_name);

async fn a_device_of_the_sector_knows_the_same_name(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let alice = issuer.user("alice").await;
    attributes(&issuer, &alice, json!({ "dept": "Sales" })).await;
    let told = |row: &mut Client| {
        row.metadata.subject_type = SubjectType::Pairwise;
        row.metadata.claims.insert("department".to_owned(), "dept".to_owned());
        row.redirect_uris = Json(vec!["https://rp.test/cb".to_owned()]);
        row.id_token_claims = true;
    };
    let tv = issuer
        .client_with(|row| {
            told(row);
            row.auth_method = "none".to_owned();
            row.grants = Json(vec![crate::device::desk::GRANT.to_owned(), "refresh_token".to_owned()]);
        })
        .await;
    let web = issuer.client_with(told).await;
    // The device comes first: the name is handed out as the person allows it.
    let (_, on_tv) = connects(&mut Browser::new(&issuer), &tv, "alice").await;
    let on_web = web.tokens(&mut Browser::new(&issuer), "alice").await;
    let name = claims(on_tv.str("id_token"))["sub"].clone();
    assert_ne!(name, json!(alice.sub));
    for token in [on_tv.str("access_token"), on_web.str("id_token"), on_web.str("access_token")] {
        assert_eq!(claims(token)["sub"], name);
    }
    let next = tv.refresh(on_tv.str("refresh_token")).await.ok();
    for id_token in [on_tv.str("id_token"), next.str("id_token"), on_web.str("id_token")] {
        assert_eq!((&claims(id_token)["department"], &claims(id_token)["sub"]), (&json!("Sales"), &name));
    }
    assert_eq!(tv.userinfo(next.str("access_token")).await.ok().json["sub"], name);
    admin(&issuer, "user", name.as_str().unwrap()).await;
    tv.userinfo(next.str("access_token")).await.is(401, "invalid_token");
    tv.refresh(next.str("refresh_token")).await.is(400, "invalid_grant");
    issuer.stop().await;
}
