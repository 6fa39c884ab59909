//! Everything that ends access, and how its owner may begin again.

use std::time::Duration;

use chancery::change::By;
use chancery::event::{Actor, Caller};
use chancery::identity::people::{self, Edit};
use chancery::identity::{change, password};
use chancery::oauth::manage::{self, Rotation};
use chancery::oauth::profile::Profile;
use chancery::oauth::resource;
use chancery::store::{locks, resources};
use serde_json::json;

use super::browsing::{give, held};
use super::world::{Name, World};
use crate::kit::actors::{Answer, claims, http};
use crate::kit::issuer::Issuer;

/// What ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    SignOut,
    UserDisabled,
    UserDeleted,
    OwnPassword,
    PasswordSet,
    ConsentRemoved,
    ClientDisabled,
    ClientDeleted,
    SecretRotated,
    ProfileChanged,
    GroupRemoved,
    ResourceRetired,
    /// `POST /admin/v1/revocations`, by what `this` carries.
    Admin(&'static str),
    AdminToken(Presented),
    CodeAgain,
    RefreshReused,
    RefreshLate,
    /// RFC 7009.
    Revoke(Presented),
}

/// A token that is handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    Access,
    Refresh,
    /// A rotated one.
    OldRefresh,
}

/// What a cause ends, by the names of the world.
pub struct Reach {
    pub refresh: &'static [Name],
    pub access: &'static [Name],
}

const fn reach(refresh: &'static [Name], access: &'static [Name]) -> Reach {
    Reach { refresh, access }
}

const FAMILY: Reach = reach(&["this"], &["this", "earlier"]);
const TOKEN: Reach = reach(&[], &["this"]);
const SESSION: Reach = reach(&["this", "family", "client"], &["this", "earlier", "family", "client"]);
const GRANT: Reach = reach(&["this", "family", "session"], &["this", "earlier", "family", "session"]);
const USER: Reach =
    reach(&["this", "family", "client", "session"], &["this", "earlier", "family", "client", "session"]);
const USERS_ACCESS: Reach = reach(&[], USER.access);
const CLIENT: Reach =
    reach(&["this", "family", "session", "user"], &["this", "earlier", "family", "session", "user", "own"]);
const RESOURCE: Reach = reach(&[], &["this", "earlier", "both"]);
const KEY: Reach = reach(&[], ALL.access);
const ALL: Reach = reach(
    &["this", "family", "client", "session", "user", "both"],
    &["this", "family", "client", "session", "user", "both", "earlier", "own"],
);

/// The table. What ends everything comes last.
pub const TABLE: &[(Cause, Reach)] = &[
    (Cause::SignOut, SESSION),
    (Cause::UserDisabled, USER),
    (Cause::UserDeleted, USER),
    (Cause::OwnPassword, USER),
    (Cause::PasswordSet, USER),
    (Cause::ConsentRemoved, GRANT),
    (Cause::ClientDisabled, CLIENT),
    (Cause::ClientDeleted, CLIENT),
    (Cause::SecretRotated, CLIENT),
    (Cause::ProfileChanged, CLIENT),
    (Cause::GroupRemoved, USERS_ACCESS),
    (Cause::ResourceRetired, RESOURCE),
    (Cause::AdminToken(Presented::Refresh), FAMILY),
    (Cause::AdminToken(Presented::OldRefresh), FAMILY),
    (Cause::AdminToken(Presented::Access), TOKEN),
    (Cause::Admin("jti"), TOKEN),
    (Cause::Admin("family"), FAMILY),
    (Cause::Admin("session"), SESSION),
    (Cause::Admin("grant"), GRANT),
    (Cause::Admin("user"), USER),
    (Cause::Admin("client"), CLIENT),
    (Cause::Admin("resource"), RESOURCE),
    (Cause::CodeAgain, FAMILY),
    (Cause::RefreshReused, FAMILY),
    (Cause::RefreshLate, FAMILY),
    (Cause::Revoke(Presented::Refresh), FAMILY),
    (Cause::Revoke(Presented::OldRefresh), FAMILY),
    (Cause::Revoke(Presented::Access), TOKEN),
    (Cause::Admin("key"), KEY),
    (Cause::Admin("all"), ALL),
];

pub const NEW_PASSWORD: &str = "another battery, another staple";

/// Carries a cause out on a node, as whoever causes it would.
pub async fn carry_out(cause: Cause, issuer: &Issuer, world: &mut World) {
    let (app, caller) = (&issuer.app, Caller::default());
    let by = By { actor: Actor::Operator, caller: &caller, at: app.clock.now() };
    let (store, alice, dash) = (&app.store, world.alice.id, world.dash.id);
    match cause {
        Cause::SignOut => sign_out(issuer, world).await,
        Cause::UserDisabled => drop(people::disable(store, &by, alice).await.unwrap().settle(app).await.unwrap()),
        Cause::UserDeleted => drop(people::delete(store, &by, alice).await.unwrap().settle(app).await.unwrap()),
        Cause::OwnPassword => {
            let session = held(issuer, &world.here).await.unwrap();
            let begun = change::password(app, &session, &world.alices_password, NEW_PASSWORD, &caller).await.unwrap();
            give(&mut world.here, &begun.secret);
            world.alices_password = NEW_PASSWORD.to_owned();
        }
        Cause::PasswordSet => {
            let hash = password::hash(app, &password::Password::typed(NEW_PASSWORD).unwrap()).await.unwrap();
            people::set_password(store, &by, alice, &hash).await.unwrap().settle(app).await.unwrap();
            world.alices_password = NEW_PASSWORD.to_owned();
        }
        Cause::ConsentRemoved => {
            people::remove_consent(store, &by, alice, dash).await.unwrap().settle(app).await.unwrap()
        }
        Cause::ClientDisabled => drop(manage::disable(store, &by, dash).await.unwrap().settle(app).await.unwrap()),
        Cause::ClientDeleted => drop(manage::delete(store, &by, dash).await.unwrap().settle(app).await.unwrap()),
        Cause::SecretRotated => {
            let rotation = Rotation { overlap: Duration::from_hours(1), revoke_tokens: true };
            let (secret, _) =
                manage::rotate_secret(store, &by, dash, rotation).await.unwrap().settle(app).await.unwrap();
            world.dash.secret = Some(secret.expose());
        }
        Cause::ProfileChanged => {
            let change = manage::update(store, &by, dash, |draft| draft.profile = Profile::Oidc).await.unwrap();
            change.settle(app).await.unwrap();
        }
        Cause::GroupRemoved => {
            let edit = Edit { remove_groups: vec!["staff".to_owned()], ..Edit::default() };
            people::update(store, &by, alice, &edit).await.unwrap().settle(app).await.unwrap();
        }
        Cause::ResourceRetired => {
            let id = resources::by_uri(store, &world.first).await.unwrap().unwrap().id;
            resource::retire(store, &by, id).await.unwrap().settle(app).await.unwrap();
        }
        Cause::Admin(kind) => admin(issuer, kind, &named(world, kind)).await,
        Cause::AdminToken(which) => admin(issuer, "token", &presented(world, which)).await,
        Cause::CodeAgain => world.dash.redeem(&world.spent.0, &world.spent.1).await.is(400, "invalid_grant"),
        Cause::RefreshReused => world.dash.refresh(&world.rotated[0]).await.is(400, "invalid_grant"),
        Cause::RefreshLate => world.dash.refresh(&world.rotated[1]).await.is(400, "invalid_grant"),
        Cause::Revoke(which) => drop(world.dash.revoke(&presented(world, which)).await.ok()),
    }
}

fn presented(world: &World, which: Presented) -> String {
    match which {
        Presented::Access => world.this().access.clone(),
        Presented::Refresh => world.this().refresh.clone(),
        Presented::OldRefresh => world.rotated[0].clone(),
    }
}

/// How `this` names what is to be ended.
fn named(world: &World, kind: &str) -> String {
    let carried = claims(&world.this().access);
    let text = |name: &str| carried[name].as_str().unwrap().to_owned();
    match kind {
        "jti" => text("jti"),
        "family" => text("family_id"),
        "session" => text("sid"),
        "grant" => format!("{} {}", text("sub"), text("client_id")),
        "user" => text("sub"),
        "client" => text("client_id"),
        "resource" => text("aud"),
        "key" => super::probes::kid(&world.this().access),
        "all" => String::new(),
        other => panic!("{other} is no kind"),
    }
}

/// `POST /admin/v1/revocations` by a service of its own, which says it is done.
pub async fn admin(issuer: &Issuer, kind: &str, value: &str) {
    let answer = try_admin(issuer, kind, value).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert!(answer.json["seq"].as_i64().unwrap() > 0);
}

pub async fn try_admin(issuer: &Issuer, kind: &str, value: &str) -> Answer {
    const SCOPE: &str = "chancery:revocations:write";
    let token = issuer.service(SCOPE, &[]).await.own_token(SCOPE).await;
    let ask = json!({ "kind": kind, "value": value, "reason": "stolen" });
    let request = http().post(issuer.url("/admin/v1/revocations")).bearer_auth(token).json(&ask);
    Answer::of(request.send().await.unwrap()).await
}

/// Through the page that asks first.
async fn sign_out(issuer: &Issuer, world: &mut World) {
    let url = issuer.url("/oauth2/logout");
    let page = world.here.get(&url).await.ok();
    let done = world.here.press(&page, &url, "logout-confirm").await.ok();
    assert!(done.text.contains("Signed out"), "{}", done.text);
}

/// Opens again what the cause had closed. False where nothing can be opened: what is deleted is gone.
pub async fn open_again(cause: Cause, issuer: &Issuer, world: &World) -> bool {
    let (app, caller) = (&issuer.app, Caller::default());
    let by = By { actor: Actor::Operator, caller: &caller, at: app.clock.now() };
    match cause {
        Cause::UserDeleted | Cause::ClientDeleted => return false,
        Cause::UserDisabled => {
            people::enable(&app.store, &by, world.alice.id).await.unwrap().settle(app).await.unwrap();
        }
        Cause::ClientDisabled => {
            manage::enable(&app.store, &by, world.dash.id).await.unwrap().settle(app).await.unwrap();
        }
        Cause::ResourceRetired => {
            let mut row = resources::by_uri(&app.store, &world.first).await.unwrap().unwrap();
            row.retired_at = None;
            let mut tx = app.store.begin().await.unwrap();
            locks::lock(&mut tx, &[locks::Owner::Resource(row.id)]).await.unwrap();
            resources::update(&mut tx, &row, by.at).await.unwrap();
            tx.commit().await.unwrap();
        }
        _ => {}
    }
    true
}
