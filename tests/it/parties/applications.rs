//! Applications that sign people in: `passport-openidconnect` and `express-openid-connect` (npm), Flask-AppBuilder (PyPI),
//! on which Superset stands. Someone goes to the application, and from there all ways are the libraries' own.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Stage;
use super::party::Party;
use super::person::Person;
use crate::kit::issuer::{Kind, on_both};

on_both!(passport_without_pkce, express_signs_in_and_out, express_hears_of_logouts, groups_become_roles);

/// Starts an application and says where it is.
async fn start(stage: &Stage, script: &'static str, client: &Value) -> (Party, String) {
    let settings = json!({
        "issuer": stage.server.at, "client_id": client["client_id"], "client_secret": client["client_secret"],
    });
    let mut party = Party::start(script, &settings).await;
    let at = party.must_say("at").await.as_str().unwrap().to_owned();
    (party, at)
}

async fn passport_without_pkce(kind: Kind) {
    let mut stage = Stage::open(kind).await;
    let flags = ["--profile", "oidc", "--auth-method", "client_secret_post"];
    let callback = "/oauth2/redirect/chancery";
    let client = stage.application(callback, &flags);
    let (party, at) = start(&stage, "passport.mjs", &client).await;
    let mut person = Person::new(&stage, "ada");
    let page = person.page(&format!("{at}/profile")).await;
    assert_eq!((page.status.as_u16(), person.at.as_str()), (200, format!("{at}/profile").as_str()), "{}", page.text);
    assert_eq!(page.json["iss"], stage.server.at);
    let profile = &page.json["profile"];
    assert_eq!((&profile["id"], &profile["displayName"]), (&json!(stage.sub), &json!("Ada Marlow")), "{profile}");
    assert_eq!(profile["name"], json!({ "familyName": "Marlow", "givenName": "Ada" }));
    assert_eq!(profile["emails"], json!([{ "value": "ada@example.test" }]));
    assert_eq!(page.json["refreshed"], false, "no refresh token without offline_access in profile oidc");
    drop(party);
    // The same library at a client whose profile demands PKCE: refused on the way, with a word that says why.
    let strict = stage.application(callback, &["--auth-method", "client_secret_post"]);
    let (party, at) = start(&stage, "passport.mjs", &strict).await;
    let page = Person::new(&stage, "ada").page(&format!("{at}/login")).await;
    assert_eq!((page.status.as_u16(), &page.json["code"]), (500, &json!("invalid_request")), "{}", page.text);
    assert!(page.text.contains("code_challenge"), "{}", page.text);
    drop(party);
    stage.server.stop();
}

async fn express_signs_in_and_out(kind: Kind) {
    let mut stage = Stage::open(kind).await;
    let flags = ["--profile", "oidc", "--post-logout-redirect-uri", "http://127.0.0.1"];
    let client = stage.application("/callback", &flags);
    let (party, at) = start(&stage, "express-openid-connect.mjs", &client).await;
    let mut person = Person::new(&stage, "ada");
    let profile = format!("{at}/profile");
    let page = person.page(&profile).await;
    assert_eq!((page.status.as_u16(), &page.json["refreshed"]), (200, &json!(true)), "{}", page.text);
    assert_eq!(page.json["claims"]["sub"], stage.sub);
    stage.is_told(&page.json["info"]);
    // Signed in at the issuer, so that another application would ask for nothing.
    person.browser.cookies.remove("appSession").expect("the application's session");
    assert_eq!((person.page(&profile).await.status.as_u16(), person.asked), (200, 1));
    let page = person.page(&format!("{at}/logout")).await;
    assert_eq!((&page.json, person.at.trim_end_matches('/')), (&json!({ "signed_in": false }), at.as_str()));
    // The issuer has forgotten the browser, too.
    assert_eq!((person.page(&profile).await.status.as_u16(), person.asked), (200, 2));
    drop(party);
    stage.server.stop();
}

async fn express_hears_of_logouts(kind: Kind) {
    let mut stage = Stage::open(kind).await;
    assert_eq!(stage.metadata().await["backchannel_logout_supported"], true);
    stage.server.operator.user("ben", &["--given-name", "Ben"]);
    let client = stage.application("/callback", &["--profile", "oidc"]);
    let (party, at) = start(&stage, "express-openid-connect.mjs", &client).await;
    // Where it listens is known only now.
    let told_at = format!("{at}/backchannel-logout");
    let update = ["client", "update", client["client_id"].as_str().unwrap(), "--backchannel-logout-uri", &told_at];
    stage.server.operator.run(&update).ok();
    let (mut ada, mut ben) = (Person::new(&stage, "ada"), Person::new(&stage, "ben"));
    for person in [&mut ada, &mut ben] {
        assert_eq!(person.page(&format!("{at}/profile")).await.status, 200);
        assert_eq!(person.page(&at).await.json["signed_in"], true);
    }
    // Signed out at the issuer alone, and the application knows before the page says so. It ends all that it holds of
    // her, since the notice names her beside the session; others go on.
    let page = ada.page(&format!("{}/oauth2/logout", stage.server.at)).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert_eq!(ada.page(&at).await.json["signed_in"], false, "{}", party.errors());
    assert_eq!(ben.page(&at).await.json["signed_in"], true);
    // An administrator's word reaches it as well.
    stage.server.operator.run(&["revoke", "user", "ben", "--reason", "laptop stolen"]).ok();
    let from = Instant::now();
    while ben.page(&at).await.json["signed_in"] == true {
        assert!(from.elapsed() < Duration::from_secs(10), "not told: {}", party.errors());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // And a new sign-in is one.
    assert_eq!(ada.page(&format!("{at}/profile")).await.status, 200);
    assert_eq!((ada.page(&at).await.json["signed_in"].clone(), ada.asked), (json!(true), 2));
    drop(party);
    stage.server.stop();
}

async fn groups_become_roles(kind: Kind) {
    let mut stage = Stage::open(kind).await;
    let ben = ["--name", "Ben Osei", "--given-name", "Ben", "--family-name", "Osei", "--group", "staff"];
    stage.server.operator.user("ben", &ben);
    let client = stage.application("/oauth-authorized/chancery", &[]);
    let (party, at) = start(&stage, "fab_app.py", &client).await;
    for (name, roles, may) in [("ada", json!(["Admin", "Public"]), true), ("ben", json!(["Public"]), false)] {
        let mut person = Person::new(&stage, name);
        let page = person.page(&format!("{at}/login/chancery")).await;
        assert_eq!((page.status.as_u16(), person.at.trim_end_matches('/')), (200, at.as_str()), "{}", page.text);
        let page = person.page(&format!("{at}/roles-of-user")).await;
        let email = format!("{name}@example.test");
        assert_eq!(page.json, json!({ "user": name, "email": email, "roles": roles }), "{}", party.errors());
        // The application's own page for administrators.
        let page = person.page(&format!("{at}/users/list/")).await;
        assert_eq!(page.status == 200, may, "{name} is answered {} {} at {}", page.status, page.text, person.at);
    }
    // Out of the group, out of the role, at the next sign-in.
    stage.server.operator.run(&["user", "update", "ada", "--remove-group", "harbour"]).ok();
    let mut person = Person::new(&stage, "ada");
    person.page(&format!("{at}/login/chancery")).await;
    assert_eq!(person.page(&format!("{at}/roles-of-user")).await.json["roles"], json!(["Public"]));
    drop(party);
    stage.server.stop();
}
