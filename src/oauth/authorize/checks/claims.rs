//! Claims and classes of authentication that are asked for (OpenID Connect Core 5.5, 3.1.2.1; Unmet Authentication Requirements
//! 1.0): the `claims` parameter, `acr_values`, and the client's default of these. A voluntary `acr` never fails. Refused: a
//! parameter that can't be read, and an essential `acr` that nobody can meet here.

use super::{Asked, Check, Draft, Run};
use crate::oauth::error::{Code, Error};
use crate::oauth::scope::Scopes;
use crate::oidc::requested;
use crate::session;

/// The most voluntary classes that are kept.
const MOST: usize = 20;

/// After the scopes are known.
pub(super) const CLAIMS: Check = Check { name: "claims", run: Run::Now(claims) };

pub(super) const ACR_VALUES: Check = Check { name: "acr_values", run: Run::Now(acr_values) };

fn claims(asked: &Asked<'_>, draft: &mut Draft) -> Result<(), Error> {
    let Some(text) = asked.params.get("claims") else { return Ok(()) };
    let mut wanted = requested::read(text)?;
    wanted.narrow(&Scopes::stored(&draft.kept.scopes), &asked.client.registration().scopes);
    if !wanted.acr.is_empty() && !wanted.acr.iter().any(|acr| session::ACRS.contains(&acr.as_str())) {
        return Err(Error::new(Code::UnmetRequirements, "none of the essential acr values can be met here"));
    }
    draft.kept.claims = Some(text.to_owned());
    draft.kept.wanted = wanted;
    Ok(())
}

fn acr_values(asked: &Asked<'_>, draft: &mut Draft) -> Result<(), Error> {
    let all = match asked.params.get("acr_values") {
        Some(text) => text.split(' ').filter(|acr| !acr.is_empty()).map(str::to_owned).collect(),
        None => asked.client.registration().metadata.default_acr_values.clone(),
    };
    // Only those that could be met, in the order of preference: the others are no one's concern.
    draft.kept.acr_values = all.into_iter().filter(|acr| session::ACRS.contains(&acr.as_str())).take(MOST).collect();
    Ok(())
}
