//! Upkeep: loading the ring, announcing successors, and taking keys out of use.
//!
//! Whatever changes the calendar holds the issuer's row lock, and a new key stands under a unique ordinal besides, so
//! that racing nodes make one. Keys are made before the transaction, which an RSA key would otherwise hold up for
//! seconds. Refuses to rotate where nothing has been announced, and to know keys that are none of ours.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::types::Json;

use super::calendar::{due, of_alg};
use super::private::Fresh;
use super::sealing::key_id;
use super::set::{KeySet, sealed_as};
use super::{Alg, Error, Keyring, State};
use crate::event::{Actor, Caller, Event, Record};
use crate::seal::KeyId;
use crate::store::locks::{Owner, lock};
use crate::store::signing_keys::{self, SigningKey};
use crate::store::{self, Reader, Tx, audit};

/// How often an unknown `kid` may make a node read the records.
const RELOAD: Duration = Duration::from_secs(1);
/// More passes than a ring can need: two keys for each algorithm.
const PASSES: usize = 12;

/// A signing key as an operator sees it.
#[derive(Debug, Clone)]
pub struct Listed {
    pub kid: String,
    pub alg: String,
    pub state: State,
    pub announced_at: DateTime<Utc>,
    pub signs_from: DateTime<Utc>,
    pub signs_until: DateTime<Utc>,
    pub gone_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
    /// The sealing key it is sealed under, where its record names one properly.
    pub sealing: Option<KeyId>,
}

/// All signing keys, by algorithm and age. Needs no sealing key.
pub async fn list(reader: impl Into<Reader<'_>>, now: DateTime<Utc>) -> Result<Vec<Listed>, Error> {
    let listed = |key: SigningKey| Listed {
        state: State::of(&key, now),
        sealing: key_id(&key.sealing_key_id),
        kid: key.kid,
        alg: key.alg,
        announced_at: key.announced_at,
        signs_from: key.signs_from,
        signs_until: key.signs_until,
        gone_at: key.gone_at,
        revoked_at: key.revoked_at,
    };
    Ok(signing_keys::list(reader).await?.into_iter().map(listed).collect())
}

/// A change of the signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// Who signed until now.
    pub from: Option<String>,
    /// Who signs now.
    pub to: String,
    /// Since when the new one has been published: gateways may know it as late as an hour after that.
    pub announced_at: DateTime<Utc>,
}

/// A revocation of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    pub alg: String,
    /// Where it stood before; [`State::Revoked`] when it was revoked already, and nothing was changed.
    pub was: State,
    /// The announced key that signs in its place.
    pub successor: Option<String>,
}

impl Keyring {
    /// All signing keys, by algorithm and age.
    pub async fn list(&self) -> Result<Vec<Listed>, Error> {
        list(&self.0.store, self.0.clock.now()).await
    }

    /// Reads the records again, at most once a second; whether it did. For a `kid` that is not known here.
    pub async fn reload(&self) -> Result<bool, Error> {
        self.load(Some(RELOAD)).await
    }

    /// Reads the records again at once: after a change here, and when another node has revoked a key.
    pub async fn reload_now(&self) -> Result<(), Error> {
        self.load(None).await.map(drop)
    }

    /// One caller reads, those that came meanwhile wait for what it finds.
    async fn load(&self, pause: Option<Duration>) -> Result<bool, Error> {
        let mut loaded = self.0.loaded.lock().await;
        let at = self.0.clock.monotonic();
        if let (Some(pause), Some(last)) = (pause, *loaded)
            && at.saturating_sub(last) < pause
        {
            return Ok(false);
        }
        let records = signing_keys::list(&self.0.store).await?;
        let (set, fault) = KeySet::load(records, &self.0.sealing, self.0.clock.now());
        *self.0.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        *loaded = Some(at);
        fault.map(|()| true)
    }

    /// Announces what is due, and reads the ring again. Once a minute, and after [`rotate`](Self::rotate) and
    /// [`revoke`](Self::revoke) have been committed.
    pub async fn maintain(&self) -> Result<(), Error> {
        for _ in 0..PASSES {
            let keys = signing_keys::list(&self.0.store).await?;
            let now = self.0.clock.now();
            let options = &self.0.options;
            let Some(alg) = options.algs().find(|alg| due(&of_alg(&keys, *alg), options, now).is_some()) else { break };
            let bits = options.rsa_bits;
            let fresh = tokio::task::spawn_blocking(move || Fresh::generate(alg, bits)).await;
            match self.announce(&fresh.map_err(|_| Error::Crypto("making a key"))??).await {
                Err(Error::Store(store::Error::Taken("ordinal"))) => {} // another node was first
                done => done?,
            }
        }
        self.reload_now().await
    }

    /// Announces a key, if one is still due. Dropped uncommitted, the transaction leaves nothing.
    async fn announce(&self, fresh: &Fresh) -> Result<(), Error> {
        let (options, sealing) = (&self.0.options, self.0.sealing.current());
        let alg = fresh.public.alg();
        let mut tx = self.0.store.begin().await?;
        lock(&mut tx, &[Owner::Issuer]).await?;
        let now = self.0.clock.now();
        let keys = of_alg(&signing_keys::list(&mut tx).await?, alg);
        let Some(due) = due(&keys, options, now) else { return Ok(()) };
        if let Some(mut key) = due.extend {
            let from = key.signs_from;
            options.schedule(&mut key, from, due.from);
            signing_keys::reschedule(&mut tx, &key).await?;
        }
        let kid = fresh.public.thumbprint();
        let mut key = SigningKey {
            sealed: sealing.seal(&sealed_as(&kid), &fresh.private),
            kid,
            alg: alg.name().to_owned(),
            ordinal: due.ordinal,
            sealing_key_id: sealing.id().0.to_vec(),
            public_jwk: Json(fresh.public.jwk()),
            announced_at: now,
            signs_from: now,
            signs_until: now,
            gone_at: now,
            revoked_at: None,
        };
        options.schedule(&mut key, due.from, due.from + options.rotate_after);
        signing_keys::insert(&mut tx, &key).await?;
        let detail = json!({ "kid": key.kid, "alg": key.alg, "signs_from": key.signs_from });
        let record = Record::new(Event::KeyCreated, Actor::System, &Caller::default(), now).detail(detail);
        audit::insert(&mut tx, &record).await?;
        Ok(tx.commit().await?)
    }

    /// Makes the announced successor sign from now on. The caller writes the audit row, commits, and calls
    /// [`maintain`](Self::maintain), which announces the next.
    pub async fn rotate(&self, tx: &mut Tx, alg: Alg) -> Result<Rotated, Error> {
        lock(tx, &[Owner::Issuer]).await?;
        let keys = of_alg(&signing_keys::list(&mut *tx).await?, alg);
        let now = self.0.clock.now();
        let Some(mut next) = successor(&keys, now) else { return Err(Error::NoSuccessor(alg)) };
        let signing = keys.into_iter().rev().find(|key| State::of(key, now) == State::Signing);
        let from = signing.as_ref().map(|key| key.kid.clone());
        if let Some(mut key) = signing {
            let began = key.signs_from;
            self.0.options.schedule(&mut key, began, now);
            signing_keys::reschedule(tx, &key).await?;
        }
        self.promote(tx, &mut next, now).await?;
        Ok(Rotated { from, announced_at: next.announced_at, to: next.kid })
    }

    /// Revokes a key: it neither signs nor verifies any more, and if it signed, its announced successor does from `at`
    /// on. The caller writes the entry of the revocation log, commits, and calls [`maintain`](Self::maintain).
    pub async fn revoke(&self, tx: &mut Tx, kid: &str, at: DateTime<Utc>) -> Result<Revoked, Error> {
        lock(tx, &[Owner::Issuer]).await?;
        let keys = signing_keys::list(&mut *tx).await?;
        let Some(key) = keys.iter().find(|key| key.kid == kid) else { return Err(Error::UnknownKey(kid.to_owned())) };
        // By this machine's clock: `at` may be later, dated after what was handed out.
        let now = self.0.clock.now();
        let was = State::of(key, now);
        signing_keys::revoke(tx, kid, at).await?;
        let mut next = match (was, key.alg.parse()) {
            (State::Signing, Ok(alg)) => successor(&of_alg(&keys, alg), now),
            _ => None,
        };
        if let Some(next) = &mut next {
            // From when the revoked one did: no node may be without a key because its clock is behind this one's.
            self.promote(tx, next, key.signs_from).await?;
        }
        Ok(Revoked { alg: key.alg.clone(), was, successor: next.map(|next| next.kid) })
    }

    async fn promote(&self, tx: &mut Tx, next: &mut SigningKey, from: DateTime<Utc>) -> Result<(), Error> {
        let now = self.0.clock.now();
        self.0.options.schedule(next, from, now + self.0.options.rotate_after);
        Ok(signing_keys::reschedule(tx, next).await?)
    }
}

/// The key that is announced to sign next.
fn successor(keys: &[SigningKey], now: DateTime<Utc>) -> Option<SigningKey> {
    keys.iter().find(|key| State::of(key, now) == State::Announced).cloned()
}
