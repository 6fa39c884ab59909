//! The only room that asks for time.
//!
//! Serves wall time, cut to the microseconds both databases keep, and a monotonic reading for freshness. It remembers the latest
//! time that was written into something handed out: wall time may be set back below it. A clock may be held or shifted, so that
//! tests decide what time it is. It refuses nothing.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// A handle on the time; clones share one clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Works>);

#[derive(Debug)]
struct Works {
    kind: Kind,
    /// The latest time handed out, in microseconds.
    stamped: AtomicI64,
}

#[derive(Debug)]
enum Kind {
    Running { origin: Instant, shift: TimeDelta },
    Held(Mutex<Held>),
}

#[derive(Debug)]
struct Held {
    wall: DateTime<Utc>,
    monotonic: Duration,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::shifted(TimeDelta::zero())
    }

    /// The machine's clock, wrong by `shift`: a node whose time is off.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn shifted(shift: TimeDelta) -> Self {
        Self::of(Kind::Running { origin: Instant::now(), shift })
    }

    /// A clock that stands at `at` until it is moved.
    #[must_use]
    pub fn held(at: DateTime<Utc>) -> Self {
        Self::of(Kind::Held(Mutex::new(Held { wall: at.trunc_subsecs(6), monotonic: Duration::ZERO })))
    }

    fn of(kind: Kind) -> Self {
        Self(Arc::new(Works { kind, stamped: AtomicI64::new(i64::MIN) }))
    }

    /// Notes a time that is being written into something handed out.
    pub fn stamp(&self, at: DateTime<Utc>) {
        self.0.stamped.fetch_max(at.timestamp_micros(), Ordering::AcqRel);
    }

    /// Wall time, but never before anything this clock has stamped: what is to reach all of that must be dated so, even when
    /// wall time was ahead for a while, or has been set back.
    #[must_use]
    pub fn after_stamps(&self) -> DateTime<Utc> {
        let stamped = DateTime::from_timestamp_micros(self.0.stamped.load(Ordering::Acquire));
        stamped.unwrap_or(DateTime::<Utc>::MIN_UTC).max(self.now())
    }

    /// Wall time, in whole microseconds.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0.kind {
            Kind::Running { shift, .. } => (Utc::now() + *shift).trunc_subsecs(6),
            Kind::Held(held) => held.lock().unwrap_or_else(PoisonError::into_inner).wall,
        }
    }

    /// Time since this clock was made; never goes back, whatever happens to wall time.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        match &self.0.kind {
            Kind::Running { origin, .. } => origin.elapsed(),
            Kind::Held(held) => held.lock().unwrap_or_else(PoisonError::into_inner).monotonic,
        }
    }

    /// Moves a held clock forward, wall and monotonic alike; a running one keeps its own time.
    pub fn advance(&self, by: Duration) {
        if let Kind::Held(held) = &self.0.kind {
            let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
            held.wall += by;
            held.monotonic += by;
        }
    }

    /// Sets a held clock's wall time alone, as an operator's correction would.
    pub fn set(&self, at: DateTime<Utc>) {
        if let Kind::Held(held) = &self.0.kind {
            held.lock().unwrap_or_else(PoisonError::into_inner).wall = at.trunc_subsecs(6);
        }
    }
}
