//! Reports on disk: `STATE/drills/ID.json`, and `ID.md` for people. Blocks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::markdown;
use super::report::Report;
use crate::control::file::replace;

/// Reports kept: a drill a week is four years of them.
const KEPT_MAX: usize = 200;
/// A report is far smaller; what is larger was not written here.
const REPORT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The folder of reports.
#[derive(Debug, Clone)]
pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    /// In the state folder.
    pub(super) fn new(state: &Path) -> Self {
        Self { folder: state.join("drills") }
    }

    /// Ends what an earlier run of the node left unfinished, and says which that was.
    pub(super) fn open(&self) -> Vec<Report> {
        let left = self.list().into_iter().filter(|report| !report.state.is_over());
        left.map(|mut report| {
            report.cut_short_by_restart();
            if let Err(error) = self.write(&report) {
                tracing::warn!(%error, id = report.id, "a report of a drill cannot be written");
            }
            report
        })
        .collect()
    }

    /// All that can be read, the newest first.
    pub(super) fn list(&self) -> Vec<Report> {
        self.ids().iter().rev().filter_map(|id| self.find(id)).collect()
    }

    /// One by its id.
    pub(super) fn find(&self, id: &str) -> Option<Report> {
        if !is_id(id) {
            return None;
        }
        let path = self.path(id, "json");
        if fs::metadata(&path).ok()?.len() > REPORT_BYTES_MAX {
            return None;
        }
        let report = serde_json::from_slice::<Report>(&fs::read(&path).ok()?);
        report.inspect_err(|error| tracing::debug!(%error, id, "not a report of a drill")).ok()
    }

    /// Writes a report, in place of what was there of the same drill, and lets the oldest go.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn write(&self, report: &Report) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let json = serde_json::to_vec_pretty(report).map_err(io::Error::other)?;
        replace(&self.path(&report.id, "json"), &json)?;
        replace(&self.path(&report.id, "md"), markdown::of(report).as_bytes())?;
        let ids = self.ids();
        for id in &ids[..ids.len().saturating_sub(KEPT_MAX)] {
            for kind in ["json", "md"] {
                match fs::remove_file(self.path(id, kind)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The oldest first: ids rise with time.
    fn ids(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut ids: Vec<_> = names.filter_map(|name| Some(name.strip_suffix(".json")?.to_owned())).collect();
        ids.retain(|id| is_id(id));
        ids.sort_unstable();
        ids
    }

    fn path(&self, id: &str, kind: &str) -> PathBuf {
        self.folder.join(format!("{id}.{kind}"))
    }
}

/// Whether it can be the id of a drill, and so leads nowhere else.
fn is_id(text: &str) -> bool {
    let is_fine = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    text.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().all(is_fine) && text.len() <= 100
}

#[cfg(test)]
mod tests {
    use super::super::report::State;
    use super::super::report::tests::{pool, report};
    use super::*;

    #[test]
    fn the_newest_are_kept() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path());
        assert!(store.list().is_empty());
        for n in 0..KEPT_MAX + 2 {
            let id = format!("2026112{}T{:06}Z-us", n / 100, n % 100);
            store.write(&Report { id, ..report(None, vec![]) }).unwrap();
        }
        let list = store.list();
        assert_eq!(list.len(), KEPT_MAX);
        assert_eq!(list[0].id, "20261122T000001Z-us");
        assert_eq!(list[KEPT_MAX - 1].id, "20261120T000002Z-us");
        assert_eq!(fs::read_dir(root.path().join("drills")).unwrap().count(), 2 * KEPT_MAX);
        fs::write(root.path().join("drills/20261122T000001Z-us.json"), "{").unwrap();
        assert_eq!(store.list().len(), KEPT_MAX - 1);
    }

    #[test]
    fn what_was_left_is_ended() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path());
        let written =
            Report { state: State::Running, ..report(Some(60_000), vec![pool(Some(410), Some(10_000), None)]) };
        store.write(&written).unwrap();
        assert_eq!(store.open().len(), 1);
        let read = store.find(&written.id).unwrap();
        assert_eq!((read.state, read.note.as_deref()), (State::Aborted, Some("cut short by a restart")));
        assert!(store.open().is_empty());
    }

    #[test]
    fn an_id_leads_nowhere_else() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path());
        store.write(&report(None, vec![])).unwrap();
        fs::write(root.path().join("health.json"), "{}").unwrap();
        for id in ["../health", "", ".", "1/../../health", "20261121T053819Z-us-eas"] {
            assert_eq!(store.find(id), None, "{id}");
        }
    }
}
