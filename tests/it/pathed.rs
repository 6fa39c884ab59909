//! An issuer with a path, such as `https://example.com/auth` behind a proxy: everything it links to, answers and sets stands
//! beneath that path, and its metadata at both places a relying party may look (RFC 8414, 3; OpenID Connect Discovery, 4).

use reqwest::{StatusCode, header};
use serde_json::Value;

use crate::kit::actors::{Answer, Browser, PASSWORD, RelyingParty, claims, http, location, parameter};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

on_both!(the_whole_way, every_page_has_its_looks, metadata_where_it_is_looked_for);

/// The path of these issuers.
const PATH: &str = "/auth/eu";

async fn issuer(kind: Kind) -> Issuer {
    let issuer = Issuer::start_with(kind, Setup { path: PATH, ..Setup::default() }).await;
    assert!(issuer.name.ends_with(PATH));
    issuer.user("alice").await;
    issuer
}

/// The part before the path.
fn root(issuer: &Issuer) -> &str {
    issuer.at.strip_suffix(PATH).unwrap()
}

async fn get(url: &str) -> Answer {
    Answer::of(http().get(url).send().await.unwrap()).await
}

/// The endpoints by their advertised addresses, never by ones of our own making.
async fn the_whole_way(kind: Kind) {
    let issuer = issuer(kind).await;
    let told = get(&issuer.url("/.well-known/openid-configuration")).await.ok().json;
    assert_eq!(told["issuer"], issuer.name);
    for (name, value) in told.as_object().unwrap() {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            assert!(value.as_str().unwrap().starts_with(&format!("{}/", issuer.name)), "{name}: {value}");
        }
    }
    get(told["jwks_uri"].as_str().unwrap()).await.ok();

    let rp = issuer.client_with(|row| row.consent = "ask".to_owned()).await;
    let mut browser = Browser::new(&issuer);
    let flow = rp.flow(&[]);
    let page = browser.begin(&flow).await.ok();
    let asked = browser.sign_in(&page, &flow.url, "alice", PASSWORD).await;
    for cookie in asked.headers.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap()) {
        assert!(cookie.contains("Path=/;") || cookie.ends_with("Path=/"), "as `__Host-` demands: {cookie}");
    }
    let code = browser.code(&flow, "alice").await;
    let tokens = rp.redeem(&flow, &code).await.ok();
    let access = claims(tokens.str("access_token"));
    assert_eq!((&access["iss"], &access["aud"]), (&Value::from(issuer.name.as_str()), &access["iss"]));
    assert_eq!(claims(tokens.str("id_token"))["iss"], issuer.name);
    assert_eq!(rp.userinfo(tokens.str("access_token")).await.ok().json["email"], "alice@example.test");
    assert_eq!(rp.introspect(tokens.str("access_token")).await.ok().json["active"], true);
    let next = rp.refresh(tokens.str("refresh_token")).await.ok();
    feed(&issuer).await;
    signs_out(&issuer, &rp, &mut browser).await;
    rp.refresh(next.str("refresh_token")).await.is(400, "invalid_grant");
    rp.userinfo(next.str("access_token")).await.is(401, "invalid_token");
    issuer.stop().await;
}

async fn feed(issuer: &Issuer) {
    let service = issuer.service("chancery:feed", &[]).await;
    let bearer = service.own_token("chancery:feed").await;
    let asked = service.http.get(issuer.url("/gateway/revocations")).bearer_auth(&bearer);
    Answer::of(asked.send().await.unwrap()).await.ok();
}

async fn signs_out(issuer: &Issuer, rp: &RelyingParty, browser: &mut Browser) {
    let id = rp.id.to_string();
    let url =
        issuer.url(&format!("/oauth2/logout?client_id={id}&post_logout_redirect_uri=https://rp.test/bye&state=s"));
    let question = browser.get(&url).await.ok();
    let gone = browser.press(&question, &url, "logout-confirm").await;
    assert_eq!(gone.status, StatusCode::SEE_OTHER, "{}", gone.text);
    assert_eq!(parameter(&location(&gone).unwrap(), "state").as_deref(), Some("s"));
}

/// Each file a page links to is there; and where there is no page, the one that says so has its looks too.
async fn every_page_has_its_looks(kind: Kind) {
    let issuer = issuer(kind).await;
    let rp = issuer.client_with(|row| row.consent = "ask".to_owned()).await;
    let mut browser = Browser::new(&issuer);
    let flow = rp.flow(&[]);
    let sign_in = browser.begin(&flow).await.ok();
    let moved = browser.sign_in(&sign_in, &flow.url, "alice", PASSWORD).await;
    let consent = browser.get(&location(&moved).unwrap()).await.ok();
    assert!(consent.text.contains("id=\"consent-allow\""));
    let logout = browser.get(&issuer.url("/oauth2/logout")).await.ok();
    let out = browser.press(&logout, &issuer.url("/oauth2/logout"), "logout-confirm").await;
    let lost = get(&issuer.url("/no/such/page")).await;
    let outside = get(&format!("{}/elsewhere", root(&issuer))).await;
    let nobody = get(&issuer.url("/oauth2/authorize?client_id=nobody")).await;
    assert_eq!([lost.status, outside.status, nobody.status].map(|status| status.as_u16()), [404, 404, 400]);
    for page in [&sign_in, &consent, &logout, &out, &lost, &outside, &nobody] {
        let linked = linked(&page.text);
        assert_eq!(linked.len(), 4, "stylesheet, script and two icons: {linked:?}");
        for link in linked {
            assert!(link.starts_with(&format!("{PATH}/static/")), "{link}");
            let file = get(&format!("{}{link}", root(&issuer))).await.ok();
            assert!(file.headers[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"), "{link}");
        }
    }
    assert_eq!(get(&format!("{}/static/chancery.css", root(&issuer))).await.status, 404);
    issuer.stop().await;
}

/// The addresses of the files of a page.
fn linked(html: &str) -> Vec<String> {
    let quoted = html.split('"').skip(1).step_by(2);
    quoted.filter(|text| text.contains("/static/")).map(str::to_owned).collect()
}

/// The well-known part before the path, as RFC 8414 has it, and after it, as OpenID Connect Discovery has it.
async fn metadata_where_it_is_looked_for(kind: Kind) {
    let issuer = issuer(kind).await;
    let whole = get(&issuer.url("/.well-known/openid-configuration")).await.ok().text;
    for name in ["oauth-authorization-server", "openid-configuration"] {
        for url in [format!("{}/.well-known/{name}{PATH}", root(&issuer)), issuer.url(&format!("/.well-known/{name}"))]
        {
            let answer = get(&url).await.ok();
            assert_eq!(answer.text, whole, "{url}");
            assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
            assert!(answer.headers.contains_key(header::X_CONTENT_TYPE_OPTIONS), "{url}");
        }
        let bare = format!("{}/.well-known/{name}", root(&issuer));
        assert_eq!(get(&bare).await.status, 404, "another issuer's place");
        let posted = http().post(format!("{bare}{PATH}")).send().await.unwrap();
        assert_eq!((posted.status().as_u16(), posted.headers()[header::ALLOW].to_str().unwrap()), (405, "GET,HEAD"));
    }
    issuer.stop().await;

    // Without a path there is one place for each.
    let plain = Issuer::start(kind).await;
    get(&plain.url("/.well-known/oauth-authorization-server")).await.ok();
    assert_eq!(get(&plain.url("/.well-known/oauth-authorization-server/auth")).await.status, 404);
    plain.stop().await;
}
