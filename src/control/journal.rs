//! What happened, on disk: one JSON object a line, in `events.jsonl` and the file before it.
//!
//! Lines are appended and synced by a thread of its own, so that a slow disk delays what is told and
//! nothing else. Readers see a record once it is synced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use tokio::sync::{mpsc, oneshot};

use super::file::set_aside;
use super::history::{HISTORY_MAX, History};
use super::record::Record;

/// The newer file.
const NAME: &str = "events.jsonl";
/// The older one.
const OLDER: &str = "events.old.jsonl";
/// The next one, until it is whole.
const NEXT: &str = "events.jsonl.new";
/// Lines in a file, beside those at its head; there are two of them.
const LINES_MAX: usize = HISTORY_MAX / 2;
/// Records that may wait for the disk.
const WAITING_MAX: usize = 2 * HISTORY_MAX;
/// Records written at once.
const BATCH_MAX: usize = 4096;

/// The files, open for more.
#[derive(Debug)]
struct Files {
    folder: PathBuf,
    file: File,
    lines: usize,
    /// Bytes of whole lines; a failed write is cut back to here.
    bytes: u64,
}

impl Files {
    /// Opens or makes the files, and reads what they hold. A line that was cut by a crash is dropped; a file
    /// with others that cannot be read is set aside, and what could be read of it is kept.
    fn open(folder: &Path) -> io::Result<(Self, Vec<Record>)> {
        let mut records = Vec::new();
        let older = read(&folder.join(OLDER))?;
        records.extend(older.into_iter().flat_map(|read| read.records));
        let path = folder.join(NAME);
        let (mut lines, mut bytes) = (0, 0);
        if let Some(Content { records: newer, bytes: whole, bad }) = read(&path)? {
            (lines, bytes) = (newer.len(), whole);
            if bad > 0 {
                let aside = set_aside(&path)?;
                tracing::warn!("{bad} lines of the history cannot be read; it is kept as {}", aside.display());
                let mut text = Vec::new();
                newer.iter().for_each(|record| line(record, &mut text));
                fs::write(&path, &text)?;
                bytes = text.len() as u64;
            }
            records.extend(newer);
        }
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        file.set_len(bytes)?;
        file.sync_all()?;
        File::open(folder)?.sync_all()?;
        // What fires stands in both files.
        records.sort_by_key(|record| record.id);
        records.dedup_by_key(|record| record.id);
        Ok((Self { folder: folder.to_owned(), file, lines, bytes }, records))
    }

    /// Begins a new file. What fires stands at its head, so that it is known for as long as it fires.
    fn rotate(&mut self, firing: &[Arc<Record>]) -> io::Result<()> {
        let (path, next) = (self.folder.join(NAME), self.folder.join(NEXT));
        let mut firing = firing.to_vec();
        firing.sort_by_key(|record| record.id);
        let mut text = Vec::new();
        firing.iter().for_each(|record| line(record, &mut text));
        let mut file = File::create(&next)?;
        file.write_all(&text)?;
        file.sync_all()?;
        match fs::rename(&path, self.folder.join(OLDER)) {
            // An attempt before this one came no further.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
        fs::rename(&next, &path)?;
        self.file = OpenOptions::new().append(true).open(&path)?;
        (self.lines, self.bytes) = (0, text.len() as u64);
        File::open(&self.folder)?.sync_all()
    }

    /// Appends and syncs. `firing` is what fires before these records.
    fn append(&mut self, records: &[Arc<Record>], firing: impl FnOnce() -> Vec<Arc<Record>>) -> io::Result<()> {
        if self.lines >= LINES_MAX {
            self.rotate(&firing())?;
        }
        let mut text = Vec::with_capacity(records.len() * 1024);
        records.iter().for_each(|record| line(record, &mut text));
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // Half a line would spoil the next one.
            let _ = self.file.set_len(self.bytes);
            return written;
        }
        self.lines += records.len();
        self.bytes += text.len() as u64;
        Ok(())
    }
}

struct Content {
    records: Vec<Record>,
    /// Of whole lines.
    bytes: u64,
    bad: usize,
}

/// Reads a file; none where there is none.
fn read(path: &Path) -> io::Result<Option<Content>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut content = Content { records: Vec::new(), bytes: 0, bad: 0 };
    let mut reader = BufReader::new(file);
    let mut text = Vec::new();
    loop {
        text.clear();
        let length = reader.read_until(b'\n', &mut text)?;
        if text.last() != Some(&b'\n') {
            return Ok(Some(content)); // the end, or a line that was cut
        }
        content.bytes += length as u64;
        let last = content.records.last().map(|record: &Record| record.id);
        match serde_json::from_slice::<Record>(&text) {
            Ok(record) if last.is_none_or(|last| last < record.id) => content.records.push(record),
            _ => content.bad += 1,
        }
    }
}

fn line(record: &Record, out: &mut Vec<u8>) {
    // A record has only keys that are text, and the room is in memory.
    let _ = serde_json::to_writer(&mut *out, record);
    out.push(b'\n');
}

/// Where records go.
#[derive(Debug)]
pub(super) struct Journal {
    sender: mpsc::Sender<Arc<Record>>,
    ended: oneshot::Receiver<()>,
    history: Arc<History>,
    lost: bool,
}

impl Journal {
    /// Opens the files in `folder`, if any, and starts the thread. Where the files cannot be had, history is
    /// kept in memory only, with a warning. Blocks.
    pub(super) fn open(folder: Option<&Path>) -> Self {
        let opened = folder.and_then(|folder| {
            let tell = |error: &io::Error| tracing::warn!("events are not kept on disk: {}: {error}", folder.display());
            Files::open(folder).inspect_err(tell).ok()
        });
        let (files, records) = opened.map_or((None, Vec::new()), |(files, records)| (Some(files), records));
        let history = Arc::new(History::of(records));
        let (sender, inbox) = mpsc::channel(WAITING_MAX);
        let (end, ended) = oneshot::channel();
        let shown = Arc::clone(&history);
        let run = move || {
            write(files, inbox, &shown);
            // Nobody may wait for it.
            let _ = end.send(());
        };
        if let Err(error) = thread::Builder::new().name("history".to_owned()).spawn(run) {
            tracing::warn!(%error, "events are not kept: no thread for it");
        }
        Self { sender, ended, history, lost: false }
    }

    pub(super) fn history(&self) -> &Arc<History> {
        &self.history
    }

    /// Hands a record over. It is lost where the disk is so slow that [`WAITING_MAX`] wait already.
    pub(super) fn push(&mut self, record: Arc<Record>) {
        let lost = self.sender.try_send(record).is_err();
        if lost && !self.lost {
            tracing::error!("events are lost: the state folder does not take them fast enough");
        }
        self.lost = lost;
    }

    /// Waits until all that was handed over is written.
    pub(super) async fn finish(self) {
        let Self { sender, ended, history: _, lost: _ } = self;
        drop(sender);
        // An error says that it has ended already.
        let _ = ended.await;
    }
}

/// Writes what comes, by batches, and then shows it.
fn write(mut files: Option<Files>, mut inbox: mpsc::Receiver<Arc<Record>>, history: &History) {
    let (mut batch, mut unkept) = (Vec::new(), Vec::new());
    let mut failed = false;
    while inbox.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        if let Some(files) = &mut files {
            // What was shown and not kept is kept once the disk takes it again.
            unkept.extend(batch.iter().cloned());
            let written = files.append(&unkept, || history.firing());
            match &written {
                Ok(()) if failed => tracing::info!("events are being kept on disk again"),
                Err(error) if !failed => tracing::warn!(%error, "events are not kept on disk, only in memory"),
                _ => {}
            }
            failed = written.is_err();
            let surplus = unkept.len().saturating_sub(if failed { HISTORY_MAX } else { 0 });
            unkept.drain(..surplus);
        }
        history.push(batch.drain(..));
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::super::record::{EventId, Severity, Stage, Topic};
    use super::*;

    fn record(id: u64) -> Arc<Record> {
        Arc::new(Record {
            id: EventId(id),
            time: UNIX_EPOCH,
            node: "ns1".to_owned(),
            kind: "node-ready".to_owned(),
            topic: Topic::Node,
            severity: Severity::Info,
            state: Stage::Note,
            subject: "node".to_owned(),
            zone: None,
            pool: None,
            endpoint: None,
            region: None,
            address: Some([192, 0, 2, 1].into()),
            check: None,
            text: "ready: \"x\"\n".to_owned(),
            data: serde_json::json!({ "a": 1 }),
        })
    }

    fn ids(records: &[Record]) -> Vec<u64> {
        records.iter().map(|record| record.id.0).collect()
    }

    #[test]
    fn what_is_appended_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut files, none) = Files::open(folder.path()).expect("opened");
        assert!(none.is_empty());
        files.append(&[record(1), record(2)], Vec::new).expect("written");
        files.append(&[record(3)], Vec::new).expect("written");
        let (_, read) = Files::open(folder.path()).expect("opened");
        assert_eq!(read.iter().collect::<Vec<_>>(), [&*record(1), &*record(2), &*record(3)]);
    }

    #[test]
    fn a_cut_line_is_dropped_and_the_next_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(NAME);
        let (mut files, _) = Files::open(folder.path()).expect("opened");
        files.append(&[record(1), record(2)], Vec::new).expect("written");
        let whole = fs::read(&path).expect("there");
        for cut in [1, 2, 7, whole.len() / 2 - 1] {
            fs::write(&path, &whole[..whole.len() - cut]).expect("written");
            let (mut files, read) = Files::open(folder.path()).expect("opened");
            assert_eq!(ids(&read), [1], "cut by {cut}");
            files.append(&[record(5)], Vec::new).expect("written");
            assert_eq!(ids(&Files::open(folder.path()).expect("opened").1), [1, 5]);
        }
    }

    #[test]
    fn a_spoilt_line_sets_the_file_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut files, _) = Files::open(folder.path()).expect("opened");
        files.append(&[record(1)], Vec::new).expect("written");
        files.file.write_all(b"{\"news\":true}\n").expect("written");
        files.append(&[record(2)], Vec::new).expect("written");
        assert_eq!(ids(&Files::open(folder.path()).expect("opened").1), [1, 2]);
        assert_eq!(ids(&Files::open(folder.path()).expect("opened").1), [1, 2]);
        let aside = fs::read_dir(folder.path()).expect("there").filter_map(|e| e.ok()?.file_name().into_string().ok());
        assert_eq!(aside.filter(|name| name.contains(".bad-")).count(), 1);
    }

    #[test]
    fn the_files_are_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut files, _) = Files::open(folder.path()).expect("opened");
        let mut id = 0;
        for _ in 0..5 {
            let batch: Vec<_> = (0..LINES_MAX / 2).map(|n| record(id + 1 + n as u64)).collect();
            id += batch.len() as u64;
            files.append(&batch, Vec::new).expect("written");
        }
        let (_, read) = Files::open(folder.path()).expect("opened");
        assert_eq!(read.last().map(|record| record.id.0), Some(id));
        assert!(read.len() <= HISTORY_MAX && read.len() >= LINES_MAX, "{}", read.len());
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 2);
    }

    #[test]
    fn what_fires_is_known_however_much_happens_since() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut files, _) = Files::open(folder.path()).expect("opened");
        let fires = Arc::new(Record { state: Stage::Firing, subject: "old".to_owned(), ..(*record(1)).clone() });
        files.append(&[Arc::clone(&fires)], Vec::new).expect("written");
        let mut id = 1;
        for _ in 0..5 {
            let batch: Vec<_> = (1..=LINES_MAX as u64).map(|n| record(id + n)).collect();
            id += batch.len() as u64;
            files.append(&batch, || vec![Arc::clone(&fires)]).expect("written");
        }
        let history = History::of(Files::open(folder.path()).expect("opened").1);
        assert_eq!(history.firing(), [fires]);
        assert!(history.len() <= HISTORY_MAX);
    }

    #[test]
    fn a_disk_that_is_full_for_a_while_loses_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut files, _) = Files::open(folder.path()).expect("opened");
        // Nothing can be written to a file that is open for reading.
        let writable = std::mem::replace(&mut files.file, File::open(folder.path().join(NAME)).expect("there"));
        let (sender, inbox) = mpsc::channel(4);
        let history = Arc::new(History::of([]));
        let shown = Arc::clone(&history);
        assert!(files.append(&[record(1)], Vec::new).is_err());
        files.file = writable;
        let thread = thread::spawn(move || write(Some(files), inbox, &shown));
        for id in 1..=3 {
            sender.blocking_send(record(id)).expect("taken");
        }
        drop(sender);
        thread.join().expect("ended");
        assert_eq!(ids(&Files::open(folder.path()).expect("opened").1), [1, 2, 3]);
        assert_eq!(history.len(), 3);
    }
}
