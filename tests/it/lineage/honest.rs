//! Honest clients are never killed by a refusal, and no refusal advances a family.

use chancery::keyring::mac::REFRESH;
use chancery::token::refresh::{self, Authentic, FamilySecret};
use sqlx::types::Json;

use crate::kit::actors::{Answer, RelyingParty};
use crate::kit::figure;
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

use super::desk::{Started, count, family, lineage_of, started};

on_both!(a_refusal_changes_nothing);

async fn a_refusal_changes_nothing(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    issuer.resource("https://tide.test/", &["tide:read", "tide:write"]).await;
    issuer.resource("https://moon.test/", &["moon:read"]).await;
    issuer.resource("https://alien.test/", &["alien:read"]).await;
    let rp = issuer
        .client_with(|row| {
            row.scopes = "openid profile email tide:read moon:read offline_access".to_owned();
            row.resources = Json(vec!["https://tide.test/".to_owned(), "https://moon.test/".to_owned()]);
        })
        .await;
    let rp = RelyingParty { scope: "openid email tide:read".to_owned(), ..rp };
    let stranger = issuer.client().await;
    let public = issuer.client_with(|row| row.auth_method = "none".to_owned()).await;
    let start = started(&issuer, rp, "alice").await;
    let first = start.first.str("refresh_token").to_owned();

    // The live generation, and the one before it: refused with either, nothing moves.
    let live = start.rp.refresh(&first).await.ok().str("refresh_token").to_owned();
    let mut refusals = 0;
    for token in [&live, &first] {
        refusals += refused(&issuer, &start, token, (&stranger, &public)).await;
    }
    let row = family(&issuer, start.family).await;
    assert_eq!((row.generation, row.ended_at, row.revoked_seq), (1, None, 0));
    let (rows, retries) = lineage_of(&issuer, start.family).await;
    assert_eq!((rows.len(), retries.len()), (2, 0), "no token was enrolled by a refusal");
    assert_eq!(count(&issuer, start.family, "revocation.written").await, 0);
    // A stranger with a real token is told to the auditor.
    assert_eq!(count(&issuer, start.family, "refresh.refused").await, 4);

    // The owner goes on: a retry of the one before, then the live one.
    assert_eq!(start.rp.refresh(&first).await.ok().str("refresh_token"), live);
    start.rp.refresh(&live).await.ok();
    assert_eq!(family(&issuer, start.family).await.generation, 2);
    figure(&format!("honest clients, {kind:?}: {refusals} refusals, none of them advanced or ended the family"));
    issuer.stop().await;
}

/// Every refusal there is, each followed by a look at the generation. How many.
async fn refused(
    issuer: &Issuer,
    start: &Started,
    token: &str,
    (stranger, public): (&RelyingParty, &RelyingParty),
) -> usize {
    let rp = &start.rp;
    let with = async |more: &[(&str, &str)]| {
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        form.extend_from_slice(more);
        rp.token(&form).await
    };
    let no_secret = RelyingParty { method: "none".to_owned(), ..rp.clone() };
    let wrong_secret = RelyingParty { secret: stranger.secret.clone(), ..rp.clone() };
    let wrong_method = RelyingParty { method: "client_secret_post".to_owned(), ..rp.clone() };
    let no_such_client = RelyingParty { id: uuid::Uuid::nil(), ..rp.clone() };
    let answers: Vec<(&str, Answer, u16, &str)> = vec![
        ("a wider scope", with(&[("scope", "openid email tide:read profile")]).await, 400, "invalid_scope"),
        ("a scope never registered", with(&[("scope", "openid admin")]).await, 400, "invalid_scope"),
        ("a scope that is none", with(&[("scope", "openid \"")]).await, 400, "invalid_scope"),
        ("a resource not authorized", with(&[("resource", "https://moon.test/")]).await, 400, "invalid_target"),
        ("another's resource", with(&[("resource", "https://alien.test/")]).await, 400, "invalid_target"),
        ("no such resource", with(&[("resource", "https://nowhere.test/")]).await, 400, "invalid_target"),
        ("a parameter twice", with(&[("refresh_token", token)]).await, 400, "invalid_request"),
        ("two ways to authenticate", with(&[("client_secret", "x")]).await, 400, "invalid_request"),
        ("another id in the body", with(&[("client_id", &stranger.id.to_string())]).await, 400, "invalid_request"),
        ("no secret", no_secret.refresh(token).await, 401, "invalid_client"),
        ("a wrong secret", wrong_secret.refresh(token).await, 401, "invalid_client"),
        ("a wrong method", wrong_method.refresh(token).await, 401, "invalid_client"),
        ("no such client", no_such_client.refresh(token).await, 401, "invalid_client"),
        ("another client", stranger.refresh(token).await, 400, "invalid_grant"),
        ("a public client", public.refresh(token).await, 400, "invalid_grant"),
        ("another family's secret", rp.refresh(&with_another_secret(issuer, start)).await, 400, "invalid_grant"),
        ("garbage", rp.refresh("ch_rt_garbage").await, 400, "invalid_grant"),
        ("nothing", rp.token(&[("grant_type", "refresh_token")]).await, 400, "invalid_request"),
        ("as a code", rp.redeem(&rp.flow(&[]), token).await, 400, "invalid_grant"),
    ];
    for (what, answer, status, error) in &answers {
        assert_eq!(
            (answer.status.as_u16(), answer.json["error"].as_str().unwrap_or_default()),
            (*status, *error),
            "{what}: {}",
            answer.text
        );
    }
    assert_eq!(family(issuer, start.family).await.generation, 1);
    // Introspection by the owner, and a revocation by a stranger, are no presentation either.
    rp.introspect(token).await.ok();
    stranger.revoke(token).await.ok();
    assert_eq!(family(issuer, start.family).await.ended_at, None);
    answers.len()
}

/// What only the issuer's own keys could make: everything right but the family secret.
fn with_another_secret(issuer: &Issuer, start: &Started) -> String {
    let keys = issuer.app.keyring.mac(REFRESH);
    let token = Authentic { family_id: start.family, generation: 1, secret: FamilySecret::generate() };
    refresh::write(&keys, &issuer.name, &token)
}
