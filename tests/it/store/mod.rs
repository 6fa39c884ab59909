//! The contract of the store: every function on both databases, in three levels, and the two schemas side by side.
//!
//! Each scenario is written once; `on_both!` runs it on an empty migrated database of each kind.

mod codes;
mod complete;
mod concurrent;
mod copies;
mod device_codes;
mod enrolled;
mod families;
mod log;
mod logouts;
mod owners;
mod parity;
mod people;
mod rows;
mod small;
mod sweep;
mod told;
mod transactional;

use chancery::store::{Store, issuer};
use tempfile::TempDir;
use uuid::Uuid;

use crate::kit::issuer::Kind;
use crate::kit::postgres::Template;
use crate::kit::raw::Raw;

/// An empty migrated database, and a way to look at it from outside.
pub struct Bed {
    pub store: Store,
    pub url: String,
    pub folder: TempDir,
}

/// What the counter's row says of the longest life of an access token here.
const LONGEST: i64 = 600;

impl Bed {
    /// A founded database: its two rows are there, nothing else.
    pub async fn new(kind: Kind) -> Self {
        static TEMPLATE: Template = Template::new();
        let folder = TempDir::new().unwrap();
        let (store, url) = match kind {
            Kind::Sqlite => {
                let file = folder.path().join("store.db");
                (Store::sqlite(&file, 8).await.unwrap(), format!("sqlite://{}", file.display()))
            }
            Kind::Postgres => {
                let url = TEMPLATE.database(async |url| {
                    let store = Store::postgres(url, 2).unwrap();
                    store.migrate().await.unwrap();
                    store.close().await;
                });
                let url = url.await;
                (Store::postgres(&url, 16).unwrap(), url)
            }
        };
        store.migrate().await.unwrap();
        issuer::found(&store, Uuid::from_u128(1), b"first tip", LONGEST, rows::now()).await.unwrap();
        Self { store, url, folder }
    }

    pub async fn raw(&self) -> Raw {
        Raw::open(&self.url).await
    }
}
