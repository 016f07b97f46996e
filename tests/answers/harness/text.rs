//! Names and data in the one text form of the case files.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use pharos::dns::Rtype;

/// Signs that stand for themselves in names, beside letters and digits.
const PLAIN: &[u8] = b"-_*/+=:!#%&<>?[]^{}~'`";

/// Data that is one name.
pub(crate) fn is_name(rtype: u16) -> bool {
    matches!(rtype, 2 | 3 | 4 | 5 | 7 | 8 | 9 | 12 | 39)
}

/// How many bytes stand before the name, in data that is numbers and a name.
pub(crate) fn before_name(rtype: u16) -> Option<usize> {
    match rtype {
        15 | 18 | 21 | 36 => Some(2),
        33 => Some(6),
        _ => None,
    }
}

/// A name in wire form, not compressed; in lower case.
pub(crate) fn name(wire: &[u8]) -> String {
    let mut out = String::new();
    let mut rest = wire;
    while let Some((&len, tail)) = rest.split_first().filter(|(len, _)| **len > 0) {
        let (label, tail) = tail.split_at(usize::from(len));
        for byte in label.to_ascii_lowercase() {
            if byte.is_ascii_alphanumeric() || PLAIN.contains(&byte) {
                out.push(char::from(byte));
            } else {
                _ = write!(out, "\\{byte:03}");
            }
        }
        out.push('.');
        rest = tail;
    }
    if out.is_empty() { ".".into() } else { out }
}

/// Data of a record, its names decompressed.
pub(crate) fn rdata(rtype: u16, data: &[u8]) -> String {
    known(rtype, data).unwrap_or_else(|| {
        let mut out = format!("\\# {}", data.len());
        for (n, byte) in data.iter().enumerate() {
            _ = write!(out, "{}{byte:02x}", if n == 0 { " " } else { "" });
        }
        out
    })
}

fn known(rtype: u16, data: &[u8]) -> Option<String> {
    match Rtype(rtype) {
        Rtype::A => Some(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).to_string()),
        Rtype::AAAA => Some(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).to_string()),
        Rtype::SOA => {
            let (names, numbers) = data.split_at_checked(data.len().checked_sub(20)?)?;
            let first = names.split_at_checked(name_len(names)?)?;
            let mut out = format!("{} {}", name(first.0), name(first.1));
            for number in numbers.chunks(4) {
                _ = write!(out, " {}", number.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)));
            }
            Some(out)
        }
        Rtype::TXT | Rtype::SPF if !data.is_empty() => strings(data),
        _ if is_name(rtype) => Some(name(data)),
        _ => {
            let (numbers, target) = data.split_at_checked(before_name(rtype)?)?;
            let mut out = String::new();
            for number in numbers.chunks(2) {
                _ = write!(out, "{} ", number.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)));
            }
            Some(out + &name(target))
        }
    }
}

fn name_len(wire: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *wire.get(at)? {
            0 => return Some(at + 1),
            len => at += 1 + usize::from(len),
        }
    }
}

fn strings(data: &[u8]) -> Option<String> {
    let mut out = Vec::new();
    let mut rest = data;
    while let Some((&len, tail)) = rest.split_first() {
        let (string, tail) = tail.split_at_checked(usize::from(len))?;
        let mut text = String::from("\"");
        for &byte in string {
            if byte.is_ascii_alphanumeric() || PLAIN.contains(&byte) || b" .()@".contains(&byte) {
                text.push(char::from(byte));
            } else {
                _ = write!(text, "\\{byte:03}");
            }
        }
        out.push(text + "\"");
        rest = tail;
    }
    Some(out.join(" "))
}
