//! Time and numbers as people say them. Moments are UTC, as in the logs.

use std::time::{Duration, SystemTime};

/// `3d 4h`, `12m`, `1m 20s`, `5s`: the largest unit, and the next one while the largest is below ten.
pub(crate) fn length(time: Duration) -> String {
    const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];
    let seconds = time.as_secs();
    let Some(place) = UNITS.iter().position(|(_, factor)| seconds >= *factor) else {
        return if time.is_zero() { "0s".to_owned() } else { format!("{}ms", time.as_millis()) };
    };
    let (unit, factor) = UNITS[place];
    let (count, rest) = (seconds / factor, seconds % factor);
    match UNITS.get(place + 1).map(|(unit, factor)| (unit, rest / factor)) {
        Some((smaller, part)) if count < 10 && part > 0 => format!("{count}{unit} {part}{smaller}"),
        _ => format!("{count}{unit}"),
    }
}

/// `4.12 ms`, `410 ms`, `1.24 s`, `1m 20s`: three digits of a measurement.
pub(crate) fn measured(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    match millis {
        ..9.995 => format!("{millis:.2} ms"),
        ..99.95 => format!("{millis:.1} ms"),
        ..999.5 => format!("{millis:.0} ms"),
        ..9_995.0 => format!("{:.2} s", millis / 1e3),
        ..59_950.0 => format!("{:.1} s", millis / 1e3),
        _ => length(time),
    }
}

/// What is left until a moment, in whole seconds: an order of 2 h that was just given has 2 h left.
pub(crate) fn left(end: SystemTime, now: SystemTime) -> Duration {
    let left = end.duration_since(now).unwrap_or_default();
    Duration::from_secs(left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
}

/// How long ago, or zero where clocks differ.
pub(crate) fn since(time: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(time).unwrap_or_default()
}

/// `05:26:10` where it is the same day, else `2026-11-20 05:26`.
pub(crate) fn clock(time: SystemTime, now: SystemTime) -> String {
    let text = |time| humantime::format_rfc3339_seconds(time).to_string();
    let (then, today) = (text(time), text(now));
    match (then.split_once('T'), today.split_once('T')) {
        (Some((day, clock)), Some((today, _))) => {
            let clock = clock.trim_end_matches('Z');
            if day == today { clock.to_owned() } else { format!("{day} {}", clock.get(..5).unwrap_or(clock)) }
        }
        _ => then,
    }
}

/// `12m (05:26:10)`
pub(crate) fn ago(time: SystemTime, now: SystemTime) -> String {
    format!("{} ({})", length(since(time, now)), clock(time, now))
}

/// `1 pool`, `2 pools`
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `a`, `a and b`, `a, b and c`; of many only the first ones, and how many more.
pub(crate) fn list(words: &[String]) -> String {
    const SHOWN_MAX: usize = 6;
    if words.len() > SHOWN_MAX {
        let shown = SHOWN_MAX - 1;
        return format!("{} and {} more", words[..shown].join(", "), words.len() - shown);
    }
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_well() {
        for (seconds, text) in [
            (0, "0s"),
            (41, "41s"),
            (60, "1m"),
            (80, "1m 20s"),
            (720, "12m"),
            (5400, "1h 30m"),
            (3600 * 11 + 1800, "11h"),
            (86_400 * 3 + 3600 * 4, "3d 4h"),
            (86_400 * 25 + 3600, "25d"),
        ] {
            assert_eq!(length(Duration::from_secs(seconds)), text);
        }
        for (micros, text) in [
            (4_120, "4.12 ms"),
            (12_340, "12.3 ms"),
            (410_200, "410 ms"),
            (1_240_000, "1.24 s"),
            (12_300_000, "12.3 s"),
            (80_000_000, "1m 20s"),
        ] {
            assert_eq!(measured(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn the_day_is_told_only_where_it_differs() {
        let time = |text: &str| humantime::parse_rfc3339(text).expect("a time");
        let now = time("2026-11-21T05:38:19Z");
        assert_eq!(ago(time("2026-11-21T05:26:10Z"), now), "12m (05:26:10)");
        assert_eq!(ago(time("2026-11-18T01:20:00Z"), now), "3d 4h (2026-11-18 01:20)");
        assert_eq!(ago(time("2026-11-21T05:38:20Z"), now), "0s (05:38:20)");
        assert_eq!(left(time("2026-11-21T05:38:20.001Z"), now), Duration::from_secs(2));
        assert_eq!(left(now, now), Duration::ZERO);
    }

    #[test]
    fn lists_end_with_and() {
        let words = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        assert_eq!(list(&words(1)), "0");
        assert_eq!(list(&words(3)), "0, 1 and 2");
        assert_eq!(list(&words(9)), "0, 1, 2, 3, 4 and 4 more");
    }
}
