//! What a logout token says, judged from the receiver's side (Back-Channel Logout 1.0, 2.4 to 2.6), and what it doesn't pass for.

use chancery::store::client_metadata::SubjectType;

use super::receiver::{Receiver, Validator};
use super::{SOON, issuer, sign_out, told_at};
use crate::kit::actors::{Browser, claims};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(a_receiver_takes_it_by_the_specification, it_passes_for_nothing_else);

fn now(issuer: &Issuer) -> i64 {
    issuer.app.clock.now().timestamp()
}

async fn a_receiver_takes_it_by_the_specification(kind: Kind) {
    let issuer = issuer(kind).await;
    let alice = issuer.user("alice").await;
    let receiver = Receiver::new().await;
    for (profile, registered, subjects, alg) in [
        ("oauth21", None, SubjectType::Public, "ES256"),
        ("oidc", None, SubjectType::Public, "RS256"),
        ("oauth21", Some("RS256"), SubjectType::Pairwise, "RS256"),
    ] {
        let rp = issuer
            .client_with(|row| {
                row.profile = profile.to_owned();
                row.metadata.0.backchannel_logout_uri = Some(receiver.uri.clone());
                row.metadata.0.id_token_signed_response_alg = registered.map(str::to_owned);
                row.metadata.0.subject_type = subjects;
            })
            .await;
        let mut browser = Browser::new(&issuer);
        let tokens = rp.tokens(&mut browser, "alice").await;
        let before = receiver.posts().len();
        let answer = sign_out(&issuer, &mut browser, tokens.str("id_token")).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        // It was told before the browser is sent on.
        let posts = receiver.posts();
        assert_eq!(posts.len(), before + 1, "{profile}");
        let post = posts.last().unwrap();
        assert_eq!(post.content_type, "application/x-www-form-urlencoded");
        assert!(post.body.starts_with("logout_token=") && !post.body.contains('&') && !post.cookie, "{}", post.body);

        let id = claims(tokens.str("id_token"));
        let mut validator = Validator::of(&issuer.name, &rp.id.to_string()).await;
        let said = validator.validate(&post.token, alg, now(&issuer)).unwrap();
        assert_eq!((&said["sid"], &said["sub"]), (&id["sid"], &id["sub"]));
        // By the name the client knows, and no other.
        assert_eq!(said["sub"] == alice.sub.to_string(), subjects == SubjectType::Public);
        let mut names: Vec<_> = said.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"]);
        assert!(validator.validate(&post.token, alg, now(&issuer)).unwrap_err().contains("jti"));
        // Another client's, another issuer's, or later: not taken by whoever validates.
        let mut stranger = Validator::of(&issuer.name, "another").await;
        assert_eq!(stranger.validate(&post.token, alg, now(&issuer)), Err("aud".to_owned()));
        let mut late = Validator::of(&issuer.name, &rp.id.to_string()).await;
        assert_eq!(late.validate(&post.token, alg, now(&issuer) + 121).unwrap_err(), "iat");
        let mut fresh = Validator::of(&issuer.name, &rp.id.to_string()).await;
        assert!(
            fresh.validate(tokens.str("id_token"), alg, now(&issuer)).unwrap_err().contains("typ"),
            "an ID token is none"
        );
        // `sid` everywhere.
        assert_eq!(claims(tokens.str("access_token"))["sid"], id["sid"]);
    }
}

async fn it_passes_for_nothing_else(kind: Kind) {
    let issuer = issuer(kind).await;
    issuer.user("alice").await;
    let receiver = Receiver::new().await;
    let rp = told_at(&issuer, &receiver.uri).await;
    let mut browser = Browser::new(&issuer);
    let tokens = rp.tokens(&mut browser, "alice").await;
    sign_out(&issuer, &mut browser, tokens.str("id_token")).await;
    let token = receiver.posted(1, SOON).await[0].token.clone();
    assert_eq!(rp.userinfo(&token).await.status, 401);
    assert_eq!(rp.introspect(&token).await.ok().json["active"], false);
    assert_eq!(rp.refresh(&token).await.status, 400);
    let mut another = Browser::new(&issuer);
    rp.tokens(&mut another, "alice").await;
    let answer = sign_out(&issuer, &mut another, &token).await;
    assert!(answer.status == 400 && answer.text.contains("id_token_hint"), "{}", answer.text);
}
