//! One finding within an entry, before it is known to which file it belongs.

use std::fmt;
use std::ops::Range;

/// What is wrong, where in the buffer at hand, and what to do about it.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) range: Range<usize>,
    pub(super) label: Option<String>,
    pub(super) help: Vec<String>,
}

/// A fault is large and rare, so it is boxed.
pub(super) type Outcome<T = ()> = Result<T, Box<Fault>>;

impl Fault {
    pub(super) fn new(code: &'static str, range: Range<usize>, message: impl Into<String>) -> Box<Self> {
        Box::new(Self { code, message: message.into(), range, label: None, help: Vec::new() })
    }

    pub(super) fn label(mut self: Box<Self>, text: impl Into<String>) -> Box<Self> {
        self.label = Some(text.into());
        self
    }

    pub(super) fn help(mut self: Box<Self>, text: impl Into<String>) -> Box<Self> {
        self.help.push(text.into());
        self
    }
}

/// Text of a file within a message: in quotes, readable, not too long.
pub(super) struct Shown<'a>(pub(super) &'a [u8]);

/// More of a word than this says nothing more in a message.
const SHOWN_CHARS_MAX: usize = 60;

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(self.0);
        let mut short: String = text.chars().take(SHOWN_CHARS_MAX).collect();
        short.retain(|c| !c.is_control());
        let dots = if text.chars().nth(SHOWN_CHARS_MAX).is_some() { "..." } else { "" };
        write!(f, "\"{short}{dots}\"")
    }
}
