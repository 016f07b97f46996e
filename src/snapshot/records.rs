//! Records as they stand in an image, and names within their data.

use crate::dns::{NAME_MAX, Rtype, Writer};

pub(super) fn record_head(out: &mut Vec<u8>, rtype: Rtype, ttl: u32, len: usize) {
    out.extend_from_slice(&[0xc0, 0x0c]);
    out.extend_from_slice(&rtype.0.to_be_bytes());
    out.extend_from_slice(&[0, 1]);
    out.extend_from_slice(&ttl.to_be_bytes());
    out.extend_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
}

/// Writes a record owned by the question or by `owner`, and notes where pointers stand.
pub(super) fn write_record(
    writer: &mut Writer<'_>,
    owner: Option<&[u8]>,
    rtype: Rtype,
    ttl: u32,
    rdata: &[u8],
    base: usize,
    pointers: &mut Vec<usize>,
) -> Result<(), crate::dns::Full> {
    match owner {
        None => writer.u16(0xc00c)?,
        Some(owner) => write_name(writer, owner, base, pointers)?,
    }
    writer.u16(rtype.0)?;
    writer.u16(1)?;
    writer.bytes(&ttl.to_be_bytes())?;
    let len_at = writer.len();
    writer.u16(0)?;
    match rtype.compressed_names() {
        None => writer.bytes(rdata)?,
        Some((skip, names)) => {
            writer.bytes(&rdata[..skip])?;
            let mut at = skip;
            for _ in 0..names {
                let name = name_at(rdata, at).unwrap_or(&[0]);
                write_name(writer, name, base, pointers)?;
                at += name.len();
            }
            writer.bytes(&rdata[at..])?;
        }
    }
    let len = writer.len() - len_at - 2;
    writer.patch_u16(len_at, u16::try_from(len).unwrap_or(u16::MAX));
    Ok(())
}

pub(super) fn write_name(
    writer: &mut Writer<'_>,
    name: &[u8],
    base: usize,
    pointers: &mut Vec<usize>,
) -> Result<(), crate::dns::Full> {
    let mut at = writer.len();
    writer.name(name, true)?;
    let out = writer.written();
    while out[at] != 0 {
        if out[at] >= 0xc0 {
            pointers.push(at - base);
            break;
        }
        at += usize::from(out[at]) + 1;
    }
    Ok(())
}

/// The uncompressed name at `at` of record data.
pub(super) fn name_at(rdata: &[u8], at: usize) -> Option<&[u8]> {
    let rest = rdata.get(at..)?;
    let mut len = 0;
    while *rest.get(len)? != 0 {
        len += usize::from(rest[len]) + 1;
    }
    (len < NAME_MAX).then(|| &rest[..=len])
}

/// Labels with their length bytes.
pub(super) fn with_lengths(mut wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let len = usize::from(*wire.first()?);
        if len == 0 {
            return None;
        }
        let (label, rest) = wire.split_at(len + 1);
        wire = rest;
        Some(label)
    })
}
