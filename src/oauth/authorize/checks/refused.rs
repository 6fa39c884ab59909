//! What no request may have: a parameter twice (RFC 6749, 3.1; `resource` excepted, RFC 8707, 2), and parameters that would change
//! its meaning and aren't supported here (OpenID Connect Core 6 and 7.2.1).

use super::{Asked, Check, Draft, Run};
use crate::oauth::error::{Code, Error};

pub(super) const REPEATS: Check = Check { name: "repeats", run: Run::Now(repeats) };

pub(super) const UNSUPPORTED: Check = Check { name: "unsupported", run: Run::Now(unsupported) };

fn repeats(asked: &Asked<'_>, _: &mut Draft) -> Result<(), Error> {
    Ok(asked.params.refuse_repeats(&["resource"])?)
}

fn unsupported(asked: &Asked<'_>, _: &mut Draft) -> Result<(), Error> {
    for (name, code) in [
        ("request", Code::RequestNotSupported),
        ("request_uri", Code::RequestUriNotSupported),
        ("registration", Code::RegistrationNotSupported),
    ] {
        if asked.params.get(name).is_some() {
            return Err(Error::new(code, format!("the parameter {name} is not supported")));
        }
    }
    Ok(())
}
