//! Copies of an embedded database: sound, whole, and never put over one that is in use.

use chancery::store::copy::{self, Alone};
use chancery::store::{Error, Store, users};

use super::{Bed, rows};
use crate::kit::issuer::Kind;
use crate::kit::raw::{Raw, differences};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_holds_everything() {
    let bed = Bed::new(Kind::Sqlite).await;
    let owners = rows::owners(&bed.store).await;
    rows::family(&bed.store, owners).await;
    let Store::Sqlite(lite) = &bed.store else { panic!("an embedded one") };
    let to = bed.folder.path().join("copy.db");
    copy::write(lite, to.to_str().unwrap()).await.unwrap();
    assert!(copy::write(lite, to.to_str().unwrap()).await.is_err(), "not over a file that is there");
    assert_eq!(copy::inspect(&to).await.unwrap(), 0);
    let read = Store::sqlite_to_read(&to);
    assert!(users::get(&read, owners.user_id).await.unwrap().is_some());
    let mut tx = read.begin().await.unwrap();
    let refused = users::insert(&mut tx, &rows::user("late")).await.unwrap_err();
    assert!(refused.is_passing() && !refused.is_damage(), "it is not written to: {refused}");
    drop(tx);
    read.close().await;
    assert_eq!(bed.store.busy(), 0, "nothing writes now");
    let mut other = Raw::open(&format!("sqlite://{}", to.display())).await;
    assert_eq!(differences(&bed.raw().await.dump().await, &other.dump().await), [""; 0]);

    std::fs::write(bed.folder.path().join("text"), "not a database, whatever its name says").unwrap();
    let text = bed.folder.path().join("text");
    assert!(copy::inspect(&text).await.unwrap_err().is_damage());
    assert!(Alone::take(&text).await.unwrap_err().is_damage());
    assert!(users::ended(&Store::sqlite_to_read(&text)).await.unwrap_err().is_damage());
    assert!(copy::inspect(&bed.folder.path().join("missing")).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_alone_stays_alone() {
    let bed = Bed::new(Kind::Sqlite).await;
    let file = bed.folder.path().join("store.db");
    rows::owners(&bed.store).await;
    assert!(Alone::take(&file).await.unwrap().is_none(), "somebody has it open");
    bed.store.close().await;
    let alone = Alone::take(&file).await.unwrap().expect("nobody has it open now");
    // Another server starting meanwhile finds it held, and waits out its busy time.
    let refused = async {
        let store = Store::sqlite(&file, 1).await?;
        let mut tx = store.begin().await?;
        users::insert(&mut tx, &rows::user("late")).await?;
        tx.commit().await
    };
    assert!(matches!(refused.await, Err(Error::Unavailable(_))), "told to come again");
    alone.release().await.unwrap();
    let store = Store::sqlite(&file, 1).await.unwrap();
    assert!(users::by_key(&store, "late").await.unwrap().is_none());
}
