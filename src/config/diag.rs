//! Diagnostics: what is wrong, where, and what to do about it.

use std::fmt::{self, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So many errors of a file are shown, and so many warnings.
pub(super) const SHOWN_MAX: usize = 50;
/// Bytes of a line that are shown, so that a file of one line is not repeated with each finding.
const LINE_SHOWN_MAX: usize = 200;
/// How many of them stand before what is marked.
const LINE_BEFORE: usize = 60;
/// Stands for what is left out of a line.
const CUT: &str = "...";

/// Whether the files can be used all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// They cannot.
    Error,
    /// They can.
    Warning,
}

/// A file that was read. Its text is kept for as long as diagnostics may point into it.
#[derive(Debug, Clone)]
pub struct Source {
    /// As people should see it: relative to the folder of `pharos.toml` where it lies below that.
    pub shown: PathBuf,
    /// The text; not necessarily UTF-8 in a master file.
    pub text: Arc<[u8]>,
}

impl Source {
    /// Line and column of a byte of the text, both from 1; columns count characters.
    #[must_use]
    pub(super) fn line_column(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..at.min(self.text.len())];
        let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        (line, columns(&before[start..]) + 1)
    }
}

/// A piece of a source.
#[derive(Debug, Clone)]
pub struct Span {
    /// Where.
    pub source: Source,
    /// Bytes; may be empty to point between two.
    pub range: Range<usize>,
    /// What of the file is gone, once the source's text is cut down to what is shown.
    skipped: Skipped,
}

/// What does not stand in a text that was cut.
#[derive(Debug, Clone, Copy, Default)]
struct Skipped {
    /// Lines before it.
    lines: usize,
    /// Columns of its line before it.
    columns: usize,
    /// Its line goes on behind it.
    more: bool,
}

impl Span {
    /// Line and column of its beginning, both from 1; columns count characters.
    #[must_use]
    pub fn line_column(&self) -> (usize, usize) {
        let (line, column) = self.source.line_column(self.range.start);
        (line + self.skipped.lines, column + self.skipped.columns)
    }

    /// The bytes of the line it begins in, without the line's end.
    fn line(&self) -> Range<usize> {
        let text = &self.source.text;
        let at = self.range.start.min(text.len());
        let start = text[..at].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let end = text[at..].iter().position(|b| *b == b'\n').map_or(text.len(), |i| at + i);
        start..end
    }

    /// The bytes of that line that are shown.
    fn window(&self) -> Range<usize> {
        let line = self.line();
        if line.len() <= LINE_SHOWN_MAX {
            return line;
        }
        let at = self.range.start.clamp(line.start, line.end);
        let start = at.saturating_sub(LINE_BEFORE).clamp(line.start, line.end - LINE_SHOWN_MAX);
        let end = start + LINE_SHOWN_MAX;
        // No character is cut in two; one has up to four bytes, where this is UTF-8.
        let splits = |at: &usize| self.source.text.get(*at).is_some_and(|b| b & 0xc0 == 0x80);
        let start = (start..at.min(start + 4)).find(|i| !splits(i)).unwrap_or(start);
        let end = (at.max(end - 3)..=end).rev().find(|i| *i == line.end || !splits(i)).unwrap_or(end);
        start..end
    }

    /// The same with what is shown of its line alone, so that nothing holds on to the file's text.
    fn cut(self) -> Self {
        let (line, window) = (self.line(), self.window());
        let range = self.range.start.clamp(window.start, window.end)..self.range.end.clamp(window.start, window.end);
        let (number, column) = self.line_column();
        let skipped = Skipped {
            lines: number - 1,
            columns: (column - 1).saturating_sub(columns(&self.source.text[window.start..range.start])),
            more: self.skipped.more || window.end < line.end,
        };
        let range = range.start - window.start..range.end - window.start;
        let text = self.source.text[window].into();
        Self { source: Source { shown: self.source.shown, text }, range, skipped }
    }

    /// The line as it is shown, and the marks below it.
    fn draw(&self) -> (String, String) {
        let clean = |range: Range<usize>| -> String {
            let text = String::from_utf8_lossy(&self.source.text[range]).into_owned();
            text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
        };
        let (line, window) = (self.line(), self.window());
        let before = if self.skipped.columns > 0 || window.start > line.start { CUT } else { "" };
        let after = if self.skipped.more || window.end < line.end { CUT } else { "" };
        let start = self.range.start.clamp(window.start, window.end);
        let end = self.range.end.clamp(start, window.end);
        let marks = "^".repeat(columns(&self.source.text[start..end]).max(1));
        let indent = before.len() + columns(&self.source.text[window.start..start]);
        let shown = format!("{before}{}{after}", clean(window));
        (shown.trim_end().to_owned(), format!("{}{marks}", " ".repeat(indent)))
    }
}

/// Characters of a text.
fn columns(text: &[u8]) -> usize {
    String::from_utf8_lossy(text).chars().count()
}

/// One finding.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Stable, for programs: `pool-unknown-check`.
    pub code: &'static str,
    /// What is wrong, in lower case without a full stop.
    pub message: String,
    /// The text it is about; none where a file is missing.
    pub span: Option<Span>,
    /// The file it is about where there is no span.
    pub file: Option<PathBuf>,
    /// Beside the underline: `did you mean "web"?`.
    pub label: Option<String>,
    /// Further lines: what is allowed, what to do.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error; its place is added with [`Diagnostic::at`] or [`Diagnostic::in_file`].
    #[must_use]
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            span: None,
            file: None,
            label: None,
            help: Vec::new(),
        }
    }

    /// A warning.
    #[must_use]
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Points at text.
    #[must_use]
    pub fn at(mut self, source: &Source, range: Range<usize>) -> Self {
        self.span = Some(Span { source: source.clone(), range, skipped: Skipped::default() });
        self
    }

    /// Names a file as a whole.
    #[must_use]
    pub fn in_file(mut self, path: &Path) -> Self {
        self.file = Some(path.to_owned());
        self
    }

    /// Whether the files can be used all the same.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        self.severity == Severity::Warning
    }

    /// Lets go of the text of its file, but for the line that is shown.
    #[must_use]
    pub(super) fn cut(mut self) -> Self {
        self.span = self.span.map(Span::cut);
        self
    }

    /// Stands for findings that are not shown: `and 3 more errors in this file`.
    pub(super) fn and_more(code: &'static str, severity: Severity, more: usize, of: &str) -> Self {
        let what = match (severity, more) {
            (Severity::Error, 1) => "error",
            (Severity::Error, _) => "errors",
            (Severity::Warning, 1) => "warning",
            (Severity::Warning, _) => "warnings",
        };
        Self { severity, ..Self::error(code, format!("and {more} more {what} in this {of}")) }
    }

    /// Errors first; then by file, as people see it, and by place; how many more there are comes last.
    pub(super) fn sort(diagnostics: &mut [Self]) {
        diagnostics.sort_by_cached_key(|diagnostic| {
            let (file, at) = match &diagnostic.span {
                Some(span) => (Some(span.source.shown.clone()), span.line_column()),
                None if diagnostic.code.ends_with("-and-more") => (diagnostic.file.clone(), (usize::MAX, 0)),
                None => (diagnostic.file.clone(), (0, 0)),
            };
            (diagnostic.severity, file, at)
        });
    }

    /// Adds the words beside the underline.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = Some(text.into());
        self
    }

    /// Adds a line of help.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    /// Several lines: code and message, place, the line with its text underlined, help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{severity}[{}]: {}", self.code, Plain(&self.message))?;
        let mut pad = " ";
        let number;
        if let Some(span) = &self.span {
            let (line, column) = span.line_column();
            writeln!(f, "  --> {}:{line}:{column}", Plain(&span.source.shown.to_string_lossy()))?;
            let (text, marks) = span.draw();
            writeln!(f, "{line} | {text}")?;
            let label = self.label.as_deref().unwrap_or_default();
            number = " ".repeat(line.to_string().len());
            pad = &number;
            let shown = format!("{pad} | {marks} {}", Plain(label));
            writeln!(f, "{}", shown.trim_end())?;
        } else if let Some(file) = &self.file {
            writeln!(f, "  --> {}", Plain(&file.to_string_lossy()))?;
        }
        for help in &self.help {
            writeln!(f, "{pad} = help: {}", Plain(help))?;
        }
        Ok(())
    }
}

/// Text on one line: what a file holds must not move the cursor of a terminal.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { f.write_char(c)? }
        }
        Ok(())
    }
}

/// The candidate nearest to a misspelt word, where one is near enough to be meant.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(2);
    candidates
        .into_iter()
        .map(|c| (strsim::osa_distance(&word.to_lowercase(), &c.to_lowercase()), c))
        .filter(|(distance, c)| *distance <= limit && *distance < c.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

/// Words with commas between them, for help.
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_documented() {
        let text = "[pool.app]\ncheck = \"wbe\"\n";
        let source = Source { shown: "zones/app.yourdomain.com.toml".into(), text: text.as_bytes().into() };
        let shown = Diagnostic::error("pool-unknown-check", "pool \"app\" uses check \"wbe\", which is not defined")
            .at(&source, 20..23)
            .label("did you mean \"web\"?")
            .help("defined checks: web, tcp-443")
            .to_string();
        let want = "error[pool-unknown-check]: pool \"app\" uses check \"wbe\", which is not defined\n  --> zones/app.yourdomain.com.toml:2:10\n2 | check = \"wbe\"\n  |          ^^^ did you mean \"web\"?\n  = help: defined checks: web, tcp-443\n";
        assert_eq!(shown, want);
    }

    #[test]
    fn a_cut_span_reads_the_same() {
        let text = "a = 1\nb = \"é\\u001b\" # \u{1b}\nc = 3\n";
        let source = Source { shown: "x.toml".into(), text: text.as_bytes().into() };
        let fault = Diagnostic::error("bad-value", "\"\u{1b}[31m\" is\nwrong").at(&source, 10..text.len()).label("no");
        let shown = fault.to_string();
        assert_eq!(
            shown,
            "error[bad-value]: \"\\u{1b}[31m\" is\\nwrong\n  --> x.toml:2:5\n2 | b = \"é\\u001b\" #\n  |     ^^^^^^^^^^^^^ no\n"
        );
        let cut = fault.cut();
        assert_eq!(cut.to_string(), shown);
        assert!(cut.span.is_some_and(|span| span.source.text.len() < 25));
    }

    #[test]
    fn of_a_long_line_the_piece_around_the_span_is_shown() {
        let text = format!("a\n{}wrong{}\nb\n", "é".repeat(5_000), "z".repeat(9_000));
        let source = Source { shown: "x.toml".into(), text: text.as_bytes().into() };
        let at = 2 + 10_000;
        let fault = Diagnostic::error("bad-value", "no").at(&source, at..at + 5).label("here");
        let shown = fault.to_string();
        let (before, after) = ("é".repeat(30), "z".repeat(135));
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines[1..3], ["  --> x.toml:2:5001".to_owned(), format!("2 | ...{before}wrong{after}...")]);
        assert_eq!(lines[3], format!("  | {}^^^^^ here", " ".repeat(33)));
        let cut = fault.cut();
        assert_eq!(cut.to_string(), shown);
        assert_eq!(cut.clone().cut().to_string(), shown);
        assert!(cut.span.is_some_and(|span| span.source.text.len() <= 200));
    }

    #[test]
    fn a_long_line_is_cut_at_one_end_or_both() {
        for letter in ["z", "é", "€", "🦀", "\u{1b}"] {
            let text = letter.repeat(1_000);
            let source = Source { shown: "x.toml".into(), text: text.as_bytes().into() };
            for column in [0, 1, 10, 300, 500, 950, 999, 1_000] {
                let at = column * letter.len();
                let fault = Diagnostic::error("bad-value", "no").at(&source, at..text.len());
                let shown = fault.to_string();
                assert!(shown.contains(&format!("x.toml:1:{}\n", column + 1)), "{shown}");
                assert!(!shown.contains('\u{fffd}'), "{shown}");
                let lines: Vec<_> = shown.lines().collect();
                assert!(lines[2].len() <= 4 + 200 + 6, "{shown}");
                assert_eq!(lines[2].starts_with("1 | ..."), at > LINE_BEFORE + 3, "{shown}");
                let carets = lines[3].chars().filter(|c| *c == '^').count();
                assert!((1..=200).contains(&carets) && carets <= (1_000 - column).max(1), "{shown}");
                assert_eq!(fault.cut().to_string(), shown);
            }
        }
    }

    #[test]
    fn suggestions_are_near_or_none() {
        assert_eq!(nearest("wbe", ["web", "tcp-443"]), Some("web"));
        assert_eq!(nearest("intervall", ["interval", "timeout"]), Some("interval"));
        assert_eq!(nearest("zzz", ["web", "tcp-443"]), None);
    }
}
