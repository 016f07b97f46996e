//! Files as they were when they were read, to tell at the next load which have changed.

use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// File systems count modification times in ticks of up to 2 s (FAT; ext4 and XFS: of some
/// milliseconds). A file younger than that when it was read can change again and keep its time.
const TICK: Duration = Duration::from_secs(2);

/// What the file system tells about a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    size: u64,
    /// Device and inode: editors write a new file and rename it.
    inode: (u64, u64),
}

/// A file as it was read.
#[derive(Debug, Clone)]
pub(super) struct Print {
    path: PathBuf,
    stamp: Stamp,
    /// Of the content; none where it may have changed while it was read.
    hash: Option<u64>,
    /// The stamp alone tells whether the file has changed.
    settled: bool,
}

impl Print {
    /// Reads a file together with its print.
    pub(super) fn read(path: &Path) -> io::Result<(Vec<u8>, Self)> {
        let now = SystemTime::now();
        let stamp = stamp(path)?;
        let content = std::fs::read(path)?;
        let hash = Some(hash(&content));
        Ok((content, Self { path: path.to_owned(), stamp, hash, settled: is_settled(stamp, now) }))
    }

    /// The print of a file that something else has read since `began`; none where it is gone.
    pub(super) fn of_read_since(path: &Path, began: SystemTime) -> Option<Self> {
        let (_, mut print) = Self::read(path).ok()?;
        // Written after `began`, it may have been read before that.
        print.settled = is_settled(print.stamp, began);
        print.hash = print.hash.filter(|_| print.settled);
        Some(print)
    }

    /// The file's path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The print again where the file still has the same content, else none.
    fn renew(&self) -> Option<Self> {
        if self.settled && stamp(&self.path).is_ok_and(|stamp| stamp == self.stamp) {
            return Some(self.clone());
        }
        let (_, print) = Self::read(&self.path).ok()?;
        (self.hash.is_some() && print.hash == self.hash).then_some(print)
    }
}

/// The prints again where all files still have the same content, else none.
pub(super) fn renew(prints: &[Print]) -> Option<Vec<Print>> {
    prints.iter().map(Print::renew).collect()
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let meta = std::fs::metadata(path)?;
    Ok(Stamp { modified: meta.modified()?, size: meta.size(), inode: (meta.dev(), meta.ino()) })
}

fn is_settled(stamp: Stamp, now: SystemTime) -> bool {
    now.duration_since(stamp.modified).is_ok_and(|age| age > TICK)
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

    #[test]
    fn a_change_within_one_tick_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        std::fs::write(&path, "one").expect("written");
        let (_, print) = Print::read(&path).expect("read");
        assert!(!print.settled);
        let modified = std::fs::metadata(&path).and_then(|m| m.modified()).expect("a time");
        // Same size, same inode, same time.
        std::fs::write(&path, "two").expect("written");
        std::fs::File::options().append(true).open(&path).and_then(|f| f.set_modified(modified)).expect("set back");
        assert!(print.renew().is_none());
        std::fs::write(&path, "one").expect("written");
        assert!(print.renew().is_some());
    }

    #[test]
    fn an_old_file_is_known_by_its_stamp_and_a_touched_one_by_its_content() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        std::fs::write(&path, "one").expect("written");
        let touch = |age: u64| {
            let file = std::fs::File::options().append(true).open(&path).expect("open");
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("set");
        };
        touch(100);
        let (_, print) = Print::read(&path).expect("read");
        assert!(print.settled && print.renew().is_some_and(|p| p.stamp == print.stamp));
        touch(50);
        assert!(print.renew().is_some_and(|p| p.stamp != print.stamp));
        std::fs::write(&path, "two").expect("written");
        assert!(print.renew().is_none());
        std::fs::remove_file(&path).expect("removed");
        assert!(print.renew().is_none());
    }

    #[test]
    fn a_file_written_during_the_load_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        let began = SystemTime::now();
        std::fs::write(&path, "one").expect("written");
        let print = Print::of_read_since(&path, began).expect("there");
        assert!(print.renew().is_none());
    }
}
