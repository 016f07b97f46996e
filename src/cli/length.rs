//! Lengths of time on the command line: the rules are those of the configuration.

use std::time::Duration;

use crate::config::duration;

/// Reads one that is longer than nothing.
pub(crate) fn length(text: &str) -> Result<Duration, String> {
    let length = duration::parse(text).map_err(|fault| match duration::guess(text) {
        Some(guess) => format!("{fault}; did you mean {guess}?"),
        None => format!("{fault}; {}", duration::HELP),
    })?;
    // The API counts in milliseconds.
    if length < Duration::from_millis(1) { Err(format!("\"{text}\" is no time at all")) } else { Ok(length) }
}

/// As the API takes it.
pub(crate) fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_in_the_configuration() {
        assert_eq!(length("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(length("2 hours"), Err("\"hours\" is not a unit of time; did you mean 2h?".to_owned()));
        assert!(length("soon").is_err_and(|fault| fault.contains("\"10s\"")));
        assert!(length("0").is_err() && length("10us").is_err());
    }
}
