//! Restores and failovers: a log that lost writes is found out, and only a new epoch mends it.

use chancery::live::{Covered, Cursor, Error, Located, Misfit, NotReady, Place, epoch_of};

use chancery::store::issuer;
use uuid::Uuid;

use super::{Ground, Token};

fn place(cursor: &Cursor) -> Place {
    cursor.to_string().parse().unwrap()
}

async fn position(ground: &Ground) -> Uuid {
    issuer::position(&ground.store).await.unwrap().unwrap().database_id
}

#[tokio::test]
async fn a_log_that_ends_before_our_place_makes_it_void_until_restored() {
    for ground in Ground::both().await {
        for value in ["one", "two", "three"] {
            ground.kill("user", value).await;
        }
        let view = ground.view().await;
        ground.lose_after(1).await;
        let error = view.poll_once().await.unwrap_err();
        assert!(matches!(error, Error::Void(Misfit::Beyond { seq: 3, counter: 1 })), "{error}");
        let token = Token::unlike(1);
        let void = async |why: &str| {
            assert_eq!(view.issuing_allowed(), Err(NotReady::Void), "{why}");
            assert_eq!(view.covers(&token.bears()), Covered::Void, "{why}");
            assert!(view.judge(&token.bears()).await.is_err(), "{why}");
            assert_eq!(view.snapshot().unwrap_err(), NotReady::Void, "{why}");
        };
        void("below our place").await;

        // The log goes on and passes our place: the entry there is another one.
        for value in ["four", "five", "six"] {
            ground.kill("user", value).await;
        }
        let error = view.poll_once().await.unwrap_err();
        assert!(matches!(error, Error::Void(Misfit::OtherEntry { seq: 3 })), "{error}");
        void("past our place").await;

        let mut epochs = view.epochs();
        assert!(!epochs.has_changed().unwrap());
        let all = ground.restore(4).await;
        assert!(view.poll_once().await.unwrap().new_epoch);
        assert!(epochs.has_changed().unwrap());
        assert_eq!(*epochs.borrow_and_update(), 1);
        assert_eq!(view.issuing_allowed(), Ok(()));
        assert!(matches!(view.covers(&token.bears()), Covered::Revoked { seq, .. } if seq == all.seq));
        assert_eq!(view.covers(&Token::unlike(all.seq).bears()), Covered::Live);
        let held: Vec<_> = view.snapshot().unwrap().entries.iter().map(|entry| entry.value.clone()).collect();
        assert_eq!(held, ["one", "four", "five", "six", ""], "what this log holds, not the lost one");
    }
}

#[tokio::test]
async fn the_same_number_with_another_entry_is_found_out() {
    for ground in Ground::both().await {
        ground.kill("user", "one").await;
        let view = ground.view().await;
        let stood = view.cursor().unwrap();
        ground.lose_after(0).await;
        ground.kill("user", "another").await;
        let error = view.poll_once().await.unwrap_err();
        assert!(matches!(error, Error::Void(Misfit::OtherEntry { seq: 1 })), "{error}");
        let other = ground.view().await;
        assert_eq!(other.locate(&place(&stood)).await.unwrap(), Located::Void);
        assert_eq!(other.locate(&place(&other.cursor().unwrap())).await.unwrap(), Located::Known);
    }
}

#[tokio::test]
async fn the_same_backup_restored_twice_begins_two_epochs() {
    for ground in Ground::both().await {
        ground.kill("user", "before the backup").await;
        let view = ground.view().await;
        let mut cursors = vec![view.cursor().unwrap()];
        for round in 1..=2 {
            // Back to the backup, and what both restores do.
            let seen = view.cursor().unwrap().seq;
            ground.lose_after(1).await;
            let all = ground.restore(seen).await;
            assert_eq!(epoch_of(all.seq), round);
            assert!(view.poll_once().await.unwrap().new_epoch);
            assert!(matches!(view.covers(&Token::unlike(seen).bears()), Covered::Revoked { .. }));
            for cursor in &cursors {
                assert_eq!(view.locate(&place(cursor)).await.unwrap(), Located::Void, "{cursor}");
                assert_eq!(view.locate(&Place::Number(cursor.seq)).await.unwrap(), Located::Void, "{cursor}");
            }
            cursors.push(view.cursor().unwrap());
        }
    }
}

#[tokio::test]
async fn a_place_is_known_ahead_or_void() {
    for ground in Ground::both().await {
        let (ahead, behind) = (ground.view().await, ground.view().await);
        let start = behind.cursor().unwrap();
        ground.kill("user", "one").await;
        ahead.poll_once().await.unwrap();
        let first = ahead.cursor().unwrap();
        ground.kill("user", "two").await;
        ahead.poll_once().await.unwrap();
        let last = ahead.cursor().unwrap();
        let located = async |text: String| {
            let place: Place = text.parse().unwrap();
            (ahead.locate(&place).await.unwrap(), behind.locate(&place).await.unwrap())
        };
        assert_eq!(located(start.to_string()).await, (Located::Known, Located::Known));
        assert_eq!(located(first.to_string()).await, (Located::Known, Located::Ahead));
        assert_eq!(located(last.to_string()).await, (Located::Known, Located::Ahead));
        assert_eq!(located("0".to_owned()).await, (Located::Known, Located::Known));
        assert_eq!(located("1".to_owned()).await, (Located::Known, Located::Ahead));
        assert_eq!(located("2".to_owned()).await, (Located::Known, Located::Ahead));
        for beyond in ["3", "3.AAAA", "1.AAAA", "2.AAAA", "99999999999999"] {
            assert_eq!(located(beyond.to_owned()).await, (Located::Void, Located::Void), "{beyond}");
        }
        // A node that began later knows no tips by heart.
        let late = ground.view().await;
        assert_eq!(late.locate(&place(&first)).await.unwrap(), Located::Known);
    }
}

#[tokio::test]
async fn another_database_behind_the_same_name_is_found_out() {
    for ground in Ground::both().await {
        let view = ground.view().await;
        let before = position(&ground).await;
        ground
            .run("UPDATE issuer SET database_id = gen_random_uuid()", "UPDATE issuer SET database_id = randomblob(16)")
            .await;
        let id = position(&ground).await;
        assert_ne!(before, id);
        let error = view.poll_once().await.unwrap_err();
        assert!(matches!(error, Error::Void(Misfit::OtherDatabase { found, .. }) if found == id), "{error}");
    }
}
