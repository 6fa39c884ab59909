//! PostgreSQL's own tools, run with this server's database address. The password goes by environment, never as an
//! argument, which anyone on the machine could read.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use url::Url;

use super::out::{Done, Failure};
use crate::config::PostgresUrl;

/// Parameters of an address, and the variables that mean the same to the tools.
const VARIABLES: [(&str, &str); 11] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("options", "PGOPTIONS"),
];

/// One of the tools, ready to be given its arguments.
pub(super) fn command(tool: &'static str, address: &PostgresUrl) -> Done<Command> {
    let mut command = Command::new(find(tool)?);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).arg("--no-password");
    command.envs(variables(address)?);
    Ok(command)
}

/// The name of the database, which `pg_restore` wants said.
pub(super) fn database(address: &PostgresUrl) -> Done<String> {
    let found = variables(address)?.into_iter().find(|(name, _)| *name == "PGDATABASE");
    found.map(|(_, name)| name).ok_or_else(|| Failure::new("database.url names no database"))
}

/// Runs it to its end, with nothing else to do meanwhile; what it complains of is the error.
pub(super) fn run(mut command: Command) -> Done {
    let done = command.output()?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(Failure::new(if said.trim().is_empty() { done.status.to_string() } else { said.trim().to_owned() }))
}

fn variables(address: &PostgresUrl) -> Done<Vec<(&'static str, String)>> {
    let url = Url::parse(address.expose())?;
    let decoded = |text: &str| {
        let pair = format!("x={}", text.replace('+', "%2B"));
        form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let mut found = vec![
        ("PGHOST", decoded(url.host_str().unwrap_or_default()).trim_matches(['[', ']']).to_owned()),
        ("PGPORT", url.port().map(|port| port.to_string()).unwrap_or_default()),
        ("PGUSER", decoded(url.username())),
        ("PGPASSWORD", decoded(url.password().unwrap_or_default())),
        ("PGDATABASE", decoded(url.path().trim_start_matches('/'))),
    ];
    for (name, value) in url.query_pairs() {
        if let Some((_, variable)) = VARIABLES.iter().find(|(parameter, _)| *parameter == name) {
            found.retain(|(known, _)| known != variable);
            found.push((variable, value.into_owned()));
        }
    }
    found.retain(|(_, value)| !value.is_empty());
    Ok(found)
}

/// The tool on the path, or the newest of Debian's installed versions.
fn find(tool: &'static str) -> Done<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(found) = std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.is_file()) {
        return Ok(found);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    let debian = newest.map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin/{tool}")));
    debian.filter(|file| file.is_file()).ok_or_else(|| {
        let mend = "install PostgreSQL's client programs, at least as new as the server (Debian, Ubuntu: `apt install postgresql-client`)";
        Failure::new(format!("{tool} is not on this machine: {mend}"))
    })
}
