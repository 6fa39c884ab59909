//! Durations as people write them: a whole number and one unit (`500ms`, `60s`, `10m`, `12h`, `30d`), or `0`. Refuses
//! a number without a unit, fractions, signs and several units in one.

use super::problem::Refusal;
use std::time::Duration;

/// Units from the largest to the smallest, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a duration.
///
/// # Errors
/// What is wrong with the text, and what to write instead.
pub fn parse_duration(text: &str) -> Result<Duration, Refusal> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if number.is_empty() {
        return Err(Refusal::new(
            format!("{text:?} is not a duration"),
            "write a whole number and a unit, such as \"10m\" (units: ms, s, m, h, d)",
        ));
    }
    let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let (wrong, mend) = if unit.is_empty() {
            (format!("{text:?} has no unit"), format!("write \"{text}s\" for seconds (units: ms, s, m, h, d)"))
        } else {
            (format!("{text:?} is not a duration"), "write one whole number and one of ms, s, m, h, d".to_owned())
        };
        return Err(Refusal::new(wrong, mend));
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(*factor))
        .map(Duration::from_millis)
        .ok_or_else(|| Refusal::new(format!("{text:?} is too long"), "write a smaller number"))
}

/// Writes a duration in the largest unit that loses nothing; [`parse_duration`] reads it back. What is finer than a
/// millisecond is cut.
#[must_use]
pub fn write_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis == 0 {
        return "0".to_owned();
    }
    UNITS
        .iter()
        .map(|(name, factor)| (name, u128::from(*factor)))
        .find(|(_, factor)| millis.is_multiple_of(*factor))
        .map_or_else(|| format!("{millis}ms"), |(name, factor)| format!("{}{name}", millis / factor))
}
