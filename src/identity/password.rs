//! Passwords: argon2id (RFC 9106), on a bounded number of threads, with a bounded queue.
//!
//! NFC once, at setting and at verifying; then exactly as received. Refused before any hash: more than 1,024 bytes. A user who
//! doesn't exist costs the same time as one who does. Parameters are kept with each hash and upgraded at sign-in.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{CustomizedPasswordHasher as _, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::app::App;
use crate::config;
use crate::secret;
use crate::throttle::Busy;

/// The longest password, in bytes after normalisation.
pub const LONGEST: usize = 1024;

/// Why a password can't be hashed or looked at.
#[derive(Debug, thiserror::Error)]
pub enum Unhashed {
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error("hashing failed: {0}")]
    Failed(String),
}

/// Why a password can't be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("a password has at least {0} characters")]
    TooShort(usize),
    #[error("a password has at most {LONGEST} bytes")]
    TooLong,
    #[error("a password has no control characters")]
    Control,
}

/// A password in its one form, wiped when dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(redacted)")
    }
}

impl Password {
    /// Takes what was typed; only its length can be wrong.
    pub fn typed(text: &str) -> Result<Self, Unfit> {
        // Normalising can only be afforded on what could fit; NFC grows a text threefold at most.
        if text.len() > 3 * LONGEST {
            return Err(Unfit::TooLong);
        }
        let normal: Zeroizing<String> = Zeroizing::new(text.nfc().collect());
        if normal.len() > LONGEST { Err(Unfit::TooLong) } else { Ok(Self(normal)) }
    }

    /// Takes what is to be a new password.
    pub fn chosen(text: &str, shortest: usize) -> Result<Self, Unfit> {
        let password = Self::typed(text)?;
        if password.0.chars().count() < shortest {
            return Err(Unfit::TooShort(shortest));
        }
        if password.0.chars().any(char::is_control) {
            return Err(Unfit::Control);
        }
        Ok(password)
    }
}

/// What looking at a password told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    Right,
    /// Right, and its hash was made with other parameters than are wanted now.
    RightButOld,
    Wrong,
}

/// The hash to store.
pub async fn hash(app: &App, password: &Password) -> Result<String, Unhashed> {
    let (cost, password) = (app.config.login.password, password.clone());
    on_a_thread(app, move || hash_here(cost, &password)).await?
}

/// The hash to store, made on this thread: for a process that serves nobody else.
pub fn hash_here(cost: config::Argon2, password: &Password) -> Result<String, Unhashed> {
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params(cost)?);
    hasher
        .hash_password_customized(password.0.as_bytes(), &secret::bytes::<16>(), None, None, hasher.params().clone())
        .map(|hash: PasswordHash| hash.to_string())
        .map_err(|error| Unhashed::Failed(error.to_string()))
}

/// Looks at a password. Without a hash the same work is done, and the answer is [`Looked::Wrong`].
pub async fn look(app: &App, password: &Password, stored: Option<&str>) -> Result<Looked, Unhashed> {
    let params = params(app.config.login.password)?;
    let password = password.clone();
    let stored = stored.map(str::to_owned);
    on_a_thread(app, move || {
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let parsed = stored.as_deref().and_then(|text| PasswordHash::new(text).ok());
        let Some(hash) = parsed else {
            let mut out = [0; 32];
            let _ = hasher.hash_password_into(password.0.as_bytes(), b"chancery: nobody", &mut out);
            return Looked::Wrong;
        };
        if hasher.verify_password(password.0.as_bytes(), &hash).is_err() {
            return Looked::Wrong;
        }
        let same = Params::try_from(&hash).is_ok_and(|of_hash| {
            (of_hash.m_cost(), of_hash.t_cost(), of_hash.p_cost())
                == (params.m_cost(), params.t_cost(), params.p_cost())
        });
        if same && hash.algorithm.as_str() == "argon2id" { Looked::Right } else { Looked::RightButOld }
    })
    .await
}

fn params(cost: config::Argon2) -> Result<Params, Unhashed> {
    Params::new(cost.memory_kib, cost.iterations, cost.parallelism, None)
        .map_err(|error| Unhashed::Failed(error.to_string()))
}

async fn on_a_thread<T: Send + 'static>(app: &App, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Unhashed> {
    let permit = app.hashing.acquire().await?;
    let done = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    done.await.map_err(|error| Unhashed::Failed(error.to_string()))
}
