//! `$GENERATE`: a record for each number of a range, as BIND writes it.

use super::fault::{Fault, Outcome, Shown};
use super::lexer::Token;

/// `start-stop[/step]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Steps {
    start: u32,
    stop: u32,
    step: u32,
}

/// The largest number of a range, as in BIND.
const NUMBER_MAX: u32 = i32::MAX as u32;
/// A number is not written longer than that.
const WIDTH_MAX: u32 = 255;

impl Steps {
    /// Reads a range.
    pub(super) fn parse(buffer: &[u8], token: Token) -> Outcome<Self> {
        let text = token.text(buffer);
        let fault = |label: &str| {
            Fault::new("zone-bad-generate", token.range(), format!("{} is no range", Shown(text))).label(label)
        };
        let form = || fault("START-STOP or START-STOP/STEP is expected");
        let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n <= NUMBER_MAX && !text.starts_with('+'));
        let text = std::str::from_utf8(text).map_err(|_| form())?;
        let (range, step) = text.split_once('/').unwrap_or((text, "1"));
        let (start, stop) = range.split_once('-').ok_or_else(form)?;
        let start = number(start).ok_or_else(form)?;
        let stop = number(stop).ok_or_else(form)?;
        let step = number(step).ok_or_else(form)?;
        if stop < start {
            return Err(fault("it ends before it begins"));
        }
        if step == 0 {
            return Err(fault("the step is 0"));
        }
        Ok(Self { start, stop, step })
    }

    /// How many numbers it has.
    pub(super) fn count(self) -> u32 {
        (self.stop - self.start) / self.step + 1
    }

    /// Its numbers.
    pub(super) fn numbers(self) -> impl Iterator<Item = u32> {
        (self.start..=self.stop).step_by(self.step as usize)
    }
}

/// Text with places for the number.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Number { offset: i64, width: usize, base: u8 },
}

impl Template {
    /// Reads the left or right side; `text` is from `token`, which is what faults underline.
    pub(super) fn parse(text: &[u8], token: Token) -> Outcome<Self> {
        let mut pieces = Vec::new();
        let mut plain = Vec::new();
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            at += 1;
            match byte {
                b'\\' => {
                    plain.push(byte);
                    plain.extend(text.get(at));
                    at += 1;
                }
                b'$' if text.get(at) == Some(&b'$') => {
                    // Escaped, so that it stays a character of a name wherever it comes to stand.
                    plain.extend(b"\\$");
                    at += 1;
                }
                b'$' => {
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    let Some(braced) = text[at..].strip_prefix(b"{") else {
                        pieces.push(Piece::Number { offset: 0, width: 0, base: b'd' });
                        continue;
                    };
                    let modifier = braced.iter().position(|b| *b == b'}').map(|end| &braced[..end]);
                    let piece = modifier.and_then(Piece::parse).ok_or_else(|| {
                        let what = Shown(modifier.unwrap_or(braced)).to_string();
                        Fault::new(
                            "zone-bad-generate",
                            token.range(),
                            format!("{what} does not say how to write a number"),
                        )
                        .label("${OFFSET,WIDTH,BASE} is expected")
                        .help("the base is one of d o x X n N, the width at most 255: ${0,3,d}")
                    })?;
                    pieces.push(piece);
                    at += modifier.map_or(0, <[u8]>::len) + 2;
                }
                _ => plain.push(byte),
            }
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    /// Appends the text for one number; fails where an offset makes it negative.
    pub(super) fn expand(&self, number: u32, out: &mut Vec<u8>) -> Result<(), NegativeNumber> {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Number { offset, width, base } => {
                    let value = u64::try_from(i64::from(number) + offset).map_err(|_| NegativeNumber)?;
                    write_number(value, *width, *base, out);
                }
            }
        }
        Ok(())
    }
}

/// The number and its offset are below zero.
#[derive(Debug)]
pub(super) struct NegativeNumber;

impl Piece {
    /// Reads `offset[,width[,base]]`.
    fn parse(modifier: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(modifier).ok()?.split(',');
        let offset = i64::from(parts.next()?.parse::<i32>().ok()?);
        let width = match parts.next() {
            Some(width) => usize::try_from(width.parse::<u32>().ok().filter(|w| *w <= WIDTH_MAX)?).ok()?,
            None => 0,
        };
        let base = match parts.next().map(str::as_bytes) {
            Some([base]) if b"doxXnN".contains(base) => *base,
            Some(_) => return None,
            None => b'd',
        };
        parts.next().is_none().then_some(Self::Number { offset, width, base })
    }
}

fn write_number(mut value: u64, width: usize, base: u8, out: &mut Vec<u8>) {
    let text = match base {
        b'o' => format!("{value:0width$o}"),
        b'x' => format!("{value:0width$x}"),
        b'X' => format!("{value:0width$X}"),
        b'n' | b'N' => {
            // Hexadecimal digits as labels, the lowest first; the width counts the dots too.
            let digits = if base == b'n' { b"0123456789abcdef" } else { b"0123456789ABCDEF" };
            let mut left = width;
            loop {
                out.push(digits[usize::from(value.to_le_bytes()[0] & 0xf)]);
                value >>= 4;
                left = left.saturating_sub(1);
                if left > 0 || value > 0 {
                    out.push(b'.');
                    left = left.saturating_sub(1);
                }
                if left == 0 && value == 0 {
                    return;
                }
            }
        }
        _ => format!("{value:0width$}"),
    };
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::master::lexer::Lexer;

    fn token(text: &str) -> Token {
        let mut tokens = Vec::new();
        Lexer::new(text.as_bytes()).entry(&mut tokens).expect("fine");
        tokens[0]
    }

    #[test]
    fn ranges_have_starts_stops_and_steps() {
        let numbers = |text: &str| {
            Steps::parse(text.as_bytes(), token(text)).map(|s| (s.count(), s.numbers().collect::<Vec<_>>())).ok()
        };
        assert_eq!(numbers("1-3"), Some((3, vec![1, 2, 3])));
        assert_eq!(numbers("0-10/5"), Some((3, vec![0, 5, 10])));
        assert_eq!(numbers("7-7/9"), Some((1, vec![7])));
        for bad in ["3-1", "1", "1-", "-1", "a-b", "1-2/0", "1-2/", "1-2147483648", "1-+2", "1-2-3"] {
            assert_eq!(numbers(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_are_written_as_bind_writes_them() {
        let expand = |text: &str, number| {
            let mut out = Vec::new();
            Template::parse(text.as_bytes(), token(text)).ok()?.expand(number, &mut out).ok()?;
            String::from_utf8(out).ok()
        };
        for (text, number, want) in [
            ("host-$", 7, "host-7"),
            ("$.$", 7, "7.7"),
            (r"a\$b$$c", 7, r"a\$b\$c"),
            ("${10}", 7, "17"),
            ("${-7}", 7, "0"),
            ("${0,3}", 7, "007"),
            ("x${0,4,x}", 255, "x00ff"),
            ("${0,0,X}", 255, "FF"),
            ("${0,3,o}", 8, "010"),
            ("${0,8,n}", 0x2f, "f.2.0.0."),
            ("${0,7,N}", 0x2f, "F.2.0.0"),
            ("${0,0,n}", 0x123, "3.2.1"),
        ] {
            assert_eq!(expand(text, number).as_deref(), Some(want), "{text}");
        }
        for bad in ["${", "${}", "${a}", "${0,a}", "${0,1,z}", "${0,1,d,}", "${0,256}", "${-8}"] {
            assert_eq!(expand(bad, 7), None, "{bad}");
        }
    }
}
