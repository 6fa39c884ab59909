//! The API description (OpenAPI 3.1), made from the handlers themselves: `openapi/chancery.json` is compared with it in the tests.

use utoipa::openapi::security::{
    ClientCredentials, Flow, Http, HttpAuthScheme, HttpBuilder, OAuth2, Scopes, SecurityScheme,
};
use utoipa::{Modify, OpenApi};

use crate::oauth::scope::OWN;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Chancery",
        description = "The admin API, the gateway feed and client registration of a Chancery issuer. Access tokens are got by client credentials; their audience is the issuer. Beside them, what a device without a browser calls; every other protocol endpoint is in the metadata."
    ),
    paths(
        crate::admin::revocations::create,
        crate::gateway::feed::revocations,
        crate::gateway::protected_resource::get,
        crate::oauth::device::authorize,
        crate::oauth::registration::register,
        crate::oauth::registration::manage::read,
        crate::oauth::registration::manage::replace,
        crate::oauth::registration::manage::delete
    ),
    modifiers(&Access),
    tags(
        (name = "revocations", description = "Ending what is no longer to be trusted."),
        (name = "gateway", description = "What gateways read, so that they can judge tokens without a call per request."),
        (name = "device", description = "Signing in on a device that has no browser."),
        (name = "registration", description = "Clients that register themselves (RFC 7591) and keep their registration (RFC 7592), unless that is off.")
    )
)]
struct Document;

struct Access;

impl Modify for Access {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scopes = Scopes::from_iter(OWN.iter().map(|(name, says)| ((*name).to_owned(), (*says).to_owned())));
        let flow = Flow::ClientCredentials(ClientCredentials::new("/oauth2/token", scopes));
        let scheme =
            SecurityScheme::OAuth2(OAuth2::with_description([flow], "RFC 6749, 4.4: the issuer is the audience."));
        let registration = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An initial access token to register with; the registration access token afterwards."))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("access_token", scheme);
        components.add_security_scheme("registration", SecurityScheme::Http(registration));
        components.add_security_scheme("client", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)));
    }
}

/// The description, as pretty JSON.
#[must_use]
pub fn document() -> String {
    let mut text = Document::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}
