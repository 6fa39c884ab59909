//! The consent page: who asks, who is asked, and each scope and claim in words.

use axum::response::{IntoResponse, Response};

use super::handlers::{Visit, ends_at, logo_from, shown_client, shown_user};
use super::pages::{Asked, Consent, DeviceConsent, Who};
use crate::http::html::Page;
use crate::oauth::scope::Scopes;
use crate::oidc::requested;
use crate::session::Held;
use crate::signin::device::{self, Device};
use crate::signin::judged;
use crate::signin::open::{Open, Refused, Way};
use crate::store::resources::{self, Resource};

pub(super) async fn page(visit: &Visit<'_>, open: &Open, held: &Held) -> Result<Response, Refused> {
    let lang = visit.lang(open);
    let who = shown_user(held).ok_or(Refused::Unknown)?;
    if let Way::Device(device) = &open.way {
        return for_device(visit, open, device, who).await;
    }
    let page = Consent {
        frame: visit.front.frame(lang, visit.caller),
        form: visit.form(open),
        client: shown_client(open),
        who,
        asks: asks(visit, open, &judged::scopes_of(visit.app, &open.request, held).await?).await?,
    };
    Ok(Page::new(lang, page).forms_to(ends_at(open)).images_from(logo_from(open)).into_response())
}

/// The same for a device: besides, from where and when it asked, and under which code. Everything that is asked for is shown: what
/// the user may not have yet is allowed for when that changes.
async fn for_device(visit: &Visit<'_>, open: &Open, device: &Device, who: Who) -> Result<Response, Refused> {
    let lang = visit.lang(open);
    let code = device::asked(visit.app, open, device).await?;
    let seconds = (visit.app.clock.now() - code.created_at).num_seconds();
    let page = DeviceConsent {
        frame: visit.front.frame(lang, visit.caller),
        form: visit.form(open),
        client: shown_client(open),
        who,
        asks: asks(visit, open, &Scopes::stored(&open.request.scopes)).await?,
        code: device.user_code.clone(),
        address: code.address,
        agent: code.user_agent,
        seconds: u64::try_from(seconds).unwrap_or(0),
    };
    Ok(Page::new(lang, page).images_from(logo_from(open)).into_response())
}

/// Each of these scopes: a standard one in our words, a resource's in its owner's, once for each of the asked resources that has it;
/// and each claim asked for by name.
async fn asks(visit: &Visit<'_>, open: &Open, scopes: &Scopes) -> Result<Vec<Asked>, Refused> {
    let (tokens, sessions) = (&visit.app.config.tokens, &visit.app.config.sessions);
    // A family that hangs on the browser session ends with it.
    let outlives = open.client.registration().outlives_session;
    let longest = if outlives { tokens.family_absolute } else { tokens.family_absolute.min(sessions.absolute) };
    let days = u32::try_from(longest.as_secs() / 86_400).unwrap_or(u32::MAX);
    let known = resources::list(&visit.app.store).await?;
    let asked: Vec<&Resource> =
        known.iter().filter(|resource| open.request.resources.contains(&resource.uri)).collect();
    let named = requested::beyond(&open.request.wanted.named, scopes).into_iter().map(Asked::Claim);
    Ok(scopes.iter().flat_map(|scope| said(scope, days, &asked)).chain(named).collect())
}

fn said(scope: &str, days: u32, asked: &[&Resource]) -> Vec<Asked> {
    if let Some(standard) = Asked::standard(scope, days) {
        return vec![standard];
    }
    let at = |resource: String, description: Option<String>| Asked::Resource {
        scope: scope.to_owned(),
        description: description.filter(|text| !text.is_empty()),
        resource,
    };
    let mut owners = Vec::new();
    for resource in asked {
        if let Some(own) = resource.scopes.0.iter().find(|own| own.name == scope) {
            owners.push(at(resource.name.clone(), Some(own.description.clone())));
        }
    }
    if owners.is_empty() {
        // None of them knows it; it would go to all of them.
        let all: Vec<&str> = asked.iter().map(|resource| resource.name.as_str()).collect();
        owners.push(at(all.join(", "), None));
    }
    owners
}
