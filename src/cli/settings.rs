//! `chancery config`: the settings in force, and the page of all of them.

use clap::Subcommand;

use super::out::{Done, Out, print};
use crate::config::{self, Config};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The settings in force and where each comes from, secrets redacted
    Show,
    /// Every setting there is, as Markdown
    Reference,
}

pub(super) fn show(config: &Config, out: Out) -> Done {
    out.give(&config.to_json(), || config.show())
}

pub(super) fn reference(_out: Out) -> Done {
    print(&config::reference())
}
