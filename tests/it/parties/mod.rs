//! Relying parties that others wrote: unmodified libraries and applications from npm and PyPI (tests/parties), each a
//! process of its own, against a Chancery that is a process of its own, over either database.
//!
//! `deploy/parties.sh` fetches them once for each lock file; without their registries at the first run these tests fail.

mod applications;
mod backends;
mod party;
mod person;
mod tabs;

use serde_json::{Value, json};

use crate::kit::actors::{RelyingParty, http};
use crate::kit::issuer::Kind;
use crate::kit::operator::Server;

/// A server with a user before it.
struct Stage {
    server: Server,
    sub: String,
}

const USER: &str = "ada";
const ORDERS: &str = "https://orders.example.test";

impl Stage {
    async fn open(kind: Kind) -> Self {
        let mut server = Server::install(kind).await;
        // Everybody here is one network, and the parties present dead tokens on purpose.
        server.operator = server
            .operator
            .clone()
            .and("CHANCERY_THROTTLE__ENDPOINT_FAILURES", "100000")
            // They live on this machine, where their keys are fetched from.
            .and("CHANCERY_FETCH__ALLOW", "127.0.0.0/8")
            .and("CHANCERY_FETCH__ALLOW_HTTP", "on");
        if kind == Kind::Postgres {
            server.operator.run(&["migrate"]).ok();
            server.operator.run(&["key", "init"]).ok();
        }
        server.start();
        let more = ["--name", "Ada Marlow", "--given-name", "Ada", "--family-name", "Marlow"];
        let groups = ["--email-verified", "--group", "staff", "--group", "harbour"];
        server.operator.user(USER, &[more.as_slice(), &groups].concat());
        let user = server.operator.json(&["user", "show", USER]);
        let sub = user["sub"].as_str().unwrap().to_owned();
        Self { server, sub }
    }

    /// What the server says of itself.
    async fn metadata(&self) -> Value {
        let url = format!("{}/.well-known/openid-configuration", self.server.at);
        http().get(url).send().await.unwrap().json().await.unwrap()
    }

    fn client(&self, more: &[&str]) -> RelyingParty {
        self.server.operator.client(&self.server.at, more)
    }

    /// An application's client: its own addresses, given from their paths on a loopback host, where the port is free.
    fn application(&self, callback: &str, more: &[&str]) -> Value {
        let redirect = format!("http://127.0.0.1{callback}");
        let usual = ["client", "create", "--name", "Harbour Office", "--redirect-uri", &redirect];
        self.server.operator.json(&[&usual, more].concat())
    }

    /// What userinfo tells of the user.
    fn is_told(&self, info: &Value) {
        let expected = json!({
            "sub": self.sub, "preferred_username": USER, "name": "Ada Marlow", "given_name": "Ada", "family_name": "Marlow",
            "email": "ada@example.test", "email_verified": true, "groups": ["staff", "harbour"],
        });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&info[name], value, "{name} in {info}");
        }
        assert!(info["updated_at"].is_u64(), "{info}");
    }
}
