//! Findings of one zone, as many as a person will read.

use super::fault::Fault;
pub(super) use crate::config::diag::SHOWN_MAX;
use crate::config::diag::{Diagnostic, Severity, Source};

/// Passes diagnostics on, and counts those over the limit.
pub(super) struct Report<'a> {
    out: &'a mut Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl<'a> Report<'a> {
    pub(super) fn new(out: &'a mut Vec<Diagnostic>) -> Self {
        Self { out, errors: 0, warnings: 0 }
    }

    /// Whether the zone is refused.
    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    fn count(&mut self, severity: Severity) -> &mut usize {
        match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        }
    }

    /// Counts one finding, and makes its diagnostic if that is to be shown.
    pub(super) fn push(&mut self, severity: Severity, make: impl FnOnce() -> Diagnostic) {
        let count = self.count(severity);
        *count += 1;
        if *count <= SHOWN_MAX {
            self.out.push(make());
        }
    }

    /// As [`Report::push`], of a fault in an entry.
    pub(super) fn fault(&mut self, severity: Severity, fault: Fault, source: &Source) {
        self.push(severity, || {
            let Fault { code, message, range, label, help } = fault;
            Diagnostic { severity, label, help, ..Diagnostic::error(code, message).at(source, range) }
        });
    }

    /// Says how many were left out.
    pub(super) fn finish(self, source: Option<&Source>) {
        for (count, severity) in [(self.errors, Severity::Error), (self.warnings, Severity::Warning)] {
            let Some(more) = count.checked_sub(SHOWN_MAX).filter(|more| *more > 0) else { continue };
            let mut diagnostic = Diagnostic::and_more("zone-and-more", severity, more, "zone");
            diagnostic.file = source.map(|s| s.shown.clone());
            self.out.push(diagnostic);
        }
    }
}
