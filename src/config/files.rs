//! Files as they were when they were read, to tell at the next load which have changed.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// File systems count modification times in ticks of up to 2 s (FAT; ext4 and XFS: of some
/// milliseconds). A file younger than that when it was read can change again and keep its time.
const TICK: Duration = Duration::from_secs(2);

/// So much of a file is looked at in one piece where its content is not kept.
const PIECE_BYTES: usize = 64 << 10;

/// What the file system tells about a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    /// When the content was written, and when anything about the file was, its name included: an older
    /// file that takes the place of this one shows in the second. Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
    size: u64,
    /// Device and inode: editors write a new file and rename it.
    inode: (u64, u64),
}

/// A file as it was read.
#[derive(Debug, Clone)]
pub(super) struct Print {
    path: PathBuf,
    /// None where it could not be told.
    stamp: Option<Stamp>,
    /// Of the content; none where it may have changed while it was read.
    hash: Option<u64>,
    /// The stamp alone tells whether the file has changed.
    settled: bool,
}

#[cfg(test)]
thread_local! {
    /// Files that this thread has read.
    pub(super) static READS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl Print {
    /// Reads a file together with its print.
    pub(super) fn read(path: &Path) -> io::Result<(Vec<u8>, Self)> {
        #[cfg(test)]
        READS.set(READS.get() + 1);
        let now = SystemTime::now();
        let stamp = stamp(path)?;
        let content = std::fs::read(path)?;
        let hash = Some(hash(&content));
        Ok((content, Self { path: path.to_owned(), stamp: Some(stamp), hash, settled: is_settled(stamp, now) }))
    }

    /// The print of a file; holds no more than a piece of it at a time.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        #[cfg(test)]
        READS.set(READS.get() + 1);
        let now = SystemTime::now();
        let stamp = stamp(path)?;
        let mut file = File::open(path)?;
        let (mut hasher, mut piece) = (DefaultHasher::new(), vec![0; PIECE_BYTES]);
        loop {
            match file.read(&mut piece) {
                Ok(0) => break,
                Ok(len) => hasher.write(&piece[..len]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let hash = Some(hasher.finish());
        Ok(Self { path: path.to_owned(), stamp: Some(stamp), hash, settled: is_settled(stamp, now) })
    }

    /// The print of a file that something else has read since `began`.
    pub(super) fn of_read_since(path: &Path, began: SystemTime) -> Self {
        match Self::of(path) {
            // Written after `began`, it may have been read before that.
            Ok(print) if print.stamp.is_some_and(|stamp| is_settled(stamp, began)) => print,
            _ => Self { path: path.to_owned(), stamp: None, hash: None, settled: false },
        }
    }

    /// The file's path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// As if it were read again much later.
    #[cfg(test)]
    pub(super) fn aged(self) -> Self {
        let later = SystemTime::now() + Duration::from_secs(100);
        Self { settled: self.stamp.is_some_and(|stamp| is_settled(stamp, later)), ..self }
    }

    /// Whether it is of the file at this path.
    pub(super) fn is_of(&self, path: &Path) -> bool {
        self.path.as_os_str() == path.as_os_str()
    }

    /// Whether the stamp alone tells that the file has not changed.
    fn holds(&self) -> bool {
        self.settled && stamp(&self.path).ok() == self.stamp
    }

    /// The print again where the file still has the same content, else none.
    fn renew(&self) -> Option<Self> {
        if self.holds() {
            return Some(self.clone());
        }
        let print = Self::of(&self.path).ok()?;
        (self.hash.is_some() && print.hash == self.hash).then_some(print)
    }
}

/// What became of files.
pub(super) enum Renewed {
    /// Nothing: their prints hold.
    Same,
    /// They have the same content, and these prints.
    Fresh(Vec<Print>),
    /// One of them has other content, or is gone.
    Changed,
}

/// Looks at files again; reads none whose stamp tells enough.
pub(super) fn renew(prints: &[Print]) -> Renewed {
    let Some(from) = prints.iter().position(|print| !print.holds()) else { return Renewed::Same };
    let (held, rest) = prints.split_at(from);
    let fresh: Option<Vec<_>> = rest.iter().map(Print::renew).collect();
    fresh.map_or(Renewed::Changed, |fresh| Renewed::Fresh([held, &fresh].concat()))
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let meta = std::fs::metadata(path)?;
    Ok(Stamp {
        modified: (meta.mtime(), meta.mtime_nsec()),
        changed: (meta.ctime(), meta.ctime_nsec()),
        size: meta.size(),
        inode: (meta.dev(), meta.ino()),
    })
}

fn is_settled(stamp: Stamp, now: SystemTime) -> bool {
    let latest = stamp.modified.max(stamp.changed);
    let Ok(now) = now.duration_since(SystemTime::UNIX_EPOCH) else { return false };
    let Ok(now) = i64::try_from(now.saturating_sub(TICK).as_secs()) else { return false };
    latest.0 < now
}

fn hash(content: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    hasher.finish()
}

/// Why a file could not be read, in the same words on every system.
pub(super) fn reason(fault: &io::Error) -> String {
    match fault.kind() {
        io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::NotADirectory => "it is not a folder".to_owned(),
        _ => fault.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a file of this content, and the file's path.
    fn file(content: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        std::fs::write(&path, content).expect("written");
        (folder, path)
    }

    #[test]
    fn a_change_within_one_tick_is_noticed() {
        let (_folder, path) = file("one");
        let (_, mut print) = Print::read(&path).expect("read");
        assert!(!print.settled);
        // Same size, same inode; and the same times, on a coarse clock.
        std::fs::write(&path, "two").expect("written");
        print.stamp = stamp(&path).ok();
        assert!(print.renew().is_none());
        std::fs::write(&path, "one").expect("written");
        assert!(print.renew().is_some());
    }

    #[test]
    fn an_old_file_is_known_by_its_stamp_and_a_touched_one_by_its_content() {
        let (_folder, path) = file("one");
        let (_, print) = Print::read(&path).expect("read");
        let print = print.aged();
        assert!(print.settled);
        // The stamp alone decides: the hash is not looked at.
        assert!(Print { hash: None, ..print.clone() }.renew().is_some());
        let open = std::fs::File::options().append(true).open(&path).expect("open");
        open.set_modified(SystemTime::now() - Duration::from_secs(50)).expect("set");
        assert!(Print { hash: None, ..print.clone() }.renew().is_none());
        assert!(print.renew().is_some_and(|p| p.stamp != print.stamp));
        std::fs::write(&path, "two").expect("written");
        assert!(print.renew().is_none());
        std::fs::remove_file(&path).expect("removed");
        assert!(print.renew().is_none());
    }

    #[test]
    fn an_old_file_moved_over_it_is_noticed() {
        let (folder, path) = file("one");
        let other = folder.path().join("b");
        std::fs::write(&other, "two").expect("written");
        let (_, print) = Print::read(&path).expect("read");
        std::fs::rename(&other, &path).expect("moved");
        assert!(print.aged().renew().is_none());
    }

    #[test]
    fn a_file_written_during_the_load_is_read_again() {
        let began = SystemTime::now();
        let (_folder, path) = file("one");
        let print = Print::of_read_since(&path, began);
        assert!(print.renew().is_none());
        let print = Print::of_read_since(&path, began + Duration::from_secs(100));
        assert!(print.renew().is_some());
    }
}
