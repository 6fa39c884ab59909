//! `chancery resource`: the APIs that tokens are for.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client_metadata::pairs as claim_pairs;
use super::desk::Desk;
use super::out::{Done, Failure, pairs, safe, table};
use super::view;
use crate::config::parse_duration;
use crate::oauth::resource::{self, Draft};
use crate::oidc::claims::Own;
use crate::store::resources::{self, Resource, ResourceScope};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Register a resource
    Create(Create),
    /// All resources
    List,
    /// One resource
    Show(Which),
    /// Change a resource; scopes that are given replace those before
    Update(Update),
    /// Print the document a resource serves at /.well-known/oauth-protected-resource (RFC 9728)
    Metadata(Which),
    /// Take a resource out of use and end the access tokens for it
    Delete(Which),
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// URI or id
    resource: String,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// What tokens for it carry as `aud`, such as https://api.example.com
    uri: String,
    #[command(flatten)]
    more: More,
}

#[derive(Debug, Args)]
pub(super) struct Update {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    more: More,
}

#[derive(Debug, Args)]
struct More {
    /// A scope, and after a space what it allows, in words for users; may be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Give a scope to users of this group only; may be repeated, and SCOPE= opens it to everyone again
    #[arg(long = "scope-group", value_name = "SCOPE=GROUP")]
    groups: Vec<String>,
    /// The name users see; the URI otherwise
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Life of its access tokens, at most 1h; the server's setting otherwise
    #[arg(long, value_name = "DURATION")]
    access_token_lifetime: Option<String>,
    /// A claim of its own in access tokens for it, told from a user attribute: department=dept; may be repeated, and "" takes all away
    #[arg(long = "claim", value_name = "CLAIM=ATTRIBUTE")]
    claims: Option<Vec<String>>,
}

/// What was said of a resource, read.
type Read = (Vec<ResourceScope>, Option<Duration>, Option<Own>);

impl More {
    fn lifetime(&self) -> Done<Option<Duration>> {
        Ok(self.access_token_lifetime.as_deref().map(parse_duration).transpose()?)
    }

    fn claims(&self) -> Done<Option<Own>> {
        self.claims.as_deref().map(claim_pairs).transpose()
    }

    /// The scopes as they are to be: those given, or those there are, and of these the groups that are given.
    fn scopes(&self, before: &[ResourceScope]) -> Done<Vec<ResourceScope>> {
        let given = self.scopes.iter().map(|text| scope(text)).collect();
        let mut scopes: Vec<ResourceScope> = if self.scopes.is_empty() { before.to_vec() } else { given };
        let mut set: Vec<String> = Vec::new();
        for text in &self.groups {
            // Either side may have an equals sign in it: the longest scope that fits is meant.
            let fits =
                |scope: &&mut ResourceScope| text.strip_prefix(&scope.name).is_some_and(|rest| rest.starts_with('='));
            let Some(scope) = scopes.iter_mut().filter(fits).max_by_key(|scope| scope.name.len()) else {
                return Err(Failure::new(format!(
                    "--scope-group {text:?}: write SCOPE=GROUP, where SCOPE is a scope of the resource"
                )));
            };
            if !set.contains(&scope.name) {
                set.push(scope.name.clone());
                scope.groups.clear();
            }
            let group = text.get(scope.name.len() + 1..).unwrap_or_default();
            if !group.is_empty() && !scope.groups.iter().any(|known| known == group) {
                scope.groups.push(group.to_owned());
            }
        }
        Ok(scopes)
    }

    /// All that can be refused, before anything is changed.
    fn read(&self, before: &[ResourceScope]) -> Done<Read> {
        Ok((self.scopes(before)?, self.lifetime()?, self.claims()?))
    }

    fn onto(&self, draft: &mut Draft, (scopes, lifetime, claims): Read) {
        draft.scopes = scopes;
        if let Some(name) = &self.name {
            draft.name.clone_from(name);
        }
        draft.access_token_lifetime = lifetime.or(draft.access_token_lifetime);
        draft.claims = claims.unwrap_or_else(|| std::mem::take(&mut draft.claims));
    }
}

fn scope(text: &str) -> ResourceScope {
    let (name, description) = text.split_once(' ').unwrap_or((text, ""));
    ResourceScope { name: name.to_owned(), description: description.trim().to_owned(), groups: Vec::new() }
}

pub(super) async fn run(desk: &Desk, command: Command) -> Done {
    let (store, by, out) = (&desk.store, &desk.by(), desk.out);
    match command {
        Command::Create(Create { uri, more }) => {
            let mut draft = Draft { name: uri.clone(), ..Draft::default() };
            more.onto(&mut draft, more.read(&[])?);
            let made = resource::create(store, by, &uri, &draft).await?.commit().await?;
            let shown = pairs(&[("id", made.id.to_string()), ("uri", safe(&made.uri))]);
            out.give(&json!({ "id": made.id, "uri": made.uri }), || shown)
        }
        Command::List => list(desk).await,
        Command::Show(which) => shown(desk, &desk.resource(&which.resource).await?),
        Command::Update(Update { which, more }) => {
            let Resource { id, scopes, .. } = desk.resource(&which.resource).await?;
            let read = more.read(&scopes)?;
            let changed = resource::update(store, by, id, |draft| more.onto(draft, read)).await?.commit().await?;
            shown(desk, &changed)
        }
        Command::Metadata(which) => {
            let resource = desk.resource(&which.resource).await?;
            if resource.retired_at.is_some() {
                return Err(Failure::new(format!("{} is retired", resource.uri)));
            }
            let document = resource::metadata(desk.config.issuer.as_str(), &resource);
            out.give(&document, || format!("{document:#}\n"))
        }
        Command::Delete(which) => {
            let id = desk.resource(&which.resource).await?.id;
            let gone = resource::retire(store, by, id).await?.commit().await?;
            let text = || format!("{} is retired, and the access tokens for it ended\n", safe(&gone.uri));
            out.give(&json!({ "id": gone.id, "uri": gone.uri }), text)
        }
    }
}

fn shown(desk: &Desk, resource: &Resource) -> Done {
    desk.out.give(&view::resource(resource), || view::resource_text(resource))
}

async fn list(desk: &Desk) -> Done {
    let all = resources::list(&desk.store).await?;
    let row = |resource: &Resource| {
        vec![
            safe(&resource.uri),
            safe(&resource.name),
            resource.scopes.iter().map(|scope| scope.name.as_str()).collect::<Vec<_>>().join(" "),
            if resource.retired_at.is_some() { "retired" } else { "active" }.to_owned(),
            resource.id.to_string(),
        ]
    };
    let json: Value = all.iter().map(view::resource).collect();
    let heads = ["URI", "NAME", "SCOPES", "STATE", "ID"];
    desk.out.give(&json, || table(&heads, &all.iter().map(row).collect::<Vec<_>>()))
}
