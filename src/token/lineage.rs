//! The rule of lineage: what a presented generation means, given the current one. The row decides, never the process.
//!
//! A pure function, so that it can be read at one glance and tested alone.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// What was presented, against what the row shows.
#[derive(Debug, Clone, Copy)]
pub struct Presented {
    /// The token's generation.
    pub generation: i64,
    /// The family's.
    pub current: i64,
    /// When the family was last rotated.
    pub rotated_at: DateTime<Utc>,
    pub now: DateTime<Utc>,
    /// How long after a rotation the token before may come again.
    pub retry_window: Duration,
    /// The presenter proved something the family is bound to.
    pub bound: bool,
    /// When the presented generation was rotated away, looked up for a bound presenter of one that is older than the last.
    pub replaced_at: Option<DateTime<Utc>>,
    /// The same presentation already lost the race for the live generation: it held it then.
    pub lost_race: bool,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The live generation: rotate, answer the next.
    Rotate,
    /// An honest retry: answer the current generation again; nothing advances. Of a bound presenter also one whose cookie was
    /// overtaken by an older answer within the window.
    Retry,
    /// The one before, too late and unbound: the family ends.
    Late,
    /// Two or more generations old: someone has a copy; the family ends.
    Reused,
    /// A generation the rolls never saw: writes were lost; the family ends.
    Lost,
}

/// How far a clock may have been set back since the rotation before an early retry looks like none.
const BACKWARDS: TimeDelta = TimeDelta::seconds(-5);

/// Judges a presentation.
#[must_use]
pub fn judge(presented: &Presented) -> Verdict {
    let Presented { generation, current, .. } = *presented;
    if generation == current {
        return Verdict::Rotate;
    }
    if generation > current {
        return Verdict::Lost;
    }
    if presented.lost_race {
        return Verdict::Retry;
    }
    if generation < current - 1 {
        // Two tabs' answers crossed on their way: their one cookie is older than the family, and no older than the window.
        let crossed = presented.bound && presented.replaced_at.is_some_and(|at| within(presented, at));
        return if crossed { Verdict::Retry } else { Verdict::Reused };
    }
    if presented.bound || within(presented, presented.rotated_at) { Verdict::Retry } else { Verdict::Late }
}

/// Whether what happened then is within the retry window. A negative age counts as none, down to the bound.
fn within(presented: &Presented, at: DateTime<Utc>) -> bool {
    let age = presented.now - at;
    age >= BACKWARDS && age.to_std().unwrap_or(Duration::ZERO) < presented.retry_window
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(generation: i64, current: i64, age: i64) -> Presented {
        let rotated_at = DateTime::UNIX_EPOCH;
        let now = rotated_at + TimeDelta::seconds(age);
        let retry_window = Duration::from_secs(60);
        Presented {
            generation,
            current,
            rotated_at,
            now,
            retry_window,
            bound: false,
            replaced_at: None,
            lost_race: false,
        }
    }

    #[test]
    fn the_table() {
        assert_eq!(judge(&at(4, 4, 0)), Verdict::Rotate);
        assert_eq!(judge(&at(3, 4, 59)), Verdict::Retry);
        assert_eq!(judge(&at(3, 4, 60)), Verdict::Late);
        assert_eq!(judge(&at(3, 4, -5)), Verdict::Retry);
        assert_eq!(judge(&at(3, 4, -6)), Verdict::Late);
        assert_eq!(judge(&Presented { bound: true, ..at(3, 4, 9999) }), Verdict::Retry);
        assert_eq!(judge(&at(2, 4, 0)), Verdict::Reused);
        assert_eq!(judge(&Presented { bound: true, ..at(2, 4, 0) }), Verdict::Reused);
        assert_eq!(judge(&Presented { lost_race: true, ..at(1, 4, 9999) }), Verdict::Retry);
        assert_eq!(judge(&at(5, 4, 0)), Verdict::Lost);
        assert_eq!(judge(&Presented { lost_race: true, ..at(5, 4, 0) }), Verdict::Lost);
    }

    #[test]
    fn answers_that_crossed_are_forgiven_to_a_bound_presenter_within_the_window() {
        let replaced = |ago: i64| Some(DateTime::UNIX_EPOCH + TimeDelta::seconds(100 - ago));
        let crossed = |bound, ago| judge(&Presented { bound, replaced_at: replaced(ago), ..at(1, 4, 100) });
        assert_eq!(crossed(true, 59), Verdict::Retry);
        assert_eq!(crossed(true, 60), Verdict::Reused);
        assert_eq!(crossed(true, -6), Verdict::Reused);
        assert_eq!(crossed(false, 1), Verdict::Reused);
        let strict = Presented { retry_window: Duration::ZERO, bound: true, replaced_at: replaced(0), ..at(1, 4, 100) };
        assert_eq!(judge(&strict), Verdict::Reused);
    }

    #[test]
    fn a_window_of_nothing_forgives_nothing() {
        assert_eq!(judge(&Presented { retry_window: Duration::ZERO, ..at(3, 4, 0) }), Verdict::Late);
        assert_eq!(judge(&Presented { retry_window: Duration::ZERO, ..at(3, 4, -1) }), Verdict::Late);
    }
}
