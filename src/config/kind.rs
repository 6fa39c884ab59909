//! What a value can be, and how its text is read. A refusal says what is wrong and what to write; it repeats the text
//! only where that can't be a secret.

use super::{duration, problem::Refusal, value::Value};
use ipnet::IpNet;
use std::{net::IpAddr, path::PathBuf, time::Duration};
use tracing_subscriber::EnvFilter;
use url::Url;

/// What the values of a setting are.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// An issuer identifier.
    Issuer,
    /// A socket address.
    Address,
    /// A socket address, or `off`.
    AddressOrOff,
    /// The address of a database.
    Database,
    /// A path.
    Path,
    /// A sealing key.
    Sealing,
    /// A list of networks.
    Networks {
        /// Why the whole of the internet is none of them.
        whole: &'static str,
        /// What to write instead.
        mend: &'static str,
    },
    /// One of these words; the first is the default.
    Choice(&'static [&'static str]),
    /// A duration.
    Duration {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// A whole number.
    Integer {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// A number of bytes.
    Size {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// A short text of one line.
    Text {
        /// The greatest number of characters.
        max: usize,
    },
    /// A level or directives of the log.
    Filter,
    /// A list of words: names without white space.
    Words,
    /// A colour.
    Colour,
    /// An `https` address, or a `mailto` one where that is allowed.
    Link {
        /// Whether `mailto` is allowed.
        mail: bool,
    },
}

impl Kind {
    /// Whether its values are lists: several may be given, or none.
    pub(super) fn is_list(&self) -> bool {
        matches!(self, Self::Networks { .. } | Self::Words)
    }

    /// What may be written, for the reference.
    #[must_use]
    pub fn limits(&self) -> String {
        match self {
            Self::Issuer => "`https` URL".to_owned(),
            Self::Address => "address and port".to_owned(),
            Self::AddressOrOff => "address and port, or `off`".to_owned(),
            Self::Database => "`sqlite://path`, `sqlite::memory:`, `postgres://…`".to_owned(),
            Self::Path => "path".to_owned(),
            Self::Sealing => "32 bytes in base64url".to_owned(),
            Self::Networks { .. } => "list of networks, such as `10.0.0.0/8`".to_owned(),
            Self::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or "),
            Self::Duration { min, max } => {
                format!("duration, {} to {}", duration::write_duration(*min), duration::write_duration(*max))
            }
            Self::Integer { min, max } => format!("whole number, {min} to {max}"),
            Self::Size { min, max } => format!("size, {} to {}", write_size(*min), write_size(*max)),
            Self::Text { max } => format!("text, 1 to {max} characters"),
            Self::Filter => "`error`, `warn`, `info`, `debug`, `trace`, or directives".to_owned(),
            Self::Words => "list of words".to_owned(),
            Self::Colour => "`#rrggbb`".to_owned(),
            Self::Link { mail: true } => "`https` URL or `mailto:` address".to_owned(),
            Self::Link { mail: false } => "`https` URL".to_owned(),
        }
    }

    /// Reads one text.
    pub(super) fn parse(&self, text: &str) -> Result<Value, Refusal> {
        if text.contains('\0') {
            return Err(Refusal::new("contains a NUL byte", "write plain text"));
        }
        match self {
            Self::Issuer => text.parse().map(Value::Issuer),
            Self::Address => address(text).map(Value::Address),
            Self::AddressOrOff if text == "off" => Ok(Value::Off),
            Self::AddressOrOff => address(text).map(Value::Address).map_err(|refusal| {
                let mend = format!("{}, or \"off\"", refusal.mend);
                Refusal { mend, ..refusal }
            }),
            Self::Database => text.parse().map(Value::Database),
            Self::Path if text.is_empty() => Err(Refusal::new("is empty", "write a path")),
            Self::Path => Ok(Value::Path(PathBuf::from(text))),
            Self::Sealing => text.parse().map(Value::Sealing),
            Self::Networks { whole, mend } => networks(text, whole, mend).map(Value::Networks),
            Self::Choice(words) => choice(words, text).map(Value::Choice),
            Self::Duration { min, max } => {
                let read = duration::parse_duration(text)?;
                within(&read, min, max, self).map(|()| Value::Duration(read))
            }
            Self::Integer { min, max } => {
                let read = integer(text)?;
                within(&read, min, max, self).map(|()| Value::Integer(read))
            }
            Self::Size { min, max } => {
                let read = size(text)?;
                within(&read, min, max, self).map(|()| Value::Size(read))
            }
            Self::Text { max } => line(text, *max).map(Value::Text),
            Self::Filter => filter(text).map(Value::Text),
            Self::Words => words(text).map(Value::Words),
            Self::Colour => text.parse().map(Value::Colour),
            Self::Link { mail } => link(text, *mail).map(Value::Link),
        }
    }
}

fn within<T: PartialOrd>(value: &T, min: &T, max: &T, kind: &Kind) -> Result<(), Refusal> {
    let wrong = match (value < min, value > max) {
        (true, _) => "is too small",
        (_, true) => "is too large",
        _ => return Ok(()),
    };
    Err(Refusal::new(wrong, format!("write a {}", kind.limits())))
}

fn address(text: &str) -> Result<std::net::SocketAddr, Refusal> {
    text.parse().map_err(|_| {
        Refusal::new(
            format!("{text:?} is not an address with a port"),
            "write \"127.0.0.1:7600\", \"0.0.0.0:7600\" or \"[::]:7600\"",
        )
    })
}

fn choice(words: &[&'static str], text: &str) -> Result<&'static str, Refusal> {
    words.iter().find(|word| **word == text).copied().ok_or_else(|| {
        let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        Refusal::new(format!("{text:?} is not one of its words"), format!("write {}", words.join(" or ")))
    })
}

fn integer(text: &str) -> Result<u64, Refusal> {
    let digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| Refusal::new(format!("{text:?} is not a whole number"), "write digits only, such as 16"))
}

const SIZES: [(&str, u64); 2] = [("MiB", 1024 * 1024), ("KiB", 1024)];

fn size(text: &str) -> Result<u64, Refusal> {
    let (number, factor) = SIZES
        .iter()
        .find_map(|(unit, factor)| text.strip_suffix(unit).map(|number| (number, *factor)))
        .unwrap_or((text, 1));
    integer(number).ok().and_then(|number| number.checked_mul(factor)).ok_or_else(|| {
        Refusal::new(format!("{text:?} is not a size"), "write a number of bytes, or such as \"64KiB\" or \"1MiB\"")
    })
}

/// Writes a size in the largest unit that loses nothing.
pub(super) fn write_size(bytes: u64) -> String {
    SIZES
        .iter()
        .find(|(_, factor)| bytes != 0 && bytes.is_multiple_of(*factor))
        .map_or_else(|| bytes.to_string(), |(unit, factor)| format!("{}{unit}", bytes / factor))
}

fn networks(text: &str, whole: &str, mend: &str) -> Result<Vec<IpNet>, Refusal> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| network(part, whole, mend)).collect()
}

fn network(text: &str, whole: &str, mend: &str) -> Result<IpNet, Refusal> {
    let read = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
        Refusal::new(format!("{text:?} is not a network"), "write \"10.0.0.0/8\", \"fd00::/8\" or one address")
    })?;
    if read.prefix_len() == 0 {
        return Err(Refusal::new(format!("{text:?} {whole}"), mend));
    }
    if read != read.trunc() {
        return Err(Refusal::new(
            format!("{text:?} has bits set beyond its prefix"),
            format!("write \"{}\" for the network, or \"{}\" for the one address", read.trunc(), read.addr()),
        ));
    }
    Ok(read)
}

/// The most words of one setting.
const MOST_WORDS: usize = 256;

fn words(text: &str) -> Result<Vec<String>, Refusal> {
    let read: Vec<String> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    if let Some(odd) = read.iter().find(|word| word.chars().any(|c| c.is_control() || c.is_whitespace())) {
        return Err(Refusal::new(format!("{odd:?} is no single word"), "separate words by commas"));
    }
    if read.len() > MOST_WORDS {
        return Err(Refusal::new("has too many words", format!("write {MOST_WORDS} at most")));
    }
    Ok(read)
}

fn line(text: &str, max: usize) -> Result<String, Refusal> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > max || text.contains(char::is_control) || text.trim() != text {
        return Err(Refusal::new(
            format!("{text:?} is not a short line of text"),
            format!("write 1 to {max} characters without control characters or outer spaces"),
        ));
    }
    Ok(text.to_owned())
}

fn filter(text: &str) -> Result<String, Refusal> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let mend =
        "write one of off, error, warn, info, debug, trace, or directives such as \"info,chancery::store=debug\"";
    for part in text.split(',').map(str::trim) {
        // A lone word that is no level would be read as the name of a module and silence the rest.
        if !part.contains(['=', '[', ':']) && !LEVELS.contains(&part) {
            return Err(Refusal::new(format!("{part:?} is not a level"), mend));
        }
    }
    EnvFilter::builder()
        .parse(text)
        .map(|_| text.to_owned())
        .map_err(|_| Refusal::new(format!("{text:?} is not a log filter"), mend))
}

fn link(text: &str, mail: bool) -> Result<Url, Refusal> {
    let mend = if mail {
        "write such as \"https://example.com/help\" or \"mailto:help@example.com\""
    } else {
        "write such as \"https://example.com/privacy\""
    };
    let url = Url::parse(text).map_err(|error| Refusal::new(format!("is not a URL ({error})"), mend))?;
    let plain = url.username().is_empty() && url.password().is_none();
    match url.scheme() {
        "https" if plain => Ok(url),
        "mailto" if mail && url.path().contains('@') => Ok(url),
        _ => Err(Refusal::new("is not an address to show to people", mend)),
    }
}
