//! From the read values to [`Config`]: each field by the path of its setting. A path that the table lacks, or holds
//! under another type, fails every load, so the first test of all finds it.

use super::{
    Argon2, Brand, Config, Database, Fetch, Keys, Limits, Lineage, Log, Login, Logout, Problems, Proxies, Refusal,
    Registration, Sessions, Site, Throttle, Tls, Tokens, resolve::Resolved, value::Held,
};

/// A path that did not answer.
struct Unanswered(&'static str);

/// Takes values out of what was read.
struct Taker<'a>(&'a Resolved);

impl Taker<'_> {
    fn take<T: Held>(&self, path: &'static str) -> Result<T, Unanswered> {
        self.0.get(path).ok_or(Unanswered(path))
    }

    fn maybe<T: Held>(&self, path: &'static str) -> Result<Option<T>, Unanswered> {
        self.0.optional(path).ok_or(Unanswered(path))
    }
}

pub(super) fn assemble(resolved: Resolved) -> Result<Config, Problems> {
    fields(&resolved).map_err(|Unanswered(path)| {
        let mut problems = Problems::default();
        let refusal = Refusal::new("is read, but not as the table of settings has it", "report this as a bug");
        problems.add(path, None, refusal);
        problems
    })
}

fn fields(resolved: &Resolved) -> Result<Config, Unanswered> {
    let from = Taker(resolved);
    Ok(Config {
        issuer: from.take("issuer")?,
        listen: from.take("listen")?,
        management: from.take("management")?,
        database: Database { url: from.take("database.url")?, pool: from.take("database.pool")? },
        keys: Keys {
            directory: from.take("keys.directory")?,
            sealing: from.maybe("keys.sealing")?,
            rsa_bits: from.take("keys.rsa_bits")?,
            ed25519: from.take("keys.ed25519")?,
        },
        tls: match (from.maybe("tls.certificate")?, from.maybe("tls.key")?) {
            (Some(certificate), Some(key)) => Some(Tls { certificate, key }),
            _ => None,
        },
        proxies: Proxies { trusted: from.take("proxies.trusted")?, header: from.take("proxies.header")? },
        tokens: tokens(&from)?,
        sessions: Sessions { idle: from.take("sessions.idle")?, absolute: from.take("sessions.absolute")? },
        login: login(&from)?,
        throttle: throttle(&from)?,
        limits: Limits {
            body: from.take("limits.body")?,
            in_flight: from.take("limits.in_flight")?,
            connections: from.take("limits.connections")?,
            header_timeout: from.take("limits.header_timeout")?,
            request_timeout: from.take("limits.request_timeout")?,
            stop_grace: from.take("limits.stop_grace")?,
        },
        lineage: Lineage { keep: from.take("lineage.keep")? },
        log: Log { format: from.take("log.format")?, level: from.take("log.level")? },
        brand: Brand {
            name: from.take("brand.name")?,
            accent: from.maybe("brand.accent")?,
            accent_dark: from.maybe("brand.accent_dark")?,
            support_url: from.maybe("brand.support_url")?,
            privacy_url: from.maybe("brand.privacy_url")?,
            terms_url: from.maybe("brand.terms_url")?,
        },
        fetch: Fetch {
            allow: from.take("fetch.allow")?,
            allow_http: from.take("fetch.allow_http")?,
            extra_ca: from.maybe("fetch.extra_ca")?,
            timeout: from.take("fetch.timeout")?,
            max_body: from.take("fetch.max_body")?,
        },
        registration: registration(&from)?,
        logout: Logout { wait: from.take("logout.wait")?, give_up: from.take("logout.give_up")? },
        site: site(&from)?,
        resolved: resolved.clone(),
    })
}

fn site(from: &Taker<'_>) -> Result<Site, Unanswered> {
    let (issuer, named) = (from.take("issuer")?, from.maybe::<String>("cookies.site")?);
    // What can't be used was told before (`check`).
    let named =
        named.map(|domain| Site::named(&issuer, &domain).map_err(|_| Unanswered("cookies.site"))).transpose()?;
    Ok(named.unwrap_or_else(|| Site::of(&issuer)))
}

fn tokens(from: &Taker<'_>) -> Result<Tokens, Unanswered> {
    Ok(Tokens {
        access_token_lifetime: from.take("tokens.access_token_lifetime")?,
        id_token_lifetime: from.take("tokens.id_token_lifetime")?,
        code_lifetime: from.take("tokens.code_lifetime")?,
        retry_window: from.take("tokens.retry_window")?,
        family_idle: from.take("tokens.family_idle")?,
        family_absolute: from.take("tokens.family_absolute")?,
        device_code_lifetime: from.take("tokens.device_code_lifetime")?,
    })
}

fn login(from: &Taker<'_>) -> Result<Login, Unanswered> {
    Ok(Login {
        interaction_lifetime: from.take("login.interaction_lifetime")?,
        password: Argon2 {
            memory_kib: from.take("login.password.memory_kib")?,
            iterations: from.take("login.password.iterations")?,
            parallelism: from.take("login.password.parallelism")?,
        },
        hash_permits: from.take("login.hash_permits")?,
        hash_queue: from.take("login.hash_queue")?,
        password_min_length: from.take("login.password_min_length")?,
    })
}

fn throttle(from: &Taker<'_>) -> Result<Throttle, Unanswered> {
    Ok(Throttle {
        account_free: from.take("throttle.account_free")?,
        account_cap: from.take("throttle.account_cap")?,
        account_hard_stop: from.take("throttle.account_hard_stop")?,
        network_failures: from.take("throttle.network_failures")?,
        network_window: from.take("throttle.network_window")?,
        ipv6_prefix: from.take("throttle.ipv6_prefix")?,
        endpoint_failures: from.take("throttle.endpoint_failures")?,
        interactions: from.take("throttle.interactions")?,
        registrations: from.take("throttle.registrations")?,
        documents: from.take("throttle.documents")?,
        user_codes: from.take("throttle.user_codes")?,
        device_requests: from.take("throttle.device_requests")?,
        device_codes: from.take("throttle.device_codes")?,
    })
}

fn registration(from: &Taker<'_>) -> Result<Registration, Unanswered> {
    Ok(Registration {
        mode: from.take("registration.mode")?,
        profile: from.take("registration.profile")?,
        scopes: from.take("registration.scopes")?,
        resources: from.take("registration.resources")?,
        clients: from.take("registration.clients")?,
        unused_after: from.take("registration.unused_after")?,
        idle_after: from.take("registration.idle_after")?,
        documents: from.take("registration.documents")?,
        document_hosts: from.take("registration.document_hosts")?,
    })
}
