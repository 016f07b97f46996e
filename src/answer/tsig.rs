//! The reply to a query signed with a key that is not known: an unsigned TSIG record with BADKEY
//! (RFC 8945, 5.3.2). Absent on purpose: keys.

use crate::dns::{NAME_MAX, Rtype, read_name};

/// The TSIG error for an unknown key.
const BADKEY: u16 = 17;

/// Appends to the reply `out[..len]` the answer to the TSIG record at `at` of the query `packet`, and
/// counts it. Returns the new length; the old one where the record is malformed or nothing fits.
pub(super) fn append_bad_key(packet: &[u8], at: usize, out: &mut [u8], len: usize) -> usize {
    append(packet, at, out, len).unwrap_or(len)
}

fn append(packet: &[u8], at: usize, out: &mut [u8], len: usize) -> Option<usize> {
    let byte_at = |offset: usize| packet.get(offset).copied();
    let (mut key, mut algorithm) = ([0; NAME_MAX], [0; NAME_MAX]);
    let (key_len, after) = read_name(byte_at, at, &mut key)?;
    let (algorithm_len, after) = read_name(byte_at, after + 10, &mut algorithm)?;
    // Time signed and fudge are sent back as they came.
    let times = packet.get(after..after + 8)?;
    let mut to = len;
    let mut put = |bytes: &[u8]| -> Option<()> {
        out.get_mut(to..to + bytes.len())?.copy_from_slice(bytes);
        to += bytes.len();
        Some(())
    };
    put(&key[..key_len])?;
    put(&Rtype::TSIG.0.to_be_bytes())?;
    // Class ANY, TTL 0.
    put(&[0, 255, 0, 0, 0, 0])?;
    put(&u16::try_from(algorithm_len + 16).ok()?.to_be_bytes())?;
    put(&algorithm[..algorithm_len])?;
    put(times)?;
    // No MAC; the query's id; the error; no other data.
    put(&[0, 0, packet[0], packet[1]])?;
    put(&BADKEY.to_be_bytes())?;
    put(&[0, 0])?;
    let count = u16::from_be_bytes([out[10], out[11]]) + 1;
    out[10..12].copy_from_slice(&count.to_be_bytes());
    Some(to)
}
