//! A reply as people read it: records in presentation form (RFC 1035, 5.1). For explanations only; no
//! query waits for it.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::dns::{HEADER_LEN, NAME_MAX, Name, Rcode, Rtype, read_name};

/// One record of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whose.
    pub owner: Name,
    /// Of which type.
    pub rtype: Rtype,
    /// Seconds.
    pub ttl: u32,
    /// The name that it leads to, of CNAME.
    pub target: Option<Name>,
    /// The data: in the form of its type where that is known here, else as RFC 3597 has it.
    pub data: String,
}

impl std::fmt::Display for Record {
    /// `app.example.com. 10 IN A 192.0.2.10`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} IN {} {}", self.owner, self.ttl, self.rtype, self.data)
    }
}

/// What a reply says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The code, without the upper bits that OPT carries.
    pub rcode: Rcode,
    /// Flags that are set, by their usual names.
    pub flags: Vec<&'static str>,
    /// The answer section.
    pub answer: Vec<Record>,
    /// The authority section.
    pub authority: Vec<Record>,
    /// The additional section, without OPT.
    pub additional: Vec<Record>,
}

/// Flags of a reply with their bits (RFC 1035, 4.1.1; RFC 4035, 3).
const FLAGS: [(u16, &str); 6] =
    [(0x0400, "aa"), (0x0200, "tc"), (0x0100, "rd"), (0x0080, "ra"), (0x0020, "ad"), (0x0010, "cd")];

impl Reply {
    /// Reads a reply that this room has made; None where it is none.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
        let flags = word(2)?;
        let mut at = HEADER_LEN;
        for _ in 0..word(4)? {
            at = name_at(bytes, at)?.1 + 4;
        }
        let mut section = |count: u16| {
            let mut records = Vec::new();
            for _ in 0..count {
                let (owner, head) = name_at(bytes, at)?;
                let rtype = Rtype(word(head)?);
                let ttl = u32::from_be_bytes(bytes.get(head + 4..head + 8)?.try_into().ok()?);
                let data = head + 10..head + 10 + usize::from(word(head + 8)?);
                at = data.end;
                if rtype != Rtype::OPT {
                    let target = if rtype == Rtype::CNAME { Some(name_at(bytes, data.start)?.0) } else { None };
                    let data =
                        show(bytes, rtype, data.clone()).unwrap_or_else(|| unknown(bytes.get(data).unwrap_or(&[])));
                    records.push(Record { owner, rtype, ttl, target, data });
                }
            }
            Some(records)
        };
        let (answer, authority) = (section(word(6)?)?, section(word(8)?)?);
        let additional = section(word(10)?)?;
        let flags_set = FLAGS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect();
        Some(Self { rcode: Rcode(flags & 0xf), flags: flags_set, answer, authority, additional })
    }
}

/// A name and where reading goes on behind it.
fn name_at(bytes: &[u8], at: usize) -> Option<(Name, usize)> {
    let mut wire = [0; NAME_MAX];
    let (len, after) = read_name(|at| bytes.get(at).copied(), at, &mut wire)?;
    Some((Name::from_wire(&wire[..len]).ok()?, after))
}

/// Data in the form of its type; None where the type has none here.
fn show(message: &[u8], rtype: Rtype, data: std::ops::Range<usize>) -> Option<String> {
    let bytes = message.get(data.clone())?;
    let number = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    let long = |at: usize| Some(u32::from_be_bytes(message.get(at..at + 4)?.try_into().ok()?));
    let name = |at: usize| name_at(message, at).map(|(name, _)| name);
    Some(match rtype {
        Rtype::A => Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).to_string(),
        Rtype::AAAA => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string(),
        Rtype::NS | Rtype::CNAME | Rtype::PTR | Rtype::DNAME => name(data.start)?.to_string(),
        Rtype::MX => format!("{} {}", number(0)?, name(data.start + 2)?),
        Rtype::SRV => format!("{} {} {} {}", number(0)?, number(2)?, number(4)?, name(data.start + 6)?),
        Rtype::SOA => {
            let (mname, at) = name_at(message, data.start)?;
            let (rname, at) = name_at(message, at)?;
            let mut text = format!("{mname} {rname}");
            for place in 0..5 {
                let _ = write!(text, " {}", long(at + 4 * place)?);
            }
            text
        }
        Rtype::TXT | Rtype::SPF => strings(bytes)?,
        _ => return None,
    })
}

/// Character-strings in quotes (RFC 1035, 5.1).
fn strings(mut bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    while let Some((len, rest)) = bytes.split_first() {
        let (string, rest) = rest.split_at_checked(usize::from(*len))?;
        text.push_str(if text.is_empty() { "\"" } else { " \"" });
        for byte in string {
            match byte {
                b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
                b' '..=b'~' => text.push(char::from(*byte)),
                _ => {
                    let _ = write!(text, "\\{byte:03}");
                }
            }
        }
        text.push('"');
        bytes = rest;
    }
    Some(text)
}

/// Data of any type (RFC 3597, 5).
fn unknown(bytes: &[u8]) -> String {
    let mut text = format!("\\# {}", bytes.len());
    text.push_str(if bytes.is_empty() { "" } else { " " });
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_unknown_data_can_be_read_back() {
        assert_eq!(strings(b"\x03a\"\\\x02\x01 ").as_deref(), Some(r#""a\"\\" "\001 ""#));
        assert_eq!(strings(b"\x03a"), None);
        assert_eq!((unknown(b"\x0a\xff"), unknown(b"")), ("\\# 2 0aff".to_owned(), "\\# 0".to_owned()));
    }

    #[test]
    fn what_is_no_reply_is_none() {
        for bytes in [&b""[..], &[0; 11], b"\0\0\x80\0\0\0\0\x01\0\0\0\0", b"\0\0\x80\0\0\x01\0\0\0\0\0\0\xc0\x0c"] {
            assert_eq!(Reply::read(bytes), None, "{bytes:?}");
        }
    }
}
