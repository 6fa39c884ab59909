//! V235: a check that stands on one path and is missing on its sibling. Every grant in every state of what it rests on: no
//! token, or the right one. The grants are those of the registry: a new one fails here until it has its row.

use chancery::oauth::registry::GRANTS;

use crate::device::desk::{Asked, GRANT as DEVICE, allows, asks_for};
use crate::kills::browsing::afresh;
use crate::kills::causes::{Cause, carry_out};
use crate::kills::probes::kid;
use crate::kills::world::World;
use crate::kit::actors::{Answer, Flow, PASSWORD, claims};
use crate::kit::figure;
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

on_both!(v235_every_grant_in_every_state);

/// What became of something the grant rests on, after it was handed out and before it is presented.
const STATES: &[Cause] = &[
    Cause::UserDisabled,
    Cause::UserDeleted,
    Cause::ConsentRemoved,
    Cause::ClientDisabled,
    Cause::ClientDeleted,
    Cause::SignOut,
    Cause::ResourceRetired,
    Cause::GroupRemoved,
    Cause::Admin("key"),
];

/// What must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Refused(u16, &'static str),
    /// A token of what is allowed now: without the group, by another key.
    Right,
}
use Expected::{Refused, Right};

/// The cell of a grant and a state.
fn expected(grant: &str, state: Cause) -> Expected {
    match (grant, state) {
        (_, Cause::ClientDisabled | Cause::ClientDeleted) => Refused(401, "invalid_client"),
        ("authorization_code" | "refresh_token" | DEVICE, Cause::GroupRemoved | Cause::Admin("key")) => Right,
        // Nobody is left to hold it, nothing it was allowed by, or nothing that it could be for.
        ("authorization_code" | "refresh_token" | DEVICE, _) => Refused(400, "invalid_grant"),
        ("client_credentials", Cause::ResourceRetired) => Refused(400, "invalid_target"),
        // A client's own right rests on no user.
        ("client_credentials", _) => Right,
        (other, _) => panic!("the grant {other} has no row: add it"),
    }
}

/// Presents what was handed out for a grant.
async fn present(grant: &str, world: &World, (flow, code, device): &(Flow, String, Asked)) -> Answer {
    match grant {
        DEVICE => world.dash.poll(&device.device_code).await,
        "authorization_code" => world.dash.redeem(flow, code).await,
        "refresh_token" => world.dash.refresh(&world.this().refresh).await,
        "client_credentials" => {
            let form = [("grant_type", grant), ("scope", "read"), ("resource", &world.first)];
            world.dash.token(&form).await
        }
        other => panic!("the grant {other} has no row: add it"),
    }
}

async fn v235_every_grant_in_every_state(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let mut cells = 0;
    for (at, state) in STATES.iter().enumerate() {
        let mut world = World::build(&issuer, &format!("s{at}")).await;
        let flow = world.dash.flow(&[("resource", &world.first)]);
        let name = world.alice.username.clone();
        let (code, _) = afresh(&mut world.here, &flow, (&name, PASSWORD)).await;
        let asked = [("scope", world.dash.scope.as_str()), ("resource", &world.first)];
        let device = asks_for(&world.dash, &asked).await;
        allows(&mut world.here, &device, &name).await;
        let before = kid(&world.this().access);
        carry_out(*state, &issuer, &mut world).await;
        let held = (flow, code, device);
        for grant in GRANTS {
            let answer = present(grant.name, &world, &held).await;
            let cell = format!("{} when {state:?}: {}", grant.name, answer.text);
            match expected(grant.name, *state) {
                Refused(status, error) => {
                    assert_eq!(
                        (answer.status.as_u16(), answer.json["error"].as_str()),
                        (status, Some(error)),
                        "{cell}"
                    );
                    assert!(answer.json.get("access_token").is_none(), "{cell}");
                }
                Right => {
                    assert_eq!(answer.status, 200, "{cell}");
                    let token = answer.str("access_token");
                    assert_eq!(world.guard.introspect(token).await.ok().json["active"], true, "{cell}");
                    assert_eq!(kid(token) != before, *state == Cause::Admin("key"), "{cell}");
                    let groups = claims(token).get("groups").is_some();
                    assert_eq!(groups, grant.name != "client_credentials" && *state != Cause::GroupRemoved, "{cell}");
                }
            }
            cells += 1;
        }
    }
    figure(&format!("siblings, {kind:?}: {cells} cells of {} grants and {} states", GRANTS.len(), STATES.len()));
    issuer.stop().await;
}
