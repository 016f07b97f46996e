//! Findings of one zone, as many as a person will read.

use super::fault::Fault;
use crate::config::diag::{Diagnostic, Severity, Source};

/// So many errors of a zone are shown, and so many warnings.
pub(super) const SHOWN_MAX: usize = 50;

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

    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        let count = match diagnostic.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= SHOWN_MAX {
            self.out.push(diagnostic);
        }
    }

    pub(super) fn fault(&mut self, severity: Severity, fault: Fault, source: &Source) {
        let count = match severity {
            Severity::Error => self.errors,
            Severity::Warning => self.warnings,
        };
        let Fault { code, message, range, label, help } = fault;
        let mut diagnostic = Diagnostic::error(code, message);
        diagnostic.severity = severity;
        if count < SHOWN_MAX {
            diagnostic = diagnostic.at(source, range);
        }
        diagnostic.label = label;
        diagnostic.help = help;
        self.push(diagnostic);
    }

    /// Says how many were left out.
    pub(super) fn finish(self, source: Option<&Source>) {
        for (count, severity, what) in
            [(self.errors, Severity::Error, "errors"), (self.warnings, Severity::Warning, "warnings")]
        {
            let Some(more) = count.checked_sub(SHOWN_MAX).filter(|more| *more > 0) else { continue };
            let mut diagnostic = Diagnostic::error("zone-and-more", format!("and {more} more {what} in this zone"));
            diagnostic.severity = severity;
            diagnostic.file = source.map(|s| s.shown.clone());
            self.out.push(diagnostic);
        }
    }
}
