//! Who may register: initial access tokens, how often, from where, and how many (docs/CONFORMANCE.md: "Guarded by an initial access token
//! unless opened by configuration").

use chancery::clock::Clock;
use chancery::config::RegistrationMode;
use chancery::event::{Actor, Caller};
use chancery::revocation::{self, Cause, Reach, Target};
use chancery::secret::{InitialToken, Opaque};
use chancery::store::initial_tokens::Terms;
use chancery::store::{audit, clients, initial_tokens};
use chrono::TimeDelta;
use serde_json::json;
use sqlx::types::Json;

use super::{Registered, initial, modest, opened, register, with};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;

on_both!(
    a_token_is_needed_and_counted,
    a_token_ends,
    a_token_says_what_its_clients_may_have,
    made_listed_and_revoked_on_the_command_line,
    guesses_and_floods_are_measured,
    so_many_and_no_more,
);

async fn a_token_is_needed_and_counted(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let answer = register(&issuer, None, &modest()).await;
    answer.is(401, "invalid_token");
    assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"chancery\"");
    assert_eq!(answer.str("error_description"), "an initial access token is needed");
    let (id, token) = initial(&issuer, 2, Terms::default()).await;
    let wrong = register(&issuer, Some(&token), &with(json!({ "scope": 7 }))).await;
    wrong.is(400, "invalid_client_metadata");
    // Five at once have two between them.
    let all =
        futures_util::future::join_all((0..5).map(|_| async { register(&issuer, Some(&token), &modest()).await }))
            .await;
    let good = all.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(good, 2, "{:?}", all.iter().map(|answer| &answer.text).collect::<Vec<_>>());
    for refused in all.iter().filter(|answer| answer.status != 201) {
        refused.is(401, "invalid_token");
        assert!(refused.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer "));
    }
    assert_eq!(
        initial_tokens::get(&issuer.app.store, id).await.unwrap().unwrap().uses_left,
        0,
        "what was refused took none"
    );
    // No other kind of secret is one, nor a part or another spelling of it.
    let client = Registered::of(all.iter().find(|answer| answer.status == 201).unwrap());
    let secret = client.told["client_secret"].as_str().unwrap().to_owned();
    let (_, fresh) = initial(&issuer, 1, Terms::default()).await;
    for odd in [&client.token, &secret, &fresh[..fresh.len() - 1], &fresh.to_uppercase(), &format!("{fresh}A"), "x"] {
        register(&issuer, Some(odd), &modest()).await.is(401, "invalid_token");
    }
    register(&issuer, Some(&fresh), &modest()).await;
    let told = audit::newest(&issuer.app.store, None, 100).await.unwrap();
    let refused = told.iter().filter(|row| row.event == "registration.refused").count();
    assert_eq!(refused, 1 + 1 + 3 + 6, "each is told to the auditor");
    let made = told.iter().find(|row| row.event == "client.created" && row.client_id == Some(client.id)).unwrap();
    assert_eq!((made.actor.as_str(), &made.detail.0["initial_token"]), ("anonymous", &json!(id)));
    assert!(!told.iter().any(|row| row.detail.0.to_string().contains("ch_iat_")));
    issuer.stop().await;
}

async fn a_token_ends(kind: Kind) {
    let clock = Clock::held(chrono::Utc::now());
    let issuer = Issuer::start_with(kind, Setup::held(&clock)).await;
    let (_, expiring) = initial(&issuer, 9, Terms::default()).await;
    register(&issuer, Some(&expiring), &modest()).await;
    clock.advance(TimeDelta::minutes(61).to_std().unwrap());
    register(&issuer, Some(&expiring), &modest()).await.is(401, "invalid_token");
    // Whatever ends everything, such as a restore, ends it, too.
    let (_, before) = initial(&issuer, 9, Terms::default()).await;
    assert_eq!(register(&issuer, Some(&before), &modest()).await.status, 201);
    let caller = Caller::default();
    let cause =
        Cause { reason: "restore", actor: Actor::Operator, caller: &caller, at: issuer.app.clock.after_stamps() };
    let _ = revocation::run(&issuer.app, &Target::All, Reach::Lineage, &cause).await.unwrap();
    register(&issuer, Some(&before), &modest()).await.is(401, "invalid_token");
    let (_, after) = initial(&issuer, 9, Terms::default()).await;
    assert_eq!(register(&issuer, Some(&after), &modest()).await.status, 201);
    issuer.stop().await;
}

async fn a_token_says_what_its_clients_may_have(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.resource("https://tide.test/", &["tide:read", "tide:write"]).await;
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    let terms = Terms {
        profile: Some("oidc".to_owned()),
        scopes: words(&["openid", "tide:read"]),
        resources: words(&["https://tide.test/"]),
    };
    let (_, token) = initial(&issuer, 9, terms).await;
    let body = with(json!({ "scope": "openid tide:read tide:write email" }));
    let client = Registered::of(&register(&issuer, Some(&token), &body).await);
    assert_eq!(client.told["scope"], "openid tide:read", "narrowed");
    let row = clients::get(&issuer.app.store, client.id).await.unwrap().unwrap();
    assert_eq!((row.profile.as_str(), row.resources.0.as_slice()), ("oidc", &["https://tide.test/".to_owned()][..]));
    assert_eq!((row.source.as_str(), row.consent.as_str(), row.pkce_optional), ("dynamic", "ask", true));
    // What it may have stays that of its token when it says it again.
    let mut again = client.get().await.ok().json;
    again.as_object_mut().unwrap().remove("scope");
    assert_eq!(client.put(&again).await.ok().json["scope"], "openid tide:read");
    let none = register(&issuer, Some(&token), &with(json!({ "scope": "tide:write" }))).await;
    none.is(400, "invalid_client_metadata");

    // Without one the settings say it: of resources none, of profiles the strict one.
    let (_, plain) = initial(&issuer, 9, Terms::default()).await;
    let client = Registered::of(&register(&issuer, Some(&plain), &with(json!({ "scope": "openid tide:read" }))).await);
    assert_eq!(client.told["scope"], "openid");
    let row = clients::get(&issuer.app.store, client.id).await.unwrap().unwrap();
    assert_eq!((row.profile.as_str(), row.resources.0.len(), row.pkce_optional), ("oauth21", 0, false));
    let more = Setup {
        change: Box::new(|config| {
            config.registration.mode = RegistrationMode::Open;
            config.registration.scopes =
                vec!["tide:read".to_owned(), "gone:read".to_owned(), "chancery:feed".to_owned()];
            config.registration.resources = vec!["https://tide.test/".to_owned(), "https://gone.test/".to_owned()];
        }),
        ..Setup::patient()
    };
    let issuer = issuer.restart(more).await;
    let client = Registered::at(&issuer, &modest()).await;
    let scope = client.told["scope"].as_str().unwrap();
    assert!(scope.contains("tide:read") && !scope.contains("gone") && !scope.contains("chancery"), "{scope}");
    register(&issuer, None, &with(json!({ "scope": "openid chancery:feed" }))).await.is(400, "invalid_client_metadata");
    // One that is sent is good here, too, and counts.
    assert_eq!(register(&issuer, Some(&plain), &modest()).await.status, 201);
    register(&issuer, Some("ch_iat_nonsense"), &modest()).await.is(401, "invalid_token");
    issuer.stop().await;
}

async fn made_listed_and_revoked_on_the_command_line(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    let create = ["client", "initial-token", "create", "--name", "build farm", "--uses", "3", "--lifetime", "2h"];
    let made = operator.json(&create);
    let token = made["initial_access_token"].as_str().unwrap();
    assert!(token.starts_with("ch_iat_"));
    let client = Registered::of(&register(&issuer, Some(token), &modest()).await);
    let listed = operator.json(&["client", "initial-token", "list"]);
    assert_eq!((&listed[0]["name"], &listed[0]["uses_left"]), (&json!("build farm"), &json!(2)));
    let text = operator.run(&["client", "initial-token", "list"]).ok().out;
    assert!(text.contains("2 of 3") && text.contains("good") && !text.contains(&token[7..]), "{text}");
    operator.run(&["client", "initial-token", "revoke", made["id"].as_str().unwrap()]).ok();
    register(&issuer, Some(token), &modest()).await.is(401, "invalid_token");
    operator.run(&["client", "initial-token", "revoke", made["id"].as_str().unwrap()]).refused("not revoked");
    let told = audit::newest(&issuer.app.store, None, 100).await.unwrap();
    for event in ["initial_token.created", "initial_token.revoked"] {
        let row = told.iter().find(|row| row.event == event).unwrap_or_else(|| panic!("{event}"));
        assert_eq!((row.actor.as_str(), &row.detail.0["id"]), ("operator", &made["id"]));
    }
    // How a client came is seen.
    let shown = operator.json(&["client", "show", &client.id.to_string()]);
    assert_eq!((&shown["source"], &shown["consent"]), (&json!("dynamic"), &json!("ask")));
    let text = operator.run(&["client", "list"]).ok().out;
    assert!(text.contains("SOURCE") && text.contains("dynamic"), "{text}");
    // What can't be is refused in one line each.
    for (more, says) in [
        (["--uses", "0"], "uses"),
        (["--lifetime", "400d"], "365 days"),
        (["--scope", "chancery:feed"], "chancery:feed"),
        (["--resource", "https://gone.test/"], "no registered resource"),
        (["--profile", "fancy"], "fancy"),
    ] {
        operator.run(&[&["client", "initial-token", "create", "--name", "x"][..], &more].concat()).refused(says);
    }
    let off = operator.clone().and("CHANCERY_REGISTRATION__MODE", "off");
    off.run(&["client", "initial-token", "create", "--name", "x"]).refused("registration.mode");
    issuer.stop().await;
}

async fn guesses_and_floods_are_measured(kind: Kind) {
    let setup = Setup {
        change: Box::new(|config| {
            config.throttle.endpoint_failures = 5;
            config.throttle.registrations = 3;
        }),
        ..Setup::patient()
    };
    let issuer = Issuer::start_with(kind, setup).await;
    let (_, token) = initial(&issuer, 100, Terms::default()).await;
    let stranger = Opaque::<InitialToken>::generate().expose();
    let mut told = Vec::new();
    for _ in 0..7 {
        told.push(register(&issuer, Some(&stranger), &modest()).await);
    }
    let codes: Vec<u16> = told.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(codes, [401, 401, 401, 401, 401, 429, 429]);
    assert!(told[6].headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    // Who guesses keeps nobody else from registering; who registers too much is told when to come again.
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(register(&issuer, Some(&token), &modest()).await.status.as_u16());
    }
    assert_eq!(codes, [201, 201, 201, 429]);
    issuer.stop().await;
}

async fn so_many_and_no_more(kind: Kind) {
    let setup = Setup {
        change: Box::new(|config| {
            config.registration.mode = RegistrationMode::Open;
            config.registration.clients = 2;
        }),
        ..opened()
    };
    let issuer = Issuer::start_with(kind, setup).await;
    // Those of an administrator don't count.
    issuer.client_with(|row| row.redirect_uris = Json(vec!["https://own.test/cb".to_owned()])).await;
    let first = Registered::at(&issuer, &modest()).await;
    Registered::at(&issuer, &modest()).await;
    let full = register(&issuer, None, &modest()).await;
    full.is(503, "temporarily_unavailable");
    assert!(full.headers.contains_key("retry-after"));
    // Nor does one make room by deleting and registering: what is deleted counts until it is swept.
    assert_eq!(first.delete().await.status, 204);
    register(&issuer, None, &modest()).await.is(503, "temporarily_unavailable");
    assert_eq!(clients::list(&issuer.app.store, None, 10).await.unwrap().len(), 2);
    issuer.stop().await;
}
