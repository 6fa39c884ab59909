//! Who guesses at the token, introspection, revocation, registration or device endpoint is asked to come again, and whoever runs the
//! server sees it: in the metrics, by route.

use crate::kit::actors::{Answer, RelyingParty, http};
use crate::kit::issuer::{Kind, on_both};
use crate::kit::operator::Server;

on_both!(refusals_of_every_endpoint_are_in_the_metrics);

async fn refusals_of_every_endpoint_are_in_the_metrics(kind: Kind) {
    let mut server = Server::install(kind).await;
    server.operator = server.operator.clone().and("CHANCERY_THROTTLE__ENDPOINT_FAILURES", "2");
    if kind == Kind::Postgres {
        server.operator.run(&["migrate"]).ok();
        server.operator.run(&["key", "init"]).ok();
    }
    server.start();
    let grants = ["--grant", "device_code", "--grant", "refresh_token", "--grant", "authorization_code"];
    let rp = server.operator.client(&server.at, &grants);
    let posing = RelyingParty { secret: Some("ch_cs_guessed".to_owned()), ..rp };
    let register = async || {
        let request = http().post(format!("{}/oauth2/register", server.at)).bearer_auth("ch_iat_guessed");
        Answer::of(request.json(&serde_json::json!({ "redirect_uris": ["https://rp.test/cb"] })).send().await.unwrap())
            .await
    };
    let mut refused = Vec::new();
    for _ in 0..4 {
        refused.push(("/oauth2/token", posing.token(&[("grant_type", "client_credentials")]).await));
        refused.push(("/oauth2/introspect", posing.introspect("x").await));
        refused.push(("/oauth2/revoke", posing.revoke("x").await));
        refused.push(("/oauth2/device", posing.device(&[("scope", "openid")]).await));
        refused.push(("/oauth2/register", register().await));
    }
    let metrics = http().get(format!("{}/metrics", server.management)).send().await.unwrap().text().await.unwrap();
    for route in ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke", "/oauth2/device", "/oauth2/register"] {
        let last = &refused.iter().rfind(|(at, _)| *at == route).unwrap().1;
        assert_eq!(last.status, 429, "{route}: {}", last.text);
        assert!(last.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0, "{route}");
        let counted = refused.iter().filter(|(at, answer)| *at == route && answer.status == 429).count();
        let line = format!(r#"chancery_http_requests_total{{method="POST",route="{route}",status="429"}} {counted}"#);
        assert!(metrics.lines().any(|known| known == line), "{line}\n{metrics}");
    }
    server.stop();
}
