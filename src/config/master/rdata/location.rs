//! LOC: where on Earth (RFC 1876).

use super::{Input, bad};
use crate::config::master::fault::{Fault, Outcome};
use crate::config::master::lexer::Token;

/// The equator, and the meridian of Greenwich.
const MIDDLE: u32 = 1 << 31;
/// Altitudes count from 100 km below the sea, in centimetres.
const BELOW_CM: i64 = 10_000_000;
/// 90,000,000 m: the largest size and precision.
const SIZE_CM_MAX: i64 = 9_000_000_000;
/// Size, horizontal and vertical precision where they are not given: 1 m, 10,000 m, 10 m.
const DEFAULTS: [u8; 3] = [0x12, 0x16, 0x13];

const FORM: &str = "LOC d1 [m1 [s1]] N|S d2 [m2 [s2]] E|W altitude[m] [size[m] [hp[m] [vp[m]]]]";

/// Reads the whole record.
pub(super) fn text(input: &mut Input<'_>, out: &mut Vec<u8>) -> Outcome {
    let latitude = angle(input, "latitude", 90, [b'N', b'S'])?;
    let longitude = angle(input, "longitude", 180, [b'E', b'W'])?;
    let token = need(input, "altitude")?;
    let altitude = metres(input, token).filter(|cm| (-BELOW_CM..=i64::from(u32::MAX) - BELOW_CM).contains(cm));
    let altitude = altitude.and_then(|cm| u32::try_from(cm + BELOW_CM).ok()).ok_or_else(|| {
        bad("zone-bad-location", input, token, "altitude").label("metres from -100000.00 to 42849672.95 are expected")
    })?;
    let mut sizes = DEFAULTS;
    for (size, what) in sizes.iter_mut().zip(["size", "horizontal precision", "vertical precision"]) {
        let Some(token) = input.next() else { break };
        let cm = metres(input, token).filter(|cm| (0..=SIZE_CM_MAX).contains(cm)).ok_or_else(|| {
            bad("zone-bad-location", input, token, what).label("metres from 0 to 90000000.00 are expected")
        })?;
        *size = mantissa_exponent(cm);
    }
    out.push(0);
    out.extend(sizes);
    for value in [latitude, longitude, altitude] {
        out.extend(value.to_be_bytes());
    }
    Ok(())
}

fn need(input: &mut Input<'_>, what: &str) -> Outcome<Token> {
    input.next().ok_or_else(|| {
        Fault::new("zone-missing-field", input.end..input.end, format!("LOC record without {what}"))
            .label(format!("{what} is missing"))
            .help(FORM)
    })
}

/// Degrees, minutes, seconds and the hemisphere; thousandths of a second from the middle.
fn angle(input: &mut Input<'_>, what: &str, degrees_max: i64, sides: [u8; 2]) -> Outcome<u32> {
    let [plus, minus] = sides.map(char::from);
    let mut total = 0;
    let mut start = None;
    // The unit of each number in thousandths of a second, its limit, its decimals.
    for (unit, max, decimals) in [(3_600_000, degrees_max, 0), (60_000, 59, 0), (1, 59_999, 3)] {
        let token = need(input, what)?;
        let text = input.text(token);
        let from = start.get_or_insert(token.range().start);
        if let ([side], true) = (text, unit != 3_600_000)
            && let Some(value) = side_of(*side, sides, total)
        {
            return within(value, total, degrees_max, *from..token.range().end, what);
        }
        let value = decimal(text, decimals).filter(|v| (0..=max).contains(v)).ok_or_else(|| {
            let limit = if decimals == 3 { "59.999".to_owned() } else { max.to_string() };
            bad("zone-bad-location", input, token, what)
                .label(format!("a number from 0 to {limit}, or {plus} or {minus}, is expected"))
                .help(FORM)
        })?;
        total += value * unit;
    }
    let token = need(input, what)?;
    let side = match input.text(token) {
        [side] => side_of(*side, sides, total),
        _ => None,
    };
    let Some(value) = side else {
        return Err(bad("zone-bad-location", input, token, what).label(format!("{plus} or {minus} is expected")));
    };
    within(value, total, degrees_max, start.unwrap_or_default()..token.range().end, what)
}

fn side_of(side: u8, [plus, minus]: [u8; 2], total: i64) -> Option<u32> {
    let total = u32::try_from(total).ok()?;
    match side.to_ascii_uppercase() {
        side if side == plus => MIDDLE.checked_add(total),
        side if side == minus => MIDDLE.checked_sub(total),
        _ => None,
    }
}

fn within(value: u32, total: i64, degrees_max: i64, range: std::ops::Range<usize>, what: &str) -> Outcome<u32> {
    if total > degrees_max * 3_600_000 {
        return Err(Fault::new("zone-bad-location", range, format!("{what} over {degrees_max} degrees")));
    }
    Ok(value)
}

/// Centimetres, from metres with at most two decimals and an optional `m`.
fn metres(input: &Input<'_>, token: Token) -> Option<i64> {
    let text = input.text(token);
    let text = text.strip_suffix(b"m").or_else(|| text.strip_suffix(b"M")).unwrap_or(text);
    match text.strip_prefix(b"-") {
        Some(text) => decimal(text, 2).map(|cm| -cm),
        None => decimal(text, 2),
    }
}

/// A decimal number in units of its last possible decimal.
fn decimal(text: &[u8], decimals: usize) -> Option<i64> {
    let (whole, fraction) = match text.iter().position(|b| *b == b'.') {
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, &[][..]),
    };
    let has_dot = whole.len() < text.len();
    if whole.is_empty() || whole.len() > 12 || fraction.len() > decimals || (has_dot && fraction.is_empty()) {
        return None;
    }
    let zeros = std::iter::repeat_n(&b'0', decimals - fraction.len());
    whole
        .iter()
        .chain(fraction)
        .chain(zeros)
        .try_fold(0i64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

/// One digit and a power of ten; what does not fit is cut off.
fn mantissa_exponent(mut cm: i64) -> u8 {
    let mut exponent = 0;
    while cm > 9 {
        cm /= 10;
        exponent += 1;
    }
    u8::try_from(cm).unwrap_or(9) << 4 | exponent
}

/// Whether bytes are data of a LOC record: version 0, numbers in their ranges.
pub(super) fn is_valid(wire: &[u8]) -> bool {
    let [0, sizes @ .., _, _, _, _] = wire else { return false };
    let [a, b, c, rest @ ..] = sizes else { return false };
    let (Ok(latitude), Ok(longitude)) =
        (<[u8; 4]>::try_from(&rest[..rest.len().min(4)]), rest[rest.len().min(4)..].try_into())
    else {
        return false;
    };
    let far = |angle: [u8; 4], degrees: u32| u32::from_be_bytes(angle).abs_diff(MIDDLE) <= degrees * 3_600_000;
    [a, b, c].iter().all(|size| *size >> 4 <= 9 && *size & 0xf <= 9) && far(latitude, 90) && far(longitude, 180)
}
