//! The line of a case that says what is sent.

use pharos::dns::{Name, Rtype};

/// A message to send, without its id.
pub(crate) struct Question {
    /// As it stands in the file.
    pub(crate) line: String,
    /// Everything after the id.
    pub(crate) body: Vec<u8>,
    /// The question section, where a reply must repeat it.
    pub(crate) repeated: Option<Vec<u8>>,
    /// How long a reply over UDP may be (RFC 6891, 6.2.3).
    pub(crate) udp_max: usize,
    transport: Option<&'static str>,
}

const BITS: [(&str, u16); 9] = [
    ("qr", 0x8000),
    ("aa", 0x0400),
    ("tc", 0x0200),
    ("rd", 0x0100),
    ("ra", 0x0080),
    ("z", 0x0040),
    ("ad", 0x0020),
    ("cd", 0x0010),
    ("", 0),
];

struct Edns {
    size: u16,
    version: u8,
    flags: u16,
    options: Vec<u8>,
}

impl Question {
    /// None where a word is not understood.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let first = words.next()?;
        let second = words.next()?;
        let (mut flags, mut class, mut transport, mut edns) = (0u16, 1u16, None, None::<Edns>);
        for word in words {
            let (key, value) = word.strip_prefix('+')?.split_once('=').unwrap_or((word.strip_prefix('+')?, ""));
            match key {
                "udp" => transport = Some("UDP"),
                "tcp" => transport = Some("TCP"),
                "opcode" => flags |= value.parse::<u16>().ok()? << 11,
                "rcode" => flags |= value.parse::<u16>().ok()?,
                "class" => class = class_number(value)?,
                _ => match BITS.iter().find(|(name, _)| *name == key) {
                    Some((_, bit)) => flags |= bit,
                    None => edns.get_or_insert_with(Edns::default).take(key, value)?,
                },
            }
        }
        if first == "hex" {
            return Some(Self {
                line: line.to_owned(),
                body: unhex(second)?,
                repeated: None,
                udp_max: 1232,
                transport,
            });
        }
        let mut question = Name::parse(first).ok()?.as_wire().to_vec();
        question.extend(second.parse::<Rtype>().ok()?.0.to_be_bytes());
        question.extend(class.to_be_bytes());
        let mut body = flags.to_be_bytes().to_vec();
        body.extend([0, 1, 0, 0, 0, 0, 0, u8::from(edns.is_some())]);
        body.extend(&question);
        let size = edns.as_ref().map(|edns| edns.size);
        if let Some(Edns { size, version, flags, options }) = edns {
            body.extend([0, 0, 41]);
            body.extend(size.to_be_bytes());
            body.extend([0, version]);
            body.extend(flags.to_be_bytes());
            body.extend(u16::try_from(options.len()).ok()?.to_be_bytes());
            body.extend(options);
        }
        let udp_max = size.map_or(512, |size| usize::from(size.clamp(512, 1232)));
        let repeated = (flags >> 11 & 15 == 0).then_some(question);
        Some(Self { line: line.to_owned(), body, repeated, udp_max, transport })
    }

    /// Over what it is asked.
    pub(crate) fn transports(&self) -> &[&'static str] {
        match self.transport {
            Some("UDP") => &["UDP"],
            Some(_) => &["TCP"],
            None => &["UDP", "TCP"],
        }
    }
}

impl Default for Edns {
    fn default() -> Self {
        Self { size: 1232, version: 0, flags: 0, options: Vec::new() }
    }
}

impl Edns {
    fn take(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "edns" if value.is_empty() => {}
            "edns" => self.size = value.parse().ok()?,
            "do" => self.flags |= 0x8000,
            "ednsflags" => self.flags |= u16::from_str_radix(value, 16).ok()?,
            "version" => self.version = value.parse().ok()?,
            "nsid" => self.options.extend([0, 3, 0, 0]),
            "opt" => {
                let (code, data) = value.split_once(':')?;
                let data = unhex(data)?;
                self.options.extend(code.parse::<u16>().ok()?.to_be_bytes());
                self.options.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
                self.options.extend(data);
            }
            _ => return None,
        }
        Some(())
    }
}

fn class_number(text: &str) -> Option<u16> {
    Some(match text {
        "IN" => 1,
        "CH" => 3,
        "HS" => 4,
        "NONE" => 254,
        "ANY" => 255,
        number => number.parse().ok()?,
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}
