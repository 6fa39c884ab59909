//! The checks of an authorization request whose client and redirect URI are known, in the order in which they are made.
//!
//! For the authorization endpoint and for pushed requests alike (RFC 6749, 4.1.1; RFC 9126, 2.1). A check reads its own parameters,
//! fills in its own part of the draft, or refuses. A new one is a file of its own and a line here.

mod claims;
mod client;
mod echo;
mod pkce;
mod refused;
mod resource;
mod response;
mod user;

use std::future::Future;
use std::pin::Pin;

use crate::app::App;
use crate::http::params::Params;
use crate::oauth::client::Client;
use crate::oauth::error::Error;
use crate::oauth::redirect::ValidRedirect;
use crate::signin::request::AuthorizationRequest;

/// What is asked, by whom.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub app: &'a App,
    pub client: &'a Client,
    pub redirect: &'a ValidRedirect,
    pub params: &'a Params,
}

/// A request while it is checked: what no check has filled in was not asked for. Only the whole list lets go of it.
#[derive(Debug)]
struct Draft {
    kept: AuthorizationRequest,
}

/// A check that has to ask the database.
type Asking<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// How a check is made.
#[derive(Clone, Copy)]
enum Run {
    Now(fn(&Asked<'_>, &mut Draft) -> Result<(), Error>),
    Asking(for<'a> fn(&'a Asked<'a>, &'a mut Draft) -> Asking<'a>),
}

/// One check.
#[derive(Clone, Copy)]
struct Check {
    name: &'static str,
    run: Run,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The list. The first that refuses is the one the client hears of.
const CHECKS: &[Check] = &[
    refused::REPEATS,
    refused::UNSUPPORTED,
    response::TYPE,
    response::MODE,
    client::GRANT,
    client::SCOPE,
    pkce::CHALLENGE,
    resource::RESOURCE,
    resource::SCOPES,
    claims::CLAIMS,
    claims::ACR_VALUES,
    echo::STATE,
    echo::NONCE,
    user::PROMPT,
    user::MAX_AGE,
    user::ID_TOKEN_HINT,
    user::HINTS,
];

/// Makes every check. What comes out passed them all.
pub async fn pass(asked: &Asked<'_>) -> Result<AuthorizationRequest, Error> {
    let mut draft = Draft { kept: AuthorizationRequest::to(asked.client.registration().id, asked.redirect) };
    for check in CHECKS {
        let made = match check.run {
            Run::Now(run) => run(asked, &mut draft),
            Run::Asking(run) => run(asked, &mut draft).await,
        };
        if let Err(error) = made {
            tracing::debug!(check = check.name, "an authorization request was refused");
            return Err(error);
        }
    }
    Ok(draft.kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_stands_in_the_list_once() {
        for (at, check) in CHECKS.iter().enumerate() {
            assert!(CHECKS.iter().skip(at + 1).all(|other| other.name != check.name), "{check:?}");
        }
    }
}
