//! Rules between settings: what each allows alone but not together. A rule whose settings have problems of their own is
//! skipped.

use super::{
    issuer::Issuer,
    problem::{Problems, Refusal},
    resolve::Resolved,
    site::Site,
};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Checks all rules.
pub(super) fn together(resolved: &Resolved, problems: &mut Problems) {
    tls(resolved, problems);
    listeners(resolved, problems);
    no_longer_than(resolved, "tokens.family_idle", "tokens.family_absolute", problems);
    no_longer_than(resolved, "sessions.idle", "sessions.absolute", problems);
    argon2(resolved, problems);
    throttle(resolved, problems);
    site(resolved, problems);
}

fn tls(resolved: &Resolved, problems: &mut Problems) {
    let (certificate, key) = (resolved.optional("tls.certificate"), resolved.optional("tls.key"));
    let (Some(certificate), Some(key)): (Option<Option<PathBuf>>, Option<Option<PathBuf>>) = (certificate, key) else {
        return;
    };
    let missing = match (&certificate, &key) {
        (Some(_), None) => ("tls.key", "tls.certificate"),
        (None, Some(_)) => ("tls.certificate", "tls.key"),
        _ => ("", ""),
    };
    if let (missing @ "tls.key" | missing @ "tls.certificate", given) = missing {
        let refusal = Refusal::new(format!("is not set, but {given} is"), "set both, or neither");
        problems.add(missing, None, refusal);
    }
    let plain = resolved.get::<Issuer>("issuer").filter(|issuer| !issuer.is_https());
    if let (Some(issuer), Some(_)) = (plain, certificate.or(key)) {
        let secure = issuer.as_str().replacen("http", "https", 1);
        let refusal = Refusal::new("is http, but this server would speak TLS", format!("write {secure:?}"));
        problems.add("issuer", resolved.origin("issuer"), refusal);
    }
}

fn listeners(resolved: &Resolved, problems: &mut Problems) {
    let listen = resolved.get::<SocketAddr>("listen");
    let management = resolved.get::<Option<SocketAddr>>("management").flatten();
    if listen.is_some() && listen == management && listen.is_some_and(|address| address.port() != 0) {
        let refusal = Refusal::new("is the same address as listen", "choose another port, or \"off\"");
        problems.add("management", resolved.origin("management"), refusal);
    }
}

fn no_longer_than(resolved: &Resolved, idle: &str, absolute: &str, problems: &mut Problems) {
    let (Some(short), Some(long)) = (resolved.get::<Duration>(idle), resolved.get::<Duration>(absolute)) else {
        return;
    };
    if short > long {
        let refusal = Refusal::new(
            format!("is longer than {absolute}"),
            format!("write no more than \"{}\"", super::write_duration(long)),
        );
        problems.add(idle, resolved.origin(idle), refusal);
    }
}

/// RFC 9106 section 3.1: at least 8 KiB for each lane.
fn argon2(resolved: &Resolved, problems: &mut Problems) {
    let (path, lanes) = ("login.password.memory_kib", resolved.get::<u32>("login.password.parallelism"));
    let (Some(memory), Some(lanes)) = (resolved.get::<u32>(path), lanes) else {
        return;
    };
    if memory < lanes.saturating_mul(8) {
        let refusal = Refusal::new("is less than 8 KiB for each lane", "write more, or fewer lanes");
        problems.add(path, resolved.origin(path), refusal);
    }
}

fn throttle(resolved: &Resolved, problems: &mut Problems) {
    let free = resolved.get::<u32>("throttle.account_free");
    let stop = resolved.get::<u32>("throttle.account_hard_stop");
    if let (Some(free), Some(stop)) = (free, stop)
        && free > stop
    {
        let refusal = Refusal::new("is more than throttle.account_hard_stop", format!("write no more than {stop}"));
        problems.add("throttle.account_free", resolved.origin("throttle.account_free"), refusal);
    }
}

fn site(resolved: &Resolved, problems: &mut Problems) {
    let (issuer, domain) = (resolved.get::<Issuer>("issuer"), resolved.optional::<String>("cookies.site").flatten());
    let (Some(issuer), Some(domain)) = (issuer, domain) else { return };
    if let Err(refusal) = Site::named(&issuer, &domain) {
        problems.add("cookies.site", resolved.origin("cookies.site"), refusal);
    }
}
