//! The consent page: who asks, who is asked, and each scope in words.

use axum::response::{IntoResponse, Response};

use super::handlers::{Visit, ends_at, shown_client, shown_user};
use super::pages::{Asked, Consent};
use crate::http::html::Page;
use crate::oauth::scope::Scopes;
use crate::session::Held;
use crate::signin::open::{Open, Refused};
use crate::store::resources;

pub(super) async fn page(visit: &Visit<'_>, open: &Open, held: &Held) -> Result<Response, Refused> {
    let lang = visit.lang(open);
    let who = shown_user(held).ok_or(Refused::Unknown)?;
    let page = Consent {
        frame: visit.front.frame(lang, visit.caller),
        form: visit.form(open),
        client: shown_client(open),
        who,
        asks: asks(visit, open).await?,
    };
    Ok(Page::new(lang, page).forms_to(ends_at(open)).into_response())
}

/// Each scope: a standard one in our words, a resource's in its owner's.
async fn asks(visit: &Visit<'_>, open: &Open) -> Result<Vec<Asked>, Refused> {
    let days = u32::try_from(visit.app.config.tokens.family_absolute.as_secs() / 86_400).unwrap_or(u32::MAX);
    let known = resources::list(&visit.app.store).await?;
    let of_client =
        |uri: &String| open.request.resources.contains(uri) || open.client.registration().resources.contains(uri);
    let asked = Scopes::stored(&open.request.scopes);
    Ok(asked
        .iter()
        .map(|scope| {
            Asked::standard(scope, days).unwrap_or_else(|| {
                let owner = known.iter().filter(|resource| of_client(&resource.uri)).find_map(|resource| {
                    resource
                        .scopes
                        .0
                        .iter()
                        .find(|own| own.name == scope)
                        .map(|own| (resource, own.description.clone()))
                });
                Asked::Resource {
                    scope: scope.to_owned(),
                    description: owner.as_ref().map(|(_, text)| text.clone()).filter(|text| !text.is_empty()),
                    resource: owner.map_or_else(String::new, |(resource, _)| resource.name.clone()),
                }
            })
        })
        .collect())
}
