//! Reading TOML so that every fault of a file is found in one go.
//!
//! serde stops at the first unknown key or wrong type. Here the text becomes a tree that knows where
//! each key and value stands, and small readers walk it: what is wrong becomes a diagnostic and the
//! walk goes on.

mod key;
mod table;
mod value;

use std::cell::RefCell;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ::toml::de::{DeTable, Error};

pub(super) use self::key::{Given, Key};
pub(super) use self::table::Table;
pub(super) use self::value::{Cell, Choice, type_of};
use super::diag::{Diagnostic, SHOWN_MAX, Severity, Source};

type Count = std::cell::Cell<usize>;

/// A file under reading, and what was found in it so far.
pub(super) struct File {
    pub(super) source: Source,
    /// What paths in it are relative to.
    folder: PathBuf,
    found: RefCell<Vec<Diagnostic>>,
    /// How many errors and warnings there were, with those that are not shown.
    errors: Count,
    warnings: Count,
    named: RefCell<Vec<PathBuf>>,
}

impl File {
    pub(super) fn new(source: Source, folder: &Path) -> Self {
        let folder = folder.to_owned();
        let (found, named) = (RefCell::default(), RefCell::default());
        Self { source, folder, found, errors: Count::new(0), warnings: Count::new(0), named }
    }

    /// Where a path that it names leads.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Notes that the content of another file was read for it.
    pub(super) fn depends_on(&self, path: PathBuf) {
        self.named.borrow_mut().push(path);
    }

    /// An error at a piece of this file, for further words and [`File::push`].
    pub(super) fn error(&self, code: &'static str, at: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, message).at(&self.source, at)
    }

    /// A warning at a piece of this file.
    pub(super) fn warning(&self, code: &'static str, at: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::warning(code, message).at(&self.source, at)
    }

    /// Adds a finding; over the limit they are only counted.
    pub(super) fn push(&self, diagnostic: Diagnostic) {
        let count = if diagnostic.is_warning() { &self.warnings } else { &self.errors };
        count.set(count.get() + 1);
        if count.get() <= SHOWN_MAX {
            self.found.borrow_mut().push(diagnostic);
        }
    }

    /// What was found, as far as it is shown, and the other files that were read.
    pub(super) fn finish(self) -> (Vec<Diagnostic>, Vec<PathBuf>) {
        let mut found = self.found.into_inner();
        for (count, severity) in [(self.errors, Severity::Error), (self.warnings, Severity::Warning)] {
            if count.get() > SHOWN_MAX {
                let more = Diagnostic::and_more("file-and-more", severity, count.get() - SHOWN_MAX, "file");
                found.push(more.in_file(&self.source.shown));
            }
        }
        (found, self.named.into_inner())
    }

    /// The text, where it is UTF-8; else one diagnostic.
    pub(super) fn text(&self) -> Option<&str> {
        match std::str::from_utf8(&self.source.text) {
            Ok(text) => Some(text),
            Err(fault) => {
                let at = fault.valid_up_to();
                self.push(self.error("toml-syntax", at..at + 1, "not UTF-8").help("TOML files are UTF-8"));
                None
            }
        }
    }
}

/// Parses a file. None where its structure is broken, as what follows would be guesswork; faults that
/// leave the rest readable (a key given twice, a string without quotes) do not stop the walk.
pub(super) fn parse<'f>(file: &'f File) -> Option<DeTable<'f>> {
    let (tree, mut faults) = DeTable::parse_recoverable(file.text()?);
    faults.sort_by_key(|fault| fault.span().map_or(0, |s| s.start));
    let text = &file.source.text;
    let line_of = |at: usize| text[..at].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    // The keys of a table that stands twice are told with it.
    let mut again: Option<usize> = None;
    for fault in faults {
        let at = fault.span().unwrap_or(0..0);
        if fault.message() == DUPLICATE {
            let line = line_of(at.start);
            let is_header = text[line..].trim_ascii_start().starts_with(b"[");
            let within = |start: usize| !text[start..at.start].windows(2).any(|pair| pair == b"\n[");
            if !is_header && again.is_some_and(within) {
                continue;
            }
            again = is_header.then_some(at.start);
        }
        match soft(&fault) {
            Some((code, message, help)) => {
                let word = String::from_utf8_lossy(&file.source.text[at.clone()]).into_owned();
                file.push(file.error(code, at, message.replace("{}", &word)).help(help));
            }
            None => {
                file.push(file.error("toml-syntax", at, fault.message()));
                return None;
            }
        }
    }
    Some(tree.into_inner())
}

/// What the parser says of a key or table that stands twice.
const DUPLICATE: &str = "duplicate key";

/// Faults that leave the rest readable, as code, message and help.
fn soft(fault: &Error) -> Option<(&'static str, &'static str, &'static str)> {
    match fault.message() {
        DUPLICATE => {
            Some(("toml-duplicate", "\"{}\" is given twice", "a key or table can stand only once in its table"))
        }
        text if text.starts_with("string values must be quoted") => {
            Some(("toml-syntax", "text without quotes: {}", "write it in double quotes"))
        }
        _ => None,
    }
}
