//! A place in the revocation log: a number and the tip of its entry, so that a log that lost writes is found out.
//!
//! On the wire it is opaque: `seq.tip`, the tip in base64url. Refused: anything else.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::store::issuer::EPOCH;

/// A place up to which everything is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The number.
    pub seq: i64,
    /// What the entry of that number holds at random.
    pub tip: Vec<u8>,
}

/// A place as a reader names it: a whole cursor, or the number alone, which proves less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Cursor(Cursor),
    Number(i64),
}

/// Text that names no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no place in the revocation log: pass a `cursor` or an `as_of` as it was given")]
pub struct NoPlace;

/// The epoch a number belongs to.
#[must_use]
pub fn epoch_of(seq: i64) -> i64 {
    seq.div_euclid(EPOCH)
}

/// Whether a number stands before the first entry of its epoch.
#[must_use]
pub fn is_base(seq: i64) -> bool {
    seq.rem_euclid(EPOCH) == 0
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.seq, URL_SAFE_NO_PAD.encode(&self.tip))
    }
}

impl Place {
    /// Its number.
    #[must_use]
    pub fn seq(&self) -> i64 {
        match self {
            Self::Cursor(cursor) => cursor.seq,
            Self::Number(seq) => *seq,
        }
    }

    /// Whether it is the number alone.
    #[must_use]
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }

    /// Whether `tip` is what stands there; a number alone fits any.
    #[must_use]
    pub fn fits(&self, tip: &[u8]) -> bool {
        match self {
            Self::Cursor(cursor) => cursor.tip == tip,
            Self::Number(_) => true,
        }
    }
}

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let shortest = digits == "0" || !digits.starts_with('0');
            (plain && shortest).then(|| digits.parse::<i64>().ok()).flatten().ok_or(NoPlace)
        };
        let Some((seq, tip)) = text.split_once('.') else { return Ok(Self::Number(number(text)?)) };
        let tip = URL_SAFE_NO_PAD.decode(tip).map_err(|_| NoPlace)?;
        if tip.is_empty() || tip.len() > 64 {
            return Err(NoPlace);
        }
        Ok(Self::Cursor(Cursor { seq: number(seq)?, tip }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_it_was_written() {
        let cursor = Cursor { seq: EPOCH + 7, tip: vec![0, 250, 3] };
        assert_eq!(cursor.to_string().parse(), Ok(Place::Cursor(cursor)));
        assert_eq!("12".parse(), Ok(Place::Number(12)));
    }

    #[test]
    fn anything_else_is_no_place() {
        for text in ["", "-1", "+1", "01", "1.", ".AA", "1.A", "1.AA==", "1.A*", "1 ", "99999999999999999999", "x"] {
            assert_eq!(text.parse::<Place>(), Err(NoPlace), "{text:?}");
        }
    }
}
