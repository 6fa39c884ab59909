//! The standard claims (OpenID Connect Core 5.1): kept by the operator, told by scope, each with its type.

use serde_json::{Value, json};

use super::{names, tokens};
use crate::kit::actors::{Answer, Browser, claims};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;
use crate::kit::raw::Raw;

on_both!(
    all_standard_claims_with_their_types,
    userinfo_is_asked_in_three_ways,
    what_is_no_claim_is_refused,
    v212_a_new_address_is_not_verified,
    a_deleted_user_leaves_no_detail,
    consent_says_what_is_asked,
);

const ALL: &str = "openid profile email address phone groups";

/// Everything that can be said of a user, as the operator says it.
const SAID: &[&str] = &[
    "--name",
    "Ada M. Marlow",
    "--given-name",
    "Ada",
    "--family-name",
    "Marlow",
    "--middle-name",
    "Mary",
    "--nickname",
    "adie",
    "--profile",
    "https://ada.test/me",
    "--picture",
    "https://ada.test/me.png",
    "--website",
    "http://ada.test/",
    "--gender",
    "female",
    "--birthdate",
    "0000-12-10",
    "--zoneinfo",
    "Europe/London",
    "--locale",
    "en-GB",
    "--phone-number",
    "+44 20 7946 0018",
    "--phone-number-verified",
    "--address-formatted",
    "1 Quay\nHarbour",
    "--street-address",
    "1 Quay",
    "--locality",
    "Harbour",
    "--region",
    "Kent",
    "--postal-code",
    "CT1 2AB",
    "--country",
    "England",
    "--group",
    "staff",
    "--email-verified",
];

/// docs/CONFORMANCE.md, "Userinfo": all standard claims, with their types; nothing empty or null. "Token endpoint", ID token: the same there
/// for a client that reads nothing else.
async fn all_standard_claims_with_their_types(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    let made = operator.user("ada", SAID);
    let id = made["id"].as_str().unwrap();
    let plain = issuer.client_with(|row| row.scopes = ALL.to_owned()).await;
    let reads_id_tokens = issuer
        .client_with(|row| {
            row.scopes = ALL.to_owned();
            row.id_token_claims = true;
        })
        .await;
    let shown = operator.json(&["user", "show", "ada"]);
    let told = json!({
        "sub": shown["sub"],
        "name": "Ada M. Marlow", "given_name": "Ada", "family_name": "Marlow", "middle_name": "Mary", "nickname": "adie",
        "preferred_username": "ada", "profile": "https://ada.test/me", "picture": "https://ada.test/me.png",
        "website": "http://ada.test/", "gender": "female", "birthdate": "0000-12-10", "zoneinfo": "Europe/London", "locale": "en-GB",
        "updated_at": chrono::DateTime::parse_from_rfc3339(shown["updated_at"].as_str().unwrap()).unwrap().timestamp(),
        "email": "ada@example.test", "email_verified": true,
        "address": {
            "formatted": "1 Quay\nHarbour", "street_address": "1 Quay", "locality": "Harbour", "region": "Kent",
            "postal_code": "CT1 2AB", "country": "England",
        },
        "phone_number": "+44 20 7946 0018", "phone_number_verified": true, "groups": ["staff"],
    });
    let given = tokens(&issuer, &plain, "ada", ALL).await;
    assert_eq!(plain.userinfo(given.str("access_token")).await.ok().json, told);
    let bare = claims(given.str("id_token"));
    assert!(told.as_object().unwrap().keys().all(|name| name == "sub" || bare.get(name).is_none()), "{bare}");

    let given = tokens(&issuer, &reads_id_tokens, "ada", ALL).await;
    for id_token in
        [given.str("id_token"), reads_id_tokens.refresh(given.str("refresh_token")).await.ok().str("id_token")]
    {
        let written = claims(id_token);
        told.as_object().unwrap().iter().for_each(|(name, value)| assert_eq!(&written[name], value, "{name}"));
    }
    // Each claim by its own scope, and by none other.
    for (scope, members) in [
        ("openid address", &["address", "sub"][..]),
        ("openid phone", &["phone_number", "phone_number_verified", "sub"]),
    ] {
        let given = tokens(&issuer, &plain, "ada", scope).await;
        assert_eq!(names(&plain.userinfo(given.str("access_token")).await.ok().json), members, "{scope}");
    }
    // What is emptied is told no more, and never as nothing.
    operator
        .run(&[
            "user",
            "update",
            id,
            "--phone-number",
            "",
            "--middle-name",
            "",
            "--street-address",
            "",
            "--address-formatted",
            "",
        ])
        .ok();
    operator
        .run(&[
            "user",
            "update",
            id,
            "--locality",
            "",
            "--region",
            "",
            "--postal-code",
            "",
            "--country",
            "",
            "--email",
            "",
        ])
        .ok();
    let now = plain.userinfo(tokens(&issuer, &plain, "ada", ALL).await.str("access_token")).await.ok().json;
    for gone in ["phone_number", "phone_number_verified", "middle_name", "address", "email", "email_verified"] {
        assert_eq!(now.get(gone), None, "{now}");
    }
    let empty = |value: &Value| value.is_null() || value == "" || value == &json!([]) || value == &json!({});
    assert!(!now.as_object().unwrap().values().any(empty), "{now}");
    issuer.stop().await;
}

/// docs/CONFORMANCE.md, "Userinfo": GET, POST with the header, POST with `access_token` in the form; `sub` equals the ID token's; it looks at
/// lineage, not only at the signature.
async fn userinfo_is_asked_in_three_ways(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("ada").await;
    let rp = issuer.client().await;
    let given = tokens(&issuer, &rp, "ada", "openid profile").await;
    let (url, access) = (issuer.url("/oauth2/userinfo"), given.str("access_token"));
    let ways = || {
        [
            rp.http.get(&url).bearer_auth(access),
            rp.http.post(&url).bearer_auth(access),
            rp.http.post(&url).form(&[("access_token", access)]),
        ]
    };
    let mut told = Vec::new();
    for way in ways() {
        told.push(Answer::of(way.send().await.unwrap()).await.ok().json);
    }
    assert!(told[0] == told[1] && told[0] == told[2], "{told:?}");
    assert_eq!(told[0]["sub"], claims(given.str("id_token"))["sub"]);
    rp.revoke(given.str("refresh_token")).await.ok();
    for way in ways() {
        Answer::of(way.send().await.unwrap()).await.is(401, "invalid_token");
    }
    issuer.stop().await;
}

async fn what_is_no_claim_is_refused(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    issuer.user("ada").await;
    for (flag, value, says) in [
        ("--picture", "javascript:alert(1)", "picture: \"javascript:alert(1)\" is not the address of a page"),
        ("--website", "ada.test", "website:"),
        ("--birthdate", "17.05.1990", "birthdate: \"17.05.1990\" is no date; write 1990-05-17"),
        ("--birthdate", "2023-02-29", "birthdate:"),
        ("--zoneinfo", "../../etc/localtime", "zoneinfo:"),
        ("--locale", "en_GB", "locale: \"en_GB\" is no language tag; write one such as en-GB"),
        ("--phone-number", "555-1234", "phone_number:"),
        ("--nickname", "a\u{202e}b", "nickname:"),
        ("--street-address", "1 Quay\r\nHarbour", "street_address:"),
        ("--attribute", "dept", "--attribute \"dept\": write NAME=TEXT"),
        ("--attribute", "de pt=Sales", "attributes: \"de pt\" is no name for an attribute"),
        ("--attribute", "dept:=Sales", "is no JSON"),
        ("--attribute", "dept:={\"a\":1}", "attributes: dept: neither a text"),
        ("--attribute", "dept:=null", "attributes: dept: neither a text"),
        ("--attribute", "dept:=[1]", "attributes: dept: a list holds texts alone"),
        ("--attribute", "dept:=[]", "attributes: dept: an empty list"),
        ("--attribute", "gone=", "attributes: the user has no attribute \"gone\""),
    ] {
        operator.run(&["user", "update", "ada", flag, value]).refused(says);
    }
    let long = format!("dept:=[{}]", vec![format!("\"{}\"", "x".repeat(190)); 30].join(","));
    operator.run(&["user", "update", "ada", "--attribute", &long]).refused("4096 at most, for tokens carry them");
    let shown = operator.json(&["user", "show", "ada"]);
    assert_eq!((&shown["picture"], &shown["attributes"]), (&Value::Null, &json!({})), "nothing of it was written");
    issuer.stop().await;
}

/// V212 and its siblings: whatever says "verified" is dropped with what it was said of.
async fn v212_a_new_address_is_not_verified(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    operator.user("ada", &["--email-verified", "--phone-number", "+44 20 7946 0018", "--phone-number-verified"]);
    for (flag, new, member) in [
        ("--email", "ada@elsewhere.test", "email_verified"),
        ("--phone-number", "+44 20 7946 0099", "phone_number_verified"),
    ] {
        assert_eq!(operator.json(&["user", "show", "ada"])[member], true);
        // Said again, it is the same; said otherwise, nobody has vouched for it.
        let same = operator.json(&["user", "update", "ada", "--nickname", "adie"]);
        assert_eq!(same[member], true, "{same}");
        assert_eq!(operator.json(&["user", "update", "ada", flag, new])[member], false, "{flag}");
        let verify = format!("--{}", member.replace('_', "-"));
        assert_eq!(operator.json(&["user", "update", "ada", &verify])[member], true);
        // Taken away, it is not verified, whoever says so.
        assert_eq!(operator.json(&["user", "update", "ada", flag, "", &verify])[member], false);
    }
    issuer.stop().await;
}

/// migrations/README.md: a person can be erased.
async fn a_deleted_user_leaves_no_detail(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    let made =
        operator.user("ada", &[SAID, &["--attribute", "dept=Sales", "--attribute", "teams:=[\"red\"]"]].concat());
    assert_eq!(operator.json(&["user", "show", "ada"])["attributes"], json!({ "dept": "Sales", "teams": ["red"] }));
    operator.run(&["user", "delete", "ada"]).ok();
    let id: uuid::Uuid = made["id"].as_str().unwrap().parse().unwrap();
    let row = chancery::store::users::get(&issuer.app.store, id).await.unwrap().unwrap();
    assert_eq!(row.details, chancery::store::details::Details::default());
    // Nor does anything else keep what was said.
    let dump = format!("{:?}", Raw::open(&issuer.database).await.dump().await);
    for said in ["Marlow", "ada.test", "0000-12-10", "20 7946", "1 Quay", "CT1 2AB", "adie"] {
        assert!(!dump.contains(said), "{said} is still there");
    }
    issuer.stop().await;
}

async fn consent_says_what_is_asked(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("ada").await;
    let rp = issuer
        .client_with(|row| {
            row.scopes = ALL.to_owned();
            row.consent = "ask".to_owned();
        })
        .await;
    for (language, address, phone) in [
        ("en", "See your postal address", "See your telephone number"),
        ("de", "Ihre Postanschrift sehen", "Ihre Telefonnummer sehen"),
        ("fr", "Voir votre adresse postale", "Voir votre numéro de téléphone"),
        ("es", "Ver su dirección postal", "Ver su número de teléfono"),
    ] {
        let mut browser = Browser::new(&issuer);
        let flow = rp.flow(&[("scope", ALL), ("ui_locales", language)]);
        let page = browser.begin(&flow).await;
        let answer = browser.sign_in(&page, &flow.url, "ada", crate::kit::actors::PASSWORD).await;
        let page = browser.get(&crate::kit::actors::location(&answer).unwrap()).await.ok();
        assert!(page.text.contains(address) && page.text.contains(phone), "{}", page.text);
    }
    issuer.stop().await;
}
