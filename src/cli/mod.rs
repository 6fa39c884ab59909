//! The command line: one file for each noun, over the same rules as the server.
//!
//! It works on the database as a second process; running servers see what it ends when they next read the revocation log.
//! Secrets come by prompt or standard input. Refused: a secret as an argument, and settings that can't be right.

mod audit;
mod backup;
mod client;
mod demo;
mod desk;
mod former;
mod health;
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
    /// The settings file; otherwise CHANCERY_CONFIG, otherwise ./chancery.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting by its path, such as listen=0.0.0.0:7600; stronger than file and environment
    #[arg(long = "set", global = true, value_name = "SETTING=VALUE")]
    set: Vec<String>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try it: an issuer, a sample dashboard and a sample gateway on this machine
    Demo(demo::Demo),
    /// Run the server
    Serve,
    /// Bring the database to this version's schema
    Migrate,
    /// Ask the running server on this machine whether it is ready
    Healthcheck,
    /// Users: who may sign in
    #[command(subcommand)]
    User(user::Command),
    /// Clients: the applications that ask for tokens
    #[command(subcommand)]
    Client(client::Command),
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
    /// Settings
    #[command(subcommand)]
    Config(settings::Command),
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
    let out = Out { json: cli.json };
    if let Command::Config(settings::Command::Reference) = cli.command {
        return settings::reference(out);
    }
    if let Command::Demo(demo) = cli.command {
        if cli.config.is_some() || !cli.set.is_empty() {
            return Err(Failure::new("demo brings settings of its own: leave --config and --set away"));
        }
        return running()?.block_on(demo.run(out));
    }
    let config = settings(&cli)?;
    let runtime = match cli.command {
        Command::Serve => running()?,
        _ => Builder::new_current_thread().enable_all().build()?,
    };
    runtime.block_on(carry_out(cli.command, config, out))
}

/// What serves others, on all cores.
fn running() -> Done<Runtime> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}

async fn carry_out(command: Command, config: Config, out: Out) -> Done {
    match command {
        // Has run already, without settings of this machine.
        Command::Demo(demo) => demo.run(out).await,
        Command::Serve => serve(config).await,
        Command::Migrate => migrate(&config, out).await,
        Command::Healthcheck => health::check(&config, out).await,
        Command::Config(settings::Command::Show) => settings::show(&config, out),
        Command::Config(settings::Command::Reference) => settings::reference(out),
        Command::Backup { file } => backup::write(&config, &file, out).await,
        Command::Restore { file } => restore::run(&config, file.as_deref(), out).await,
        Command::Key(key::Command::Init) => key::init(&config, out),
        Command::User(command @ user::Command::Create(_)) => user::run(&Desk::open(config, out).await?, command).await,
        Command::User(command) => user::run(&Desk::there(config, out).await?, command).await,
        Command::Client(command @ client::Command::Create(_)) => {
            client::run(&Desk::open(config, out).await?, command).await
        }
        Command::Client(command) => client::run(&Desk::there(config, out).await?, command).await,
        Command::Resource(command) => resource::run(&Desk::open(config, out).await?, command).await,
        Command::Revoke(command) => revoke::run(&Desk::there(config, out).await?, command).await,
        Command::Lineage(command) => lineage::run(&Desk::there(config, out).await?, command).await,
        Command::Key(command) => key::run(&Desk::open(config, out).await?, command).await,
        Command::Audit(command) => audit::run(&Desk::there(config, out).await?, command).await,
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
fn settings(cli: &Cli) -> Result<Config, Failure> {
    let mut sources = Sources::from_process().with_config(cli.config.clone());
    for pair in &cli.set {
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
