//! Bytes of a master file into entries, and entries into tokens.
//!
//! An entry is a line, or several that parentheses join (RFC 1035, 5.1). Nothing is copied: a token
//! is a range of the file, its escapes still in it.

use std::ops::Range;

use super::fault::{Fault, Outcome};

/// One word of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    /// The first byte of its content.
    start: u32,
    /// Behind its content; the quotes are not part of it.
    end: u32,
    /// It stood between quotes.
    pub(super) quoted: bool,
    /// No white space before it: `key="value"` is two tokens, the second glued to the first.
    pub(super) glued: bool,
}

impl Token {
    /// Its content.
    pub(super) fn text<'a>(&self, buffer: &'a [u8]) -> &'a [u8] {
        &buffer[self.start as usize..self.end as usize]
    }

    /// What to underline: the content, and the quotes if it has them.
    pub(super) fn range(&self) -> Range<usize> {
        let quote = usize::from(self.quoted);
        self.start as usize - quote..self.end as usize + quote
    }
}

/// What [`Lexer::entry`] found; its tokens are in the caller's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where its first line begins.
    pub(super) at: usize,
    /// It begins with white space: the owner is the one before.
    pub(super) blank: bool,
}

/// Walks over the entries of one buffer of at most 4 GiB.
pub(super) struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    /// How many parentheses were not closed.
    unclosed: usize,
}

/// Each parenthesis that is not closed costs a walk to the end of the file.
const UNCLOSED_MAX: usize = 50;

const PLAIN: u8 = 0;
const SPACE: u8 = 1;
const NEWLINE: u8 = 2;
const COMMENT: u8 = 3;
const OPEN: u8 = 4;
const CLOSE: u8 = 5;
const QUOTE: u8 = 6;
const ESCAPE: u8 = 7;

/// The part each byte plays outside of quotes.
static CLASSES: [u8; 256] = {
    let mut table = [PLAIN; 256];
    table[b' ' as usize] = SPACE;
    table[b'\t' as usize] = SPACE;
    table[b'\r' as usize] = SPACE;
    table[b'\n' as usize] = NEWLINE;
    table[b';' as usize] = COMMENT;
    table[b'(' as usize] = OPEN;
    table[b')' as usize] = CLOSE;
    table[b'"' as usize] = QUOTE;
    table[b'\\' as usize] = ESCAPE;
    table
};

fn class(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

/// Offsets fit: buffers of more than 4 GiB are refused before they come here.
#[allow(clippy::cast_possible_truncation)]
fn offset(at: usize) -> u32 {
    debug_assert!(u32::try_from(at).is_ok());
    at as u32
}

impl<'a> Lexer<'a> {
    /// From the start of a file; a byte order mark is passed over.
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self::resume(text, if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 })
    }

    /// From the middle of a file.
    pub(super) fn resume(text: &'a [u8], at: usize) -> Self {
        Self { text, at, unclosed: 0 }
    }

    /// The next entry that has tokens; they replace what `tokens` held. None at the end. After an
    /// error, the next call goes on where the next entry most likely begins.
    pub(super) fn entry(&mut self, tokens: &mut Vec<Token>) -> Outcome<Option<Entry>> {
        while let Some(&first) = self.text.get(self.at) {
            let at = self.at;
            tokens.clear();
            self.tokens(tokens)?;
            if !tokens.is_empty() {
                return Ok(Some(Entry { at, blank: class(first) == SPACE }));
            }
        }
        Ok(None)
    }

    /// Reads tokens to the end of the entry.
    fn tokens(&mut self, tokens: &mut Vec<Token>) -> Outcome {
        let text = self.text;
        let mut at = self.at;
        let (mut depth, mut opener) = (0usize, 0);
        let mut glued = false;
        while let Some(&byte) = text.get(at) {
            match class(byte) {
                SPACE => {
                    at += 1;
                    glued = false;
                    continue;
                }
                NEWLINE => {
                    at += 1;
                    glued = false;
                    if depth == 0 {
                        self.at = at;
                        return Ok(());
                    }
                    continue;
                }
                COMMENT => {
                    at = line_end(text, at);
                    continue;
                }
                OPEN => {
                    if depth == 0 {
                        opener = at;
                    }
                    depth += 1;
                    at += 1;
                    glued = false;
                    continue;
                }
                CLOSE => {
                    let Some(less) = depth.checked_sub(1) else {
                        self.at = line_end(text, at);
                        let message = "parenthesis closed that was not opened";
                        return Err(Fault::new("zone-unopened-parenthesis", at..at + 1, message));
                    };
                    depth = less;
                    at += 1;
                    glued = false;
                    continue;
                }
                QUOTE => {
                    let start = at + 1;
                    let Some(end) = quote_end(text, start) else {
                        self.at = if depth == 0 { line_end(text, at) } else { next_owner(text, at) };
                        return Err(Fault::new("zone-unclosed-quote", at..at + 1, "quote is not closed on its line")
                            .help("close it with \", and write \\\" for a quote within the text"));
                    };
                    tokens.push(Token { start: offset(start), end: offset(end), quoted: true, glued });
                    at = end + 1;
                }
                _ => {
                    let start = at;
                    while let Some(&byte) = text.get(at) {
                        match class(byte) {
                            PLAIN => at += 1,
                            // The character behind a backslash is plain, but a line always ends.
                            ESCAPE => at += if matches!(text.get(at + 1), None | Some(b'\n' | b'\r')) { 1 } else { 2 },
                            _ => break,
                        }
                    }
                    tokens.push(Token { start: offset(start), end: offset(at), quoted: false, glued });
                }
            }
            glued = true;
        }
        self.at = at;
        if depth == 0 {
            return Ok(());
        }
        self.unclosed += 1;
        if self.unclosed < UNCLOSED_MAX {
            self.at = next_owner(text, opener);
        }
        Err(Fault::new("zone-unclosed-parenthesis", opener..opener + 1, "parenthesis is not closed")
            .help("everything up to the end of the file would belong to this entry; close it with )"))
    }
}

/// The end of the line, its line feed not included.
fn line_end(text: &[u8], at: usize) -> usize {
    text[at..].iter().position(|b| *b == b'\n').map_or(text.len(), |i| at + i)
}

/// The closing quote of a string that begins at `at`, on the same line.
fn quote_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\n' => return None,
            b'\\' if text.get(at + 1) != Some(&b'\n') => at += 2,
            _ => at += 1,
        }
    }
}

/// The next line after `at` that begins with a name.
fn next_owner(text: &[u8], mut at: usize) -> usize {
    loop {
        at = line_end(text, at) + 1;
        match text.get(at) {
            None => return text.len(),
            Some(&byte) if matches!(class(byte), PLAIN | ESCAPE) => return at,
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries as text: `_` before one that begins blank, tokens joined by `|`, quotes kept.
    fn entries(text: &str) -> Vec<String> {
        let mut lexer = Lexer::new(text.as_bytes());
        let (mut tokens, mut found) = (Vec::new(), Vec::new());
        loop {
            match lexer.entry(&mut tokens) {
                Ok(None) => return found,
                Ok(Some(entry)) => {
                    let words: Vec<_> = tokens.iter().map(|t| &text[t.range()]).collect();
                    found.push(format!("{}{}", if entry.blank { "_" } else { "" }, words.join("|")));
                }
                Err(fault) => found.push(format!("{}@{}", fault.code, fault.range.start)),
            }
        }
    }

    #[test]
    fn lines_become_entries() {
        for (text, want) in [
            ("", vec![]),
            ("a b\n\n \n; c\n d", vec!["a|b", "_d"]),
            ("\u{feff}a b\r\nc\td\r\n", vec!["a|b", "c|d"]),
            ("a ( b ; c\n d\n) e\nf", vec!["a|b|d|e", "f"]),
            ("a((b)\n)c\nd", vec!["a|b|c", "d"]),
            ("a \"b ; ( c\" d;e", vec!["a|\"b ; ( c\"|d"]),
            (r#"a\ b\;c "\"" k="v""#, vec![r#"a\ b\;c|"\""|k=|"v""#]),
            ("a\\\nb", vec!["a\\", "b"]),
            ("a \"\"\n", vec!["a|\"\""]),
        ] {
            assert_eq!(entries(text), want, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_closed_is_reported_at_its_opener_and_passed_over() {
        assert_eq!(entries("a \"b\nc d"), ["zone-unclosed-quote@2", "c|d"]);
        assert_eq!(entries("a \"b\\\nc d"), ["zone-unclosed-quote@2", "c|d"]);
        assert_eq!(entries("a ( b\n c\nd e\n"), ["zone-unclosed-parenthesis@2", "d|e"]);
        assert_eq!(entries("a ) b\nc"), ["zone-unopened-parenthesis@2", "c"]);
        assert_eq!(entries(&"a (\n".repeat(200)).len(), UNCLOSED_MAX);
    }

    #[test]
    fn glue_tells_a_pair_from_two_words() {
        let text = b"k=\"v\" k= \"v\"";
        let mut tokens = Vec::new();
        Lexer::new(text).entry(&mut tokens).expect("fine");
        assert_eq!(tokens.iter().map(|t| t.glued).collect::<Vec<_>>(), [false, true, false, false]);
    }
}
