//! Fields in text.

use std::net::Ipv6Addr;

use super::grammar::{self, Field};
use super::{Input, bad, binary, location, params};
use crate::config::diag::nearest;
use crate::config::master::fault::{Fault, Outcome, Shown};
use crate::config::master::lexer::Token;
use crate::config::master::names;
use crate::config::master::ttl::{TimeError, parse_time};
use crate::dns::{NAME_MAX, Rtype};

/// Reads one field, and appends its wire form.
pub(super) fn field(
    rtype: Rtype,
    name: &'static str,
    field: Field,
    input: &mut Input<'_>,
    out: &mut Vec<u8>,
) -> Outcome {
    match field {
        Field::Params => return params::text(rtype, input, out),
        Field::Types => return binary::types(input, out),
        Field::Location => return location::text(input, out),
        _ => {}
    }
    let Some(token) = input.next() else {
        let help = grammar::form(rtype).unwrap_or_default();
        return Err(Fault::new("zone-missing-field", input.end..input.end, format!("{rtype} record without {name}"))
            .label(format!("{name} is missing"))
            .help(help));
    };
    let text = input.text(token);
    match field {
        Field::U8 => out.push(number::<u8>(input, token, name, u8::MAX.into())?),
        Field::U16 => out.extend(number::<u16>(input, token, name, u16::MAX.into())?.to_be_bytes()),
        Field::U32 => out.extend(number::<u32>(input, token, name, u32::MAX)?.to_be_bytes()),
        Field::Time => out.extend(time(input, token, name)?.to_be_bytes()),
        Field::Word8(words) => out.push(word::<u8>(input, token, name, words, u8::MAX.into())?),
        Field::Word16(words) => out.extend(word::<u16>(input, token, name, words, u16::MAX.into())?.to_be_bytes()),
        Field::Name => {
            let mut wire = [0; NAME_MAX];
            let len = names::parse(input.buffer, token, input.origin, &mut wire, "zone-bad-name")?;
            names::suspect(rtype, input.buffer, token, input.origin, &wire[..len], input.notes);
            out.extend_from_slice(&wire[..len]);
        }
        Field::CharString => char_string(input, token, name, out)?,
        Field::CharStrings => {
            char_string(input, token, name, out)?;
            while let Some(token) = input.next() {
                char_string(input, token, name, out)?;
            }
        }
        Field::Tag => {
            let len =
                u8::try_from(text.len()).ok().filter(|len| *len > 0 && text.iter().all(u8::is_ascii_alphanumeric));
            out.push(
                len.ok_or_else(|| bad("zone-bad-string", input, token, name).label("1 to 255 letters and digits"))?,
            );
            out.extend_from_slice(text);
        }
        Field::Text => unescape(input.buffer, token, out)?,
        Field::SomeText => {
            let before = out.len();
            if !token.quoted {
                // It may hold a semicolon, and RFC 7553, 4.4, wants the quotes.
                return Err(Fault::new("zone-bad-string", token.range(), format!("{name} without quotes"))
                    .label("put it in quotes"));
            }
            unescape(input.buffer, token, out)?;
            if out.len() == before {
                return Err(Fault::new(
                    "zone-bad-string",
                    token.range(),
                    format!("{rtype} record with an empty {name}"),
                ));
            }
        }
        Field::Hex => binary::hex(input, token, name, out)?,
        Field::Base64 => binary::base64(input, token, name, out)?,
        Field::Ipv4 => out.extend(ipv4(input, token)?),
        Field::Ipv6 => {
            let address =
                std::str::from_utf8(text).ok().and_then(|t| t.parse::<Ipv6Addr>().ok()).filter(|_| !token.quoted);
            let Some(address) = address else {
                let fault = bad("zone-bad-address", input, token, "IPv6 address");
                let remedy =
                    if parse_ipv4(text).is_some() { "this is IPv4: use type A" } else { "such as 2001:db8::1" };
                return Err(fault.label(remedy));
            };
            out.extend(address.octets());
        }
        Field::Groups { count, digits, between, full } => {
            let shape = vec!["X".repeat(digits); count].join(&char::from(between).to_string());
            let fault = || bad("zone-bad-address", input, token, name).label(format!("expected {shape}"));
            let before = out.len();
            let mut groups = 0;
            for group in text.split(|b| *b == between) {
                groups += 1;
                if group.is_empty() || group.len() > digits || (full && group.len() < digits) || groups > count {
                    return Err(fault());
                }
                let mut value = 0u16;
                for &byte in group {
                    value = value << 4 | u16::from(binary::hex_digit(byte).ok_or_else(fault)?);
                }
                out.extend(&value.to_be_bytes()[2 - digits / 2..]);
            }
            if out.len() - before != count * digits / 2 {
                return Err(fault());
            }
        }
        Field::Params | Field::Types | Field::Location => {}
    }
    Ok(())
}

/// Decimal digits up to `max`, the largest of its type.
fn number<T: TryFrom<u32>>(input: &Input<'_>, token: Token, name: &str, max: u32) -> Outcome<T> {
    let value = parse_number(input.text(token)).filter(|_| !token.quoted).and_then(|n| T::try_from(n).ok());
    value.ok_or_else(|| {
        bad("zone-bad-number", input, token, name).label(format!("a number from 0 to {max} is expected"))
    })
}

/// Decimal digits without a sign.
pub(super) fn parse_number(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u32, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

fn time(input: &Input<'_>, token: Token, name: &str) -> Outcome<u32> {
    parse_time(input.text(token)).map_err(|error| {
        let label = match error {
            TimeError::Form => "seconds, or a time such as 1h30m, are expected",
            TimeError::TooLong => "more than 4294967295 seconds",
        };
        bad("zone-bad-number", input, token, name).label(label)
    })
}

/// A number up to `max`, or a word that stands for one.
fn word<T: TryFrom<u32>>(
    input: &Input<'_>,
    token: Token,
    name: &str,
    words: &[(&'static str, u16)],
    max: u32,
) -> Outcome<T> {
    let text = input.text(token);
    if text.first().is_some_and(u8::is_ascii_digit) {
        return number(input, token, name, max);
    }
    let known = words.iter().find(|(word, _)| word.as_bytes().eq_ignore_ascii_case(text));
    known.and_then(|(_, value)| T::try_from(u32::from(*value)).ok()).ok_or_else(|| {
        let near = nearest(&String::from_utf8_lossy(text), words.iter().map(|w| w.0));
        bad("zone-bad-number", input, token, name).label(match near {
            Some(near) => format!("did you mean {near}?"),
            None => format!("a number from 0 to {max} is expected"),
        })
    })
}

/// Appends a character string: its length, and its bytes with escapes undone.
fn char_string(input: &Input<'_>, token: Token, name: &str, out: &mut Vec<u8>) -> Outcome {
    let at = out.len();
    out.push(0);
    unescape(input.buffer, token, out)?;
    let len = out.len() - at - 1;
    out[at] = u8::try_from(len).map_err(|_| {
        Fault::new("zone-bad-string", token.range(), format!("{name} of {len} bytes"))
            .label("a string holds at most 255 bytes")
            .help("split it into several strings: \"first part\" \"second part\"")
    })?;
    Ok(())
}

/// Appends the bytes of a token, `\x` and `\255` undone.
pub(in super::super) fn unescape(buffer: &[u8], token: Token, out: &mut Vec<u8>) -> Outcome {
    let text = token.text(buffer);
    let mut at = 0;
    while let Some(run) = text[at..].iter().position(|b| *b == b'\\') {
        out.extend_from_slice(&text[at..at + run]);
        at += run;
        let Some((byte, len)) = escape(&text[at..]) else {
            let start = token.range().start + usize::from(token.quoted) + at;
            let end = (start + 4).min(token.range().end);
            return Err(Fault::new("zone-bad-escape", start..end, "backslash without a character or a number to 255")
                .help("write \\\\ for a backslash, and three digits for a byte: \\007"));
        };
        out.push(byte);
        at += len;
    }
    out.extend_from_slice(&text[at..]);
    Ok(())
}

/// What `\x` or `\255` at the start of `text` stands for, and its length.
pub(super) fn escape(text: &[u8]) -> Option<(u8, usize)> {
    match text.get(1)? {
        digit if digit.is_ascii_digit() => {
            let value = parse_number(text.get(1..4)?)?;
            Some((u8::try_from(value).ok()?, 4))
        }
        &other => Some((other, 2)),
    }
}

fn ipv4(input: &Input<'_>, token: Token) -> Outcome<[u8; 4]> {
    let text = input.text(token);
    if let Some(address) = parse_ipv4(text).filter(|_| !token.quoted) {
        return Ok(address);
    }
    let fault = bad("zone-bad-address", input, token, "IPv4 address");
    let octets = text.split(|b| *b == b'.');
    let is_v6 = std::str::from_utf8(text).is_ok_and(|t| t.parse::<Ipv6Addr>().is_ok());
    let zeros = octets.clone().any(|o| o.len() > 1 && o[0] == b'0' && o.iter().all(u8::is_ascii_digit));
    Err(if token.quoted {
        fault.label("leave the quotes out")
    } else if is_v6 {
        fault.label("this is IPv6: use type AAAA")
    } else if zeros {
        fault.label("numbers with leading zeros are octal to some programs: leave the zeros out")
    } else if let Some(octet) = octets.clone().find(|o| parse_number(o).is_some_and(|n| n > 255)) {
        fault.label(format!("{} is over 255", Shown(octet)))
    } else {
        fault.label("four numbers from 0 to 255 with dots between are expected")
    })
}

/// Four numbers from 0 to 255, without leading zeros.
pub(super) fn parse_ipv4(text: &[u8]) -> Option<[u8; 4]> {
    let mut address = [0u8; 4];
    let mut at = 0;
    for (n, octet) in address.iter_mut().enumerate() {
        if n > 0 {
            if text.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
        let start = at;
        let mut value = 0u16;
        while let Some(&digit) = text.get(at).filter(|b| b.is_ascii_digit()) {
            value = value * 10 + u16::from(digit - b'0');
            at += 1;
            if at - start > 3 {
                return None;
            }
        }
        if at == start || (at - start > 1 && text[start] == b'0') {
            return None;
        }
        *octet = u8::try_from(value).ok()?;
    }
    (at == text.len()).then_some(address)
}
