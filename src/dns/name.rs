//! Domain names as they travel: length-prefixed labels ending in the root (RFC 1035, 3.1).

use std::fmt;
use std::hash::{Hash, Hasher};

use super::{LABELS_MAX, NAME_MAX};

/// An absolute domain name in uncompressed wire form.
///
/// The case of its letters is kept; comparison, order and hashing ignore it (RFC 4343). The order
/// is the canonical one of RFC 4034, 6.1.
#[derive(Clone)]
pub struct Name(Box<[u8]>);

/// Why a text or a piece of wire is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Two dots in a row, or a leading one.
    #[error("empty label")]
    EmptyLabel,
    /// More than 63 bytes between two dots.
    #[error("label longer than 63 bytes")]
    LabelTooLong,
    /// More than 255 bytes in all.
    #[error("name longer than 255 bytes")]
    TooLong,
    /// A backslash without a character or three digits up to 255 behind it.
    #[error("bad escape")]
    BadEscape,
    /// Wire bytes that end early, go on after the root, or hold a pointer.
    #[error("malformed name")]
    Malformed,
}

impl Name {
    /// The root.
    #[must_use]
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// Takes an uncompressed name that fills `wire` exactly.
    ///
    /// # Errors
    /// [`NameError::Malformed`] where it does not, [`NameError::TooLong`] over 255 bytes.
    pub fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        if wire.len() > NAME_MAX {
            return Err(NameError::TooLong);
        }
        let mut at = 0;
        loop {
            match wire.get(at) {
                Some(0) if at + 1 == wire.len() => return Ok(Self(wire.into())),
                Some(&len) if (1..=63).contains(&len) => at += usize::from(len) + 1,
                _ => return Err(NameError::Malformed),
            }
        }
    }

    /// Reads a name in text, absolute with or without its last dot.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        Self::parse_relative(text.as_bytes(), &Self::root())
    }

    /// Reads a name as master files write it (RFC 1035, 5.1): `@` is `origin`, a name without a
    /// last dot is relative to it, `\.` and `\065` are escapes.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn parse_relative(text: &[u8], origin: &Self) -> Result<Self, NameError> {
        let mut wire = [0; NAME_MAX];
        let len = Self::parse_into(text, origin.as_wire(), &mut wire)?;
        Ok(Self(wire[..len].into()))
    }

    /// As [`Name::parse_relative`], into a buffer; returns the length. Allocates nothing.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn parse_into(text: &[u8], origin: &[u8], wire: &mut [u8; NAME_MAX]) -> Result<usize, NameError> {
        if text == b"@" {
            wire[..origin.len()].copy_from_slice(origin);
            return Ok(origin.len());
        }
        if text == b"." {
            wire[0] = 0;
            return Ok(1);
        }
        if text.is_empty() {
            return Err(NameError::EmptyLabel);
        }
        let mut start = 0; // of the label under way, at its length byte
        let mut end = 1; // where the next byte goes
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            at += 1;
            if byte == b'.' {
                let len = end - start - 1;
                if len == 0 {
                    return Err(NameError::EmptyLabel);
                }
                wire[start] = u8::try_from(len).map_err(|_| NameError::LabelTooLong)?;
                start = end;
                end += 1;
                if end > NAME_MAX {
                    return Err(NameError::TooLong);
                }
                continue;
            }
            let byte = if byte == b'\\' { unescape(text, &mut at)? } else { byte };
            if end - start > 63 {
                return Err(NameError::LabelTooLong);
            }
            *wire.get_mut(end).ok_or(NameError::TooLong)? = byte;
            end += 1;
        }
        let len = end - start - 1;
        if len == 0 {
            // The text ended in a dot: absolute.
            wire[start] = 0;
            return Ok(end);
        }
        wire[start] = u8::try_from(len).map_err(|_| NameError::LabelTooLong)?;
        let total = end + origin.len();
        wire.get_mut(end..total).ok_or(NameError::TooLong)?.copy_from_slice(origin);
        Ok(total)
    }

    /// The uncompressed wire form.
    #[must_use]
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// Labels from the left, the root not among them.
    #[must_use]
    pub fn labels(&self) -> LabelIter<'_> {
        LabelIter(&self.0)
    }

    /// Writes where each label begins, from the left, and returns how many there are. A name is at
    /// most 255 bytes long.
    fn label_starts(&self, starts: &mut [u8; LABELS_MAX]) -> usize {
        let mut at = 0u8;
        let mut count = 0;
        for label in self.labels() {
            starts[count] = at;
            count += 1;
            at = at.saturating_add(u8::try_from(label.len() + 1).unwrap_or(u8::MAX));
        }
        count
    }

    /// How many labels it has, the root not counted.
    #[must_use]
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// The name without its first label; the root has none.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let first = usize::from(self.0[0]);
        (first != 0).then(|| Self(self.0[first + 1..].into()))
    }

    /// Whether it is `ancestor` or lies below it.
    #[must_use]
    pub fn is_within(&self, ancestor: &Self) -> bool {
        is_within(&self.0, &ancestor.0)
    }

    /// Whether the first label is `*` (RFC 4592, 2.1.1).
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(b"\x01*")
    }

    /// The same name in lower case.
    #[must_use]
    pub fn folded(&self) -> Self {
        // Length bytes are at most 63, below the letters.
        Self(self.0.to_ascii_lowercase().into())
    }
}

/// Reads what follows a backslash at `text[*at]`: one character, or three digits.
fn unescape(text: &[u8], at: &mut usize) -> Result<u8, NameError> {
    let first = *text.get(*at).ok_or(NameError::BadEscape)?;
    *at += 1;
    if !first.is_ascii_digit() {
        return Ok(first);
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        let digit = *text.get(*at).filter(|d| d.is_ascii_digit()).ok_or(NameError::BadEscape)?;
        value = value * 10 + u16::from(digit - b'0');
        *at += 1;
    }
    u8::try_from(value).map_err(|_| NameError::BadEscape)
}

/// Whether the name `wire` is `ancestor` or lies below it, both in uncompressed wire form; their case
/// is ignored.
#[must_use]
pub fn is_within(wire: &[u8], ancestor: &[u8]) -> bool {
    let Some(skip) = wire.len().checked_sub(ancestor.len()) else { return false };
    if !wire[skip..].eq_ignore_ascii_case(ancestor) {
        return false;
    }
    // The suffix must begin at a label's start.
    let mut at = 0;
    while at < skip {
        at += usize::from(wire[at]) + 1;
    }
    at == skip
}

/// Labels of a name from the left.
#[derive(Clone)]
pub struct LabelIter<'a>(&'a [u8]);

impl<'a> LabelIter<'a> {
    /// Over a name in uncompressed wire form.
    #[must_use]
    pub fn over(wire: &'a [u8]) -> Self {
        Self(wire)
    }
}

impl<'a> Iterator for LabelIter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let len = usize::from(*self.0.first()?);
        if len == 0 {
            return None;
        }
        let label = self.0.get(1..=len)?;
        self.0 = &self.0[len + 1..];
        Some(label)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in &self.0 {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let (mut starts, mut theirs) = ([0; LABELS_MAX], [0; LABELS_MAX]);
        let (count, their_count) = (self.label_starts(&mut starts), other.label_starts(&mut theirs));
        let label = |wire: &[u8], start: u8| {
            let start = usize::from(start);
            let end = start + 1 + usize::from(wire[start]);
            start + 1..end
        };
        let mut pairs = starts[..count].iter().rev().zip(theirs[..their_count].iter().rev());
        pairs
            .find_map(|(&mine, &their)| {
                let mine = self.0[label(&self.0, mine)].iter().map(u8::to_ascii_lowercase);
                let their = other.0[label(&other.0, their)].iter().map(u8::to_ascii_lowercase);
                Some(mine.cmp(their)).filter(|order| order.is_ne())
            })
            .unwrap_or_else(|| count.cmp(&their_count))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Name {
    /// As people write it: without the last dot, but for the root.
    #[must_use]
    pub fn bare(&self) -> String {
        let mut text = self.to_string();
        if text.len() > 1 {
            text.pop();
        }
        text
    }
}

impl fmt::Display for Name {
    /// As master files write it, absolute, with its last dot.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() == 1 {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &byte in label {
                match byte {
                    b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => write!(f, "\\{}", char::from(byte))?,
                    0x21..=0x7e => write!(f, "{}", char::from(byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).expect(text)
    }

    #[test]
    fn text_and_wire_round_trip() {
        for (text, wire, shown) in [
            (".", &b"\0"[..], "."),
            ("a", b"\x01a\0", "a."),
            ("WWW.example.", b"\x03WWW\x07example\0", "WWW.example."),
            ("a\\.b.c", b"\x03a.b\x01c\0", "a\\.b.c."),
            ("\\000\\255", b"\x02\0\xff\0", "\\000\\255."),
            ("*.x", b"\x01*\x01x\0", "*.x."),
        ] {
            assert_eq!(name(text).as_wire(), wire, "{text}");
            assert_eq!(name(text).to_string(), shown);
            assert_eq!(Name::from_wire(wire).expect("wire"), name(shown));
        }
    }

    #[test]
    fn limits_are_those_of_the_rfc() {
        let l63 = "a".repeat(63);
        assert!(Name::parse(&l63).is_ok());
        assert_eq!(Name::parse(&"a".repeat(64)), Err(NameError::LabelTooLong));
        let longest = format!("{l63}.{l63}.{l63}.{}", "a".repeat(61));
        assert_eq!(name(&longest).as_wire().len(), 255);
        assert_eq!(Name::parse(&format!("{longest}a")), Err(NameError::TooLong));
        assert_eq!(Name::parse(&"a.".repeat(127)).map(|n| n.label_count()), Ok(127));
        assert_eq!(Name::parse(&"a.".repeat(128)), Err(NameError::TooLong));
        for (bad, error) in [
            ("", NameError::EmptyLabel),
            ("a..b", NameError::EmptyLabel),
            (".a", NameError::EmptyLabel),
            ("a\\", NameError::BadEscape),
            ("a\\25", NameError::BadEscape),
            ("a\\256", NameError::BadEscape),
        ] {
            assert_eq!(Name::parse(bad), Err(error), "{bad}");
        }
        for bad in [&b""[..], b"\x01a", b"\x01a\0\0", b"\xc0\x0c", b"\x40"] {
            assert_eq!(Name::from_wire(bad), Err(NameError::Malformed));
        }
    }

    #[test]
    fn relative_names_take_the_origin() {
        let origin = name("example.org");
        let relative = |t: &str| Name::parse_relative(t.as_bytes(), &origin).expect(t).to_string();
        assert_eq!(relative("@"), "example.org.");
        assert_eq!(relative("www"), "www.example.org.");
        assert_eq!(relative("www.net."), "www.net.");
        assert_eq!(relative("\\@"), "\\@.example.org.");
    }

    #[test]
    fn order_is_canonical_and_ignores_case() {
        // The example of RFC 4034, 6.1.
        let sorted = [
            "example",
            "a.example",
            "yljkjljk.a.example",
            "Z.a.example",
            "zABC.a.EXAMPLE",
            "z.example",
            "\\001.z.example",
            "*.z.example",
            "\\200.z.example",
        ];
        for pair in sorted.windows(2) {
            assert!(name(pair[0]) < name(pair[1]), "{pair:?}");
        }
        assert_eq!(name("A.b"), name("a.B"));
    }

    #[test]
    fn within_respects_label_borders() {
        assert!(name("a.b.c").is_within(&name("B.C")));
        assert!(name("b.c").is_within(&name("b.c")));
        assert!(!name("ab.c").is_within(&name("b.c")));
        assert!(!name("c").is_within(&name("b.c")));
        assert!(name("x").is_within(&Name::root()));
        // A label holding what looks like the suffix in wire form.
        assert!(!Name::from_wire(b"\x03a\x01c\0").expect("wire").is_within(&name("c")));
    }
}
