//! The state file on disk: replaced as a whole, never half written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::{replace, set_aside, temporary};
use super::saved::Saved;

/// Its name in the state folder.
const NAME: &str = "health.json";

/// The state folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {path}")]
pub struct StateError {
    /// What was tried.
    pub verb: &'static str,
    /// On what.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// The state file of this node.
#[derive(Debug, Clone)]
pub struct StateFile {
    folder: PathBuf,
}

impl StateFile {
    /// Makes the folder where it is missing, makes sure that it can be written, and reads what an
    /// earlier run left there. A file that cannot be read is set aside as `health.json.bad-TIME`,
    /// with a warning, and the node starts without it. Blocks.
    ///
    /// # Errors
    /// [`StateError`] where the folder cannot be made, read or written.
    pub fn open(folder: &Path) -> Result<(Self, Saved), StateError> {
        let fault = |verb, path: &Path| {
            let path = path.to_owned();
            move |source| StateError { verb, path, source }
        };
        fs::create_dir_all(folder).map_err(fault("create", folder))?;
        let file = Self { folder: folder.to_owned() };
        let probe = temporary(&file.path());
        fs::write(&probe, b"").map_err(fault("write to", folder))?;
        fs::remove_file(&probe).map_err(fault("write to", folder))?;
        let path = file.path();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((file, Saved::default())),
            Err(error) => return Err(fault("read", &path)(error)),
        };
        let saved = match Saved::parse(&bytes) {
            Ok(saved) => saved,
            Err(error) => {
                let aside = set_aside(&path).map_err(fault("set aside", &path))?;
                tracing::warn!("the state of the last run is not used, {error}; it is kept as {}", aside.display());
                Saved::default()
            }
        };
        Ok((file, saved))
    }

    /// The state folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// Replaces it. After a crash at any moment it holds the old or the new bytes. Blocks.
    ///
    /// # Errors
    /// [`StateError`] where the folder cannot be written.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), StateError> {
        let path = self.path();
        replace(&path, bytes).map_err(|source| StateError { verb: "write", path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_a_missing_folder_is_made() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("a/b");
        let (file, _) = StateFile::open(&folder).expect("made");
        file.write(br#"{"version":1,"verdicts":[],"pools":[],"overrides":[]}"#).expect("written");
        StateFile::open(&folder).expect("read");
        let names: Vec<_> = fs::read_dir(&folder).expect("there").map(|e| e.expect("entry").file_name()).collect();
        assert_eq!(names, [NAME], "nothing else is left");
    }

    #[test]
    fn what_cannot_be_read_is_set_aside() {
        for bad in ["", "{", "[]", r#"{"version":1}"#, r#"{"version":2,"news":true}"#] {
            let root = tempfile::tempdir().expect("a folder");
            fs::write(root.path().join(NAME), bad).expect("written");
            let (file, _) = StateFile::open(root.path()).expect("goes on");
            assert!(!file.path().exists());
            let kept = fs::read_dir(root.path()).expect("there").next().expect("one").expect("entry");
            assert!(kept.file_name().to_string_lossy().starts_with("health.json.bad-"), "{bad}");
            assert_eq!(fs::read_to_string(kept.path()).expect("there"), bad);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_is_an_error() {
        let root = tempfile::tempdir().expect("a folder");
        let file = root.path().join("file");
        fs::write(&file, "").expect("written");
        let error = StateFile::open(&file.join("below")).expect_err("a file is no folder");
        assert!(error.to_string().starts_with("cannot create /"), "{error}");
    }
}
