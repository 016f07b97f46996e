//! Lines on their way to standard error. Who logs never waits for who reads.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

/// Lines that wait at most; more are dropped.
const LINES_MAX: usize = 4096;
/// And their bytes: a diagnostic may be long.
const BYTES_MAX: usize = 4 << 20;

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    dropped: u64,
    /// A line is being written.
    busy: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    more: Condvar,
    idle: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way into the queue. One [`io::Write::write`] is one line.
#[derive(Debug, Clone)]
pub(super) struct Queue(Arc<Shared>);

impl Queue {
    /// Begins writing to `out` from a thread of its own, which tells `report` how many lines were
    /// dropped once there is room again.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(mut out: impl Write + Send + 'static, report: fn(u64)) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let queue = Self(Arc::clone(&shared));
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            loop {
                let line = next(&shared, report);
                // Nobody is left to be told.
                let _ = out.write_all(&line);
            }
        })?;
        Ok(queue)
    }

    /// Adds a line, however many there are.
    pub(super) fn force(&self, line: &[u8]) {
        let mut state = self.0.state();
        state.bytes += line.len();
        state.lines.push_back(line.to_vec());
        self.0.more.notify_one();
    }

    /// Waits until all is written, but not longer than this.
    pub(super) fn flush(&self, within: Duration) {
        let until = Instant::now() + within;
        let mut state = self.0.state();
        while state.busy || !state.lines.is_empty() || state.dropped > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.0.idle.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The next line to write.
fn next(shared: &Shared, report: fn(u64)) -> Vec<u8> {
    let mut state = shared.state();
    state.busy = false;
    loop {
        if let Some(line) = state.lines.pop_front() {
            state.bytes -= line.len();
            state.busy = true;
            return line;
        }
        if state.dropped > 0 {
            let dropped = std::mem::take(&mut state.dropped);
            state.busy = true;
            // The report is a line of its own and comes through the queue.
            drop(state);
            report(dropped);
            state = shared.state();
            state.busy = false;
            continue;
        }
        shared.idle.notify_all();
        state = shared.more.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state();
        if state.lines.len() >= LINES_MAX || state.bytes + line.len() > BYTES_MAX {
            state.dropped += 1;
        } else {
            state.bytes += line.len();
            state.lines.push_back(line.to_vec());
            self.0.more.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    /// Takes a line only when it is let.
    struct Gate {
        open: Receiver<()>,
        lines: SyncSender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            // A closed channel is an open gate.
            let _ = self.open.recv();
            let _ = self.lines.send(line.to_vec());
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_logs_never_waits_and_lost_lines_are_counted() {
        static DROPPED: AtomicU64 = AtomicU64::new(0);
        let (opener, open) = sync_channel(0);
        let (lines, written) = sync_channel(2 * LINES_MAX);
        let report = |lost| {
            DROPPED.fetch_add(lost, Ordering::SeqCst);
        };
        let mut queue = Queue::start(Gate { open, lines }, report).unwrap();
        let sent = LINES_MAX + 100;
        for _ in 0..sent {
            queue.write_all(b"line\n").unwrap();
        }
        queue.force(b"last words\n");
        let began = Instant::now();
        queue.flush(Duration::from_millis(50));
        assert!(began.elapsed() >= Duration::from_millis(50), "nothing can have been written");
        drop(opener);
        queue.flush(Duration::from_secs(20));
        let written: Vec<_> = written.try_iter().collect();
        assert_eq!(written.last().unwrap(), b"last words\n");
        let lost = usize::try_from(DROPPED.load(Ordering::SeqCst)).unwrap();
        assert_eq!(written.len() - 1 + lost, sent);
        assert!((99..=100).contains(&lost), "{lost}");
    }
}
