//! `chancery client`: the applications that ask for tokens.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use uuid::Uuid;

use super::client_logouts;
use super::client_metadata::Flags;
use super::client_sector::{listed, listed_once_changed};
use super::desk::Desk;
use super::initial_token;
use super::out::{Done, Failure, note, pairs, safe, table, time};
use super::view;
use crate::config::parse_duration;
use crate::oauth::client_auth::methods;
use crate::oauth::grants::authorization_code;
use crate::oauth::manage::{self, Draft, Rotation};
use crate::oauth::profile::Profile;
use crate::oauth::registry;
use crate::secret::{ClientSecret, Opaque};
use crate::store::clients::{self, Client};

/// What can be chosen, as it is registered.
pub(super) mod help {
    use super::Profile;
    use crate::oauth::registry;

    pub(in crate::cli) fn profiles() -> String {
        let said = |profile: &Profile| format!("{} ({})", profile.name(), profile.about());
        Profile::ALL.iter().map(said).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn grants() -> String {
        format!(
            "{} (or the last word of a long one alone); may be repeated",
            registry::grant_names(|_| true).join(", ")
        )
    }

    pub(super) fn methods() -> String {
        registry::method_names(|_| true).join(", ")
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Register a client; its secret is shown once
    Create(Box<Create>),
    /// All clients
    List,
    /// One client
    Show(Which),
    /// Change a registration; a list that is given replaces the one before, and "" empties it
    Update(Box<Update>),
    /// Disable a client and end everything it holds
    Disable(Which),
    /// Let a disabled client begin anew
    Enable(Which),
    /// Give a client a new secret; the previous one goes on for a while
    RotateSecret(RotateSecret),
    /// Delete a client and end everything it holds
    Delete(Which),
    /// Initial access tokens: with one, clients register themselves
    #[command(subcommand)]
    InitialToken(initial_token::Command),
    /// What a client was told of logouts, from server to server, newest first
    Logouts(Which),
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// Client id
    client: String,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The name users see
    #[arg(long, value_name = "TEXT")]
    name: String,
    /// A client that can keep no secret: a browser or native application
    #[arg(long)]
    public: bool,
    #[command(flatten)]
    registration: Registration,
}

#[derive(Debug, Args)]
pub(super) struct Update {
    #[command(flatten)]
    which: Which,
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    #[command(flatten)]
    registration: Registration,
}

#[derive(Debug, Args)]
pub(super) struct RotateSecret {
    #[command(flatten)]
    which: Which,
    /// How long the previous secret still works, such as 24h; 0: not at all
    #[arg(long, default_value = "24h", value_name = "DURATION")]
    overlap: String,
    /// The previous secret may be known to others: end it, and everything the client holds, now
    #[arg(long, conflicts_with = "overlap")]
    revoke_tokens: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Consent {
    Ask,
    Skip,
}

/// What can be said of a client, at registration and after.
#[derive(Debug, Clone, Default, Args)]
struct Registration {
    /// Where users are sent back to, exactly; may be repeated
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Option<Vec<String>>,
    /// Where users may be sent after signing out; may be repeated
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Option<Vec<String>>,
    /// An origin whose scripts may call the token, revocation and userinfo endpoints, such as https://app.example.com; may be
    /// repeated
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Option<Vec<String>>,
    #[arg(long, value_name = "PROFILE", help = help::profiles())]
    profile: Option<String>,
    #[arg(long = "grant", value_name = "GRANT", help = help::grants())]
    grants: Option<Vec<String>>,
    /// A scope it may ask for; may be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Option<Vec<String>>,
    #[arg(long, value_name = "METHOD", help = help::methods())]
    auth_method: Option<String>,
    /// URI of a resource it may ask tokens for; may be repeated, the first is the default one
    #[arg(long = "resource", value_name = "URI")]
    resources: Option<Vec<String>>,
    /// Whether users are asked what they allow; skip is for your own applications
    #[arg(long, value_name = "ask|skip")]
    consent: Option<Consent>,
    /// How long the previous refresh token is answered as an honest retry, at most 600
    #[arg(long, value_name = "SECONDS")]
    retry_window: Option<u64>,
    /// Its families outlive the browser session, where offline_access was allowed: for native applications
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    outlives_session: Option<bool>,
    /// What its scopes tell of people goes into ID tokens, too
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    id_token_claims: Option<bool>,
    /// Require PKCE of a confidential client of profile oidc, too; every other client needs it anyway
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    require_pkce: Option<bool>,
    /// Page with the client's privacy policy
    #[arg(long, value_name = "URL")]
    policy_uri: Option<String>,
    /// Page with the client's terms of service
    #[arg(long, value_name = "URL")]
    tos_uri: Option<String>,
    #[command(flatten)]
    metadata: Flags,
}

pub(super) async fn run(desk: &Desk, command: Command) -> Done {
    let (store, by, out) = (&desk.store, &desk.by(), desk.out);
    match command {
        Command::Create(create) => self::create(desk, *create).await,
        Command::List => list(desk).await,
        Command::Show(which) => shown(desk, &desk.client(&which.client).await?).await,
        Command::Update(update) => {
            let update = *update;
            let client = desk.client(&update.which.client).await?;
            update.registration.metadata.permitted(&desk.fetch()?)?;
            let listed = listed_once_changed(desk, &client, update.registration.clone().edit()?).await?;
            let registered = update.registration.edit()?;
            let edit = |draft: &mut Draft| {
                if let Some(name) = update.name {
                    draft.name = name;
                }
                registered(draft);
                draft.listed = listed;
            };
            let change = manage::update(store, by, client.id, edit).await?;
            manage::on_site(change.value(), &desk.config.site)?;
            shown(desk, &change.commit().await?).await
        }
        Command::Disable(which) => {
            let client = manage::disable(store, by, desk.client(&which.client).await?.id).await?.commit().await?;
            out.give(&view::client(&client), || {
                format!("{} is disabled, and all its access ended\n", safe(&client.name))
            })
        }
        Command::Enable(which) => {
            let client = manage::enable(store, by, desk.client(&which.client).await?.id).await?.commit().await?;
            out.give(&view::client(&client), || format!("{} may begin anew\n", safe(&client.name)))
        }
        Command::InitialToken(command) => initial_token::run(desk, command).await,
        Command::Logouts(which) => client_logouts::list(desk, &desk.client(&which.client).await?).await,
        Command::RotateSecret(rotate) => rotate_secret(desk, rotate).await,
        Command::Delete(which) => {
            let client = manage::delete(store, by, desk.client(&which.client).await?.id).await?.commit().await?;
            let json = json!({ "client_id": client.id });
            out.give(&json, || format!("{} is deleted, and all its access ended\n", safe(&client.name)))
        }
    }
}

async fn shown(desk: &Desk, client: &Client) -> Done {
    let secrets = clients::secrets(&desk.store, client.id).await?;
    let json = view::with(view::client(client), "secrets", view::secrets(&secrets));
    desk.out.give(&json, || view::client_text(client, &secrets))
}

async fn create(desk: &Desk, create: Create) -> Done {
    let Create { name, public, registration } = create;
    let method = registration.auth_method.as_deref();
    if public && method.is_some_and(|method| !is_public(method)) {
        return Err(Failure::new("--public: a public client has no secret, so leave --auth-method out"));
    }
    let mut draft = Draft { name, ..Draft::default() };
    registration.metadata.permitted(&desk.fetch()?)?;
    registration.edit()?(&mut draft);
    if public {
        draft.auth_method = methods::PUBLIC.name.to_owned();
    }
    draft.listed = listed(desk, &draft).await?;
    let change = manage::create(&desk.store, &desk.by(), &draft).await?;
    manage::on_site(&change.value().0, &desk.config.site)?;
    let (client, secret) = change.commit().await?;
    if client.redirect_uris.is_empty() && client.grants.iter().any(|grant| grant == authorization_code::GRANT.name) {
        note("no redirect URI is registered, so nobody can sign in to it: `chancery client update … --redirect-uri`");
    }
    given(desk, client.id, secret.as_ref(), json!({}))
}

/// Shows a client's new secret, if it has one: the only time.
fn given(desk: &Desk, id: Uuid, secret: Option<&Opaque<ClientSecret>>, json: Value) -> Done {
    let json = view::with(json, "client_id", json!(id));
    let Some(secret) = secret else { return desk.out.give(&json, || pairs(&[("client_id", id.to_string())])) };
    let json = view::with(json, "client_secret", json!(secret.expose()));
    desk.out.give(&json, || {
        let shown = pairs(&[("client_id", id.to_string()), ("client_secret", secret.expose())]);
        format!("{shown}The secret is shown this once.\n")
    })
}

async fn rotate_secret(desk: &Desk, rotate: RotateSecret) -> Done {
    let overlap = if rotate.revoke_tokens { Duration::ZERO } else { parse_duration(&rotate.overlap)? };
    let id = desk.client(&rotate.which.client).await?.id;
    let rotation = Rotation { overlap, revoke_tokens: rotate.revoke_tokens };
    let (secret, ends) = manage::rotate_secret(&desk.store, &desk.by(), id, rotation).await?.commit().await?;
    given(desk, id, Some(&secret), json!({ "previous_ends_at": ends }))?;
    match ends {
        Some(end) => desk.out.say(format!("The previous one works until {}.", time(end))),
        None => desk.out.say("The previous one works no more."),
    }
}

fn is_public(method: &str) -> bool {
    methods::named(method).is_some_and(|method| method.public)
}

async fn list(desk: &Desk) -> Done {
    let (mut all, mut after) = (Vec::<Client>::new(), None::<Uuid>);
    loop {
        let page = clients::list(&desk.store, after, 500).await?;
        after = page.last().map(|client| client.id);
        all.extend(page);
        if after.is_none() {
            break;
        }
    }
    let row = |client: &Client| {
        vec![
            safe(&client.name),
            safe(&view::called(client)),
            client.profile.clone(),
            if is_public(&client.auth_method) { "public" } else { "confidential" }.to_owned(),
            if client.disabled_at.is_some() { "disabled" } else { "active" }.to_owned(),
            client.source.clone(),
            client.grants.join(" "),
        ]
    };
    let json: Value = all.iter().map(view::client).collect();
    let heads = ["NAME", "CLIENT_ID", "PROFILE", "KIND", "STATE", "SOURCE", "GRANTS"];
    desk.out.give(&json, || table(&heads, &all.iter().map(row).collect::<Vec<_>>()))
}

impl Registration {
    /// The edit that was asked for; what can't be read is refused before anything is changed.
    fn edit(mut self) -> Done<impl FnOnce(&mut Draft)> {
        let profile = self.profile()?;
        let metadata = std::mem::take(&mut self.metadata).edit()?;
        Ok(move |draft: &mut Draft| {
            self.onto(draft, profile);
            metadata(&mut draft.metadata);
        })
    }

    fn profile(&self) -> Done<Option<Profile>> {
        let Some(name) = &self.profile else { return Ok(None) };
        let known = || Profile::ALL.iter().map(|profile| profile.name()).collect::<Vec<_>>().join(" or ");
        let profile = Profile::parse(name);
        profile.map(Some).ok_or_else(|| Failure::new(format!("--profile {name:?} is not known; choose {}", known())))
    }

    /// Writes what was said over what stands.
    fn onto(&self, draft: &mut Draft, profile: Option<Profile>) {
        let list = |given: &Option<Vec<String>>, kept: &mut Vec<String>| {
            if let Some(given) = given {
                *kept = given.iter().filter(|text| !text.is_empty()).cloned().collect();
            }
        };
        list(&self.redirect_uris, &mut draft.redirect_uris);
        list(&self.post_logout_redirect_uris, &mut draft.post_logout_redirect_uris);
        list(&self.origins, &mut draft.origins);
        list(&self.grants, &mut draft.grants);
        draft.grants.iter_mut().for_each(|name| *name = registry::grant_name(name).to_owned());
        list(&self.resources, &mut draft.resources);
        if let Some(scopes) = &self.scopes {
            draft.scopes =
                scopes.iter().flat_map(|scopes| scopes.split_ascii_whitespace()).map(str::to_owned).collect();
        }
        draft.profile = profile.unwrap_or(draft.profile);
        if let Some(method) = &self.auth_method {
            draft.auth_method.clone_from(method);
        }
        draft.skips_consent = self.consent.map_or(draft.skips_consent, |consent| matches!(consent, Consent::Skip));
        draft.retry_window = self.retry_window.map(Duration::from_secs).or(draft.retry_window);
        draft.outlives_session = self.outlives_session.unwrap_or(draft.outlives_session);
        draft.id_token_claims = self.id_token_claims.unwrap_or(draft.id_token_claims);
        draft.require_pkce = self.require_pkce.unwrap_or(draft.require_pkce);
        for (given, kept) in [(&self.policy_uri, &mut draft.policy_uri), (&self.tos_uri, &mut draft.tos_uri)] {
            if let Some(uri) = given {
                *kept = Some(uri.clone()).filter(|uri| !uri.is_empty());
            }
        }
    }
}
