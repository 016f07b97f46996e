//! The files that make a zone: read once each, kept for as long as diagnostics may point into them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::config::diag::Source;

/// More files than that are a mistake.
const FILES_MAX: usize = 10_000;

/// Why a file cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("not a regular file")]
    NotAFile,
    #[error("larger than 4 GiB")]
    TooLarge,
    #[error("more than {FILES_MAX} files in one zone")]
    TooMany,
}

/// Every file that was read, and every path that was tried.
#[derive(Default)]
pub(super) struct Files {
    sources: Vec<Source>,
    by_path: HashMap<PathBuf, u16>,
    /// To be watched: files that are missing too.
    pub(super) tried: Vec<PathBuf>,
}

impl Files {
    /// Reads a file, unless it was read before; returns its number.
    pub(super) fn read(&mut self, path: &Path, shown: PathBuf) -> Result<u16, ReadError> {
        if let Some(known) = self.by_path.get(path) {
            return Ok(*known);
        }
        if self.tried.len() >= FILES_MAX {
            return Err(ReadError::TooMany);
        }
        if !self.tried.iter().any(|p| p == path) {
            self.tried.push(path.to_owned());
        }
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(ReadError::NotAFile);
        }
        if metadata.len() >= u64::from(u32::MAX) {
            return Err(ReadError::TooLarge);
        }
        let number = self.add(shown, &fs::read(path)?)?;
        self.by_path.insert(path.to_owned(), number);
        Ok(number)
    }

    /// Takes bytes as a file.
    pub(super) fn add(&mut self, shown: PathBuf, text: &[u8]) -> Result<u16, ReadError> {
        if u32::try_from(text.len()).is_err() {
            return Err(ReadError::TooLarge);
        }
        let number = u16::try_from(self.sources.len()).map_err(|_| ReadError::TooMany)?;
        self.sources.push(Source { shown, text: text.into() });
        Ok(number)
    }

    /// A file by its number.
    pub(super) fn source(&self, number: u16) -> &Source {
        &self.sources[usize::from(number)]
    }
}
