//! What the database that a restore replaces knew, and the backup may not: read before it goes, said again after.
//!
//! Said again, by the rules that made them: signing keys revoked there, users and clients disabled or deleted there. Named, for
//! only people can set them right: passwords changed and client secrets removed since. A database that holds nothing of ours
//! knew nothing; whatever else can't be read is told, and the restore goes on: it is there for databases that are broken.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::desk::Desk;
use super::key;
use super::out::{Done, Failure, note, safe};
use crate::identity::people;
use crate::oauth::manage;
use crate::store::issuer::position;
use crate::store::{self, Store, clients, signing_keys, users};

/// A secret of a client, and its end.
type Secret = (Uuid, Option<DateTime<Utc>>);

/// What it knew.
#[derive(Debug, Default)]
pub(super) struct Former {
    /// How far its log had come, or the backup's.
    pub floor: i64,
    /// The `kid`s it said were revoked.
    keys: Vec<String>,
    /// Who was disabled; `true`: deleted.
    users: Vec<(Uuid, bool)>,
    clients: Vec<(Uuid, bool)>,
    /// When each password was set.
    passwords: HashMap<Uuid, DateTime<Utc>>,
    /// The secrets of each client there was.
    secrets: HashMap<Uuid, Vec<Secret>>,
}

/// Collects what can't be read, with what is to be looked after by hand for it.
#[derive(Default)]
struct Unread(Vec<(String, &'static str)>);

impl Unread {
    fn or_default<T: Default>(&mut self, read: store::Result<T>, by_hand: &'static str) -> T {
        read.unwrap_or_else(|error| {
            if !error.is_missing_table() {
                self.0.push((error.to_string(), by_hand));
            }
            T::default()
        })
    }

    fn tell(&self) {
        let Some((error, _)) = self.0.first() else { return };
        note(format!("the database that is replaced can't be read ({error}), so see to this by hand:"));
        for (_, by_hand) in &self.0 {
            note(format!("  {by_hand}"));
        }
    }
}

impl Former {
    /// Reads all of it.
    pub async fn read(store: &Store) -> Self {
        let mut unread = Unread::default();
        let at = unread.or_default(
            position(store).await,
            "run this beside the newest `keys/highwater` of all servers: only that says how far the revocation log had come",
        );
        let keys = unread.or_default(
            signing_keys::list(store).await,
            "revoke again whatever signing key was revoked since the backup (`chancery key list`)",
        );
        let users = unread.or_default(
            users::ended(store).await,
            "disable or delete again whoever was since the backup (`chancery user list`)",
        );
        let clients = unread.or_default(
            clients::ended(store).await,
            "disable or delete again whatever client was since the backup (`chancery client list`)",
        );
        let passwords = unread.or_default(
            users::passwords_set(store).await,
            "set again whatever password was changed since the backup (`chancery user set-password`)",
        );
        let all = unread.or_default(
            clients::all_secrets(store).await,
            "rotate again whatever client secret was rotated since the backup (`chancery client rotate-secret`)",
        );
        unread.tell();
        let mut secrets = HashMap::<Uuid, Vec<Secret>>::new();
        for (client, secret, end) in all {
            secrets.entry(client).or_default().extend(secret.map(|id| (id, end)));
        }
        Self {
            floor: at.map_or(0, |at| at.seq),
            keys: keys.into_iter().filter(|key| key.revoked_at.is_some()).map(|key| key.kid).collect(),
            users,
            clients,
            passwords: passwords.into_iter().collect(),
            secrets,
        }
    }

    /// Ends again what had ended there, and names what is good again. One that fails doesn't keep the others from ending.
    pub async fn end_again(&self, desk: &Desk) -> Done {
        let mut alive = Vec::new();
        for (what, done) in [
            ("signing keys that were revoked", self.end_keys(desk, &mut alive).await),
            ("users who were disabled or deleted", self.end_users(desk, &mut alive).await),
            ("clients that were disabled or deleted", self.end_clients(desk, &mut alive).await),
            ("passwords and secrets that were changed", self.name_secrets(desk).await),
        ] {
            if let Err(failure) = done {
                failure.tell();
                alive.push(format!("{what} since this backup was made may be good again: not all could be looked at"));
            }
        }
        if alive.is_empty() { Ok(()) } else { Err(Failure::new(alive.join("\n"))) }
    }

    async fn end_keys(&self, desk: &Desk, alive: &mut Vec<String>) -> Done {
        let known = signing_keys::list(&desk.store).await?;
        let trusted = |kid: &&String| known.iter().any(|key| key.kid == **kid && key.revoked_at.is_none());
        for kid in self.keys.iter().filter(trusted) {
            note(format!("the signing key {kid} was revoked after this backup was made; it is revoked again"));
            if let Err(failure) = key::end(desk, kid, "restore").await {
                failure.tell();
                alive.push(format!("the signing key {kid} is trusted again: `chancery key revoke {kid}`"));
            }
        }
        Ok(())
    }

    async fn end_users(&self, desk: &Desk, alive: &mut Vec<String>) -> Done {
        for (id, deleted) in &self.users {
            let Some(user) = users::get(&desk.store, *id).await? else { continue };
            if user.deleted_at.is_some() || user.disabled_at.is_some() && !deleted {
                continue;
            }
            let (store, by, name) = (&desk.store, &desk.by(), safe(&user.username));
            let word = if *deleted { "delete" } else { "disable" };
            let done =
                if *deleted { people::delete(store, by, *id).await } else { people::disable(store, by, *id).await };
            let done = match done {
                Ok(change) => change.commit().await.map(|_| ()).map_err(Failure::from),
                Err(refused) => Err(refused.into()),
            };
            match done {
                Ok(()) => note(format!("user {name} was {word}d after this backup was made, and is {word}d again")),
                Err(failure) => {
                    failure.tell();
                    alive.push(format!("user {name} may sign in again: `chancery user {word} {id}`"));
                }
            }
        }
        Ok(())
    }

    async fn end_clients(&self, desk: &Desk, alive: &mut Vec<String>) -> Done {
        for (id, deleted) in &self.clients {
            let Some(client) = clients::get(&desk.store, *id).await? else { continue };
            if client.deleted_at.is_some() || client.disabled_at.is_some() && !deleted {
                continue;
            }
            let (store, by, name) = (&desk.store, &desk.by(), safe(&client.name));
            let word = if *deleted { "delete" } else { "disable" };
            let done =
                if *deleted { manage::delete(store, by, *id).await } else { manage::disable(store, by, *id).await };
            let done = match done {
                Ok(change) => change.commit().await.map(|_| ()).map_err(Failure::from),
                Err(refused) => Err(refused.into()),
            };
            match done {
                Ok(()) => {
                    note(format!("client {name} ({id}) was {word}d after this backup was made, and is {word}d again"));
                }
                Err(failure) => {
                    failure.tell();
                    alive.push(format!("client {name} is good again: `chancery client {word} {id}`"));
                }
            }
        }
        Ok(())
    }

    /// Passwords and client secrets are what they were, and some may have been given up for a reason.
    async fn name_secrets(&self, desk: &Desk) -> Done {
        for (id, set) in users::passwords_set(&desk.store).await? {
            if self.passwords.get(&id).is_some_and(|later| *later > set)
                && let Some(user) = users::get(&desk.store, id).await?
            {
                let name = safe(&user.username);
                note(format!(
                    "the password of {name} was changed after this backup was made, and the older one is good again: `chancery user set-password {id}`"
                ));
            }
        }
        let mut named = None;
        for (client, secret, end) in clients::all_secrets(&desk.store).await? {
            let (Some(secret), Some(kept)) = (secret, self.secrets.get(&client)) else { continue };
            // Gone there, or given an end that it doesn't have here.
            let good_again = kept
                .iter()
                .find(|(id, _)| *id == secret)
                .is_none_or(|(_, then)| then.is_some_and(|then| end.is_none_or(|end| then < end)));
            if good_again && named != Some(client) {
                named = Some(client);
                note(format!(
                    "a secret of client {client} was given up after this backup was made, and is good again: `chancery client rotate-secret {client}`"
                ));
            }
        }
        Ok(())
    }
}
