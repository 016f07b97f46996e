//! Reading secrets from where the configuration says they are.

use std::io;

use super::diag::Diagnostic;
use super::toml::Cell;
use crate::model::secret::{Secret, SecretSource};

/// The longest secret, in bytes: far more than any token, key or address with one in it.
const SECRET_BYTES_MAX: u64 = 16 * 1024;

/// A secret cannot be had. No text says any of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set, or empty.
    #[error("{0} is not set")]
    Unset(SecretSource),
    /// The file cannot be read.
    #[error("{0} cannot be read")]
    Unreadable(SecretSource, #[source] io::Error),
    /// The file is empty, or the text is not one that could be meant.
    #[error("{0} does not hold one line of text")]
    Unfit(SecretSource),
}

/// Reads a secret: one line of text, without the white space around it. Blocks.
///
/// # Errors
/// [`SecretError`]
pub fn read_secret(source: &SecretSource) -> Result<Secret, SecretError> {
    let text = match source {
        SecretSource::Env(name) => match std::env::var(&**name) {
            Ok(text) if !text.is_empty() => text,
            Ok(_) | Err(std::env::VarError::NotPresent) => return Err(SecretError::Unset(source.clone())),
            Err(std::env::VarError::NotUnicode(_)) => return Err(SecretError::Unfit(source.clone())),
        },
        SecretSource::File(path) => {
            use io::Read as _;
            let mut text = String::new();
            let read = std::fs::File::open(path)
                .and_then(|file| file.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text))
                .map_err(|error| SecretError::Unreadable(source.clone(), error))?;
            if read as u64 > SECRET_BYTES_MAX {
                return Err(SecretError::Unfit(source.clone()));
            }
            text
        }
    };
    let secret = Secret::new(text);
    let line = secret.reveal().trim();
    if line.is_empty() || line.contains(char::is_control) {
        return Err(SecretError::Unfit(source.clone()));
    }
    Ok(Secret::new(line.to_owned()))
}

/// Reads the value of a key that takes a secret: `{ env = "NAME" }` or `{ file = "PATH" }`.
pub(super) fn secret(cell: &Cell<'_>) -> Option<SecretSource> {
    const HELP: &str = "write { env = \"NAME\" } or { file = \"PATH\" }";
    if cell.value.as_str().is_some() {
        // Diagnostics show the line that they are about, and are logged: this one must not.
        let line = 1 + cell.file.source.text[..cell.at.start].iter().filter(|b| **b == b'\n').count();
        let message = format!("\"{}\" in line {line} is a secret, which does not stand in this file", cell.key);
        return cell.fail(Diagnostic::error("secret-inline", message).in_file(&cell.file.source.shown).help(HELP));
    }
    let mut table = cell.table(format!("\"{}\"", cell.key))?;
    let env = table.take("env", Cell::full_text).value().map(|name| SecretSource::Env((*name).into()));
    let file = table.take("file", Cell::full_text).value().map(|path| SecretSource::File(cell.file.resolve(path)));
    table.finish();
    match (env, file) {
        (Some(source), None) | (None, Some(source)) => Some(source),
        (None, None) => cell.fail(cell.error("secret-source", format!("\"{}\" has no source", cell.key)).help(HELP)),
        (Some(_), Some(_)) => {
            cell.fail(cell.error("secret-source", format!("\"{}\" has two sources", cell.key)).help(HELP))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_one_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let source = SecretSource::File(path.clone());
        assert!(matches!(read_secret(&source), Err(SecretError::Unreadable(..))));
        for (text, secret) in
            [("s3cret\n", Some("s3cret")), (" a b \r\n", Some("a b")), ("", None), ("\n", None), ("a\nb", None)]
        {
            std::fs::write(&path, text).expect("written");
            assert_eq!(read_secret(&source).ok().as_ref().map(Secret::reveal), secret, "{text:?}");
        }
        std::fs::write(&path, "x".repeat(20_000)).expect("written");
        assert!(matches!(read_secret(&source), Err(SecretError::Unfit(_))));
    }

    #[test]
    fn a_variable_must_be_set() {
        let source = SecretSource::Env("PHAROS_TEST_NO_SUCH_SECRET".into());
        let error = read_secret(&source).expect_err("not set");
        assert_eq!(error.to_string(), "environment variable PHAROS_TEST_NO_SUCH_SECRET is not set");
    }
}
