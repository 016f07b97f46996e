//! Diagnostics in the log: the text people know from `pharos check`, and its parts for programs.

use crate::config::diag::{Diagnostic, Severity};

/// Logs each one, errors first.
pub(super) fn log(diagnostics: &[Diagnostic]) {
    for severity in [Severity::Error, Severity::Warning] {
        for diagnostic in diagnostics.iter().filter(|d| d.severity == severity) {
            let text = diagnostic.to_string();
            let text = text.trim_end();
            let code = diagnostic.code;
            match severity {
                Severity::Error => tracing::error!(code, "{text}"),
                Severity::Warning => tracing::warn!(code, "{text}"),
            }
        }
    }
}
