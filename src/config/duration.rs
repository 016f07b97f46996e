//! Durations as people write them: `10s`, `1m30s`.

use std::time::Duration;

/// What can be written.
pub(crate) const HELP: &str =
    "a duration is a whole number with a unit, as in \"500ms\", \"10s\", \"1m30s\"; units: us, ms, s, m, h, d";

/// In microseconds, the longest first.
const UNITS: [(&str, u64); 6] =
    [("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1000), ("us", 1)];

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DurationError {
    /// Nothing there.
    #[error("an empty string is not a duration")]
    Empty,
    /// Digits expected.
    #[error("\"{0}\" is not a duration")]
    NotANumber(String),
    /// A number alone.
    #[error("\"{0}\" has no unit")]
    NoUnit(String),
    /// `1.5s`.
    #[error("\"{0}\" has a fraction")]
    Fraction(String),
    /// Not one of the six.
    #[error("\"{0}\" is not a unit of time")]
    UnknownUnit(String),
    /// More than a million years, or so.
    #[error("\"{0}\" is too long")]
    TooLong(String),
}

/// Reads a duration: one or more numbers, each with its unit, without spaces. `0` needs no unit.
pub(crate) fn parse(text: &str) -> Result<Duration, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits == 0 {
            return Err(DurationError::NotANumber(text.to_owned()));
        }
        let (number, tail) = rest.split_at(digits);
        let (unit, tail) = tail.split_at(tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len()));
        if unit.is_empty() {
            return Err(DurationError::NoUnit(text.to_owned()));
        }
        if unit == "." {
            return Err(DurationError::Fraction(text.to_owned()));
        }
        let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            let unit = if unit.trim().is_empty() { unit } else { unit.trim() };
            return Err(DurationError::UnknownUnit(unit.to_owned()));
        };
        let part = number.parse::<u64>().ok().and_then(|n| n.checked_mul(*factor));
        total = part.and_then(|p| total.checked_add(p)).ok_or_else(|| DurationError::TooLong(text.to_owned()))?;
        rest = tail;
    }
    Ok(Duration::from_micros(total))
}

/// What a wrong text probably means: `10 sec` is `10s`.
pub(crate) fn guess(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "" | "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "us" | "µs" | "usec" | "usecs" | "microsecond" | "microseconds" | "micros" => "us",
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" | "millis" => "ms",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        _ => return None,
    };
    (!number.is_empty()).then(|| format!("{number}{unit}"))
}

/// Writes a duration so that [`parse`] reads it back.
pub(crate) fn show(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, factor) in UNITS {
        if rest >= factor {
            text.push_str(&format!("{}{unit}", rest / factor));
            rest %= factor;
        }
    }
    if text.is_empty() {
        text.push_str("0s");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_round_trip() {
        for (text, millis) in [("0s", 0), ("200ms", 200), ("10s", 10_000), ("1m30s", 90_000), ("1d2h", 93_600_000)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
            assert_eq!(show(Duration::from_millis(millis)), text);
        }
        assert_eq!(parse("1ms200us"), Ok(Duration::from_micros(1200)));
        assert_eq!(show(Duration::from_micros(1200)), "1ms200us");
        assert_eq!(parse("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_no_duration_is_told_apart() {
        assert_eq!(parse(""), Err(DurationError::Empty));
        assert_eq!(parse("10"), Err(DurationError::NoUnit("10".into())));
        assert_eq!(parse("10 sec"), Err(DurationError::UnknownUnit("sec".into())));
        assert_eq!(parse("1.5s"), Err(DurationError::Fraction("1.5s".into())));
        assert_eq!(parse("-1s"), Err(DurationError::NotANumber("-1s".into())));
        assert_eq!(parse("99999999999999999999d"), Err(DurationError::TooLong("99999999999999999999d".into())));
        assert_eq!(guess("10 sec").as_deref(), Some("10s"));
        assert_eq!(guess("5 Minutes").as_deref(), Some("5m"));
        assert_eq!(guess("soon"), None);
    }
}
