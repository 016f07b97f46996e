//! Times with units: `3600`, `1h30m`, `2D`.

use crate::model::zone::TTL_MAX;

/// Why a text is not a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeError {
    /// Not digits with units.
    Form,
    /// More than 2^32 - 1 seconds.
    TooLong,
}

/// Reads seconds: digits alone, or digits with `w d h m s` in either case, added up.
pub(super) fn parse_time(text: &[u8]) -> Result<u32, TimeError> {
    let (mut total, mut number) = (0u64, None::<u64>);
    let mut units = false;
    for &byte in text {
        let factor = match byte {
            b'0'..=b'9' => {
                let value = number.unwrap_or(0) * 10 + u64::from(byte - b'0');
                if value > u64::from(u32::MAX) {
                    return Err(if is_time(text) { TimeError::TooLong } else { TimeError::Form });
                }
                number = Some(value);
                continue;
            }
            b's' | b'S' => 1,
            b'm' | b'M' => 60,
            b'h' | b'H' => 3_600,
            b'd' | b'D' => 86_400,
            b'w' | b'W' => 604_800,
            _ => return Err(TimeError::Form),
        };
        total += number.take().ok_or(TimeError::Form)? * factor;
        units = true;
        if total > u64::from(u32::MAX) {
            return Err(if is_time(text) { TimeError::TooLong } else { TimeError::Form });
        }
    }
    match number {
        // Digits without a unit stand alone.
        Some(number) if !units => u32::try_from(number).map_err(|_| TimeError::TooLong),
        None if units => u32::try_from(total).map_err(|_| TimeError::TooLong),
        _ => Err(TimeError::Form),
    }
}

/// Whether every byte could belong to a time.
fn is_time(text: &[u8]) -> bool {
    text.iter().all(|b| b.is_ascii_digit() || b"wdhmsWDHMS".contains(b))
}

/// As [`parse_time`], up to what a TTL may be (RFC 2181, 8).
pub(super) fn parse_ttl(text: &[u8]) -> Result<u32, TimeError> {
    parse_time(text).and_then(|ttl| if ttl > TTL_MAX { Err(TimeError::TooLong) } else { Ok(ttl) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        for (text, want) in [
            ("0", Ok(0)),
            ("3600", Ok(3_600)),
            ("1h30m", Ok(5_400)),
            ("2D", Ok(172_800)),
            ("1w1d1H1m1S", Ok(694_861)),
            ("2147483647", Ok(TTL_MAX)),
            ("2147483648", Err(TimeError::TooLong)),
            ("99999999999999999999999", Err(TimeError::TooLong)),
            ("99999w", Err(TimeError::TooLong)),
            ("9999999999x", Err(TimeError::Form)),
            ("", Err(TimeError::Form)),
            ("h", Err(TimeError::Form)),
            ("1h30", Err(TimeError::Form)),
            ("1x", Err(TimeError::Form)),
            ("-1", Err(TimeError::Form)),
            ("1.5h", Err(TimeError::Form)),
        ] {
            assert_eq!(parse_ttl(text.as_bytes()), want, "{text}");
        }
        assert_eq!(parse_time(b"4294967295"), Ok(u32::MAX));
    }
}
