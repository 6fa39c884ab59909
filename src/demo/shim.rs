//! Time and random text for the two samples, until they take both from the house.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SecureRandom as _;

/// Wall time and monotonic time.
#[derive(Clone, Debug)]
pub struct Clock(Instant);

#[allow(clippy::disallowed_methods)]
impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Instant::now())
    }

    /// Seconds since 1970.
    pub fn unix(&self) -> i64 {
        chrono::Utc::now().timestamp()
    }

    /// Time since the clock was made; never falls.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// 256 random bits in base64url.
#[allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::expect_used)]
pub fn random_text() -> String {
    let mut bytes = [0_u8; 32];
    ring::rand::SystemRandom::new().fill(&mut bytes).expect("the system gives random bytes");
    URL_SAFE_NO_PAD.encode(bytes)
}
