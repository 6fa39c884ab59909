//! What comes back to the client byte for byte: `state` in the answer (RFC 6749, 4.1.1), `nonce` in the ID token (OpenID Connect
//! Core 3.1.2.1). Refused: one that is longer than is kept.

use super::{Asked, Check, Draft, Run};
use crate::oauth::error::Error;

/// The most bytes either may have.
const MOST: usize = 2048;

pub(super) const STATE: Check = Check { name: "state", run: Run::Now(state) };

pub(super) const NONCE: Check = Check { name: "nonce", run: Run::Now(nonce) };

fn state(asked: &Asked<'_>, draft: &mut Draft) -> Result<(), Error> {
    draft.kept.state = limited(asked, "state")?;
    Ok(())
}

fn nonce(asked: &Asked<'_>, draft: &mut Draft) -> Result<(), Error> {
    draft.kept.nonce = limited(asked, "nonce")?;
    Ok(())
}

fn limited(asked: &Asked<'_>, name: &'static str) -> Result<Option<String>, Error> {
    match asked.params.get(name) {
        Some(value) if value.len() > MOST => Err(Error::invalid_request(format!("{name} is longer than {MOST} bytes"))),
        value => Ok(value.map(str::to_owned)),
    }
}
