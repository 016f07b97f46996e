//! Parameters of SVCB and HTTPS (RFC 9460, 2.1, and appendix A).

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::Input;
use super::binary::Base64;
use super::text::{parse_ipv4, parse_number, unescape};
use crate::config::diag::nearest;
use crate::config::master::fault::{Fault, Outcome, Shown};
use crate::dns::Rtype;

const KEYS: [(&str, u16); 9] = [
    ("mandatory", MANDATORY),
    ("alpn", ALPN),
    ("no-default-alpn", NO_DEFAULT_ALPN),
    ("port", PORT),
    ("ipv4hint", IPV4HINT),
    ("ech", ECH),
    ("ipv6hint", IPV6HINT),
    ("dohpath", DOHPATH),
    ("ohttp", OHTTP),
];
const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6HINT: u16 = 6;
const DOHPATH: u16 = 7;
const OHTTP: u16 = 8;
/// Reserved (RFC 9460, 14.3.2).
const INVALID: u16 = 65_535;

struct Param {
    key: u16,
    range: Range<usize>,
    value: Vec<u8>,
}

/// Reads all parameters, and appends them in the order of their keys.
pub(super) fn text(rtype: Rtype, input: &mut Input<'_>, out: &mut Vec<u8>) -> Outcome {
    let all = input.rest();
    let mut params: Vec<Param> = Vec::new();
    while !input.tokens.is_empty() {
        let param = param(input)?;
        if params.iter().any(|p| p.key == param.key) {
            let message = format!("parameter {} is given twice", name(param.key));
            return Err(Fault::new("zone-bad-param", param.range, message));
        }
        params.push(param);
    }
    params.sort_unstable_by_key(|p| p.key);
    if let Err((key, what)) = rules(&params) {
        let range = params.iter().find(|p| p.key == key).map_or(all, |p| p.range.clone());
        return Err(Fault::new("zone-bad-param", range, what));
    }
    if out.starts_with(&[0, 0]) && !params.is_empty() {
        // 2.4.2: such a record should have none, and they are not looked at.
        let message = format!("{rtype} record of priority 0 is an alias and has no parameters");
        input.notes.push(*Fault::new("zone-alias-params", all, message).label("nobody will look at these"));
    }
    for Param { key, range, value } in params {
        let len = u16::try_from(value.len())
            .map_err(|_| Fault::new("zone-bad-param", range, "value longer than 65,535 bytes"))?;
        out.extend(key.to_be_bytes());
        out.extend(len.to_be_bytes());
        out.extend(value);
    }
    Ok(())
}

/// The name of a key.
fn name(key: u16) -> String {
    KEYS.iter().find(|(_, k)| *k == key).map_or_else(|| format!("key{key}"), |(name, _)| (*name).to_owned())
}

/// The number of a key, and whether it was written as a number.
fn key(text: &[u8]) -> Option<(u16, bool)> {
    if let Some((_, key)) = KEYS.iter().find(|(name, _)| name.as_bytes() == text) {
        return Some((*key, false));
    }
    let digits = text.strip_prefix(b"key")?;
    if digits.len() > 1 && digits[0] == b'0' {
        return None;
    }
    let key = u16::try_from(parse_number(digits)?).ok()?;
    (key != INVALID).then_some((key, true))
}

fn unknown(range: Range<usize>, text: &[u8]) -> Box<Fault> {
    let fault = Fault::new("zone-bad-param", range, format!("{} is no parameter", Shown(text)));
    match nearest(&String::from_utf8_lossy(text), KEYS.iter().map(|k| k.0)) {
        Some(near) => fault.label(format!("did you mean {near}?")),
        None => fault.help("one without a name is written by its number: key667=value"),
    }
}

/// One `key`, `key=value` or `key="value"`.
fn param(input: &mut Input<'_>) -> Outcome<Param> {
    let end = input.end..input.end;
    let Some(token) = input.next() else { return Err(Fault::new("zone-bad-param", end, "parameter is missing")) };
    let text = input.text(token);
    let mut range = token.range();
    let equals = text.iter().position(|b| *b == b'=').filter(|_| !token.quoted);
    let name_text = &text[..equals.unwrap_or(text.len())];
    let Some((key, by_number)) = key(name_text).filter(|_| !token.quoted) else {
        return Err(unknown(range.start..range.start + name_text.len().max(1), name_text));
    };
    let mut given = Vec::new();
    if equals == Some(text.len() - 1) && input.tokens.first().is_some_and(|t| t.quoted && t.glued) {
        let Some(value) = input.next() else { return Err(unknown(range, text)) };
        range.end = value.range().end;
        unescape(input.buffer, value, &mut given)?;
    } else if let Some(equals) = equals {
        unescape(input.buffer, token, &mut given)?;
        // Names of keys hold no escapes.
        given.drain(..=equals);
    }
    let value = if by_number { Ok(given) } else { value(key, &given) };
    let value = value.and_then(|value| check_value(key, &value).map(|()| value).map_err(str::to_owned));
    match value {
        Ok(value) => Ok(Param { key, range, value }),
        Err(what) => {
            Err(Fault::new("zone-bad-param", range, format!("{} is not as it must be", name(key))).label(what))
        }
    }
}

/// The wire form of a value of a key that has a name.
fn value(key: u16, given: &[u8]) -> Result<Vec<u8>, String> {
    let mut wire = Vec::new();
    let items = || given.split(|b| *b == b',');
    match key {
        MANDATORY => {
            let mut keys = Vec::new();
            for item in items() {
                keys.push(self::key(item).ok_or_else(|| format!("{} is no parameter", Shown(item)))?.0);
            }
            keys.sort_unstable();
            wire.extend(keys.iter().flat_map(|key| key.to_be_bytes()));
        }
        ALPN => {
            for item in split_escaped(given).ok_or("a backslash stands before \\ or , only")? {
                wire.push(u8::try_from(item.len()).map_err(|_| "a protocol has at most 255 bytes")?);
                wire.extend(item);
            }
        }
        PORT => {
            let port = parse_number(given).and_then(|n| u16::try_from(n).ok());
            wire.extend(port.ok_or("a number from 0 to 65535 is expected")?.to_be_bytes());
        }
        IPV4HINT => {
            for item in items() {
                let address = parse_ipv4(item).ok_or_else(|| format!("{} is no IPv4 address", Shown(item)))?;
                wire.extend(Ipv4Addr::from(address).octets());
            }
        }
        IPV6HINT => {
            for item in items() {
                let address = std::str::from_utf8(item).ok().and_then(|t| t.parse::<Ipv6Addr>().ok());
                wire.extend(address.ok_or_else(|| format!("{} is no IPv6 address", Shown(item)))?.octets());
            }
        }
        ECH => {
            let mut decoder = Base64::default();
            let fine = given.iter().all(|byte| decoder.push(*byte, &mut wire).is_ok());
            if !fine || !decoder.is_complete() {
                return Err("base64 is expected".to_owned());
            }
        }
        _ => wire.extend_from_slice(given),
    }
    Ok(wire)
}

/// A list whose items may hold `\,` and `\\` (RFC 9460, A.1).
fn split_escaped(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut items = vec![Vec::new()];
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        let byte = match byte {
            b',' => {
                items.push(Vec::new());
                continue;
            }
            b'\\' => *bytes.next().filter(|b| matches!(b, b'\\' | b','))?,
            other => other,
        };
        items.last_mut()?.push(byte);
    }
    Some(items)
}

/// Whether bytes are a value of this key.
fn check_value(key: u16, value: &[u8]) -> Result<(), &'static str> {
    let fine = match key {
        MANDATORY => {
            let keys = || value.chunks(2).map(|k| k.iter().fold(0, |n, b| n << 8 | u16::from(*b)));
            if keys().any(|k| k == MANDATORY) {
                return Err("mandatory cannot name itself");
            }
            let (whole, rising) =
                (!value.is_empty() && value.len().is_multiple_of(2), keys().is_sorted_by(|a, b| a < b));
            return if whole && rising { Ok(()) } else { Err("a list of parameters, none twice, is expected") };
        }
        ALPN => {
            let mut at = 0;
            while let Some(&len) = value.get(at).filter(|len| **len > 0) {
                at += usize::from(len) + 1;
            }
            return if at == value.len() && at > 0 {
                Ok(())
            } else {
                Err("a list of protocols, none empty, is expected")
            };
        }
        NO_DEFAULT_ALPN | OHTTP => {
            return if value.is_empty() { Ok(()) } else { Err("this parameter has no value") };
        }
        PORT => value.len() == 2,
        IPV4HINT => !value.is_empty() && value.len().is_multiple_of(4),
        IPV6HINT => !value.is_empty() && value.len().is_multiple_of(16),
        ECH => !value.is_empty(),
        DOHPATH => {
            let path = std::str::from_utf8(value).is_ok_and(|path| path.starts_with('/') && path.contains("{?dns"));
            return if path { Ok(()) } else { Err("a path with {?dns} is expected, such as /dns-query{?dns}") };
        }
        _ => true,
    };
    if fine { Ok(()) } else { Err("a value is expected") }
}

/// What holds between parameters; the key that breaks it and why.
fn rules(params: &[Param]) -> Result<(), (u16, String)> {
    let has = |key: u16| params.iter().any(|p| p.key == key);
    if has(NO_DEFAULT_ALPN) && !has(ALPN) {
        return Err((NO_DEFAULT_ALPN, "no-default-alpn without alpn".to_owned()));
    }
    let Some(mandatory) = params.first().filter(|p| p.key == MANDATORY) else { return Ok(()) };
    let keys = mandatory.value.chunks_exact(2).map(|k| u16::from_be_bytes([k[0], k[1]]));
    match keys.into_iter().find(|key| !has(*key)) {
        Some(missing) => Err((MANDATORY, format!("{} is mandatory and not given", name(missing)))),
        None => Ok(()),
    }
}

/// Whether bytes are parameters, in the order of their keys.
pub(super) fn check(mut wire: &[u8]) -> Result<(), ()> {
    let mut params: Vec<Param> = Vec::new();
    while let [a, b, c, d, rest @ ..] = wire {
        let (key, len) = (u16::from_be_bytes([*a, *b]), usize::from(u16::from_be_bytes([*c, *d])));
        let value = rest.get(..len).ok_or(())?;
        if key == INVALID || params.last().is_some_and(|before| before.key >= key) {
            return Err(());
        }
        check_value(key, value).map_err(drop)?;
        params.push(Param { key, range: 0..0, value: value.to_vec() });
        wire = &rest[len..];
    }
    if wire.is_empty() { rules(&params).map_err(drop) } else { Err(()) }
}
