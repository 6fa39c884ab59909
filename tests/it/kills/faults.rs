//! The database fails midway, at the commit, or goes away there: nobody is told that something ended, and trying again ends it.

use chancery::event::Caller;
use chancery::identity::change;
use chancery::store::Store;
use sqlx::{Connection, SqliteConnection};

use super::browsing::{afresh, held};
use super::causes::{NEW_PASSWORD, try_admin};
use crate::kit::actors::{Answer, Browser, Flow, PASSWORD, RelyingParty, claims};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(an_end_that_failed_is_never_acknowledged);

/// Where it fails. `Gone` is of PostgreSQL: the connection is cut while it commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Midway,
    AtCommit,
    Gone,
}

/// What is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    RevokeRefresh,
    RevokeAccess,
    Admin,
    Reuse,
    CodeAgain,
    Logout,
    Password,
}

const ENDS: [End; 7] =
    [End::RevokeRefresh, End::RevokeAccess, End::Admin, End::Reuse, End::CodeAgain, End::Logout, End::Password];

async fn an_end_that_failed_is_never_acknowledged(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let faults: &[Fault] = match kind {
        Kind::Postgres => &[Fault::Midway, Fault::AtCommit, Fault::Gone],
        Kind::Sqlite => &[Fault::Midway, Fault::AtCommit],
    };
    let mut password = PASSWORD.to_owned();
    for fault in faults {
        for end in ENDS {
            let mut scene = Scene::set(&issuer, &rp, &password).await;
            break_down(&issuer, *fault).await;
            assert!(!scene.end(&issuer, &rp, end, &mut password).await, "{fault:?} {end:?}: acknowledged");
            repair(&issuer, *fault).await;
            let told = rp.introspect(&scene.access).await.ok();
            assert_eq!(told.json["active"], true, "{fault:?} {end:?}: it isn't half done");
            assert!(held(&issuer, &scene.browser).await.is_some());
            assert!(scene.end(&issuer, &rp, end, &mut password).await, "{fault:?} {end:?}: again");
            issuer.until("it is over", async |_| rp.introspect(&scene.access).await.ok().json["active"] == false).await;
        }
    }
}

struct Scene {
    browser: Browser,
    spent: (Flow, String),
    rotated: String,
    refresh: String,
    access: String,
}

impl Scene {
    async fn set(issuer: &Issuer, rp: &RelyingParty, password: &str) -> Self {
        let (mut browser, flow) = (Browser::new(issuer), rp.flow(&[]));
        let (code, _) = afresh(&mut browser, &flow, ("alice", password)).await;
        let first = rp.redeem(&flow, &code).await.ok();
        let second = rp.refresh(first.str("refresh_token")).await.ok();
        let third = rp.refresh(second.str("refresh_token")).await.ok();
        Self {
            browser,
            spent: (flow, code),
            rotated: first.str("refresh_token").to_owned(),
            refresh: third.str("refresh_token").to_owned(),
            access: third.str("access_token").to_owned(),
        }
    }

    /// Tries; whether it was acknowledged. Anything but that is a clear "come again" or "broken".
    async fn end(&mut self, issuer: &Issuer, rp: &RelyingParty, end: End, password: &mut String) -> bool {
        let failed = |answer: &Answer| {
            let status = answer.status.as_u16();
            assert!(matches!(status, 200 | 201 | 400 | 500 | 503), "{status} {}", answer.text);
            status >= 500
        };
        match end {
            End::RevokeRefresh => !failed(&rp.revoke(&self.refresh).await),
            End::RevokeAccess => !failed(&rp.revoke(&self.access).await),
            End::Admin => {
                let family = claims(&self.access)["family_id"].as_str().unwrap().to_owned();
                !failed(&try_admin(issuer, "family", &family).await)
            }
            // Until the family has ended, the thief's token is not called invalid.
            End::Reuse => !failed(&rp.refresh(&self.rotated).await),
            End::CodeAgain => !failed(&rp.redeem(&self.spent.0, &self.spent.1).await),
            End::Logout => {
                let url = issuer.url("/oauth2/logout");
                let page = self.browser.get(&url).await.ok();
                let answer = self.browser.press(&page, &url, "logout-confirm").await;
                let done = !failed(&answer);
                assert_eq!(done, answer.text.contains("Signed out"), "{}", answer.text);
                done
            }
            End::Password => {
                let held = held(issuer, &self.browser).await.unwrap();
                let next = if *password == PASSWORD { NEW_PASSWORD } else { PASSWORD };
                match change::password(&issuer.app, &held, password, next, &Caller::default()).await {
                    Ok(_) => {
                        *password = next.to_owned();
                        true
                    }
                    Err(change::Unchanged::Store(_)) => false,
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }
}

async fn run(issuer: &Issuer, statements: &[&'static str]) {
    match &issuer.app.store {
        Store::Postgres(pool) => {
            for text in statements {
                sqlx::query(*text).execute(pool).await.unwrap();
            }
        }
        Store::Sqlite(_) => {
            let mut other = SqliteConnection::connect(&issuer.database).await.unwrap();
            for text in statements {
                sqlx::query(*text).execute(&mut other).await.unwrap();
            }
            other.close().await.unwrap();
        }
    }
}

async fn break_down(issuer: &Issuer, fault: Fault) {
    let statements: &[&'static str] = match (issuer.kind, fault) {
        (Kind::Postgres, Fault::Midway) => &[
            "CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$",
            "CREATE TRIGGER fault BEFORE INSERT ON revocation FOR EACH ROW EXECUTE FUNCTION fault()",
        ],
        (Kind::Postgres, Fault::AtCommit) => &[
            "CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$",
            "CREATE CONSTRAINT TRIGGER fault AFTER INSERT ON revocation DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fault()",
        ],
        (Kind::Postgres, Fault::Gone) => &[
            "CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$",
            "CREATE CONSTRAINT TRIGGER fault AFTER INSERT ON revocation DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fault()",
        ],
        (Kind::Sqlite, Fault::Midway) => &[
            "CREATE TRIGGER fault BEFORE INSERT ON revocation BEGIN SELECT RAISE(FAIL, 'no space left on device'); END",
        ],
        (Kind::Sqlite, _) => &[
            "CREATE TABLE fault (seq INTEGER PRIMARY KEY, owner INTEGER REFERENCES fault (seq) DEFERRABLE INITIALLY DEFERRED)",
            "CREATE TRIGGER fault AFTER INSERT ON revocation BEGIN INSERT INTO fault VALUES (NEW.seq, -1); END",
        ],
    };
    run(issuer, statements).await;
}

async fn repair(issuer: &Issuer, fault: Fault) {
    let statements: &[&'static str] = match (issuer.kind, fault) {
        (Kind::Postgres, _) => &["DROP TRIGGER fault ON revocation", "DROP FUNCTION fault()"],
        (Kind::Sqlite, Fault::Midway) => &["DROP TRIGGER fault"],
        (Kind::Sqlite, _) => &["DROP TRIGGER fault", "DROP TABLE fault"],
    };
    run(issuer, statements).await;
}
