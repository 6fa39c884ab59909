//! Who plays in the demo: one sample user, the API, and the clients of dashboard and gateway, registered by the same rules
//! as any other.
//!
//! The password is drawn at each start, and only here: no other command ever makes an account by itself.

use super::run::Addresses;
use crate::app::App;
use crate::change::{By, Change};
use crate::event::{Actor, Caller};
use crate::identity::password::{self, Password};
use crate::identity::people::{self, NewUser};
use crate::jobs::build::{Unbuilt, because};
use crate::oauth::client_auth::methods;
use crate::oauth::manage::{self, Draft};
use crate::oauth::resource;
use crate::secret;
use crate::store::client_metadata::{Delivery, Metadata};
use crate::store::resources::ResourceScope;

/// The sample user's name.
pub const USERNAME: &str = "ada";
/// What the API asks for.
const SCOPE: &str = "shipments:read";
/// The letters of a sample password: none that is taken for another, so that it can be typed from the screen. 32 of them,
/// so that each says five bits of a byte.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Whom the demo registered, with what they sign in with.
pub(super) struct Cast {
    pub password: String,
    pub dashboard: Credentials,
    pub gateway: Credentials,
    /// The id of the dashboard that is a page: it has no secret.
    pub browser: String,
}

/// A client's id and secret.
pub(super) struct Credentials {
    pub id: String,
    pub secret: String,
}

/// Registers everyone.
pub(super) async fn register(app: &App, at: &Addresses) -> Result<Cast, Unbuilt> {
    let caller = Caller::default();
    let by = By { actor: Actor::Operator, caller: &caller, at: app.clock.now() };
    let password = sample_password();
    user(app, &by, &password).await?;
    let scope = ResourceScope { name: SCOPE.to_owned(), description: "See shipments".to_owned(), groups: Vec::new() };
    let api = resource::Draft { name: "Harbour Gateway".to_owned(), scopes: vec![scope], ..resource::Draft::default() };
    let resource = at.resource();
    settled(app, resource::create(&app.store, &by, &resource, &api).await.map_err(because("resource"))?).await?;
    let dashboard = client(app, &by, &dashboard(at)).await?;
    let gateway = client(app, &by, &gateway(at)).await?;
    let browser = browser(app, &by, at).await?;
    Ok(Cast { password, dashboard, gateway, browser })
}

/// Four groups of five letters: 100 bits.
fn sample_password() -> String {
    let letters: Vec<char> = secret::bytes::<20>()
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(byte & 31)))
        .map(|&c| c.into())
        .collect();
    letters.chunks(5).map(String::from_iter).collect::<Vec<_>>().join("-")
}

async fn user(app: &App, by: &By<'_>, text: &str) -> Result<(), Unbuilt> {
    let ada = NewUser {
        username: USERNAME.to_owned(),
        email: Some("ada@example.com".to_owned()),
        email_verified: true,
        name: Some("Ada Marlow".to_owned()),
        given_name: Some("Ada".to_owned()),
        family_name: Some("Marlow".to_owned()),
        groups: vec!["harbour".to_owned()],
        ..NewUser::default()
    };
    let chosen =
        Password::chosen(text, app.config.login.password_min_length).map_err(because("the sample password"))?;
    let hash = password::hash(app, &chosen).await.map_err(because("the sample password"))?;
    let created = people::create(&app.store, by, ada, Some(&hash)).await.map_err(because("the sample user"))?;
    settled(app, created).await.map(drop)
}

fn dashboard(at: &Addresses) -> Draft {
    let mut draft = Draft {
        name: "Harbour Dashboard".to_owned(),
        redirect_uris: vec![format!("{}/callback", at.dashboard)],
        post_logout_redirect_uris: vec![format!("{}/signed-out", at.dashboard)],
        resources: vec![at.resource()],
        metadata: Metadata {
            backchannel_logout_uri: Some(format!("{}/backchannel-logout", at.dashboard)),
            backchannel_logout_session_required: true,
            ..Metadata::default()
        },
        ..Draft::default()
    };
    draft.scopes.push(SCOPE.to_owned());
    draft
}

fn gateway(at: &Addresses) -> Draft {
    Draft {
        name: "Harbour Gateway".to_owned(),
        grants: vec!["client_credentials".to_owned()],
        scopes: vec!["chancery:feed".to_owned()],
        resources: vec![at.resource()],
        ..Draft::default()
    }
}

/// The dashboard that is a page: a public client whose refresh token travels in a cookie.
async fn browser(app: &App, by: &By<'_>, at: &Addresses) -> Result<String, Unbuilt> {
    let here = format!("{}/browser", at.dashboard);
    let mut draft = Draft {
        name: "Harbour in the browser".to_owned(),
        auth_method: methods::PUBLIC.name.to_owned(),
        redirect_uris: vec![here.clone()],
        post_logout_redirect_uris: vec![here],
        origins: vec![at.dashboard.clone()],
        ..Draft::default()
    };
    draft.metadata.refresh_token_delivery = Delivery::Cookie;
    let created = manage::create(&app.store, by, &draft).await.map_err(because("a sample client"))?;
    manage::on_site(&created.value().0, &app.config.site).map_err(because("a sample client"))?;
    Ok(settled(app, created).await?.0.id.to_string())
}

async fn client(app: &App, by: &By<'_>, draft: &Draft) -> Result<Credentials, Unbuilt> {
    let created = manage::create(&app.store, by, draft).await.map_err(because("a sample client"))?;
    let (row, secret) = settled(app, created).await?;
    let secret = secret.ok_or_else(|| Unbuilt(format!("{} got no secret", draft.name)))?;
    Ok(Credentials { id: row.id.to_string(), secret: secret.expose() })
}

async fn settled<T>(app: &App, change: Change<T>) -> Result<T, Unbuilt> {
    change.settle(app).await.map_err(because("the demo's records can't be written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_passwords_are_readable_and_differ() {
        let (one, other) = (sample_password(), sample_password());
        assert_ne!(one, other);
        assert_eq!(one.len(), 23);
        assert!(one.split('-').all(|group| group.len() == 5 && group.bytes().all(|c| LETTERS.contains(&c))), "{one}");
    }
}
