//! What the server logs, and how: readable lines or JSON, to standard error. Each request's lines carry its id.
//!
//! No secret is ever logged: credentials are types whose `Debug` is redacted, and requests are logged by route (at level `debug`),
//! never by their query or body.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use super::out::Done;
use crate::config::{Log, LogFormat};

/// Begins logging.
pub(super) fn start(log: &Log) -> Done {
    let filter: EnvFilter = log.level.parse()?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let begun = match log.format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).finish().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).finish().try_init(),
    };
    Ok(begun?)
}
