//! PKCE (RFC 7636, 4.3): a challenge with S256, left out by those clients alone that may.

use super::{Asked, Check, Draft, Run};
use crate::oauth::error::Error;
use crate::oauth::pkce::Challenge;

pub(super) const CHALLENGE: Check = Check { name: "code_challenge", run: Run::Now(challenge) };

fn challenge(asked: &Asked<'_>, draft: &mut Draft) -> Result<(), Error> {
    let Asked { client, params, .. } = asked;
    let challenge =
        Challenge::read(params.get("code_challenge"), params.get("code_challenge_method"), client.may_omit_pkce())?;
    draft.kept.challenge = challenge.map(|challenge| challenge.as_str().to_owned());
    Ok(())
}
