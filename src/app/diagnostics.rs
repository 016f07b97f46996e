//! Diagnostics in the log: the text people know from `pharos check`.

use std::collections::HashSet;

use crate::config::diag::{Diagnostic, Severity};

/// What was told already, so that each edit does not repeat what nobody wants to change.
#[derive(Debug, Default)]
pub(super) struct Told {
    warnings: HashSet<String>,
}

impl Told {
    /// Logs every error, and the warnings that the load before did not have.
    pub(super) fn log(&mut self, diagnostics: &[Diagnostic]) {
        let mut warnings = HashSet::new();
        for diagnostic in diagnostics {
            let text = diagnostic.to_string().trim_end().to_owned();
            match diagnostic.severity {
                Severity::Error => tracing::error!("{text}"),
                Severity::Warning => {
                    if !self.warnings.contains(&text) {
                        tracing::warn!("{text}");
                    }
                    warnings.insert(text);
                }
            }
        }
        self.warnings = warnings;
    }
}
