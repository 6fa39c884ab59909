//! A value that was read: typed for the assembly, and written back as TOML for `chancery config show`.

use super::{
    brand::Colour,
    database::DatabaseUrl,
    duration::write_duration,
    issuer::Issuer,
    kind::write_size,
    sealing::SealingSecret,
    sections::{LogFormat, ProxyHeader, RegistrationMode},
};
use ipnet::IpNet;
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use url::Url;

/// A value that was read.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Issuer(Issuer),
    Address(SocketAddr),
    Off,
    Database(DatabaseUrl),
    Path(PathBuf),
    Sealing(SealingSecret),
    Networks(Vec<IpNet>),
    Choice(&'static str),
    Duration(Duration),
    Integer(u64),
    Size(u64),
    Text(String),
    Words(Vec<String>),
    Colour(Colour),
    Link(Url),
}

impl Value {
    /// The value as TOML, secrets redacted.
    pub(super) fn to_toml(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Networks(list) => {
                let list: Vec<String> = list.iter().map(|network| format!("\"{network}\"")).collect();
                format!("[{}]", list.join(", "))
            }
            Self::Words(list) => {
                let list: Vec<String> = list.iter().map(|word| toml::Value::String(word.clone()).to_string()).collect();
                format!("[{}]", list.join(", "))
            }
            other => toml::Value::String(other.text()).to_string(),
        }
    }

    /// The value as JSON, secrets redacted.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Integer(number) => (*number).into(),
            Self::Networks(list) => list.iter().map(ToString::to_string).collect(),
            Self::Words(list) => list.clone().into(),
            other => other.text().into(),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Networks(list) => list.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            Self::Issuer(issuer) => issuer.to_string(),
            Self::Address(address) => address.to_string(),
            Self::Off => "off".to_owned(),
            Self::Database(url) => url.to_string(),
            Self::Path(path) => path.display().to_string(),
            Self::Sealing(_) => "(redacted)".to_owned(),
            Self::Choice(word) => (*word).to_owned(),
            Self::Duration(duration) => write_duration(*duration),
            Self::Size(bytes) => write_size(*bytes),
            Self::Text(text) => text.clone(),
            Self::Words(list) => list.join(","),
            Self::Colour(colour) => colour.to_string(),
            Self::Link(url) => url.to_string(),
        }
    }
}

/// A type that the assembly takes out of a [`Value`].
pub(super) trait Held: Sized {
    fn held(value: &Value) -> Option<Self>;
}

/// Types that one variant holds as they are.
macro_rules! held {
    ($($type:ty: $variant:ident),* $(,)?) => {
        $(impl Held for $type {
            fn held(value: &Value) -> Option<Self> {
                match value {
                    Value::$variant(inner) => Some(inner.clone()),
                    _ => None,
                }
            }
        })*
    };
}

held! {
    Issuer: Issuer, SocketAddr: Address, DatabaseUrl: Database, PathBuf: Path, SealingSecret: Sealing,
    Vec<IpNet>: Networks, Vec<String>: Words, Duration: Duration, String: Text, Colour: Colour, Url: Link,
}

/// Whole numbers; the table's limits keep them in range.
macro_rules! held_number {
    ($($type:ty),*) => {
        $(impl Held for $type {
            fn held(value: &Value) -> Option<Self> {
                match value {
                    Value::Integer(number) | Value::Size(number) => Self::try_from(*number).ok(),
                    _ => None,
                }
            }
        })*
    };
}

held_number!(u8, u32, usize);

/// An address that can be switched off.
impl Held for Option<SocketAddr> {
    fn held(value: &Value) -> Option<Self> {
        match value {
            Value::Address(address) => Some(Some(*address)),
            Value::Off => Some(None),
            _ => None,
        }
    }
}

impl Held for ProxyHeader {
    fn held(value: &Value) -> Option<Self> {
        match value {
            Value::Choice("forwarded") => Some(Self::Forwarded),
            Value::Choice("x-forwarded-for") => Some(Self::XForwardedFor),
            _ => None,
        }
    }
}

impl Held for bool {
    fn held(value: &Value) -> Option<Self> {
        match value {
            Value::Choice("on") => Some(true),
            Value::Choice("off") => Some(false),
            _ => None,
        }
    }
}

impl Held for RegistrationMode {
    fn held(value: &Value) -> Option<Self> {
        match value {
            Value::Choice("off") => Some(Self::Off),
            Value::Choice("token") => Some(Self::Token),
            Value::Choice("open") => Some(Self::Open),
            _ => None,
        }
    }
}

/// A word of a closed list, as it is written.
impl Held for &'static str {
    fn held(value: &Value) -> Option<Self> {
        match value {
            Value::Choice(word) => Some(word),
            _ => None,
        }
    }
}

impl Held for LogFormat {
    fn held(value: &Value) -> Option<Self> {
        match value {
            Value::Choice("text") => Some(Self::Text),
            Value::Choice("json") => Some(Self::Json),
            _ => None,
        }
    }
}
