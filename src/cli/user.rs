//! `chancery user`: who may sign in, what they hold, and ending it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::Desk;
use super::out::{Done, Failure, maybe_time, new_password, note, safe, table, time};
use super::user_details::Flags;
use super::{state, view};
use crate::identity::password::{Password, hash_here};
use crate::identity::people::{self, Edit, NewUser};
use crate::store::sessions::Session;
use crate::store::users::User;
use crate::store::{clients, grants, sessions, signin_rolls, users};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a user
    Create(Box<Create>),
    /// All users
    List,
    /// One user
    Show(Who),
    /// Change a user's attributes and groups
    Update(Box<Update>),
    /// Disable a user and end everything they hold
    Disable(Who),
    /// Let a disabled user sign in again
    Enable(Who),
    /// Forget a user's failed sign-ins: a password closed by too many may be tried again, and nothing ends
    Unlock(Who),
    /// Delete a user: personal data gone, the name free again, everything they hold ended
    Delete(Who),
    /// Set a user's password and end everything the old one opened
    SetPassword {
        #[command(flatten)]
        who: Who,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// A user's browser sessions
    Sessions(Who),
    /// What a user has allowed clients
    Consents {
        #[command(flatten)]
        who: Who,
        /// Remove the consent to this client, and end what it gave
        #[arg(long, value_name = "CLIENT")]
        remove: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct Who {
    /// User name, e-mail address or id
    user: String,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The name to sign in with
    name: String,
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// The address has been verified
    #[arg(long, requires = "email")]
    email_verified: bool,
    /// The full name, as shown to applications
    #[arg(long = "name", value_name = "TEXT")]
    full_name: Option<String>,
    #[arg(long, value_name = "TEXT")]
    given_name: Option<String>,
    #[arg(long, value_name = "TEXT")]
    family_name: Option<String>,
    /// A group the user is in; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    details: Flags,
}

/// An empty text empties an attribute.
#[derive(Debug, Args)]
pub(super) struct Update {
    #[command(flatten)]
    who: Who,
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// A new address counts as not verified unless said otherwise
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    email_verified: Option<bool>,
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    #[arg(long, value_name = "TEXT")]
    given_name: Option<String>,
    #[arg(long, value_name = "TEXT")]
    family_name: Option<String>,
    /// May be repeated
    #[arg(long = "add-group", value_name = "GROUP")]
    add_groups: Vec<String>,
    /// Ends the access tokens that may name it; may be repeated
    #[arg(long = "remove-group", value_name = "GROUP")]
    remove_groups: Vec<String>,
    #[command(flatten)]
    details: Flags,
}

pub(super) async fn run(desk: &Desk, command: Command) -> Done {
    let (store, by, out) = (&desk.store, &desk.by(), desk.out);
    match command {
        Command::Create(create) => self::create(desk, *create).await,
        Command::List => list(desk).await,
        Command::Show(who) => shown(desk, &desk.user(&who.user).await?),
        Command::Update(update) => {
            let update = *update;
            let user = desk.user(&update.who.user).await?;
            let changed = people::update(store, by, user.id, &edit(update)?).await?.commit().await?;
            shown(desk, &changed)
        }
        Command::Disable(who) => {
            let user = people::disable(store, by, desk.user(&who.user).await?.id).await?.commit().await?;
            out.give(&view::user(&user), || format!("{} is disabled, and all access ended\n", safe(&user.username)))
        }
        Command::Enable(who) => {
            let user = people::enable(store, by, desk.user(&who.user).await?.id).await?.commit().await?;
            out.give(&view::user(&user), || format!("{} may sign in again\n", safe(&user.username)))
        }
        Command::Unlock(who) => {
            let user = people::unlock(store, by, desk.user(&who.user).await?.id).await?.commit().await?;
            out.give(&view::user(&user), || format!("{} may try the password again\n", safe(&user.username)))
        }
        Command::Delete(who) => {
            let user = desk.user(&who.user).await?;
            people::delete(store, by, user.id).await?.commit().await?;
            out.give(&json!({ "id": user.id }), || {
                format!("{} is deleted, and all access ended\n", safe(&user.username))
            })
        }
        Command::SetPassword { who, password_stdin } => set_password(desk, &who, password_stdin).await,
        Command::Sessions(who) => of_sessions(desk, &desk.user(&who.user).await?).await,
        Command::Consents { who, remove: Some(client) } => {
            let (user, client) = (desk.user(&who.user).await?, desk.client(&client).await?);
            people::remove_consent(store, by, user.id, client.id).await?.commit().await?;
            let removed = json!({ "user": user.id, "client_id": client.id });
            out.give(&removed, || format!("{} no longer allows {}\n", safe(&user.username), safe(&client.name)))
        }
        Command::Consents { who, remove: None } => consents(desk, &desk.user(&who.user).await?).await,
    }
}

fn shown(desk: &Desk, user: &User) -> Done {
    desk.out.give(&view::user(user), || view::user_text(user))
}

async fn create(desk: &Desk, create: Create) -> Done {
    let new = NewUser {
        username: create.name,
        email: create.email,
        email_verified: create.email_verified,
        name: create.full_name,
        given_name: create.given_name,
        family_name: create.family_name,
        groups: create.groups,
        details: create.details.edit()?,
    };
    let hash = hash(desk, create.password_stdin)?;
    let user = people::create(&desk.store, &desk.by(), new, hash.as_deref()).await?.commit().await?;
    if hash.is_none() {
        note(format!("no password is set: `chancery user set-password {}` sets one", safe(&user.username)));
    }
    desk.out.give(&json!({ "id": user.id, "username": user.username }), || view::user_text(&user))
}

/// The hash of a new password, if one is given.
fn hash(desk: &Desk, from_stdin: bool) -> Done<Option<String>> {
    let Some(text) = new_password(from_stdin)? else { return Ok(None) };
    let login = &desk.config.login;
    let password = Password::chosen(&text, login.password_min_length)?;
    Ok(Some(hash_here(login.password, &password)?))
}

async fn set_password(desk: &Desk, who: &Who, from_stdin: bool) -> Done {
    let user = desk.user(&who.user).await?;
    let missing = || Failure::new("no password is given: type one, or pass --password-stdin");
    let hash = hash(desk, from_stdin)?.ok_or_else(missing)?;
    people::set_password(&desk.store, &desk.by(), user.id, &hash).await?.commit().await?;
    let json = json!({ "id": user.id, "username": user.username });
    desk.out.give(&json, || format!("the password of {} is set, and all access ended\n", safe(&user.username)))
}

fn edit(update: Update) -> Done<Edit> {
    Ok(Edit {
        username: update.username,
        email: update.email,
        email_verified: update.email_verified,
        name: update.name,
        given_name: update.given_name,
        family_name: update.family_name,
        add_groups: update.add_groups,
        remove_groups: update.remove_groups,
        details: update.details.edit()?,
    })
}

/// How many rows one statement reads.
const PAGE: i64 = 500;

async fn list(desk: &Desk) -> Done {
    let (mut all, mut after) = (Vec::<User>::new(), None::<Uuid>);
    loop {
        let page = users::list(&desk.store, after, PAGE).await?;
        after = page.last().map(|user| user.id);
        all.extend(page);
        if after.is_none() {
            break;
        }
    }
    let row = |user: &User| {
        vec![
            safe(&user.username),
            safe(user.email.as_deref().unwrap_or_default()),
            safe(&user.groups.join(" ")),
            if user.disabled_at.is_some() { "disabled" } else { "active" }.to_owned(),
            user.id.to_string(),
        ]
    };
    let json: Value = all.iter().map(view::user).collect();
    desk.out
        .give(&json, || table(&["NAME", "E-MAIL", "GROUPS", "STATE", "ID"], &all.iter().map(row).collect::<Vec<_>>()))
}

async fn of_sessions(desk: &Desk, user: &User) -> Done {
    let Some((roll, _, counter)) = signin_rolls::of_user(&desk.store, user.id).await? else { return Ok(()) };
    let mark = counter.issuer_mark.max(roll.user_mark);
    let state = |session: &Session| state::session(desk, session, mark);
    let all = sessions::of_user(&desk.store, user.id).await?;
    let amr = |session: &Session| session.proofs.iter().map(|proof| proof.method.clone()).collect::<Vec<_>>();
    let view = |session: &Session| {
        json!({
            "sid": session.id,
            "state": state(session),
            "amr": amr(session),
            "auth_time": session.auth_time,
            "created_at": session.created_at,
            "last_used_at": session.last_used_at,
            "expires_at": session.expires_at,
            "ended_at": session.ended_at,
            "address": session.address,
            "user_agent": session.user_agent,
        })
    };
    let row = |session: &Session| {
        vec![
            session.id.to_string(),
            state(session).to_owned(),
            time(session.created_at),
            time(session.last_used_at),
            safe(session.address.as_deref().unwrap_or_default()),
            safe(session.user_agent.as_deref().unwrap_or_default()),
        ]
    };
    let heads = ["SESSION", "STATE", "BEGAN", "LAST USED", "ADDRESS", "USER AGENT"];
    let json: Value = all.iter().map(view).collect();
    desk.out.give(&json, || table(&heads, &all.iter().map(row).collect::<Vec<_>>()))
}

async fn consents(desk: &Desk, user: &User) -> Done {
    let mut rows = Vec::new();
    let mut json = Vec::new();
    for grant in grants::of_user(&desk.store, user.id).await? {
        // A consent older than a kill of the grant is none.
        if grant.scopes.is_empty() || grant.consented_seq < grant.revoked_seq {
            continue;
        }
        let name = clients::get(&desk.store, grant.client_id).await?.map(|client| client.name).unwrap_or_default();
        let scopes: Vec<_> = grant.scopes.split(' ').collect();
        json.push(json!({
            "client_id": grant.client_id,
            "client_name": name,
            "scopes": scopes,
            "resources": grant.resources,
            "consented_at": grant.consented_at,
        }));
        rows.push(vec![safe(&name), grant.client_id.to_string(), maybe_time(grant.consented_at), grant.scopes.clone()]);
    }
    desk.out.give(&Value::Array(json), || table(&["CLIENT", "ID", "SINCE", "SCOPES"], &rows))
}
