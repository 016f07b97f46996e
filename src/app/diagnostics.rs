//! Diagnostics in the log: the text people know from `pharos check`.

use std::collections::HashSet;

use crate::config::diag::{Diagnostic, Severity};

/// Diagnostics that an answer of the API carries; each file gives fifty at most, and there may be many.
const TEXTS_MAX: usize = 200;
/// Diagnostics that an event carries: people read it on a phone.
const EVENT_MAX: usize = 10;

/// As `pharos check` prints them.
pub(super) fn texts(diagnostics: &[Diagnostic]) -> Vec<String> {
    bounded(diagnostics.iter().map(|diagnostic| diagnostic.to_string().trim_end().to_owned()), TEXTS_MAX)
}

/// The first of them, for an event.
pub(super) fn first(texts: &[String]) -> Vec<String> {
    bounded(texts.iter().cloned(), EVENT_MAX)
}

fn bounded(texts: impl ExactSizeIterator<Item = String>, most: usize) -> Vec<String> {
    let more = texts.len().saturating_sub(most);
    texts.take(most).chain((more > 0).then(|| format!("and {more} more"))).collect()
}

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
