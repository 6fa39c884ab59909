//! The rules of management, below any surface: one transaction each, and the kill its cause calls for.

use chancery::change::{By, Refused};
use chancery::event::{Actor, Caller};
use chancery::identity::people::{self, Edit, NewUser};
use chancery::oauth::manage::{self, Draft, Rotation};
use chancery::oauth::profile::Profile;
use chancery::oauth::resource;
use chancery::store::resources::ResourceScope;
use chancery::store::{clients, issuer as issuer_rows, revocations, users};
use std::time::Duration;

use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

on_both!(
    a_profile_of_another_version_is_left_alone,
    a_change_that_is_dropped_never_happened,
    a_deleted_user_leaves_only_what_evidence_needs,
    an_address_that_changes_is_not_verified,
    another_profile_ends_the_clients_families,
    two_secrets_live_at_most,
    a_longer_life_is_known_to_the_log_first,
);

fn by<'a>(issuer: &Issuer, caller: &'a Caller) -> By<'a> {
    By { actor: Actor::Operator, caller, at: issuer.app.clock.now() }
}

fn alice() -> NewUser {
    NewUser {
        username: "Alice".to_owned(),
        email: Some("alice@example.test".to_owned()),
        email_verified: true,
        name: Some("Alice A".to_owned()),
        groups: vec!["staff".to_owned()],
        ..NewUser::default()
    }
}

async fn a_change_that_is_dropped_never_happened(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let (store, caller) = (&issuer.app.store, Caller::default());
    drop(people::create(store, &by(&issuer, &caller), alice(), None).await.unwrap());
    assert!(users::by_key(store, "alice").await.unwrap().is_none());
    let user = people::create(store, &by(&issuer, &caller), alice(), None).await.unwrap().commit().await.unwrap();
    drop(people::disable(store, &by(&issuer, &caller), user.id).await.unwrap());
    assert!(users::get(store, user.id).await.unwrap().unwrap().disabled_at.is_none());
    assert!(revocations::after(store, 0, 10).await.unwrap().is_empty());
    // Settled, this node's own view knows before anyone is answered.
    let change = people::disable(store, &by(&issuer, &caller), user.id).await.unwrap();
    assert_eq!(change.killed().len(), 1);
    change.settle(&issuer.app).await.unwrap();
    assert_eq!(issuer.app.live.len(), 1);
    issuer.stop().await;
}

async fn a_deleted_user_leaves_only_what_evidence_needs(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let (store, caller) = (&issuer.app.store, Caller::default());
    let by = by(&issuer, &caller);
    let user = people::create(store, &by, alice(), Some("$hash")).await.unwrap().commit().await.unwrap();
    people::delete(store, &by, user.id).await.unwrap().commit().await.unwrap();
    let left = users::get(store, user.id).await.unwrap().unwrap();
    assert_eq!((left.sub, left.username.as_str(), left.groups.len()), (user.sub, "", 0));
    assert!(left.email.is_none() && left.email_key.is_none() && left.name.is_none() && left.deleted_at.is_some());
    assert!(users::password(store, user.id).await.unwrap().is_none());
    assert!(left.revoked_seq > 0);
    assert!(matches!(people::enable(store, &by, user.id).await, Err(Refused::Unknown(_))));
    // The name is free: another may have it, and be deleted in turn.
    let next = people::create(store, &by, alice(), None).await.unwrap().commit().await.unwrap();
    people::delete(store, &by, next.id).await.unwrap().commit().await.unwrap();
    issuer.stop().await;
}

async fn an_address_that_changes_is_not_verified(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let (store, caller) = (&issuer.app.store, Caller::default());
    let by = by(&issuer, &caller);
    let user = people::create(store, &by, alice(), None).await.unwrap().commit().await.unwrap();
    assert!(user.email_verified);
    let spelled = Edit { email: Some("ALICE@example.test".to_owned()), ..Edit::default() };
    let same = people::update(store, &by, user.id, &spelled).await.unwrap().commit().await.unwrap();
    assert!(same.email_verified, "another spelling of the same address");
    let moved = Edit { email: Some("a@elsewhere.test".to_owned()), ..Edit::default() };
    let moved = people::update(store, &by, user.id, &moved).await.unwrap().commit().await.unwrap();
    assert!(!moved.email_verified);
    let none = Edit { email: Some(String::new()), email_verified: Some(true), ..Edit::default() };
    let none = people::update(store, &by, user.id, &none).await.unwrap().commit().await.unwrap();
    assert!(none.email.is_none() && !none.email_verified);
    issuer.stop().await;
}

async fn another_profile_ends_the_clients_families(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let (store, caller) = (&issuer.app.store, Caller::default());
    let by = by(&issuer, &caller);
    let draft = Draft { name: "Dash".to_owned(), ..Draft::default() };
    let (client, secret) = manage::create(store, &by, &draft).await.unwrap().commit().await.unwrap();
    assert!(secret.is_some());
    let renamed = manage::update(store, &by, client.id, |draft| draft.name = "D".to_owned()).await.unwrap();
    assert!(renamed.killed().is_empty());
    let renamed = renamed.commit().await.unwrap();
    let moved = manage::update(store, &by, client.id, |draft| draft.profile = Profile::Oidc).await.unwrap();
    assert_eq!(moved.killed().len(), 1);
    moved.commit().await.unwrap();
    let row = clients::get(store, client.id).await.unwrap().unwrap();
    assert!(row.revoked_seq > 0 && row.version > renamed.version);
    let public = manage::update(store, &by, client.id, |draft| draft.auth_method = "none".to_owned()).await;
    assert!(matches!(public, Err(Refused::Conflict(_))));
    issuer.stop().await;
}

async fn a_profile_of_another_version_is_left_alone(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let (store, caller) = (&issuer.app.store, Caller::default());
    let by = by(&issuer, &caller);
    let rp = issuer.client_with(|row| row.profile = "of-another-version".to_owned()).await;
    let before = clients::get(store, rp.id).await.unwrap().unwrap();
    let update = manage::update(store, &by, rp.id, |draft| draft.name = "D".to_owned()).await;
    assert!(matches!(&update, Err(Refused::Conflict(why)) if why.contains("of-another-version")), "{update:?}");
    let after = clients::get(store, rp.id).await.unwrap().unwrap();
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    issuer.stop().await;
}

async fn two_secrets_live_at_most(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let (store, caller) = (&issuer.app.store, Caller::default());
    let by = by(&issuer, &caller);
    let draft = Draft { name: "Dash".to_owned(), ..Draft::default() };
    let (client, _) = manage::create(store, &by, &draft).await.unwrap().commit().await.unwrap();
    let day = Rotation { overlap: Duration::from_secs(86_400), revoke_tokens: false };
    for _ in 0..3 {
        let by = self::by(&issuer, &caller);
        let (_, ends) = manage::rotate_secret(store, &by, client.id, day).await.unwrap().commit().await.unwrap();
        assert_eq!(ends, Some(by.at + Duration::from_secs(86_400)));
        let live = clients::secrets(store, client.id).await.unwrap();
        assert_eq!(live.iter().map(|secret| secret.expires_at).collect::<Vec<_>>(), [ends, None]);
    }
    let now = Rotation { overlap: Duration::ZERO, revoke_tokens: false };
    manage::rotate_secret(store, &by, client.id, now).await.unwrap().commit().await.unwrap();
    assert_eq!(clients::secrets(store, client.id).await.unwrap().len(), 1);
    let public = Draft { name: "P".to_owned(), auth_method: "none".to_owned(), ..Draft::default() };
    let (public, secret) = manage::create(store, &by, &public).await.unwrap().commit().await.unwrap();
    assert!(secret.is_none());
    assert!(matches!(manage::rotate_secret(store, &by, public.id, day).await, Err(Refused::Conflict(_))));
    issuer.stop().await;
}

async fn a_longer_life_is_known_to_the_log_first(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let (store, caller) = (&issuer.app.store, Caller::default());
    let by = by(&issuer, &caller);
    let longest = async || issuer_rows::position(store).await.unwrap().unwrap().longest_access_seconds;
    assert_eq!(longest().await, 600);
    let scope = ResourceScope { name: "a".to_owned(), description: String::new(), groups: vec![] };
    let life = Some(Duration::from_secs(1800));
    let draft = resource::Draft {
        name: "API".to_owned(),
        scopes: vec![scope],
        access_token_lifetime: life,
        ..resource::Draft::default()
    };
    let made = resource::create(store, &by, "https://api.test", &draft).await.unwrap().commit().await.unwrap();
    assert_eq!(longest().await, 1800);
    let shorter = |draft: &mut resource::Draft| draft.access_token_lifetime = Some(Duration::from_secs(60));
    resource::update(store, &by, made.id, shorter).await.unwrap().commit().await.unwrap();
    assert_eq!(longest().await, 1800, "what was allowed once may still be out there");
    let retired = resource::retire(store, &by, made.id).await.unwrap();
    assert_eq!(retired.killed().len(), 1);
    retired.commit().await.unwrap();
    assert!(matches!(resource::retire(store, &by, made.id).await, Err(Refused::Unknown(_))));
    issuer.stop().await;
}
