//! "`sector_identifier_uri` is fetched and must list every redirect" (docs/CONFORMANCE.md; OpenID Connect Dynamic
//! Client Registration 5).

use serde_json::{Value, json};

use super::documents::Host;
use super::{Registered, opened, register, with};
use crate::kit::issuer::{Issuer, Kind, on_both};
use crate::kit::raw::{Raw, differences};

on_both!(a_sector_is_fetched_and_lists_every_redirect);

async fn a_sector_is_fetched_and_lists_every_redirect(kind: Kind) {
    let host = Host::new().await;
    let issuer = Issuer::start_with(kind, host.setup(opened())).await;
    let redirects = json!(["https://rp.test/cb", "https://other.test/cb"]);
    let body = |more: Value| {
        let mut all = with(json!({
            "redirect_uris": redirects, "subject_type": "pairwise", "sector_identifier_uri": host.url(), "scope": "openid",
        }));
        for (name, value) in more.as_object().unwrap() {
            all[name] = value.clone();
        }
        all
    };
    // Without a document two hosts are no sector.
    register(&issuer, None, &body(json!({ "sector_identifier_uri": null }))).await.is(400, "invalid_client_metadata");
    assert_eq!(host.server.connections(), 0);
    for (lists, good) in [
        (json!(["https://rp.test/cb"]), false),
        (json!({ "redirect_uris": redirects }), false),
        (json!(["https://rp.test/cb", "https://other.test/cb#"]), false),
        (json!(["https://rp.test/cb", "https://third.test/cb", "https://other.test/cb"]), true),
    ] {
        host.says(&lists, "");
        let answer = register(&issuer, None, &body(json!({}))).await;
        if good {
            assert_eq!(answer.status, 201, "{}", answer.text);
            assert_eq!(
                (&answer.json["subject_type"], &answer.json["sector_identifier_uri"]),
                (&json!("pairwise"), &json!(host.url()))
            );
        } else {
            answer.is(400, "invalid_client_metadata");
            assert!(answer.str("error_description").starts_with("sector_identifier_uri"), "{}", answer.text);
        }
    }
    assert_eq!(host.server.connections(), 4, "once for each");

    // A PUT of one's own GET asks nobody and changes nothing; another redirect is looked for in the document again.
    let client = Registered::of(&register(&issuer, None, &body(json!({}))).await);
    let before = Raw::open(&issuer.database).await.dump().await;
    let read = client.get().await.ok().json;
    host.answer("HTTP/1.1 500 Gone\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.put(&read).await.ok().json, read);
    assert_eq!(differences(&before, &Raw::open(&issuer.database).await.dump().await), [""; 0]);
    let mut more = read.clone();
    more["redirect_uris"] = json!(["https://rp.test/cb", "https://evil.test/cb"]);
    client.put(&more).await.is(400, "invalid_client_metadata");
    host.says(&json!(["https://rp.test/cb", "https://other.test/cb"]), "");
    client.put(&more).await.is(400, "invalid_client_metadata");
    host.says(&json!(["https://rp.test/cb", "https://evil.test/cb"]), "");
    client.put(&more).await.ok();
    issuer.stop().await;
}
