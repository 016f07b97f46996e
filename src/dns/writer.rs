//! A message under construction, with name compression (RFC 1035, 4.1.4).

use super::{HEADER_LEN, NAME_MAX};

/// How many places names may be pointed to; more are not remembered.
const PLACES_MAX: usize = 48;
/// Pointers have 14 bits; one name's length is left for records that are moved behind a longer
/// question.
const POINTER_MAX: usize = 0x3fff - NAME_MAX;

/// The message does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// Writes a message from its front; never past a limit.
pub struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
    /// Where labels start that a pointer may refer to.
    places: [u16; PLACES_MAX],
    used: usize,
}

impl<'a> Writer<'a> {
    /// Begins behind a header, which the caller writes, with the question `question` (name, type and
    /// class, uncompressed).
    ///
    /// # Errors
    /// [`Full`] where `out` is too small.
    pub fn new(out: &'a mut [u8], question: &[u8]) -> Result<Self, Full> {
        let mut writer = Self { out, at: HEADER_LEN, places: [0; PLACES_MAX], used: 0 };
        let name_len = question.len().checked_sub(4).ok_or(Full)?;
        writer.bytes(question)?;
        let mut at = 0;
        while at + 1 < name_len {
            // A wildcard's name is not in the message: the question's stands there.
            if question[at..].starts_with(b"\x01*") && at == 0 {
                at = 2;
                continue;
            }
            writer.remember(HEADER_LEN + at);
            at += usize::from(question[at]) + 1;
        }
        Ok(writer)
    }

    /// Bytes written so far, the header included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.at
    }

    /// Never: there is always a header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Takes back everything behind `len`, names that were remembered there included.
    pub fn truncate(&mut self, len: usize) {
        self.at = len;
        while self.used > 0 && usize::from(self.places[self.used - 1]) >= len {
            self.used -= 1;
        }
    }

    /// What is written so far.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        &self.out[..self.at]
    }

    /// Appends bytes as they are.
    ///
    /// # Errors
    /// [`Full`]
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let end = self.at + bytes.len();
        self.out.get_mut(self.at..end).ok_or(Full)?.copy_from_slice(bytes);
        self.at = end;
        Ok(())
    }

    /// Appends a number, most significant byte first.
    ///
    /// # Errors
    /// [`Full`]
    pub fn u16(&mut self, number: u16) -> Result<(), Full> {
        self.bytes(&number.to_be_bytes())
    }

    /// Appends room for `len` bytes and hands it out.
    ///
    /// # Errors
    /// [`Full`]
    pub fn room(&mut self, len: usize) -> Result<&mut [u8], Full> {
        let end = self.at + len;
        let room = self.out.get_mut(self.at..end).ok_or(Full)?;
        self.at = end;
        Ok(room)
    }

    /// Overwrites a number written before.
    pub fn patch_u16(&mut self, at: usize, number: u16) {
        self.out[at..at + 2].copy_from_slice(&number.to_be_bytes());
    }

    /// Appends a name given in uncompressed wire form; with `compress`, its longest suffix that was
    /// written before becomes a pointer. Either way later names may point to it.
    ///
    /// # Errors
    /// [`Full`]
    pub fn name(&mut self, wire: &[u8], compress: bool) -> Result<(), Full> {
        let mut at = 0;
        while wire[at] != 0 {
            if compress && let Some(place) = self.find(&wire[at..]) {
                return self.u16(0xc000 | place);
            }
            let end = at + usize::from(wire[at]) + 1;
            let place = self.at;
            self.bytes(&wire[at..end])?;
            self.remember(place);
            at = end;
        }
        self.bytes(&[0])
    }

    fn remember(&mut self, place: usize) {
        if let (Some(slot), Ok(short)) = (self.places.get_mut(self.used), u16::try_from(place))
            && place <= POINTER_MAX
        {
            *slot = short;
            self.used += 1;
        }
    }

    /// Where the name `wire` was written before.
    fn find(&self, wire: &[u8]) -> Option<u16> {
        self.places[..self.used].iter().copied().find(|place| self.same(usize::from(*place), wire))
    }

    fn same(&self, mut at: usize, mut wire: &[u8]) -> bool {
        // Behind what is written stand bytes of some earlier message.
        let out = self.written();
        loop {
            match out.get(at) {
                Some(&high @ 0xc0..) => {
                    let Some(low) = out.get(at + 1) else { return false };
                    let to = usize::from(u16::from_be_bytes([high & 0x3f, *low]));
                    if to >= at {
                        return false;
                    }
                    at = to;
                }
                Some(&len) => {
                    let end = usize::from(len) + 1;
                    match (out.get(at..at + end), wire.get(..end)) {
                        (Some(a), Some(b)) if a.eq_ignore_ascii_case(b) => {}
                        _ => return false,
                    }
                    if len == 0 {
                        return true;
                    }
                    at += end;
                    wire = &wire[end..];
                }
                None => return false,
            }
        }
    }
}

/// Reads a name that may be compressed, byte by byte through `byte_at`, into `out`. Returns its
/// length and where reading goes on behind it. None where it is malformed or its pointers do not
/// lead backwards.
pub fn read_name(
    byte_at: impl Fn(usize) -> Option<u8>,
    mut at: usize,
    out: &mut [u8; NAME_MAX],
) -> Option<(usize, usize)> {
    let (mut len, mut after) = (0, None);
    loop {
        match byte_at(at)? {
            0 => {
                *out.get_mut(len)? = 0;
                return Some((len + 1, after.unwrap_or(at + 1)));
            }
            label @ 1..=63 => {
                for offset in 0..=usize::from(label) {
                    *out.get_mut(len)? = byte_at(at + offset)?;
                    len += 1;
                }
                at += usize::from(label) + 1;
            }
            high @ 0xc0.. => {
                after.get_or_insert(at + 2);
                let to = usize::from(u16::from_be_bytes([high & 0x3f, byte_at(at + 1)?]));
                if to >= at {
                    return None;
                }
                at = to;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_point_to_what_was_written_before() {
        let mut out = [0; 128];
        let mut w = Writer::new(&mut out, b"\x03www\x07example\0\0\x01\0\x01").expect("fits");
        w.name(b"\x03WWW\x07EXAMPLE\0", true).expect("fits");
        w.name(b"\x02ns\x07example\0", true).expect("fits");
        w.name(b"\x01a\x02ns\x07example\0", true).expect("fits");
        w.name(b"\x07example\0", false).expect("fits");
        w.name(b"\0", true).expect("fits");
        let body = &w.written()[12 + 17..];
        assert_eq!(body, b"\xc0\x0c\x02ns\xc0\x10\x01a\xc0\x1f\x07example\0\0");
        let whole = w.written().to_vec();
        let mut name = [0; NAME_MAX];
        let got = read_name(|i| whole.get(i).copied(), 12 + 17 + 7, &mut name);
        assert_eq!(got.map(|(len, _)| name[..len].to_vec()), Some(b"\x01a\x02ns\x07example\0".to_vec()));
    }

    #[test]
    fn a_full_message_says_so_and_can_be_cut_back() {
        let mut out = [0; 32];
        let mut w = Writer::new(&mut out, b"\x01a\0\0\x01\0\x01").expect("fits");
        let mark = w.len();
        w.name(b"\x02bb\x01a\0", true).expect("fits");
        assert_eq!(w.bytes(&[0; 40]), Err(Full));
        w.truncate(mark);
        w.name(b"\x02bb\x01a\0", true).expect("fits");
        assert_eq!(&w.written()[mark..], b"\x02bb\xc0\x0c");
    }

    #[test]
    fn what_an_earlier_message_left_is_not_pointed_to() {
        let mut out = [0xc0, 0x0e].repeat(64);
        let mut w = Writer::new(&mut out, b"\x07example\0\0\x01\0\x01").expect("fits");
        let mark = w.len();
        for first in [b'c', b'd'] {
            w.name(&[1, first, 1, b'a', 1, b'a', 1, b'a', 0], true).expect("fits");
        }
        assert_eq!(&w.written()[mark..], b"\x01c\x01a\x01a\x01a\0\x01d\xc0\x1b");
    }

    #[test]
    fn pointer_loops_are_refused() {
        let wire = b"\xc0\x02\xc0\x00";
        let mut name = [0; NAME_MAX];
        assert_eq!(read_name(|i| wire.get(i).copied(), 2, &mut name), None);
    }
}
