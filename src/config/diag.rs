//! Diagnostics: what is wrong, where, and what to do about it.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// Line and column of a byte, both from 1; columns count characters.
    #[must_use]
    pub fn line_column(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..at.min(self.text.len())];
        let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        (line, String::from_utf8_lossy(&before[start..]).chars().count() + 1)
    }
}

/// A piece of a source.
#[derive(Debug, Clone)]
pub struct Span {
    /// Where.
    pub source: Source,
    /// Bytes; may be empty to point between two.
    pub range: Range<usize>,
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
        self.span = Some(Span { source: source.clone(), range });
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

    /// Errors first; then by file, as people see it, and by place.
    #[must_use]
    pub fn order(&self, other: &Self) -> std::cmp::Ordering {
        fn key(diagnostic: &Diagnostic) -> (Severity, Option<&Path>, usize) {
            let (file, at) = match &diagnostic.span {
                Some(span) => (Some(span.source.shown.as_path()), span.range.start),
                None => (diagnostic.file.as_deref(), 0),
            };
            (diagnostic.severity, file, at)
        }
        key(self).cmp(&key(other))
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
        writeln!(f, "{severity}[{}]: {}", self.code, self.message)?;
        if let Some(Span { source, range }) = &self.span {
            let (line, column) = source.line_column(range.start);
            writeln!(f, "  --> {}:{line}:{column}", source.shown.display())?;
            let start = source.text[..range.start].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
            let end = source.text[start..].iter().position(|b| *b == b'\n').map_or(source.text.len(), |i| start + i);
            let clean = |bytes: &[u8]| -> String {
                String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
            };
            let number = line.to_string();
            writeln!(f, "{number} | {}", clean(&source.text[start..end]).trim_end())?;
            let marked = clean(&source.text[range.start..range.end.min(end).max(range.start)]).chars().count().max(1);
            let label = self.label.as_deref().unwrap_or_default();
            let marks = "^".repeat(marked);
            let pad = " ".repeat(number.len());
            writeln!(f, "{}", format!("{pad} | {}{marks} {label}", " ".repeat(column - 1)).trim_end())?;
            for help in &self.help {
                writeln!(f, "{pad} = help: {help}")?;
            }
            return Ok(());
        }
        if let Some(file) = &self.file {
            writeln!(f, "  --> {}", file.display())?;
        }
        for help in &self.help {
            writeln!(f, "  = help: {help}")?;
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
    fn suggestions_are_near_or_none() {
        assert_eq!(nearest("wbe", ["web", "tcp-443"]), Some("web"));
        assert_eq!(nearest("intervall", ["interval", "timeout"]), Some("interval"));
        assert_eq!(nearest("zzz", ["web", "tcp-443"]), None);
    }
}
