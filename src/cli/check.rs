//! `pharos check`.

use serde::Serialize;

use super::paint::Paint;
use super::serve::ConfigArg;
use super::{Exit, print};
use crate::config;
use crate::config::diag::{Diagnostic, Severity, Span};

/// Validate the node's file and every zone, and print all that is wrong
///
/// Ends with 0 if the files can be used, with 1 if not. Warnings do not stop a node.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Print one JSON object: {errors, warnings, zones, diagnostics: [{severity, code, message, file,
    /// line, column, text, label, help}]}; lines and columns count from 1, and where a thing has no
    /// place they are null
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Exit {
    let report = config::load(&args.config.path, None);
    let diagnostics = sorted(&report.diagnostics);
    let tally = Tally::of(&diagnostics, report.zones);
    let text = if args.json {
        json(&diagnostics, &tally)
    } else {
        let paint = Paint::stdout();
        listing(&report.diagnostics, paint) + &paint.summary(&tally.words(), tally.errors, tally.warnings)
    };
    match print(&text) {
        Exit::Done if tally.errors == 0 => Exit::Done,
        _ => Exit::No,
    }
}

/// Every diagnostic as text, errors first.
pub(crate) fn listing(diagnostics: &[Diagnostic], paint: Paint) -> String {
    sorted(diagnostics).into_iter().map(|diagnostic| paint.diagnostic(diagnostic)).collect()
}

fn sorted(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    let (errors, warnings): (Vec<_>, Vec<_>) = diagnostics.iter().partition(|d| d.severity == Severity::Error);
    errors.into_iter().chain(warnings).collect()
}

struct Tally {
    errors: usize,
    warnings: usize,
    zones: usize,
}

impl Tally {
    fn of(diagnostics: &[&Diagnostic], zones: usize) -> Self {
        let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        Self { errors, warnings: diagnostics.len() - errors, zones }
    }

    /// `2 errors, 1 warning in 3 zones`
    fn words(&self) -> String {
        let count = |number: usize, noun: &str| match number {
            0 => format!("no {noun}s"),
            1 => format!("1 {noun}"),
            _ => format!("{number} {noun}s"),
        };
        let (errors, zones) = (count(self.errors, "error"), count(self.zones, "zone"));
        match self.warnings {
            0 => format!("{errors} in {zones}"),
            warnings => format!("{errors}, {} in {zones}", count(warnings, "warning")),
        }
    }
}

#[derive(Serialize)]
struct ReportJson<'a> {
    errors: usize,
    warnings: usize,
    zones: usize,
    diagnostics: Vec<DiagnosticJson<'a>>,
}

#[derive(Serialize)]
struct DiagnosticJson<'a> {
    severity: &'static str,
    code: &'static str,
    message: &'a str,
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    text: Option<String>,
    label: Option<&'a str>,
    help: &'a [String],
}

impl<'a> DiagnosticJson<'a> {
    fn of(diagnostic: &'a Diagnostic) -> Self {
        let Diagnostic { severity, code, message, span, file, label, help } = diagnostic;
        let shown = span.as_ref().map(|span| span.source.shown.clone()).or_else(|| file.clone());
        let place = span.as_ref().map(Span::line_column);
        let text = span.as_ref().and_then(|span| span.source.text.get(span.range.clone()));
        Self {
            severity: match severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            code,
            message,
            file: shown.map(|path| path.display().to_string()),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            text: text.map(|text| String::from_utf8_lossy(text).into_owned()),
            label: label.as_deref(),
            help,
        }
    }
}

fn json(diagnostics: &[&Diagnostic], tally: &Tally) -> String {
    let report = ReportJson {
        errors: tally.errors,
        warnings: tally.warnings,
        zones: tally.zones,
        diagnostics: diagnostics.iter().map(|diagnostic| DiagnosticJson::of(diagnostic)).collect(),
    };
    serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts() {
        let words = |errors, warnings, zones| Tally { errors, warnings, zones }.words();
        assert_eq!(words(2, 1, 3), "2 errors, 1 warning in 3 zones");
        assert_eq!(words(0, 0, 1), "no errors in 1 zone");
        assert_eq!(words(0, 2, 0), "no errors, 2 warnings in no zones");
    }

    #[test]
    fn errors_come_first() {
        let all = [Diagnostic::warning("b", "later"), Diagnostic::error("a", "first")];
        assert_eq!(listing(&all, Paint::Off), "error[a]: first\n\nwarning[b]: later\n\n");
    }
}
