//! Which entries cover which tokens: the view and the database must say the same.

use chancery::live::{Covered, Judged, Kind, covers_in_database};
use chancery::secret;

use super::{Ground, Token};

/// What an entry of each kind names of a token.
fn named(kind: Kind, token: &Token) -> String {
    let sub = token.sub.clone().unwrap_or_default();
    match kind {
        Kind::Jti => token.jti.to_string(),
        Kind::Key => token.kid.clone(),
        Kind::Family => token.family_id.unwrap().to_string(),
        Kind::Session => token.sid.unwrap().to_string(),
        Kind::Grant => format!("{sub} {}", token.client_id),
        Kind::User => sub,
        Kind::Client => token.client_id.to_string(),
        Kind::Resource => token.aud[0].clone(),
        Kind::All | Kind::Unknown => String::new(),
    }
}

const NAMING: [Kind; 8] =
    [Kind::Jti, Kind::Key, Kind::Family, Kind::Session, Kind::Grant, Kind::User, Kind::Client, Kind::Resource];

/// What view and database say, and that they agree.
async fn judged(ground: &Ground, view: &chancery::live::LiveView, token: &Token) -> Judged {
    let known = view.judge(&token.bears()).await.unwrap();
    assert_eq!(covers_in_database(&ground.store, &token.bears()).await.unwrap(), known, "{token:?}");
    match (view.covers(&token.bears()), known) {
        (Covered::Live, Judged::Live) | (Covered::Ahead, _) => {}
        (Covered::Revoked { seq, kind }, known) => assert_eq!(known, Judged::Revoked { seq, kind }),
        other => panic!("{other:?} for {token:?}"),
    }
    known
}

#[tokio::test]
async fn an_entry_covers_what_it_names_and_nothing_else() {
    for ground in Ground::both().await {
        let view = ground.view().await;
        for reach in ["lineage", "access"] {
            for kind in NAMING {
                let before = view.cursor().unwrap().seq;
                let (token, other) = (Token::unlike(before), Token::unlike(before));
                let entry = ground.kill_at(kind.name(), &named(kind, &token), reach, ground.clock.now()).await;
                view.poll_once().await.unwrap();
                let revoked = Judged::Revoked { seq: entry.seq, kind };
                assert_eq!(judged(&ground, &view, &token).await, revoked, "{kind:?} {reach}");
                assert_eq!(judged(&ground, &view, &other).await, Judged::Live, "{kind:?} {reach}");
                // Equal is alive; only what is named itself stays dead whatever its number.
                let later = judged(&ground, &view, &token.born(entry.seq)).await;
                let named_itself = matches!(kind, Kind::Jti | Kind::Key);
                assert_eq!(later, if named_itself { revoked } else { Judged::Live }, "{kind:?} {reach}");
            }
        }
    }
}

#[tokio::test]
async fn all_covers_everything_born_before() {
    for ground in Ground::both().await {
        let view = ground.view().await;
        let entry = ground.kill("all", "").await;
        view.poll_once().await.unwrap();
        let revoked = Judged::Revoked { seq: entry.seq, kind: Kind::All };
        assert_eq!(judged(&ground, &view, &Token::unlike(0)).await, revoked);
        assert_eq!(judged(&ground, &view, &Token::unlike(entry.seq)).await, Judged::Live);
    }
}

#[tokio::test]
async fn a_kind_of_a_newer_version_counts_as_all() {
    for ground in Ground::both().await {
        let entry = ground.kill("planet", "earth").await;
        let view = ground.view().await;
        let revoked = Judged::Revoked { seq: entry.seq, kind: Kind::Unknown };
        assert_eq!(judged(&ground, &view, &Token::unlike(0)).await, revoked);
        assert_eq!(judged(&ground, &view, &Token::unlike(entry.seq)).await, Judged::Live);
        let told = view.snapshot().unwrap().entries;
        assert_eq!((told[0].kind.as_str(), told[0].value.as_str()), ("planet", "earth"));
    }
}

#[tokio::test]
async fn parts_are_not_mistaken_for_each_other() {
    for ground in Ground::both().await {
        let token = Token::unlike(0);
        let sub = token.sub.clone().unwrap();
        ground.kill("user", &token.client_id.to_string()).await;
        ground.kill("client", &sub).await;
        ground.kill("session", &token.family_id.unwrap().to_string()).await;
        ground.kill("family", &token.sid.unwrap().to_string()).await;
        ground.kill("grant", &format!("{sub} {}", secret::uuid_v4())).await;
        ground.kill("grant", &format!("{} {}", secret::uuid_v4(), token.client_id)).await;
        ground.kill("resource", "https://second.example/").await;
        let view = ground.view().await;
        assert_eq!(judged(&ground, &view, &token).await, Judged::Live);
        // A client's own token has no user, no session and no family.
        let own = Token { family_id: None, sid: None, sub: None, ..token.clone() };
        assert_eq!(judged(&ground, &view, &own).await, Judged::Live);
        ground.kill("resource", "https://second.example").await;
        view.poll_once().await.unwrap();
        assert!(matches!(judged(&ground, &view, &own).await, Judged::Revoked { kind: Kind::Resource, .. }));
    }
}

#[tokio::test]
async fn of_one_name_and_reach_the_newest_is_held() {
    for ground in Ground::both().await {
        let token = Token::unlike(0);
        let user = token.sub.clone().unwrap();
        ground.kill("user", &user).await;
        ground.kill_at("user", &user, "access", ground.clock.now()).await;
        let newest = ground.kill("user", &user).await;
        let view = ground.view().await;
        let held: Vec<_> = view.snapshot().unwrap().entries.iter().map(|e| (e.seq, e.reach.clone())).collect();
        assert_eq!(held, [(2, "access".to_owned()), (3, "lineage".to_owned())]);
        let revoked = Judged::Revoked { seq: newest.seq, kind: Kind::User };
        assert_eq!(judged(&ground, &view, &token.born(2)).await, revoked);
        assert_eq!(judged(&ground, &view, &token.born(3)).await, Judged::Live);
    }
}

#[tokio::test]
async fn a_token_ahead_of_the_view_is_looked_up_and_one_ahead_of_the_log_refused() {
    for ground in Ground::both().await {
        let view = ground.view().await;
        let token = Token::unlike(0);
        let entry = ground.kill("user", &token.sub.clone().unwrap()).await;
        let born_after = token.born(entry.seq);
        assert_eq!(view.covers(&born_after.bears()), Covered::Ahead);
        assert_eq!(judged(&ground, &view, &born_after).await, Judged::Live);
        let killed = ground.kill("client", &token.client_id.to_string()).await;
        let revoked = Judged::Revoked { seq: killed.seq, kind: Kind::Client };
        assert_eq!(judged(&ground, &view, &born_after).await, revoked, "killed since, and not read yet");
        let beyond = token.born(killed.seq + 1);
        assert_eq!(judged(&ground, &view, &beyond).await, Judged::Beyond { counter: killed.seq });
        view.poll_once().await.unwrap();
        assert_eq!(judged(&ground, &view, &beyond).await, Judged::Beyond { counter: killed.seq });
    }
}
