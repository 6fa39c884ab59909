//! What an operator should know before the first request: settings that are allowed, and most often a mistake.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::config::Config;

/// Warns of each.
pub(super) fn tell(config: &Config) {
    if config.issuer.is_https() && config.tls.is_none() && config.proxies.trusted.is_empty() {
        tracing::warn!(
            "the issuer is https and this server speaks no TLS, so a proxy does; but proxies.trusted is empty: everybody counts as \
             one network, the proxy's, and one who guesses passwords shuts out all. Set proxies.trusted to the proxy's address"
        );
    }
    let wanted = 2 * config.limits.connections;
    if let Some(files) = files().filter(|files| *files < wanted) {
        tracing::warn!(
            files,
            wanted,
            "this process may open fewer files than limits.connections asks for: raise its limit (ulimit -n, LimitNOFILE)"
        );
    }
    let key = config.tls.iter().map(|tls| ("tls.key", tls.key.clone()));
    for (setting, path) in config.secret_files().into_iter().chain(key) {
        if let Some(mode) = open_to_all(&path) {
            tracing::warn!(
                setting,
                "{} holds a secret and every user of this machine may read it (mode {mode:04o}): chmod o-rwx",
                path.display()
            );
        }
    }
}

/// How many files this process may open, where the system tells.
fn files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The mode of a file that everybody may read. What can't be looked at is for whoever reads it to refuse.
fn open_to_all(path: &Path) -> Option<u32> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o7777;
    (mode & 0o004 != 0).then_some(mode)
}
