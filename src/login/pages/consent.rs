//! Consent: which application, who you are, and each permission in words (RFC 6749, 10.2; OpenID Connect Core,
//! 3.1.2.4).
//!
//! Refuses to show a permission as nothing: a scope without description is shown by its own name.

use askama::Template;

use super::{Client, Form, Frame, Who, filters};

/// "Let … in?"
#[derive(Clone, Debug, Template)]
#[template(path = "consent.html")]
pub struct Consent {
    /// The frame.
    pub frame: Frame,
    /// Posts `consent-allow`, `consent-deny` or `another-account`; anything else is no consent.
    pub form: Form,
    /// Who asks.
    pub client: Client,
    /// Who would give.
    pub who: Who,
    /// What is asked for.
    pub asks: Vec<Asked>,
}

/// One permission that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// `openid`
    OpenId,
    /// `profile`
    Profile,
    /// `email`
    Email,
    /// `address`
    Address,
    /// `phone`
    Phone,
    /// `groups`
    Groups,
    /// `offline_access`
    Offline {
        /// How long a family lives at most.
        days: u32,
    },
    /// A claim that is asked for by name.
    Claim(String),
    /// A scope of a resource.
    Resource {
        /// The scope's name.
        scope: String,
        /// What its owner says of it.
        description: Option<String>,
        /// The resource it belongs to.
        resource: String,
    },
}

impl Asked {
    /// The standard scope of that name; `days` is what `offline_access` lasts.
    #[must_use]
    pub fn standard(scope: &str, days: u32) -> Option<Self> {
        Some(match scope {
            "openid" => Self::OpenId,
            "profile" => Self::Profile,
            "email" => Self::Email,
            "address" => Self::Address,
            "phone" => Self::Phone,
            "groups" => Self::Groups,
            "offline_access" => Self::Offline { days },
            _ => return None,
        })
    }

    /// The permission in words.
    #[must_use]
    pub fn said(&self, frame: &Frame) -> String {
        let words = frame.words;
        let text = match self {
            Self::OpenId => words.scope_openid,
            Self::Profile => words.scope_profile,
            Self::Email => words.scope_email,
            Self::Address => words.scope_address,
            Self::Phone => words.scope_phone,
            Self::Groups => words.scope_groups,
            Self::Offline { .. } => words.scope_offline,
            Self::Claim(name) => return words.claim(name).map_or_else(|| name.clone(), |said| words.see.with(said)),
            Self::Resource { description: Some(text), .. } if !text.trim().is_empty() => text,
            Self::Resource { .. } => words.scope_bare,
        };
        text.to_owned()
    }

    /// The scope as the protocol names it.
    #[must_use]
    pub fn scope(&self) -> &str {
        match self {
            Self::OpenId => "openid",
            Self::Profile => "profile",
            Self::Email => "email",
            Self::Address => "address",
            Self::Phone => "phone",
            Self::Groups => "groups",
            Self::Offline { .. } => "offline_access",
            Self::Claim(name) => name,
            Self::Resource { scope, .. } => scope,
        }
    }

    /// What stands beside the scope: how long, or where.
    #[must_use]
    pub fn beside(&self, frame: &Frame) -> Option<String> {
        match self {
            Self::Offline { days } => Some(frame.words.at_most.with(&frame.words.days.of(u64::from(*days)))),
            Self::Resource { resource, .. } => Some(resource.clone()),
            _ => None,
        }
    }
}

impl Consent {
    /// Its states.
    #[must_use]
    pub fn sample(frame: &Frame) -> Vec<(&'static str, Self)> {
        let resource = |scope: &str, description: Option<&str>| Asked::Resource {
            scope: scope.to_owned(),
            description: description.map(str::to_owned),
            resource: "https://api.harbour.example".into(),
        };
        let usual = Self {
            frame: frame.clone(),
            form: Form::sample("/login"),
            client: Client::sample(),
            who: Who::sample(),
            asks: vec![
                Asked::OpenId,
                Asked::Profile,
                Asked::Email,
                resource("shipments:read", Some("Read shipments")),
                Asked::Offline { days: 90 },
            ],
        };
        let all = Self {
            asks: vec![
                Asked::OpenId,
                Asked::Profile,
                Asked::Email,
                Asked::Address,
                Asked::Phone,
                Asked::Groups,
                Asked::Offline { days: 1 },
                resource("shipments:write", None),
            ],
            client: Client {
                policy: None,
                host: "com.example.harbour".into(),
                unverified: true,
                ..usual.client.clone()
            },
            who: Who { name: String::new(), email: None, ..usual.who.clone() },
            ..usual.clone()
        };
        let claims = Self {
            asks: vec![Asked::OpenId, Asked::Claim("email".into()), Asked::Claim("custom_claim".into())],
            ..usual.clone()
        };
        let one = Self {
            asks: vec![Asked::OpenId],
            client: Client { logo: None, site: None, policy: None, terms: None, ..usual.client.clone() },
            ..usual.clone()
        };
        vec![("usual", usual), ("all", all), ("one", one), ("claims", claims)]
    }
}
