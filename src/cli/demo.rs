//! `chancery demo`: something to click through within a minute.
//!
//! What it makes is thrown away at the end, and it prints where to look and what to try. With `--json` that is one line.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::log;
use super::out::{Done, Out, note};
use crate::config::{Log, LogFormat};
use crate::demo::run::{self, Ports};
use crate::jobs::serve;

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// The issuer's port on 127.0.0.1; 0 takes any that is free, for the others too
    #[arg(long, value_name = "PORT", default_value_t = 7600)]
    issuer_port: u16,
    /// The sample dashboard's port
    #[arg(long, value_name = "PORT", default_value_t = 7610)]
    dashboard_port: u16,
    /// The sample gateway's port
    #[arg(long, value_name = "PORT", default_value_t = 7620)]
    gateway_port: u16,
    /// Keep database and keys in this new folder; otherwise they are in a temporary one and gone at the end
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Demo {
    pub async fn run(self, out: Out) -> Done {
        log::start(&Log { format: LogFormat::Text, level: "warn".to_owned() })?;
        let ports = Ports::take([self.issuer_port, self.dashboard_port, self.gateway_port])?;
        // Listened for from here on, so that a stop while keys are made leaves nothing behind either.
        let mut stopped = std::pin::pin!(stopped());
        out.say("Making keys and a database. A moment, please.")?;
        let demo = tokio::select! {
            demo = run::Demo::open(ports, self.data.as_deref()) => demo?,
            () = &mut stopped => return Ok(()),
        };
        let told = json!({
            "issuer": demo.at.issuer, "dashboard": demo.at.dashboard, "gateway": demo.at.gateway,
            "username": demo.username, "password": demo.password, "config": demo.settings,
        });
        out.give(&told, || Told { demo: &demo, bold: bold() }.text())?;
        let kept = demo.left_behind();
        demo.serve(stopped).await?;
        match kept {
            Some(folder) => {
                note(format_args!("{} stays, with keys in it; remove it when you are done", folder.display()))
            }
            None => out.say("\nStopped. What the demo made is gone.")?,
        }
        Ok(())
    }
}

/// Ctrl-C, SIGTERM, or the terminal closed.
async fn stopped() {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return serve::signalled().await };
    tokio::select! {
        () = serve::signalled() => {}
        _ = hangup.recv() => {}
    }
}

fn bold() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// What a person is told.
struct Told<'a> {
    demo: &'a run::Demo,
    bold: bool,
}

impl Told<'_> {
    fn text(&self) -> String {
        let run::Demo { at, username, password, .. } = self.demo;
        let (dashboard, issuer, gateway) =
            (self.strong(&at.dashboard), self.strong(&at.issuer), self.strong(&at.gateway));
        let (username, password, command) = (self.strong(username), self.strong(password), self.command());
        let data = match self.demo.left_behind() {
            Some(folder) => format!("Database and keys are in {} and stay there.", folder.display()),
            None => "Database and keys are in a temporary folder and go when you stop it.".to_owned(),
        };
        format!(
            "
  Dashboard   {dashboard}   start here
  Issuer      {issuer}   signs people in
  Gateway     {gateway}   what it hears of revocations

  Sign in as  {username}
  Password    {password}

What to try, on the dashboard
  1. Sign in, and allow what the dashboard asks for: you see the claims of every token.
  2. Refresh, then repeat that refresh: an honest retry signs nobody out.
  3. Call the gateway, offline and by introspection: both answer.
  4. Replay the oldest token, as a thief would: its whole family dies, at the gateway too.
  5. Sign in again (no password: your session lives), revoke, and call the gateway once more.
  6. Sign out. Or, signed in, type the revoke below and reload: the dashboard has been told.
  7. Open {browser}, the same as a page with no server behind it: look where its tokens live, and let an
     intruder's script search for them.

What to try, in another terminal
  {command} lineage show {name}
  {command} revoke user {name} --reason \"laptop stolen\"
  {command} audit list

{data} Ctrl-C stops it.
",
            name = self.demo.username,
            browser = self.strong(&format!("{}/browser", at.dashboard)),
        )
    }

    /// This program with the demo's settings, as it can be typed in any folder. Settings of another server that stand in the
    /// environment come before a file: they are taken out, so that nothing of that one ends.
    fn command(&self) -> String {
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("chancery"));
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let mut names: Vec<String> =
            names.filter(|name| name.starts_with("CHANCERY_")).map(|name| quoted(&name)).collect();
        names.sort();
        let without = if names.is_empty() { String::new() } else { format!("env -u {} ", names.join(" -u ")) };
        let (program, settings) = (quoted(&program.to_string_lossy()), quoted(&self.demo.settings.to_string_lossy()));
        format!("{without}{program} --config {settings}")
    }

    fn strong(&self, text: &str) -> String {
        if self.bold { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// One word of a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_quoted_when_a_shell_would_split_them() {
        for (word, shown) in [("/a/b-1.toml", "/a/b-1.toml"), ("/a b", "'/a b'"), ("it's", r"'it'\''s'"), ("", "''")] {
            assert_eq!(super::quoted(word), shown);
        }
    }
}
