//! The file of cursors: how far each sink is, and what has not ended of what it was told.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::selection::Open;
use crate::control::file::{replace, set_aside};
use crate::control::{EventId, Record};

/// Its name in the state folder.
const NAME: &str = "outbox.json";
const VERSION: u32 = 1;

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    version: u32,
    /// By name.
    sinks: BTreeMap<String, Entry>,
}

/// One sink.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// The last event that it has dealt with.
    cursor: EventId,
    /// The events that began what has not ended.
    open: Vec<Record>,
}

impl Entry {
    pub(super) fn new(cursor: EventId, open: &Open) -> Self {
        Self { cursor, open: open.values().map(|record| (**record).clone()).collect() }
    }

    pub(super) fn into_parts(self) -> (EventId, Open) {
        let Self { cursor, open } = self;
        let key = |record: &Record| (record.subject.clone(), record.kind.clone());
        (cursor, open.into_iter().map(|record| (key(&record), Arc::new(record))).collect())
    }
}

impl Content {
    pub(super) fn of(sinks: BTreeMap<String, Entry>) -> Self {
        Self { version: VERSION, sinks }
    }
}

/// The file.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    folder: PathBuf,
}

impl Ledger {
    /// Reads what an earlier run left. A file that cannot be read is set aside, with a warning, and then
    /// every sink begins with what happens from now on. Blocks.
    pub(super) fn open(folder: &Path) -> (Self, BTreeMap<String, Entry>) {
        let ledger = Self { folder: folder.to_owned() };
        let path = folder.join(NAME);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(%error, "notifications begin anew: {} cannot be read", path.display());
                }
                return (ledger, BTreeMap::new());
            }
        };
        match serde_json::from_slice::<Content>(&bytes) {
            Ok(Content { version: VERSION, sinks }) => (ledger, sinks),
            _ => {
                let kept = match set_aside(&path) {
                    Ok(aside) => format!("it is kept as {}", aside.display()),
                    Err(error) => format!("it cannot be set aside: {error}"),
                };
                tracing::warn!("notifications begin anew: {} makes no sense; {kept}", path.display());
                (ledger, BTreeMap::new())
            }
        }
    }

    /// Replaces the file. After a crash at any moment it is the old or the new one. Blocks.
    pub(super) fn write(&self, content: &Content) -> io::Result<()> {
        replace(&self.folder.join(NAME), &serde_json::to_vec(content)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Stage;
    use crate::model::event::Severity;
    use crate::notify::selection::tests::record;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let (ledger, none) = Ledger::open(folder.path());
        assert!(none.is_empty());
        let down = Arc::new(record(7, "endpoint-down", Severity::Warning, Stage::Firing));
        let open = Open::from([((down.subject.clone(), down.kind.clone()), Arc::clone(&down))]);
        let entry = Entry::new(EventId(9), &open);
        ledger.write(&Content::of(BTreeMap::from([("ops".to_owned(), entry)]))).expect("written");
        let (_, mut read) = Ledger::open(folder.path());
        let (cursor, again) = read.remove("ops").expect("there").into_parts();
        assert_eq!((cursor, again), (EventId(9), open));
    }

    #[test]
    fn what_makes_no_sense_is_set_aside() {
        for bad in ["", "{", "[]", r#"{"version":2,"sinks":{}}"#, r#"{"version":1,"sinks":{"a":{"cursor":-1}}}"#] {
            let folder = tempfile::tempdir().expect("a folder");
            fs::write(folder.path().join(NAME), bad).expect("written");
            assert!(Ledger::open(folder.path()).1.is_empty());
            let kept = fs::read_dir(folder.path()).expect("there").next().expect("one").expect("entry");
            assert!(kept.file_name().to_string_lossy().starts_with("outbox.json.bad-"), "{bad}");
            assert_eq!(fs::read_to_string(kept.path()).expect("there"), bad);
        }
    }
}
