//! What a command works with: settings, the open database, the time; and how it finds whom it is about.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::out::{Done, Failure, Out};
use crate::app::App;
use crate::change::By;
use crate::clock::Clock;
use crate::config::{Config, DatabaseUrl, SqliteLocation};
use crate::event::{Actor, Caller};
use crate::fetch::Fetch;
use crate::identity::key;
use crate::jobs::build;
use crate::keyring::{Keyring, KeyringOptions, SealingKeys};
use crate::live::Tuning;
use crate::store::clients::Client;
use crate::store::resources::Resource;
use crate::store::users::User;
use crate::store::{Store, clients, resources, users};

/// The operator's desk.
#[derive(Debug)]
pub(super) struct Desk {
    pub config: Config,
    pub store: Store,
    pub clock: Clock,
    pub out: Out,
    caller: Caller,
}

impl Desk {
    /// At a database that is there: whoever asks after somebody, or ends something, must not be told "nobody" by an empty one
    /// that he has just made in the wrong place.
    pub async fn there(config: Config, out: Out) -> Done<Self> {
        if let DatabaseUrl::Sqlite(SqliteLocation::File(path)) = &config.database.url
            && !path.exists()
        {
            let path = path.display();
            return Err(Failure::new(format!(
                "there is no database at {path}: database.url names it (CHANCERY_DATABASE_URL)"
            )));
        }
        Self::open(config, out).await
    }

    /// At a database that is made if it is embedded and not there.
    pub async fn open(config: Config, out: Out) -> Done<Self> {
        let clock = Clock::system();
        let store = build::open_store(&config).await?;
        build::ensure_schema(&store).await?;
        build::found(&store, &config, &clock).await?;
        Ok(Self { config, store, clock, out, caller: Caller::default() })
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The way out, as the server of these settings has it.
    pub fn fetch(&self) -> Done<Fetch> {
        Fetch::new(&self.config.fetch).map_err(|error| Failure::new(error.to_string()))
    }

    /// Whoever holds the command line, now.
    pub fn by(&self) -> By<'_> {
        By { actor: Actor::Operator, caller: &self.caller, at: self.now() }
    }

    /// The key ring; needs this machine's sealing keys.
    pub async fn keyring(&self) -> Done<Keyring> {
        let sealing = SealingKeys::ready(&self.config.keys, &self.store).await?;
        let options = KeyringOptions::of(&self.config.keys);
        Ok(Keyring::open(sealing, self.store.clone(), self.clock.clone(), options).await?)
    }

    /// The whole of a server, for what only it can read: tokens.
    pub async fn app(&self) -> Done<App> {
        let sealing = SealingKeys::ready(&self.config.keys, &self.store).await?;
        let records = (self.store.clone(), sealing);
        Ok(build::assemble(self.config.clone(), self.clock.clone(), records, Tuning::default()).await?)
    }

    /// A user by name, e-mail address, id or `sub`.
    pub async fn user(&self, text: &str) -> Done<User> {
        let found = self.user_if_any(text).await?;
        found.ok_or_else(|| Failure::new(format!("there is no user {text:?}")))
    }

    pub async fn user_if_any(&self, text: &str) -> Done<Option<User>> {
        if let Ok(id) = Uuid::try_parse(text) {
            let found = match users::get(&self.store, id).await? {
                Some(user) => Some(user),
                None => users::by_sub(&self.store, id).await?,
            };
            if found.is_some() {
                return Ok(found.filter(|user| user.deleted_at.is_none()));
            }
        }
        let found = users::by_key(&self.store, &key::of(text)).await?;
        Ok(found.filter(|user| user.deleted_at.is_none()))
    }

    /// A client by id, or by the URL of the document it is.
    pub async fn client(&self, text: &str) -> Done<Client> {
        let Some(id) = clients::id_of(text).or_else(|| Uuid::try_parse(text).ok()) else {
            return Err(Failure::new(format!("{text:?} is not a client id; `chancery client list` shows them")));
        };
        let found = clients::get(&self.store, id).await?.filter(|client| client.deleted_at.is_none());
        found.ok_or_else(|| Failure::new(format!("there is no client {id}")))
    }

    /// A resource by id or URI, retired ones too.
    pub async fn resource(&self, text: &str) -> Done<Resource> {
        let found = match Uuid::try_parse(text) {
            Ok(id) => resources::get(&self.store, id).await?,
            Err(_) => resources::by_uri(&self.store, text).await?,
        };
        found.ok_or_else(|| Failure::new(format!("there is no resource {text:?}")))
    }
}
