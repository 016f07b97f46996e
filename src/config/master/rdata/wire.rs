//! Whether bytes are data of a type.

use super::grammar::Field;
use super::{location, params};

/// Walks over `wire` field by field; the error says what is wrong.
pub(super) fn check(fields: &[(&'static str, Field)], wire: &[u8]) -> Result<(), String> {
    let mut rest = wire;
    for (name, field) in fields {
        let len = field_len(*field, rest).ok_or_else(|| format!("{name} is missing or malformed"))?;
        if rest.len() < len {
            return Err(format!("they end within {name}"));
        }
        rest = &rest[len..];
    }
    if rest.is_empty() { Ok(()) } else { Err(format!("{} bytes too many", rest.len())) }
}

/// How many bytes the field at the start of `wire` has; none where it cannot be one.
fn field_len(field: Field, wire: &[u8]) -> Option<usize> {
    Some(match field {
        Field::U8 | Field::Word8(_) => 1,
        Field::U16 | Field::Word16(_) => 2,
        Field::U32 | Field::Time | Field::Ipv4 => 4,
        Field::Ipv6 => 16,
        Field::Groups { count, digits, .. } => count * digits / 2,
        Field::Name => name_len(wire)?,
        Field::CharString => usize::from(*wire.first()?) + 1,
        Field::CharStrings => {
            let mut at = usize::from(*wire.first()?) + 1;
            while let Some(&len) = wire.get(at) {
                at += usize::from(len) + 1;
            }
            at
        }
        Field::Tag => {
            let len = usize::from(*wire.first()?);
            let tag = wire.get(1..=len)?;
            (len > 0 && tag.iter().all(u8::is_ascii_alphanumeric)).then_some(len + 1)?
        }
        Field::Text => wire.len(),
        Field::SomeText | Field::Hex | Field::Base64 => (!wire.is_empty()).then_some(wire.len())?,
        Field::Types => is_bitmap(wire).then_some(wire.len())?,
        Field::Location => location::is_valid(wire).then_some(wire.len())?,
        Field::Params => params::check(wire).ok().map(|()| wire.len())?,
    })
}

/// The length of the uncompressed name at the start of `wire`.
pub(super) fn name_len(wire: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *wire.get(at)? {
            0 => return (at < crate::dns::NAME_MAX).then_some(at + 1),
            len if len <= 63 => at += usize::from(len) + 1,
            _ => return None,
        }
    }
}

/// Windows in rising order, none empty (RFC 4034, 4.1.2).
fn is_bitmap(mut wire: &[u8]) -> bool {
    let mut before = None;
    while let [window, len, rest @ ..] = wire {
        let len = usize::from(*len);
        if !(1..=32).contains(&len) || rest.len() < len || before >= Some(*window) || rest[len - 1] == 0 {
            return false;
        }
        before = Some(*window);
        wire = &rest[len..];
    }
    wire.is_empty()
}
