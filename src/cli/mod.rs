//! The command line: one file for each noun, over the same rules as the server.
//!
//! It works on the database as a second process; running servers see what it ends when they next read the revocation log.
//! Secrets come by prompt or standard input. Refused: a secret as an argument, and settings that can't be right.

mod audit;
mod backup;
mod client;
mod client_logouts;
mod client_metadata;
mod client_sector;
mod demo;
mod desk;
mod former;
mod health;
mod initial_token;
mod key;
mod lineage;
mod log;
mod out;
mod pg;
mod resource;
mod restore;
mod revoke;
mod settings;
mod state;
mod tree;
mod user;
mod user_details;
mod view;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

use self::desk::Desk;
use self::out::{Done, Failure, Out};
use crate::clock::Clock;
use crate::config::{Config, SETTINGS, Sources};
use crate::jobs::{build, serve};

/// A standalone OAuth 2.0 / OpenID Connect authorization server.
#[derive(Debug, Parser)]
#[command(name = "chancery", version, propagate_version = true)]
struct Cli {
    // Every command has these three: they stand behind its own.
    /// The settings file; otherwise CHANCERY_CONFIG, otherwise ./chancery.toml
    #[arg(long, global = true, value_name = "FILE", display_order = 900)]
    config: Option<PathBuf>,
    /// One setting by its path, such as listen=0.0.0.0:7600; stronger than file and environment
    #[arg(long = "set", global = true, value_name = "SETTING=VALUE", display_order = 901)]
    set: Vec<String>,
    /// Print JSON
    #[arg(long, global = true, display_order = 902)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try it: an issuer, a sample dashboard and a sample gateway on this machine
    Demo(demo::Demo),
    #[command(flatten)]
    Work(Box<Work>),
    /// Settings
    #[command(subcommand)]
    Config(settings::Command),
}

/// What is done with the settings in force.
#[derive(Debug, Subcommand)]
enum Work {
    /// Run the server
    Serve,
    /// Bring the database to this version's schema
    Migrate,
    /// Ask the running server on this machine whether it is ready
    Healthcheck,
    /// Users: who may sign in
    #[command(subcommand)]
    User(Box<user::Command>),
    /// Clients: the applications that ask for tokens
    #[command(subcommand)]
    Client(Box<client::Command>),
    /// Resources: the APIs that tokens are for
    #[command(subcommand)]
    Resource(resource::Command),
    /// End access: a token, or everything of a family, session, grant, user, client, resource or key, or all
    Revoke(revoke::Command),
    /// Lineage: where a token comes from and what came of it
    #[command(subcommand)]
    Lineage(lineage::Command),
    /// Sealing and signing keys
    #[command(subcommand)]
    Key(key::Command),
    /// The audit trail
    #[command(subcommand)]
    Audit(audit::Command),
    /// Write a backup of the database to a new file
    Backup {
        /// The file to write; it must not exist
        file: PathBuf,
    },
    /// Restore a backup, or, without a file, take the database as it stands for one: nothing issued before survives
    Restore {
        /// A file that `backup` wrote
        file: Option<PathBuf>,
    },
}

/// Runs the program with its arguments. 0: done; 1: refused or failed; 2: not understood.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not errors; where they can't be printed, nothing can.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match begin(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            ExitCode::FAILURE
        }
    }
}

fn begin(cli: Cli) -> Done {
    let Cli { config, set, json, command } = cli;
    let out = Out { json };
    match command {
        Command::Demo(_) if config.is_some() || !set.is_empty() => {
            Err(Failure::new("demo brings settings of its own: leave --config and --set away"))
        }
        Command::Demo(demo) => running()?.block_on(demo.run(out)),
        Command::Config(settings::Command::Reference) => settings::reference(out),
        Command::Config(settings::Command::Show) => settings::show(&in_force(config, &set)?, out),
        Command::Work(work) => {
            let config = in_force(config, &set)?;
            let runtime = match *work {
                Work::Serve => running()?,
                _ => Builder::new_current_thread().enable_all().build()?,
            };
            runtime.block_on(carry_out(*work, config, out))
        }
    }
}

/// What serves others, on all cores.
fn running() -> Done<Runtime> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}

async fn carry_out(work: Work, config: Config, out: Out) -> Done {
    match work {
        Work::Serve => serve(config).await,
        Work::Migrate => migrate(&config, out).await,
        Work::Healthcheck => health::check(&config, out).await,
        Work::Backup { file } => backup::write(&config, &file, out).await,
        Work::Restore { file } => restore::run(&config, file.as_deref(), out).await,
        Work::User(command) => {
            let makes = matches!(*command, user::Command::Create(_));
            let desk = if makes { Desk::open(config, out).await? } else { Desk::there(config, out).await? };
            user::run(&desk, *command).await
        }
        Work::Client(command) => {
            let makes = matches!(*command, client::Command::Create(_));
            let desk = if makes { Desk::open(config, out).await? } else { Desk::there(config, out).await? };
            client::run(&desk, *command).await
        }
        Work::Resource(command) => {
            let makes = matches!(command, resource::Command::Create(_));
            let desk = if makes { Desk::open(config, out).await? } else { Desk::there(config, out).await? };
            resource::run(&desk, command).await
        }
        Work::Revoke(command) => revoke::run(&Desk::there(config, out).await?, command).await,
        Work::Lineage(command) => lineage::run(&Desk::there(config, out).await?, command).await,
        Work::Key(command) => key::run(config, out, command).await,
        Work::Audit(command) => audit::run(&Desk::there(config, out).await?, command).await,
    }
}

async fn migrate(config: &Config, out: Out) -> Done {
    let store = build::open_store(config).await?;
    store.migrate().await?;
    build::found(&store, config, &Clock::system()).await?;
    store.close().await;
    out.say("the database has this version's schema")
}

async fn serve(config: Config) -> Done {
    log::start(&config.log)?;
    Ok(serve::run(config, serve::signalled()).await?)
}

/// The settings, with `--config` and `--set`.
fn in_force(config: Option<PathBuf>, set: &[String]) -> Result<Config, Failure> {
    let mut sources = Sources::from_process().with_config(config);
    for pair in set {
        let Some((path, value)) = pair.split_once('=') else {
            return Err(Failure::new(format!("--set {pair:?}: write SETTING=VALUE, such as listen=0.0.0.0:7600")));
        };
        if SETTINGS.iter().any(|setting| setting.secret && setting.path == path) {
            let says = "may hold a secret, and arguments are no place for one: use the environment or a file";
            return Err(Failure::new(format!("--set {path}: {says}")));
        }
        sources = sources.with_flag(path, value);
    }
    Ok(Config::load(sources)?)
}
