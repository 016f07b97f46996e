//! Which fields the data of each type has, in order.

use crate::dns::Rtype;

/// A kind of field, in text and on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// A number of 8 bits.
    U8,
    /// A number of 16 bits.
    U16,
    /// A number of 32 bits.
    U32,
    /// Seconds in 32 bits, units allowed in text.
    Time,
    /// A number of 8 bits, or one of these words.
    Word8(&'static [(&'static str, u16)]),
    /// A number of 16 bits, or one of these words.
    Word16(&'static [(&'static str, u16)]),
    /// A domain name, uncompressed.
    Name,
    /// One character string of at most 255 bytes.
    CharString,
    /// One character string or more, to the end.
    CharStrings,
    /// A tag of CAA: letters and digits behind their length.
    Tag,
    /// One text to the end, without a length.
    Text,
    /// As `Text`, not empty.
    SomeText,
    /// Bytes to the end in hexadecimal digits; at least one.
    Hex,
    /// Bytes to the end in base64; at least one.
    Base64,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// So many groups of so many hexadecimal digits, with this between them; all bytes must be
    /// written where the flag is set, else leading zeros of a group may be left out.
    Groups { count: usize, digits: usize, between: u8, full: bool },
    /// A bitmap of types (RFC 4034, 4.1.2), to the end; may be empty.
    Types,
    /// All of a LOC record (RFC 1876).
    Location,
    /// Parameters of SVCB and HTTPS (RFC 9460), to the end.
    Params,
}

/// Fields with the names that their RFCs give them.
pub(super) type Grammar = &'static [(&'static str, Field)];

use Field::{
    Base64, CharString, CharStrings, Groups, Hex, Ipv4, Ipv6, Location, Name, Params, SomeText, Tag, Text, Time, Types,
    U8, U16, U32, Word8, Word16,
};

/// Algorithm mnemonics (RFC 4034, A.1, and the IANA registry).
const ALGORITHM: Field = Word8(&[
    ("RSAMD5", 1),
    ("DH", 2),
    ("DSA", 3),
    ("RSASHA1", 5),
    ("NSEC3DSA", 6),
    ("NSEC3RSASHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECCGOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
    ("INDIRECT", 252),
    ("PRIVATEDNS", 253),
    ("PRIVATEOID", 254),
]);

const DIGEST: Field = Word8(&[("SHA-1", 1), ("SHA-256", 2), ("GOST", 3), ("SHA-384", 4)]);

/// RFC 4398, 2.1.
const CERTIFICATE: Field = Word16(&[
    ("PKIX", 1),
    ("SPKI", 2),
    ("PGP", 3),
    ("IPKIX", 4),
    ("ISPKI", 5),
    ("IPGP", 6),
    ("ACPKIX", 7),
    ("IACPKIX", 8),
    ("URI", 253),
    ("OID", 254),
]);

const ONE_NAME: Grammar = &[("target", Name)];
const PREFERRED_NAME: Grammar = &[("preference", U16), ("host", Name)];
const STRINGS: Grammar = &[("text", CharStrings)];
const DIGEST_OF_KEY: Grammar = &[("key tag", U16), ("algorithm", ALGORITHM), ("digest type", DIGEST), ("digest", Hex)];
const KEY: Grammar = &[("flags", U16), ("protocol", U8), ("algorithm", ALGORITHM), ("public key", Base64)];
const ASSOCIATION: Grammar =
    &[("certificate usage", U8), ("selector", U8), ("matching type", U8), ("association data", Hex)];
const SERVICE: Grammar = &[("priority", U16), ("target", Name), ("parameters", Params)];
const LOCATOR: Field = Groups { count: 4, digits: 4, between: b':', full: false };

/// The grammar of a type; none where pharos knows the type by number only.
pub(super) fn of(rtype: Rtype) -> Option<Grammar> {
    Some(match rtype {
        Rtype::A => &[("address", Ipv4)],
        Rtype::AAAA => &[("address", Ipv6)],
        Rtype::NS | Rtype::CNAME | Rtype::DNAME | Rtype::PTR => ONE_NAME,
        Rtype::MD | Rtype::MF | Rtype::MB | Rtype::MG | Rtype::MR => ONE_NAME,
        Rtype::SOA => &[
            ("primary server", Name),
            ("contact", Name),
            ("serial", U32),
            ("refresh", Time),
            ("retry", Time),
            ("expire", Time),
            ("minimum", Time),
        ],
        Rtype::MX | Rtype::AFSDB | Rtype::RT | Rtype::KX | Rtype::LP => PREFERRED_NAME,
        Rtype::PX => &[("preference", U16), ("map822", Name), ("mapx400", Name)],
        Rtype::MINFO | Rtype::RP => &[("mailbox", Name), ("text domain", Name)],
        Rtype::HINFO => &[("processor", CharString), ("operating system", CharString)],
        Rtype::TXT | Rtype::SPF => STRINGS,
        Rtype::SRV => &[("priority", U16), ("weight", U16), ("port", U16), ("target", Name)],
        Rtype::CAA => &[("flags", U8), ("tag", Tag), ("value", Text)],
        Rtype::URI => &[("priority", U16), ("weight", U16), ("target", SomeText)],
        Rtype::NAPTR => &[
            ("order", U16),
            ("preference", U16),
            ("flags", CharString),
            ("services", CharString),
            ("regular expression", CharString),
            ("replacement", Name),
        ],
        Rtype::SSHFP => &[("algorithm", U8), ("fingerprint type", U8), ("fingerprint", Hex)],
        Rtype::TLSA | Rtype::SMIMEA => ASSOCIATION,
        Rtype::DS | Rtype::CDS => DIGEST_OF_KEY,
        Rtype::DNSKEY | Rtype::CDNSKEY | Rtype::KEY => KEY,
        Rtype::CERT => &[("type", CERTIFICATE), ("key tag", U16), ("algorithm", ALGORITHM), ("certificate", Base64)],
        Rtype::OPENPGPKEY => &[("public key", Base64)],
        Rtype::DHCID => &[("digest", Base64)],
        Rtype::CSYNC => &[("serial", U32), ("flags", U16), ("types", Types)],
        Rtype::ZONEMD => &[("serial", U32), ("scheme", U8), ("hash algorithm", U8), ("digest", Hex)],
        Rtype::NID | Rtype::L64 => &[("preference", U16), ("locator", LOCATOR)],
        Rtype::L32 => &[("preference", U16), ("locator", Ipv4)],
        Rtype::EUI48 => &[("address", Groups { count: 6, digits: 2, between: b'-', full: true })],
        Rtype::EUI64 => &[("address", Groups { count: 8, digits: 2, between: b'-', full: true })],
        Rtype::SVCB | Rtype::HTTPS => SERVICE,
        Rtype::LOC => &[("location", Location)],
        _ => return None,
    })
}

/// The names of a type's fields, as help shows them.
pub(super) fn form(rtype: Rtype) -> Option<String> {
    let fields = of(rtype)?;
    let words: Vec<String> = fields
        .iter()
        .map(|(name, field)| match field {
            Location => "d1 [m1 [s1]] N|S d2 [m2 [s2]] E|W altitude[m] [size[m] [hp[m] [vp[m]]]]".to_owned(),
            Params => "[key=value ...]".to_owned(),
            Types => "[type ...]".to_owned(),
            CharStrings => format!("<{name}> ..."),
            _ => format!("<{name}>"),
        })
        .collect();
    Some(format!("{rtype} {}", words.join(" ")))
}
