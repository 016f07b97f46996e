//! Numbers with names: record types, classes, opcodes and response codes.

use std::fmt;
use std::str::FromStr;

/// A record type (RFC 1035, 3.2.2, and the IANA registry).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rtype(pub u16);

macro_rules! rtypes {
    ($($name:ident = $number:literal, $text:literal;)*) => {
        #[allow(missing_docs)]
        impl Rtype {
            $(pub const $name: Self = Self($number);)*
        }
        const RTYPES: &[(u16, &str)] = &[$(($number, $text)),*];
    };
}

rtypes! {
    A = 1, "A"; NS = 2, "NS"; MD = 3, "MD"; MF = 4, "MF"; CNAME = 5, "CNAME"; SOA = 6, "SOA";
    MB = 7, "MB"; MG = 8, "MG"; MR = 9, "MR"; NULL = 10, "NULL"; WKS = 11, "WKS"; PTR = 12, "PTR";
    HINFO = 13, "HINFO"; MINFO = 14, "MINFO"; MX = 15, "MX"; TXT = 16, "TXT"; RP = 17, "RP";
    AFSDB = 18, "AFSDB"; X25 = 19, "X25"; ISDN = 20, "ISDN"; RT = 21, "RT"; SIG = 24, "SIG";
    KEY = 25, "KEY"; PX = 26, "PX"; AAAA = 28, "AAAA"; LOC = 29, "LOC"; NXT = 30, "NXT";
    SRV = 33, "SRV"; NAPTR = 35, "NAPTR"; KX = 36, "KX"; CERT = 37, "CERT"; A6 = 38, "A6";
    DNAME = 39, "DNAME"; OPT = 41, "OPT"; APL = 42, "APL"; DS = 43, "DS"; SSHFP = 44, "SSHFP";
    IPSECKEY = 45, "IPSECKEY"; RRSIG = 46, "RRSIG"; NSEC = 47, "NSEC"; DNSKEY = 48, "DNSKEY";
    DHCID = 49, "DHCID"; NSEC3 = 50, "NSEC3"; NSEC3PARAM = 51, "NSEC3PARAM"; TLSA = 52, "TLSA";
    SMIMEA = 53, "SMIMEA"; HIP = 55, "HIP"; CDS = 59, "CDS"; CDNSKEY = 60, "CDNSKEY";
    OPENPGPKEY = 61, "OPENPGPKEY"; CSYNC = 62, "CSYNC"; ZONEMD = 63, "ZONEMD"; SVCB = 64, "SVCB";
    HTTPS = 65, "HTTPS"; SPF = 99, "SPF"; NID = 104, "NID"; L32 = 105, "L32"; L64 = 106, "L64";
    LP = 107, "LP"; EUI48 = 108, "EUI48"; EUI64 = 109, "EUI64"; TKEY = 249, "TKEY";
    TSIG = 250, "TSIG"; IXFR = 251, "IXFR"; AXFR = 252, "AXFR"; MAILB = 253, "MAILB";
    MAILA = 254, "MAILA"; ANY = 255, "ANY"; URI = 256, "URI"; CAA = 257, "CAA";
}

impl Rtype {
    /// Whether the number is reserved for questions and messages and can never be zone data
    /// (RFC 6895, 3.1: 128 to 255, and OPT).
    #[must_use]
    pub fn is_meta(self) -> bool {
        // First the usual ones, at a glance.
        self.0.wrapping_sub(1) >= 40 && matches!(self.0, 0 | 41 | 128..=255)
    }

    /// Whether it is A or AAAA, the types that a pool steers.
    #[must_use]
    pub fn is_address(self) -> bool {
        self == Self::A || self == Self::AAAA
    }

    /// Where in its data names stand that may be compressed in messages: after how many bytes, and how
    /// many one behind the other. Only types of RFC 1035 have such (RFC 3597, 4).
    #[must_use]
    pub fn compressed_names(self) -> Option<(usize, usize)> {
        match self {
            Self::NS | Self::PTR => Some((0, 1)),
            Self::MX => Some((2, 1)),
            Self::SOA => Some((0, 2)),
            _ => None,
        }
    }

    /// After how many bytes of its data the name of a host stands, whose addresses are sent along
    /// (RFC 1035, 3.3; RFC 2782; RFC 9460, 4.1).
    #[must_use]
    pub fn target_at(self) -> Option<usize> {
        match self {
            Self::NS => Some(0),
            Self::MX | Self::SVCB | Self::HTTPS => Some(2),
            Self::SRV => Some(6),
            _ => None,
        }
    }

    /// Names of all types that have one, for suggestions in diagnostics.
    pub fn names() -> impl Iterator<Item = &'static str> {
        RTYPES.iter().map(|(_, text)| *text)
    }
}

impl fmt::Display for Rtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match RTYPES.iter().find(|(number, _)| *number == self.0) {
            Some((_, text)) => f.write_str(text),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

impl fmt::Debug for Rtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Rtype {
    type Err = ();

    /// Accepts a mnemonic in any case, or `TYPE123` (RFC 3597, 5).
    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some((number, _)) = RTYPES.iter().find(|(_, t)| t.eq_ignore_ascii_case(text)) {
            return Ok(Self(*number));
        }
        let prefix = text.get(..4).ok_or(())?;
        if !prefix.eq_ignore_ascii_case("TYPE") {
            return Err(());
        }
        let digits = text.get(4..).ok_or(())?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(());
        }
        digits.parse().map(Self).map_err(|_| ())
    }
}

/// A class (RFC 1035, 3.2.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Class(pub u16);

impl Class {
    /// The Internet.
    pub const IN: Self = Self(1);
    /// Chaos, in which `version.bind` and `id.server` live (RFC 4892).
    pub const CH: Self = Self(3);
    /// QCLASS `*`.
    pub const ANY: Self = Self(255);
}

/// What a message asks for (RFC 1035, 4.1.1, RFC 6895, 2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Opcode(pub u8);

impl Opcode {
    /// A standard query.
    pub const QUERY: Self = Self(0);
}

/// A response code; codes over 15 need an OPT record to carry their upper bits (RFC 6891, 6.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rcode(pub u16);

#[allow(missing_docs)]
impl Rcode {
    pub const NOERROR: Self = Self(0);
    pub const FORMERR: Self = Self(1);
    pub const SERVFAIL: Self = Self(2);
    pub const NXDOMAIN: Self = Self(3);
    pub const NOTIMP: Self = Self(4);
    pub const REFUSED: Self = Self(5);
    pub const YXDOMAIN: Self = Self(6);
    pub const NOTAUTH: Self = Self(9);
    pub const BADVERS: Self = Self(16);
}

impl fmt::Debug for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            6 => "YXDOMAIN",
            9 => "NOTAUTH",
            16 => "BADVERS",
            other => return write!(f, "RCODE{other}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mnemonics_and_numbers_agree_both_ways() {
        for name in Rtype::names() {
            let parsed: Rtype = name.parse().expect("a known name");
            assert_eq!(parsed.to_string(), name);
        }
        assert_eq!("type65280".parse(), Ok(Rtype(65280)));
        assert_eq!("TYPE1".parse(), Ok(Rtype::A));
        for bad in ["", "TYP", "TYPE", "TYPE65536", "TYPE-1", "TYPE+1", "AAAAA", "tÿpe1"] {
            assert_eq!(bad.parse::<Rtype>(), Err(()), "{bad}");
        }
    }
}
