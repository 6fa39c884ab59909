//! What is to be answered, and how (RFC 6749, 3.1.1; OAuth 2.0 Multiple Response Types 2.1): what the registry has, nothing else.

use super::{Asked, Check, Draft, Run};
use crate::oauth::error::{Code, Error};
use crate::oauth::registry;

pub(super) const TYPE: Check = Check { name: "response_type", run: Run::Now(kind) };

pub(super) const MODE: Check = Check { name: "response_mode", run: Run::Now(mode) };

fn kind(asked: &Asked<'_>, _: &mut Draft) -> Result<(), Error> {
    let kind = asked.params.get("response_type").ok_or_else(|| Error::invalid_request("response_type is missing"))?;
    if !registry::RESPONSE_TYPES.contains(&kind) {
        return Err(Error::new(Code::UnsupportedResponseType, "response_type must be code"));
    }
    Ok(())
}

fn mode(asked: &Asked<'_>, draft: &mut Draft) -> Result<(), Error> {
    let Some(name) = asked.params.get("response_mode") else { return Ok(()) };
    let mode = registry::RESPONSE_MODES.iter().find(|mode| mode.name == name);
    let mode = mode.ok_or_else(|| Error::invalid_request("this response_mode is not supported"))?;
    if let Some(why) = mode.unfit(asked.redirect, asked.params.get("state")) {
        return Err(Error::invalid_request(why));
    }
    draft.kept.response_mode = Some(mode.name.to_owned());
    Ok(())
}
