//! Tells when a file that the configuration was read from changes.
//!
//! Folders are watched, not files: editors and deploy tools write a new file and rename it. Of what
//! happens in a folder only zone files and named files count, so that a state folder beside them,
//! or an editor's swap file, causes nothing. A file that is written in place counts once its writer
//! closes it: what stands in it before may be half of a zone.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// No further change for this long: the writer is done. Files are whole by then, since one that is being
/// written holds a reload back by itself; this is for several that change together.
const QUIET: Duration = Duration::from_millis(10);
/// The same, while a file is gone: editors move the old one away before they write the new one.
const QUIET_GONE: Duration = Duration::from_millis(50);
/// However busy the folder is, a change is taken up after this.
const PATIENCE: Duration = Duration::from_millis(500);
/// A writer who keeps a file open for longer does not hold back the changes of others.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// Files are stamped with the time of the last tick of the kernel, which may lie before a moment
/// that was taken earlier.
const CLOCK_TICK: Duration = Duration::from_millis(10);
/// What Kubernetes renames when the files of a volume change; the files themselves are links.
const VOLUME_LINK: &str = "..data";

/// What in the watched folders is worth a reload.
#[derive(Debug, Default)]
struct Interest {
    /// Zone files in these.
    folders: HashSet<PathBuf>,
    /// These, wherever they are: files, and the folders themselves.
    paths: HashSet<PathBuf>,
    /// Those of them that are being written, and since when.
    written: HashMap<PathBuf, Instant>,
    /// Those that went away since the last reload, and have not come back.
    gone: HashSet<PathBuf>,
}

impl Interest {
    fn in_path(&self, path: &Path) -> bool {
        if self.paths.contains(path) || path.file_name() == Some(OsStr::new(VOLUME_LINK)) {
            return true;
        }
        let zone_file = path.extension().is_some_and(|e| e == "zone" || e == "toml");
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        zone_file && !hidden && path.parent().is_some_and(|folder| self.folders.contains(folder))
    }

    /// What an event says of the files that count.
    fn sees(&mut self, event: &Event) -> bool {
        if event.need_rescan() {
            self.written.clear();
            return true;
        }
        let paths: Vec<_> = event.paths.iter().filter(|path| self.in_path(path)).cloned().collect();
        let mut changed = false;
        for path in paths {
            changed |= match event.kind {
                // Reading a file is no change, and a reload reads all of them.
                EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write) => false,
                EventKind::Modify(ModifyKind::Data(_)) => self.begin_write(path),
                EventKind::Create(_) if is_to_be_written(&path) => self.begin_write(path),
                EventKind::Modify(ModifyKind::Metadata(_)) => !self.written.contains_key(&path),
                EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
                    self.written.remove(&path);
                    self.gone.insert(path);
                    true
                }
                // Told by its two halves, too.
                EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => true,
                _ => {
                    self.written.remove(&path);
                    self.gone.remove(&path);
                    true
                }
            };
        }
        changed
    }

    /// Not a change until the writer closes the file.
    fn begin_write(&mut self, path: PathBuf) -> bool {
        self.gone.remove(&path);
        self.written.entry(path).or_insert_with(Instant::now);
        false
    }

    /// How long nothing must change before a reload.
    fn quiet(&self) -> Duration {
        if self.gone.is_empty() { QUIET } else { QUIET_GONE }
    }

    /// Until when a file that is being written holds a reload back.
    fn held_until(&mut self) -> Option<Instant> {
        let now = Instant::now();
        self.written.retain(|_, began| *began + WRITE_TIME > now);
        self.written.values().max().map(|began| *began + WRITE_TIME)
    }
}

/// Whether a file that appeared comes from a writer, who will close it. A link is complete at once.
fn is_to_be_written(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.nlink() == 1)
}

/// Watches the folders of a configuration.
pub(super) struct Watcher {
    inner: Option<RecommendedWatcher>,
    interest: Arc<Mutex<Interest>>,
    /// As the last load listed them; empty where the next one must be looked at anew.
    watched: Arc<[PathBuf]>,
    folders: BTreeSet<PathBuf>,
    notice: mpsc::Sender<()>,
    changes: mpsc::Receiver<()>,
}

impl Watcher {
    /// Begins without a folder. Where the system cannot watch, that is logged, and SIGHUP remains.
    pub(super) fn new() -> Self {
        let (notice, changes) = mpsc::channel(1);
        let sender = notice.clone();
        let interest = Arc::new(Mutex::new(Interest::default()));
        let shared = Arc::clone(&interest);
        let inner = notify::recommended_watcher(move |event: notify::Result<Event>| match event {
            Ok(event) => {
                if shared.lock().unwrap_or_else(PoisonError::into_inner).sees(&event) {
                    // A full channel already says what there is to say.
                    let _ = sender.try_send(());
                }
            }
            Err(error) => tracing::warn!(%error, "watching files failed; reload with SIGHUP"),
        });
        let inner = inner.inspect_err(|error| tracing::warn!(%error, "files are not watched; reload with SIGHUP")).ok();
        Self { inner, interest, watched: Arc::default(), folders: BTreeSet::new(), notice, changes }
    }

    /// Watches these folders and files, and nothing else. They were read since `began`: what has
    /// changed in new folders from then on counts as a change, although nobody saw it.
    pub(super) fn follow(&mut self, watched: &Arc<[PathBuf]>, began: SystemTime) {
        let wanted = if Arc::ptr_eq(watched, &self.watched) || *watched == self.watched {
            self.folders.clone()
        } else {
            self.watched = Arc::clone(watched);
            self.take_interest()
        };
        if self.watch(wanted) && watched.iter().any(|path| is_changed_since(path, began)) {
            // A full channel already says what there is to say.
            let _ = self.notice.try_send(());
        }
    }

    /// Takes the new list for what counts; returns the folders to watch for it.
    fn take_interest(&mut self) -> BTreeSet<PathBuf> {
        let interest = Arc::clone(&self.interest);
        let mut shared = interest.lock().unwrap_or_else(PoisonError::into_inner);
        let mut interest = Interest { written: std::mem::take(&mut shared.written), ..Interest::default() };
        let mut wanted = BTreeSet::new();
        let mut any_missing = false;
        for path in &*Arc::clone(&self.watched) {
            let Ok(path) = std::path::absolute(path) else { continue };
            match std::fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => {
                    wanted.insert(path.clone());
                    interest.folders.insert(path.clone());
                }
                Ok(_) => {}
                // It may be a folder when it comes.
                Err(_) => any_missing = true,
            }
            if let Some(parent) = path.parent()
                && !wanted.contains(parent)
                && parent.is_dir()
            {
                wanted.insert(parent.to_owned());
            }
            interest.paths.insert(path);
        }
        interest.written =
            std::mem::take(&mut interest.written).into_iter().filter(|(path, _)| interest.in_path(path)).collect();
        *shared = interest;
        if any_missing {
            self.watched = Arc::default();
        }
        wanted
    }

    /// Watches these folders; whether one of them is new.
    fn watch(&mut self, wanted: BTreeSet<PathBuf>) -> bool {
        let Some(inner) = &mut self.inner else { return false };
        for folder in self.folders.difference(&wanted) {
            // Fails where the folder is gone, and with it the watch.
            let _ = inner.unwatch(folder);
        }
        let mut followed = BTreeSet::new();
        let mut any_new = false;
        for folder in wanted {
            // Watching again costs one system call, and follows a folder that was replaced.
            match inner.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    any_new |= !self.folders.contains(&folder);
                    followed.insert(folder);
                }
                Err(error) => {
                    // Looked at again at the next load.
                    self.watched = Arc::default();
                    tracing::warn!(folder = %folder.display(), %error, "folder is not watched; reload with SIGHUP");
                }
            }
        }
        self.folders = followed;
        any_new
    }

    /// Waits for a change, and until no writer is known to be busy.
    pub(super) async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        loop {
            self.quiet().await;
            let held = self.interest().held_until();
            let Some(until) = held else { return };
            // The end of the wait and the next change are the same: look again.
            let _ = timeout_at(until, self.changes.recv()).await;
        }
    }

    async fn quiet(&mut self) {
        let latest = Instant::now() + PATIENCE;
        while Instant::now() < latest {
            let quiet = (Instant::now() + self.interest().quiet()).min(latest);
            if timeout_at(quiet, self.changes.recv()).await.is_err() {
                break;
            }
        }
    }

    fn interest(&self) -> MutexGuard<'_, Interest> {
        self.interest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets changes until now: a reload is about to read everything.
    pub(super) fn forget(&mut self) {
        self.interest().gone.clear();
        while self.changes.try_recv().is_ok() {}
    }
}

/// Folders too: files that come and go change theirs.
fn is_changed_since(path: &Path, began: SystemTime) -> bool {
    std::fs::metadata(path).and_then(|meta| meta.modified()).is_ok_and(|modified| modified + CLOCK_TICK >= began)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn soon(watcher: &mut Watcher) -> bool {
        tokio::time::timeout(Duration::from_secs(5), watcher.changed()).await.is_ok()
    }

    async fn quiet(watcher: &mut Watcher) -> bool {
        tokio::time::timeout(Duration::from_millis(300), watcher.changed()).await.is_err()
    }

    #[tokio::test]
    async fn zone_files_count_and_nothing_else_does() {
        let root = tempfile::tempdir().unwrap();
        let zones = root.path().join("zones");
        std::fs::create_dir(&zones).unwrap();
        let node = root.path().join("pharos.toml");
        std::fs::write(&node, "").unwrap();
        let mut watcher = Watcher::new();
        let later = SystemTime::now() + Duration::from_secs(1);
        let watched = Arc::from([node.clone(), zones.clone()]);
        watcher.follow(&watched, later);
        watcher.follow(&watched, later);

        std::fs::write(root.path().join("state.json"), "{}").unwrap();
        std::fs::write(zones.join(".a.zone.swp"), "x").unwrap();
        std::fs::read(&node).unwrap();
        assert!(quiet(&mut watcher).await);

        std::fs::write(zones.join("a.zone"), "x").unwrap();
        assert!(soon(&mut watcher).await);
        std::fs::write(zones.join("new"), "x").unwrap();
        std::fs::rename(zones.join("new"), zones.join("a.toml")).unwrap();
        assert!(soon(&mut watcher).await);
        std::fs::write(&node, "x").unwrap();
        assert!(soon(&mut watcher).await);
        assert!(quiet(&mut watcher).await);
    }

    #[test]
    fn the_wait_is_longer_while_a_file_is_gone() {
        let file = PathBuf::from("/zones/a.zone");
        let mut interest = Interest { paths: HashSet::from([file.clone()]), ..Interest::default() };
        let mut quiet_after = |kind| {
            assert!(interest.sees(&Event::new(kind).add_path(file.clone())));
            interest.quiet()
        };
        let renamed = |mode| EventKind::Modify(ModifyKind::Name(mode));
        assert_eq!(quiet_after(renamed(RenameMode::To)), QUIET);
        assert_eq!(quiet_after(renamed(RenameMode::From)), QUIET_GONE);
        assert_eq!(quiet_after(renamed(RenameMode::Both)), QUIET_GONE);
        assert_eq!(quiet_after(EventKind::Access(AccessKind::Close(AccessMode::Write))), QUIET);
        assert_eq!(quiet_after(EventKind::Remove(notify::event::RemoveKind::File)), QUIET_GONE);
    }

    #[tokio::test]
    async fn a_folder_that_is_replaced_is_followed() {
        let root = tempfile::tempdir().unwrap();
        let zones = root.path().join("zones");
        std::fs::create_dir(&zones).unwrap();
        let mut watcher = Watcher::new();
        watcher.follow(&Arc::from([zones.clone()]), SystemTime::now() + Duration::from_secs(1));
        std::fs::rename(&zones, root.path().join("old")).unwrap();
        assert!(soon(&mut watcher).await);
        watcher.follow(&Arc::from([zones.clone()]), SystemTime::now());
        std::fs::create_dir(&zones).unwrap();
        assert!(soon(&mut watcher).await);
        watcher.follow(&Arc::from([zones.clone()]), SystemTime::now());
        std::fs::write(zones.join("a.zone"), "x").unwrap();
        assert!(soon(&mut watcher).await);
    }

    #[tokio::test]
    async fn what_changed_before_the_watch_began_counts() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a.zone");
        let began = SystemTime::now();
        std::fs::write(&file, "x").unwrap();
        let mut watcher = Watcher::new();
        watcher.follow(&Arc::from([file]), began);
        assert!(soon(&mut watcher).await);
        assert!(quiet(&mut watcher).await);
    }
}
