//! Sealing keys in hand: the one in use, and older ones that what lies sealed under them still needs.
//!
//! A first key is made by itself only for an embedded database that knows none yet. The database holds a check value
//! per key: a node that can't open one of them refuses to start, because it could neither sign nor know the refresh
//! tokens of the others. Also refused: keys that nobody drew at random.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Error, files};
use crate::config;
use crate::seal::{KeyId, SealingKey};
use crate::store::Store;
use crate::store::signing_keys::{SealingCheck, add_sealing_check, sealing_checks};

/// What a check value holds, once opened.
const CHECK: &[u8] = b"chancery";

/// What is wrong with the sealing keys.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// There is none.
    #[error("{0} holds no sealing key: `chancery key init` makes the first; every node needs the same one")]
    Missing(PathBuf),
    /// There is none, but the database has been used with one.
    #[error("{directory} holds no sealing key, but the database is sealed with {}: put its file there", list(.known))]
    Lost { directory: PathBuf, known: Vec<String> },
    /// `init` found one.
    #[error("{0} holds sealing keys already; nothing was changed")]
    Present(PathBuf),
    /// The directory doesn't say which one is in use.
    #[error("{0} must hold the name of the sealing key in use, which is the name of a file beside it without `.key`")]
    NoCurrent(PathBuf),
    /// Others than the owner can get at the file.
    #[error(
        "{path} may be read or written by others (mode {mode:04o}): `chmod 600` it, and think about who has read it"
    )]
    Open { path: PathBuf, mode: u32 },
    /// The file doesn't hold what it should.
    #[error("{path} {what}")]
    Unsound { path: PathBuf, what: &'static str },
    /// The key is one that nobody drew at random.
    #[error("{source_name} {what}: it is a sample and no random key; `chancery key init` makes one")]
    Sample { source_name: String, what: &'static str },
    /// The database is sealed with a key this node doesn't have.
    #[error(
        "the database is sealed with {0}, which is not among this node's sealing keys: add its file, or check that this is the right database"
    )]
    Unknown(KeyId),
    /// The key has the right name and doesn't open what it sealed.
    #[error("sealing key {0} doesn't open its check value: the database was altered")]
    Altered(String),
    /// The file system answered with an error.
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: std::io::Error },
}

fn list(known: &[String]) -> String {
    known.join(" and ")
}

/// The sealing keys of this node; clones share them.
#[derive(Clone, Debug)]
pub struct SealingKeys {
    current: Arc<SealingKey>,
    keys: Arc<BTreeMap<KeyId, Arc<SealingKey>>>,
}

impl SealingKeys {
    /// Reads a directory.
    pub fn load(directory: &Path) -> Result<Self, SealingError> {
        let (current, keys) = files::read(directory)?;
        Self::of(current, keys).ok_or_else(|| SealingError::NoCurrent(directory.join(files::CURRENT)))
    }

    /// A key given by variable or file, together with those of a directory, which are for opening only.
    pub fn given(secret: &config::SealingSecret, directory: &Path) -> Result<Self, SealingError> {
        if let Some(what) = files::sample(secret.expose()) {
            return Err(SealingError::Sample { source_name: "keys.sealing".to_owned(), what });
        }
        let key = SealingKey::from_bytes(*secret.expose());
        let mut keys = files::read_keys(directory)?;
        let id = key.id();
        keys.push(key);
        Self::of(id, keys).ok_or_else(|| SealingError::Missing(directory.to_owned()))
    }

    /// Makes the first key of a directory, and the directory too when it is missing.
    pub fn init(directory: &Path) -> Result<Self, SealingError> {
        files::make_first(directory)?;
        Self::load(directory)
    }

    /// The keys a server starts with. Only an embedded database that knows no sealing key yet gets its first one here.
    pub async fn ready(keys: &config::Keys, store: &Store) -> Result<Self, Error> {
        let directory = keys.directory.as_path();
        if let Some(secret) = &keys.sealing {
            return Ok(Self::given(secret, directory)?);
        }
        match Self::load(directory) {
            Err(SealingError::Missing(_)) => {}
            done => return Ok(done?),
        }
        let known = sealing_checks(store).await?;
        if !known.is_empty() {
            let known = known.iter().map(|check| hex(&check.id)).collect();
            return Err(SealingError::Lost { directory: directory.to_owned(), known }.into());
        }
        if !store.is_embedded() {
            return Err(SealingError::Missing(directory.to_owned()).into());
        }
        match Self::init(directory) {
            // Another process was first.
            Err(SealingError::Present(_)) => Ok(Self::load(directory)?),
            done => Ok(done?),
        }
    }

    /// Holds these keys against the database's check values, and makes the current one known to it.
    pub async fn prove(&self, store: &Store, now: DateTime<Utc>) -> Result<(), Error> {
        let known = sealing_checks(store).await?;
        self.judge(&known)?;
        let id = self.current.id();
        if known.iter().any(|check| check.id == id.0) {
            return Ok(());
        }
        let check_value = self.current.seal(&check_record(id), CHECK);
        add_sealing_check(store, &SealingCheck { id: id.0.to_vec(), check_value }, now).await?;
        // Again: another node may have brought another key in between.
        Ok(self.judge(&sealing_checks(store).await?)?)
    }

    fn judge(&self, known: &[SealingCheck]) -> Result<(), SealingError> {
        for check in known {
            let id = key_id(&check.id).ok_or_else(|| SealingError::Altered(hex(&check.id)))?;
            let key = self.get(id).ok_or(SealingError::Unknown(id))?;
            let opened = key.open(&check_record(id), &check.check_value);
            if opened.is_ok_and(|plain| plain.as_slice() == CHECK) {
                continue;
            }
            return Err(SealingError::Altered(id.to_string()));
        }
        Ok(())
    }

    fn of(current: KeyId, keys: Vec<SealingKey>) -> Option<Self> {
        let keys: BTreeMap<KeyId, Arc<SealingKey>> = keys.into_iter().map(|key| (key.id(), Arc::new(key))).collect();
        Some(Self { current: keys.get(&current)?.clone(), keys: Arc::new(keys) })
    }

    /// The key in use: what is sealed now is sealed under it.
    #[must_use]
    pub fn current(&self) -> &SealingKey {
        &self.current
    }

    /// The key of this name.
    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<&SealingKey> {
        self.keys.get(&id).map(|key| &**key)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &SealingKey> {
        self.keys.values().map(|key| &**key)
    }
}

/// The name a record gives, when it has the right length.
pub(super) fn key_id(bytes: &[u8]) -> Option<KeyId> {
    bytes.try_into().ok().map(KeyId)
}

fn check_record(id: KeyId) -> String {
    format!("sealing_key/{id}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
