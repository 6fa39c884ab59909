//! Client authentication, at each endpoint that asks for it: V036, V037, V039, V046.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chancery::change::By;
use chancery::event::{Actor, Caller};
use chancery::oauth::manage;
use sqlx::types::Json;

use super::Ground;
use super::wire::Raw;
use crate::kit::actors::{PASSWORD, RelyingParty, location};
use crate::kit::issuer::{Kind, on_both};

on_both!(v036_any_authorization_header, v037_nobody_speaks_for_a_client, v039_a_disabled_client_is_nobody);

const DOORS: [&str; 4] = ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke", "/oauth2/device"];

fn body(ground: &Ground) -> String {
    let refresh = ground.tokens.str("refresh_token");
    format!("grant_type=refresh_token&refresh_token={refresh}&token={refresh}")
}

async fn v036_any_authorization_header(kind: Kind) {
    let ground = Ground::new(kind).await;
    let (at, before, body) = (ground.issuer.at.clone(), ground.state().await, body(&ground));
    let (id, secret) = (ground.web.id.to_string(), ground.web.secret.clone().unwrap());
    let pair = format!("{id}:{secret}");
    let good = STANDARD.encode(&pair);
    let encoded = |text: &[u8]| [b"Basic ", STANDARD.encode(text).as_bytes()].concat();
    let variants: Vec<Vec<u8>> = vec![
        b"Basic".to_vec(),
        b"Basic ".to_vec(),
        b"Basic =".to_vec(),
        b"Basic !!!!".to_vec(),
        encoded(id.as_bytes()),
        encoded(b":"),
        encoded(b""),
        encoded(format!(":{secret}").as_bytes()),
        encoded(format!("{id}:").as_bytes()),
        encoded(format!(" {pair}").as_bytes()),
        encoded(format!("{pair} ").as_bytes()),
        encoded(format!("{pair}\n").as_bytes()),
        encoded(format!("{pair}\0").as_bytes()),
        encoded(format!("{pair}:{secret}").as_bytes()),
        encoded(format!("{id}:%{secret}").as_bytes()),
        encoded(format!("{}:{secret}", id.to_uppercase()).as_bytes()),
        encoded(&[id.as_bytes(), b":\xff\xfe"].concat()),
        encoded(&vec![b'a'; 60_000]),
        format!("Basic  {good}").into_bytes(),
        format!("Basic\t{good}").into_bytes(),
        format!("Basic {good} {good}").into_bytes(),
        format!("Basic {good},Basic {good}").into_bytes(),
        format!("Basic {}", good.trim_end_matches('=')).into_bytes(),
        format!("Basic {good}=").into_bytes(),
        format!("bearer {good}").into_bytes(),
        format!("Bearer {secret}").into_bytes(),
        format!("DPoP {good}").into_bytes(),
        good.clone().into_bytes(),
        pair.clone().into_bytes(),
        [b"Basic \xff\xfe", good.as_bytes()].concat(),
        vec![b'a'; 64 << 10],
    ];
    for path in DOORS {
        for variant in &variants {
            let shown = String::from_utf8_lossy(variant).chars().take(60).collect::<String>();
            let got = Raw::form(path, &body).header("authorization", variant).send(&at).await;
            got.refused(&format!("{path} {shown:?}"));
            assert_eq!((got.status, got.error().as_str()), (401, "invalid_client"), "{path} {shown:?}");
            assert!(got.header("www-authenticate").is_some_and(|value| value.starts_with("Basic realm=")), "{shown:?}");
        }
        let twice = Raw::form(path, &body).header("authorization", format!("Basic {good}"));
        let got = twice.clone().header("authorization", format!("Basic {good}")).send(&at).await;
        got.refused("two headers");
        assert_eq!((got.status, got.error().as_str()), (400, "invalid_request"));
        for more in [
            format!("client_secret={secret}"),
            format!("client_id={id}&client_secret={secret}"),
            format!("client_id={}", ground.service.id),
        ] {
            let got = Raw::form(path, format!("{body}&{more}"))
                .header("authorization", format!("Basic {good}"))
                .send(&at)
                .await;
            got.refused(&more);
            assert_eq!((got.status, got.error().as_str()), (400, "invalid_request"), "{more}");
        }
    }
    ground.unchanged(&before, &ground.state().await);
    // The scheme's name is read in any case (RFC 7235, 2.1), and the same client may be named once more.
    for scheme in ["Basic", "basic", "BASIC"] {
        let raw = Raw::form("/oauth2/introspect", format!("token=x&client_id={id}"));
        let got = raw.header("authorization", format!("{scheme} {good}")).send(&at).await;
        assert_eq!((got.status, got.body.as_str()), (200, r#"{"active":false}"#));
    }
    ground.goes_on().await;
    ground.issuer.stop().await;
}

/// The same client with another word for its secret, or way to say it.
fn posing(rp: &RelyingParty, method: &str, secret: Option<&str>) -> RelyingParty {
    RelyingParty { method: method.to_owned(), secret: secret.map(str::to_owned), ..rp.clone() }
}

async fn v037_nobody_speaks_for_a_client(kind: Kind) {
    let ground = Ground::new(kind).await;
    let post = ground.issuer.client_with(|row| row.auth_method = "client_secret_post".to_owned()).await;
    let public = ground.issuer.client_with(|row| row.auth_method = "none".to_owned()).await;
    let empty = ground.issuer.client_with(|row| row.redirect_uris = Json(vec![])).await;
    let before = ground.state().await;
    let (refresh, access) = (ground.tokens.str("refresh_token"), ground.tokens.str("access_token"));
    let (web, good) = (&ground.web, ground.web.secret.as_deref().unwrap());
    let other = ground.service.secret.as_deref().unwrap();
    // V052, V046: near misses, other kinds, nothing at all.
    let flipped = format!("{}{}", &good[..good.len() - 1], if good.ends_with('A') { 'B' } else { 'A' });
    let raw = URL_SAFE_NO_PAD.decode(&good[6..]).unwrap();
    let near = [
        "",
        " ",
        "a",
        "null",
        "undefined",
        "ch_cs_",
        &good[..good.len() - 1],
        &good[6..],
        &flipped,
        &good.to_uppercase(),
        &good.replace("ch_cs_", "ch_ac_"),
        &format!("{good}A"),
        &format!("{good}="),
        &format!("ch_cs_{}", STANDARD.encode(&raw)),
        other,
        refresh,
        access,
        "' OR '1'='1",
        &chancery::secret::sha256(&[good.as_bytes()])
            .iter()
            .fold(String::new(), |out, byte| format!("{out}{byte:02x}")),
    ];
    for method in ["client_secret_basic", "client_secret_post"] {
        // The other alphabet is another text only where it differs.
        for secret in near.into_iter().filter(|secret| *secret != good) {
            let poser = posing(web, method, Some(secret));
            poser.refresh(refresh).await.is(401, "invalid_client");
            poser.introspect(access).await.is(401, "invalid_client");
            poser.revoke(refresh).await.is(401, "invalid_client");
        }
    }
    for poser in [
        posing(web, "none", None),
        posing(web, "client_secret_post", Some(good)),
        posing(&post, "client_secret_basic", post.secret.as_deref()),
        posing(&post, "none", None),
        posing(&public, "client_secret_basic", Some(good)),
        posing(&public, "client_secret_post", Some(good)),
        posing(&empty, "none", None),
    ] {
        poser.refresh(refresh).await.is(401, "invalid_client");
        poser.introspect(access).await.is(401, "invalid_client");
        poser.revoke(refresh).await.is(401, "invalid_client");
    }
    // A public client proves nothing, so that it may introspect nothing; strangers who prove themselves get nothing (V020, V161).
    public.introspect(access).await.is(401, "invalid_client");
    for stranger in [&post, &public] {
        stranger.refresh(refresh).await.is(400, "invalid_grant");
        assert_eq!(stranger.revoke(refresh).await.status, 200);
        assert_eq!(stranger.revoke(access).await.status, 200);
    }
    for stranger in [&post, &ground.service] {
        for token in [refresh, access, "garbage"] {
            assert_eq!(stranger.introspect(token).await.ok().text, r#"{"active":false}"#);
        }
    }
    ground.unchanged(&before, &ground.state().await);
    ground.goes_on().await;
    ground.issuer.stop().await;
}

async fn v039_a_disabled_client_is_nobody(kind: Kind) {
    let mut ground = Ground::new(kind).await;
    let (app, web) = (ground.issuer.app.clone(), ground.web.clone());
    let (refresh, access) =
        (ground.tokens.str("refresh_token").to_owned(), ground.tokens.str("access_token").to_owned());
    let flow = web.flow(&[]);
    let code = ground.browser.code(&flow, "alice").await;
    let half_way = web.flow(&[("prompt", "login")]);
    let page = ground.browser.begin(&half_way).await;
    let caller = Caller::default();
    let by = || By { actor: Actor::Operator, caller: &caller, at: app.clock.now() };
    manage::disable(&app.store, &by(), web.id).await.unwrap().settle(&app).await.unwrap();

    web.refresh(&refresh).await.is(401, "invalid_client");
    web.redeem(&flow, &code).await.is(401, "invalid_client");
    web.token(&[("grant_type", "client_credentials")]).await.is(401, "invalid_client");
    web.device(&[]).await.is(401, "invalid_client");
    web.introspect(&access).await.is(401, "invalid_client");
    web.revoke(&refresh).await.is(401, "invalid_client");
    web.userinfo(&access).await.is(401, "invalid_token");
    let got = Raw::get(web.flow(&[]).url.strip_prefix(&web.at).unwrap()).send(&web.at).await;
    got.refused("a new flow");
    let answer = ground.browser.sign_in(&page, &half_way.url, "alice", PASSWORD).await;
    assert!(answer.status.is_client_error() && location(&answer).is_none(), "{} {}", answer.status, answer.text);
    // A sign-out is not led back to it either.
    let hint = ground.tokens.str("id_token");
    let query =
        chancery::http::params::encode([("id_token_hint", hint), ("post_logout_redirect_uri", "https://rp.test/bye")]);
    let got = Raw::get(&format!("/oauth2/logout?{query}")).send(&web.at).await;
    assert_eq!(got.header("location"), None, "{got:?}");

    // Enabled again it begins anew; what was ended stays ended, the code of before too.
    manage::enable(&app.store, &by(), web.id).await.unwrap().settle(&app).await.unwrap();
    web.refresh(&refresh).await.is(400, "invalid_grant");
    web.redeem(&flow, &code).await.is(400, "invalid_grant");
    assert_eq!(web.introspect(&access).await.ok().text, r#"{"active":false}"#);
    let again = web.tokens(&mut ground.browser, "alice").await;
    web.refresh(again.str("refresh_token")).await.ok();
    ground.issuer.stop().await;
}
