//! Colours, for terminals.

use std::io::{self, IsTerminal};

use crate::config::diag::{Diagnostic, Severity};

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const GREEN: &str = "\x1b[32m";
const FAINT: &str = "\x1b[2m";
const BLUE: &str = "\x1b[1;34m";
const RESET: &str = "\x1b[0m";

/// How a piece of text reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As any other.
    Plain,
    /// A name to find one's way by.
    Strong,
    /// Of no weight.
    Faint,
    /// Well.
    Good,
    /// To be looked at.
    Odd,
    /// Broken.
    Bad,
}

/// Whether and how text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Plain text.
    Off,
    /// ANSI escapes.
    On,
}

impl Paint {
    /// Colours on a terminal, unless the user asked for none (`NO_COLOR`) or it has none.
    pub(crate) fn of(stream: &impl IsTerminal) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if stream.is_terminal() && !refused && !dumb { Self::On } else { Self::Off }
    }

    /// For what goes to standard output.
    pub(crate) fn stdout() -> Self {
        Self::of(&io::stdout())
    }

    /// For what goes to standard error.
    pub(crate) fn stderr() -> Self {
        Self::of(&io::stderr())
    }

    /// A piece of text as it reads.
    pub(crate) fn mark(self, mood: Mood, text: &str) -> String {
        let colour = match (self, mood) {
            (Self::Off, _) | (_, Mood::Plain) => return text.to_owned(),
            (_, Mood::Strong) => BOLD,
            (_, Mood::Faint) => FAINT,
            (_, Mood::Good) => GREEN,
            (_, Mood::Odd) => YELLOW,
            (_, Mood::Bad) => RED,
        };
        format!("{colour}{text}{RESET}")
    }

    /// One diagnostic, with an empty line after it.
    pub(crate) fn diagnostic(self, diagnostic: &Diagnostic) -> String {
        self.lines(&diagnostic.to_string(), diagnostic.severity)
    }

    /// The text of a diagnostic, with an empty line after it.
    pub(crate) fn lines(self, plain: &str, severity: Severity) -> String {
        if self == Self::Off {
            return format!("{}\n\n", plain.trim_end());
        }
        let colour = match severity {
            Severity::Error => RED,
            Severity::Warning => YELLOW,
        };
        let mut out = String::with_capacity(plain.len() + 64);
        for (i, line) in plain.lines().enumerate() {
            match line.split_once("]: ") {
                Some((head, message)) if i == 0 => {
                    out.push_str(&format!("{colour}{head}]{RESET}{BOLD}: {message}{RESET}"));
                }
                _ => out.push_str(&body_line(line, colour)),
            }
            out.push('\n');
        }
        out.push('\n');
        out
    }

    /// The summary line: red with errors, yellow with warnings.
    pub(crate) fn summary(self, text: &str, errors: usize, warnings: usize) -> String {
        match self {
            Self::Off => format!("{text}\n"),
            Self::On if errors > 0 => format!("{RED}{text}{RESET}\n"),
            Self::On if warnings > 0 => format!("{YELLOW}{text}{RESET}\n"),
            Self::On => format!("{BOLD}{text}{RESET}\n"),
        }
    }
}

/// The gutter in blue; where it has no line number, it is the line of marks.
fn body_line(line: &str, colour: &str) -> String {
    if let Some((gutter, text)) = line.split_once(" | ") {
        if gutter.bytes().all(|b| b == b' ') {
            return format!("{BLUE}{gutter} |{RESET} {colour}{text}{RESET}");
        }
        if gutter.bytes().all(|b| b.is_ascii_digit()) {
            return format!("{BLUE}{gutter} |{RESET} {text}");
        }
    }
    for mark in ["--> ", "= help: "] {
        if let Some((gutter, text)) = line.split_once(mark).filter(|(gutter, _)| gutter.trim().is_empty()) {
            return format!("{gutter}{BLUE}{}{RESET} {text}", mark.trim_end());
        }
    }
    line.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::diag::Source;

    #[test]
    fn colours_change_nothing_but_colours() {
        let text = "[pool.app]\ncheck = \"wbe\" # a | b\n";
        let source = Source { shown: "zones/a.toml".into(), text: text.as_bytes().into() };
        let diagnostic = Diagnostic::error("pool-unknown-check", "no such check")
            .at(&source, 20..23)
            .label("did you mean \"web\"?")
            .help("defined checks: web");
        let painted = Paint::On.diagnostic(&diagnostic);
        let mut plain = painted.clone();
        for escape in [BOLD, RED, YELLOW, BLUE, RESET] {
            plain = plain.replace(escape, "");
        }
        assert_eq!(plain, Paint::Off.diagnostic(&diagnostic));
        assert!(painted.contains("\x1b[1;31merror[pool-unknown-check]"), "{painted}");
        assert!(painted.contains("^^^ did you mean"), "{painted}");
    }
}
