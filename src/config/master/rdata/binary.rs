//! Bytes in text: hexadecimal digits, base64, type bitmaps, and the generic form of RFC 3597.

use super::text::parse_number;
use super::{Input, bad};
use crate::config::diag::nearest;
use crate::config::master::fault::{Fault, Outcome, Shown};
use crate::config::master::lexer::Token;
use crate::dns::Rtype;

/// The value of a hexadecimal digit.
pub(super) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Appends bytes from this token and all that follow; white space may stand anywhere.
pub(super) fn hex(input: &mut Input<'_>, first: Token, name: &str, out: &mut Vec<u8>) -> Outcome {
    let start = first.range().start;
    let mut high = None;
    let mut token = Some(first);
    while let Some(this) = token {
        for (i, &byte) in input.text(this).iter().enumerate() {
            let Some(digit) = hex_digit(byte) else { return Err(bad_byte(this, i, byte, "hexadecimal digit")) };
            match high.take() {
                None => high = Some(digit << 4),
                Some(high) => out.push(high | digit),
            }
        }
        token = input.next();
    }
    if high.is_some() {
        let message = format!("{name} with an odd number of hexadecimal digits");
        return Err(Fault::new("zone-bad-hex", start..input.end, message).label("two digits make a byte"));
    }
    if input.end - start == 2 * usize::from(first.quoted) {
        return Err(Fault::new("zone-bad-hex", start..input.end, format!("{name} is empty")));
    }
    Ok(())
}

fn bad_byte(token: Token, index: usize, byte: u8, what: &str) -> Box<Fault> {
    let at = token.range().start + usize::from(token.quoted) + index;
    let code = if what == "base64" { "zone-bad-base64" } else { "zone-bad-hex" };
    let fault = Fault::new(code, at..at + 1, format!("{} is no {what}", Shown(&[byte])));
    if byte == b'=' { fault.label("filling stands at the end, after bits that are zero") } else { fault }
}

/// Appends bytes from this token and all that follow; padding must be complete (RFC 4648, 3.2).
pub(super) fn base64(input: &mut Input<'_>, first: Token, name: &str, out: &mut Vec<u8>) -> Outcome {
    let start = first.range().start;
    let mut decoder = Base64::default();
    let mut token = Some(first);
    while let Some(this) = token {
        for (i, &byte) in input.text(this).iter().enumerate() {
            decoder.push(byte, out).map_err(|()| bad_byte(this, i, byte, "base64"))?;
        }
        token = input.next();
    }
    if !decoder.is_complete() {
        let message = format!("{name} is not complete");
        return Err(Fault::new("zone-bad-base64", start..input.end, message)
            .label("base64 comes in groups of four characters, filled up with ="));
    }
    if decoder.symbols == 0 {
        return Err(Fault::new("zone-bad-base64", start..input.end, format!("{name} is empty")));
    }
    Ok(())
}

/// Decodes byte by byte, so that the place of a bad one is known.
#[derive(Default)]
pub(super) struct Base64 {
    bits: u32,
    symbols: usize,
    padding: usize,
}

impl Base64 {
    /// Takes one character; fails where it cannot stand.
    pub(super) fn push(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), ()> {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                // At the third or fourth place of a group, the bits that are left over zero.
                let fine = match (self.symbols % 4, self.padding) {
                    (2, 0) => self.bits & 0xf == 0,
                    (3, 0) => self.bits & 0x3 == 0,
                    (2, 1) => true,
                    _ => false,
                };
                self.padding += 1;
                return if fine { Ok(()) } else { Err(()) };
            }
            _ => return Err(()),
        };
        if self.padding > 0 {
            return Err(());
        }
        self.bits = self.bits << 6 | u32::from(value);
        self.symbols += 1;
        // The second to fourth symbol of a group complete a byte each.
        let [_, _, _, low] = match self.symbols % 4 {
            2 => self.bits >> 4,
            3 => self.bits >> 2,
            0 => self.bits,
            _ => return Ok(()),
        }
        .to_be_bytes();
        out.push(low);
        Ok(())
    }

    /// Whether the last group is full.
    pub(super) fn is_complete(&self) -> bool {
        (self.symbols + self.padding).is_multiple_of(4)
    }
}

/// Appends a bitmap of the types that are left.
pub(super) fn types(input: &mut Input<'_>, out: &mut Vec<u8>) -> Outcome {
    let mut types = Vec::new();
    while let Some(token) = input.next() {
        let text = String::from_utf8_lossy(input.text(token));
        let Ok(rtype) = text.parse::<Rtype>() else {
            let fault = bad("zone-unknown-type", input, token, "type");
            return Err(match nearest(&text, Rtype::names()) {
                Some(near) => fault.label(format!("did you mean {near}?")),
                None => fault,
            });
        };
        types.push(rtype.0.to_be_bytes());
    }
    types.sort_unstable();
    for window in types.chunk_by(|a, b| a[0] == b[0]) {
        let mut bits = [0u8; 32];
        let mut len = 0u8;
        for [_, low] in window {
            bits[usize::from(low / 8)] |= 0x80 >> (low % 8);
            len = low / 8 + 1;
        }
        out.extend([window[0][0], len]);
        out.extend_from_slice(&bits[..usize::from(len)]);
    }
    Ok(())
}

/// Reads `\# LENGTH HEX` (RFC 3597, 5).
pub(super) fn generic(input: &mut Input<'_>, out: &mut Vec<u8>) -> Outcome {
    let form = "bytes are written as \\# LENGTH HEX, such as \\# 4 c0000201";
    let missing = |end| Fault::new("zone-missing-field", end..end, "length is missing behind \\#").help(form);
    input.next();
    let Some(length) = input.next() else { return Err(missing(input.end)) };
    let Some(want) = parse_number(input.text(length)).filter(|n| *n <= u16::MAX.into()) else {
        return Err(bad("zone-bad-number", input, length, "length")
            .label("a number from 0 to 65535 is expected")
            .help(form));
    };
    let range = input.rest();
    if let Some(first) = input.next() {
        hex(input, first, "data", out)?;
    }
    if out.len() != want as usize {
        return Err(Fault::new("zone-bad-rdata", range, format!("data of {} bytes where \\# says {want}", out.len())));
    }
    Ok(())
}
