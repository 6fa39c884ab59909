//! What holds for any text.

use super::with_issuer;
use chancery::config::{Config, SETTINGS, parse_duration, write_duration};
use proptest::prelude::*;
use std::time::Duration;

proptest! {
    #[test]
    fn a_written_duration_reads_the_same(millis in prop_oneof![
        0..10_000_u64,
        (0..5_000_u64).prop_map(|seconds| seconds * 1_000),
        (0..50_000_u64).prop_map(|minutes| minutes * 60_000),
        (0..5_000_u64).prop_map(|days| days * 86_400_000),
        any::<u64>(),
    ]) {
        let duration = Duration::from_millis(millis);
        let text = write_duration(duration);
        prop_assert_eq!(parse_duration(&text), Ok(duration), "{}", text);
    }

    #[test]
    fn a_read_duration_is_that_many_units(count in 0..1_000_000_u64, unit in 0..5_usize) {
        let (name, millis) = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)][unit];
        prop_assert_eq!(parse_duration(&format!("{count}{name}")), Ok(Duration::from_millis(count * millis)));
    }

    #[test]
    fn any_text_for_any_setting_is_taken_or_refused_by_name(
        index in 0..SETTINGS.len(),
        text in prop_oneof![any::<String>(), "[0-9a-z:/.#%@?=&,-]{0,40}", "(https|postgres|sqlite)://[!-~]{0,30}"],
    ) {
        let setting = &SETTINGS[index];
        match Config::load(with_issuer(&[]).with_flag(setting.path, text)) {
            // What was taken can be shown as TOML.
            Ok(config) => prop_assert!(config.show().parse::<toml::Table>().is_ok(), "{}", config.show()),
            Err(problems) => for problem in &problems {
                prop_assert!(SETTINGS.iter().any(|known| known.path == problem.path), "{}", problem);
                prop_assert!(!problem.to_string().contains('\n'), "{}", problem);
            },
        }
    }

    #[test]
    fn any_file_is_taken_or_refused(text in "(\\[?[a-z.]{0,12}\\]?( ?= ?[\"'\\[{]?[a-z0-9]{0,5}[\"'\\]}]?)?\n){0,6}") {
        let (_directory, sources) = super::in_file(&text);
        if let Err(problems) = Config::load(sources) {
            prop_assert!(problems.iter().all(|problem| !problem.wrong.is_empty() && !problem.mend.is_empty()));
        }
    }
}

#[test]
fn durations_without_one_unit_are_refused() {
    for text in ["", "10", "m", "10 m", "1.5h", "+1s", "1h30m", "10M", "1w", "00s ", "１s", "18446744073709551616ms"] {
        assert!(parse_duration(text).is_err(), "{text:?}");
    }
    assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
    assert_eq!(write_duration(Duration::from_micros(1_500)), "1ms");
}
