//! A reply, taken apart by a decoder of its own: what is compared must not depend on the code under test.

use std::collections::BTreeMap;
use std::fmt;

use pharos::dns::Rtype;

use super::text;

/// What a reply says, its records as sorted RRsets in text.
pub(crate) struct Reply {
    pub(crate) rcode: String,
    /// Header bits that are set, QR apart; and `opt`, `do`, `nsid`.
    pub(crate) flags: Vec<&'static str>,
    /// The question section as bytes.
    pub(crate) question: Vec<u8>,
    /// Answer, authority and additional, without the OPT.
    pub(crate) sections: [Vec<String>; 3],
    /// Records in each section of the message.
    #[allow(dead_code, reason = "compared with another decoder, where there is one")]
    pub(crate) counts: [u16; 3],
}

const BITS: [(&str, u16); 7] =
    [("aa", 0x0400), ("tc", 0x0200), ("rd", 0x0100), ("ra", 0x0080), ("z", 0x0040), ("ad", 0x0020), ("cd", 0x0010)];

/// An OPT that holds the NSID `ns1`, the name of the node under test.
const NSID: &[u8] = b"\0\x03\0\x03ns1";

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

type Fault = &'static str;

impl Reply {
    /// Takes a message apart.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut cursor = Cursor { bytes, at: 2 };
        let bits = cursor.u16()?;
        let questions = cursor.u16()?;
        let counts = [cursor.u16()?, cursor.u16()?, cursor.u16()?];
        if bits & 0x8000 == 0 {
            return Err("QR is clear");
        }
        for _ in 0..questions {
            cursor.name()?;
            cursor.take(4)?;
        }
        let question = bytes[12..cursor.at].to_vec();
        let mut flags: Vec<_> = BITS.iter().filter(|(_, bit)| bits & bit != 0).map(|(name, _)| *name).collect();
        let mut rcode = bits & 15;
        let mut sections = [Vec::new(), Vec::new(), Vec::new()];
        for (section, count) in sections.iter_mut().zip(counts) {
            let mut sets = BTreeMap::<String, Vec<String>>::new();
            for _ in 0..count {
                let owner = cursor.name()?;
                let (rtype, class) = (cursor.u16()?, cursor.u16()?);
                let (high, low) = (cursor.u16()?, cursor.u16()?);
                let len = usize::from(cursor.u16()?);
                if rtype == Rtype::OPT.0 {
                    let data = cursor.take(len)?;
                    if owner != [0] || flags.contains(&"opt") {
                        return Err("a wrong OPT");
                    }
                    flags.push("opt");
                    flags.extend((low & 0x8000 != 0).then_some("do"));
                    flags.extend((data.windows(NSID.len()).any(|w| w == NSID)).then_some("nsid"));
                    rcode |= high >> 8 << 4;
                    if high & 0xff != 0 || low & 0x7fff != 0 {
                        return Err("an OPT with a version or flags that nobody knows");
                    }
                    continue;
                }
                let data = cursor.rdata(rtype, len)?;
                let class = match class {
                    1 => String::new(),
                    3 => "CH ".into(),
                    255 => "ANY ".into(),
                    other => format!("CLASS{other} "),
                };
                let ttl = u32::from(high) << 16 | u32::from(low);
                let key = format!("{} {ttl} {class}{}", text::name(&owner), Rtype(rtype));
                sets.entry(key).or_default().push(text::rdata(rtype, &data));
            }
            *section = sets
                .into_iter()
                .map(|(key, mut data)| {
                    data.sort();
                    format!("{key} {}", data.join(" , "))
                })
                .collect();
            section.sort();
        }
        if cursor.at != bytes.len() {
            return Err("bytes after the message");
        }
        Ok(Self { rcode: rcode_text(rcode), flags, question, sections, counts })
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.rcode, self.flags.join(" "))?;
        self.sections.iter().try_for_each(|section| write!(f, " | {}", section.join(" ; ")))
    }
}

fn rcode_text(rcode: u16) -> String {
    let names = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN"];
    match (names.get(usize::from(rcode)), rcode) {
        (Some(name), _) => (*name).to_owned(),
        (None, 9) => "NOTAUTH".to_owned(),
        (None, 16) => "BADVERS".to_owned(),
        (None, other) => format!("RCODE{other}"),
    }
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let found = self.bytes.get(self.at..self.at + len).ok_or("it is cut short")?;
        self.at += len;
        Ok(found)
    }

    fn u16(&mut self) -> Result<u16, Fault> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A name, decompressed. A pointer must lead back.
    fn name(&mut self) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        let (mut at, mut after) = (self.at, None);
        loop {
            // A circle of labels and pointers gets here, too.
            if out.len() > 255 {
                return Err("a name over 255 octets");
            }
            let len = *self.bytes.get(at).ok_or("a name is cut short")?;
            match len {
                0 => {
                    out.push(0);
                    if out.len() > 255 {
                        return Err("a name over 255 octets");
                    }
                    self.at = after.unwrap_or(at + 1);
                    return Ok(out);
                }
                1..=63 => {
                    let end = at + 1 + usize::from(len);
                    out.extend(self.bytes.get(at..end).ok_or("a label is cut short")?);
                    at = end;
                }
                0xc0.. => {
                    let low = *self.bytes.get(at + 1).ok_or("a pointer is cut short")?;
                    let to = usize::from(len & 0x3f) << 8 | usize::from(low);
                    if to >= at {
                        return Err("a pointer that leads forward");
                    }
                    after = after.or(Some(at + 2));
                    at = to;
                }
                _ => return Err("an unknown kind of label"),
            }
        }
    }

    /// Data, with the names decompressed that may be compressed (RFC 3597, 4).
    fn rdata(&mut self, rtype: u16, len: usize) -> Result<Vec<u8>, Fault> {
        let end = self.at + len;
        let mut out = Vec::new();
        match Rtype(rtype) {
            Rtype::DNAME => {}
            Rtype::SOA => {
                out.extend(self.name()?);
                out.extend(self.name()?);
            }
            Rtype::MX => {
                out.extend(self.take(2)?);
                out.extend(self.name()?);
            }
            _ if text::is_name(rtype) => out.extend(self.name()?),
            _ => {}
        }
        let rest = end.checked_sub(self.at).ok_or("a name that is longer than its data")?;
        out.extend(self.take(rest)?);
        Ok(out)
    }
}
