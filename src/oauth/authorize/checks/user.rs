//! Who is to sign in, how freshly, and what is to be asked of him (OpenID Connect Core 3.1.2.1); the client's
//! `default_max_age` where it names none. Refused: a `prompt` that isn't
//! honoured, a `max_age` that is no number, and an `id_token_hint` that isn't of this issuer. Mere hints are cut, not refused.

use super::{Asked, Check, Draft, Run};
use crate::oauth::error::Error;
use crate::oauth::prompt::Prompt;
use crate::oidc::hint;

/// The most characters of a hint that are kept.
const MOST: usize = 256;

pub(super) const PROMPT: Check = Check { name: "prompt", run: Run::Now(prompt) };

pub(super) const MAX_AGE: Check = Check { name: "max_age", run: Run::Now(max_age) };

pub(super) const ID_TOKEN_HINT: Check =
    Check { name: "id_token_hint", run: Run::Asking(|asked, draft| Box::pin(id_token_hint(asked, draft))) };

pub(super) const HINTS: Check = Check { name: "hints", run: Run::Now(hints) };

fn prompt(asked: &Asked<'_>, draft: &mut Draft) -> Result<(), Error> {
    draft.kept.prompt = Prompt::read(asked.params.get("prompt").unwrap_or_default())?;
    Ok(())
}

fn max_age(asked: &Asked<'_>, draft: &mut Draft) -> Result<(), Error> {
    let Some(text) = asked.params.get("max_age") else {
        draft.kept.max_age = asked.client.registration().metadata.default_max_age;
        return Ok(());
    };
    let seconds = text.parse().map_err(|_| Error::invalid_request("max_age must be a whole number of seconds"))?;
    draft.kept.max_age = Some(seconds);
    Ok(())
}

async fn id_token_hint(asked: &Asked<'_>, draft: &mut Draft) -> Result<(), Error> {
    let Some(text) = asked.params.get("id_token_hint") else { return Ok(()) };
    let hint = hint::read(asked.app, text)
        .await?
        .ok_or_else(|| Error::invalid_request("id_token_hint is not an ID token of this issuer"))?;
    draft.kept.hinted = Some(hint.sub);
    Ok(())
}

fn hints(asked: &Asked<'_>, draft: &mut Draft) -> Result<(), Error> {
    let cut = |name: &str| asked.params.get(name).map(|hint| hint.chars().take(MOST).collect());
    draft.kept.login_hint = cut("login_hint");
    draft.kept.ui_locales = cut("ui_locales");
    Ok(())
}
