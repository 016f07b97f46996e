//! The files that make a zone: read once each, kept for as long as diagnostics may point into them.

use std::collections::HashMap;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
        let number = self.add(shown, read(path, metadata.len())?)?;
        self.by_path.insert(path.to_owned(), number);
        Ok(number)
    }

    /// Takes bytes as a file.
    pub(super) fn add(&mut self, shown: PathBuf, text: Arc<[u8]>) -> Result<u16, ReadError> {
        if u32::try_from(text.len()).is_err() {
            return Err(ReadError::TooLarge);
        }
        let number = u16::try_from(self.sources.len()).map_err(|_| ReadError::TooMany)?;
        self.sources.push(Source { shown, text });
        Ok(number)
    }

    /// A file by its number.
    pub(super) fn source(&self, number: u16) -> &Source {
        &self.sources[usize::from(number)]
    }
}

/// Reads a file of this size, as far as is known, into the memory where it stays: a large one is not
/// held twice.
fn read(path: &Path, size_bytes: u64) -> std::io::Result<Arc<[u8]>> {
    let mut file = fs::File::open(path)?;
    let mut text: Arc<[u8]> = std::iter::repeat_n(0, usize::try_from(size_bytes).unwrap_or(0)).collect();
    let mut len = 0;
    if let Some(text) = Arc::get_mut(&mut text) {
        while len < text.len() {
            match file.read(&mut text[len..]) {
                Ok(0) => break,
                Ok(more) => len += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    // Somebody writes to it at this moment.
    Ok(if len < text.len() || !rest.is_empty() { [&text[..len], &rest].concat().into() } else { text })
}
