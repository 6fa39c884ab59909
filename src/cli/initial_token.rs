//! `chancery client initial-token`: what lets clients register themselves.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::Desk;
use super::out::{Done, Failure, pairs, safe, table, time};
use super::view;
use crate::config::{RegistrationMode, parse_duration};
use crate::oauth::manage::initial_token::{self, Draft};
use crate::store::initial_tokens::{self, InitialToken, Terms};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an initial access token; it is shown once
    Create(Create),
    /// All initial access tokens
    List,
    /// Revoke an initial access token; clients that registered with it stay
    Revoke {
        /// Its id, as `list` shows it
        id: Uuid,
    },
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Whom it is for
    #[arg(long, value_name = "TEXT")]
    name: String,
    /// How many clients may be registered with it
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    uses: u32,
    /// How long it is good, at most 365d
    #[arg(long, default_value = "24h", value_name = "DURATION")]
    lifetime: String,
    /// A scope its clients may have, instead of those the settings allow; may be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Option<Vec<String>>,
    /// URI of a resource its clients may ask tokens for, instead of those the settings allow; may be repeated, the first is the
    /// default one
    #[arg(long = "resource", value_name = "URI")]
    resources: Option<Vec<String>>,
    /// The profile of its clients, instead of what the settings say
    #[arg(long, value_name = "PROFILE", help = super::client::help::profiles())]
    profile: Option<String>,
}

pub(super) async fn run(desk: &Desk, command: Command) -> Done {
    match command {
        Command::Create(create) => self::create(desk, create).await,
        Command::List => list(desk).await,
        Command::Revoke { id } => {
            initial_token::revoke(&desk.store, &desk.by(), id).await?.commit().await?;
            desk.out.give(&json!({ "id": id }), || format!("{id} is revoked: nobody registers with it any more\n"))
        }
    }
}

async fn create(desk: &Desk, create: Create) -> Done {
    if desk.config.registration.mode == RegistrationMode::Off {
        return Err(Failure::new("registration.mode is off: set it to \"token\" before making a token for it"));
    }
    let scopes = create.scopes.map(|scopes| {
        scopes.iter().flat_map(|scopes| scopes.split_ascii_whitespace()).map(str::to_owned).collect::<Vec<_>>()
    });
    let draft = Draft {
        name: create.name,
        terms: Terms { profile: create.profile, scopes, resources: create.resources },
        uses: create.uses,
        lifetime: parse_duration(&create.lifetime)?,
    };
    let (token, text) = initial_token::create(&desk.store, &desk.by(), &draft).await?.commit().await?;
    let json = view::with(shown(&token), "initial_access_token", json!(text.expose()));
    desk.out.give(&json, || {
        let lines = pairs(&[("id", token.id.to_string()), ("initial_access_token", text.expose())]);
        format!("{lines}The token is shown this once. It is good until {}.\n", time(token.expires_at))
    })
}

fn shown(token: &InitialToken) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "uses": token.uses,
        "uses_left": token.uses_left,
        "profile": token.terms.profile,
        "scopes": token.terms.scopes,
        "resources": token.terms.resources,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
    })
}

async fn list(desk: &Desk) -> Done {
    let (all, now) = (initial_tokens::list(&desk.store).await?, desk.now());
    let state = |token: &InitialToken| {
        let over = [
            (token.revoked_at.is_some(), "revoked"),
            (token.expires_at <= now, "expired"),
            (token.uses_left < 1, "used up"),
        ];
        over.into_iter().find(|(over, _)| *over).map_or("good", |(_, word)| word).to_owned()
    };
    let row = |token: &InitialToken| {
        vec![
            safe(&token.name),
            token.id.to_string(),
            state(token),
            format!("{} of {}", token.uses_left, token.uses),
            time(token.expires_at),
        ]
    };
    let json: Value = all.iter().map(shown).collect();
    let heads = ["NAME", "ID", "STATE", "USES_LEFT", "EXPIRES"];
    desk.out.give(&json, || table(&heads, &all.iter().map(row).collect::<Vec<_>>()))
}
