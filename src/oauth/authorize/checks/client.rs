//! What the client is registered for: the flow, and every scope it asks for (RFC 6749, 3.3). Refused beside the unregistered: the
//! scopes of this server's own APIs, which are for clients that act for themselves.

use super::{Asked, Check, Draft, Run};
use crate::oauth::error::{Code, Error};
use crate::oauth::grants::authorization_code;
use crate::oauth::scope::Scopes;

pub(super) const GRANT: Check = Check { name: "grant", run: Run::Now(grant) };

pub(super) const SCOPE: Check = Check { name: "scope", run: Run::Now(scope) };

fn grant(asked: &Asked<'_>, _: &mut Draft) -> Result<(), Error> {
    if asked.client.may_use_grant(authorization_code::GRANT.name) {
        return Ok(());
    }
    Err(Error::new(Code::UnauthorizedClient, "this client is not registered for the authorization code flow"))
}

fn scope(asked: &Asked<'_>, draft: &mut Draft) -> Result<(), Error> {
    let scopes = Scopes::of_user(asked.params.get("scope").unwrap_or_default(), &asked.client.registration().scopes)?;
    draft.kept.scopes = scopes.to_string();
    Ok(())
}
