//! EDNS: the OPT record (RFC 6891).

use super::Rcode;

/// The largest UDP reply that pharos sends and says it takes: what crosses the Internet without
/// fragments (DNS flag day 2020).
pub const UDP_PAYLOAD_MAX: u16 = 1232;

/// NSID (RFC 5001).
const OPTION_NSID: u16 = 3;
/// The DO bit within the TTL field (RFC 3225).
const DO: u32 = 0x8000;

/// What a query's OPT record said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns {
    /// The largest reply the client takes over UDP; as sent, so it may be under 512.
    pub payload: u16,
    /// 0 is the only version there is.
    pub version: u8,
    /// DNSSEC OK: echoed.
    pub dnssec_ok: bool,
    /// The client asked which server this is.
    pub nsid: bool,
}

impl Edns {
    /// What is sent back in a reply of `room` bytes of which `used` are taken: without NSID, where that
    /// does not fit.
    #[must_use]
    #[inline]
    pub fn fitting(mut self, nsid: &[u8], used: usize, room: usize) -> Self {
        self.nsid &= used + opt_len(&self, nsid) <= room;
        self
    }

    /// Reads the fixed fields and the options of an OPT record. None where an option overruns it.
    pub(super) fn parse(class: u16, ttl: u32, options: &[u8]) -> Option<Self> {
        let mut nsid = false;
        let mut rest = options;
        while let [c0, c1, l0, l1, tail @ ..] = rest {
            let len = usize::from(u16::from_be_bytes([*l0, *l1]));
            rest = tail.get(len..)?;
            nsid |= u16::from_be_bytes([*c0, *c1]) == OPTION_NSID;
        }
        if !rest.is_empty() {
            return None;
        }
        let version = ttl.to_be_bytes()[1];
        Some(Self { payload: class, version, dnssec_ok: ttl & DO != 0, nsid })
    }
}

/// Bytes that [`write_opt`] takes.
#[must_use]
pub fn opt_len(edns: &Edns, nsid: &[u8]) -> usize {
    if edns.nsid && !nsid.is_empty() { 15 + nsid.len() } else { 11 }
}

/// Writes the OPT record of a reply to the front of `out` and returns its length. `nsid` is sent
/// where the client asked; the upper bits of `rcode` go here.
pub fn write_opt(edns: &Edns, rcode: Rcode, nsid: &[u8], out: &mut [u8]) -> usize {
    let len = opt_len(edns, nsid);
    let out = &mut out[..len];
    let [payload_high, payload_low] = UDP_PAYLOAD_MAX.to_be_bytes();
    let upper = rcode.0.to_be_bytes();
    // rcode is 12 bits: its upper eight are bits 4 to 11.
    let extended = (upper[0] << 4) | (upper[1] >> 4);
    let flags = if edns.dnssec_ok { 0x80 } else { 0 };
    out[..11].copy_from_slice(&[0, 0, 41, payload_high, payload_low, extended, 0, flags, 0, 0, 0]);
    if len > 11 {
        // A node's name is bounded well under 64 KiB.
        let option = u16::try_from(nsid.len()).unwrap_or(u16::MAX);
        out[9..11].copy_from_slice(&(option.saturating_add(4)).to_be_bytes());
        out[11..13].copy_from_slice(&OPTION_NSID.to_be_bytes());
        out[13..15].copy_from_slice(&option.to_be_bytes());
        out[15..].copy_from_slice(nsid);
    }
    len
}
