//! A thread with a runtime of its own, for tasks that talk to each other all the time: to wake another
//! thread costs more than what most checks have to say.

use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::{AppError, SHUTDOWN_TIME};

/// The thread. It ends when this is dropped, and all of its tasks with it; what they write at that moment is
/// waited for.
#[derive(Debug)]
pub(super) struct Lane {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Lane {
    /// Starts one of this name, which the system shows.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(name: &str) -> Result<Self, AppError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(AppError::Runtime)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            // An error says that the lane was dropped, which is how it ends.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_timeout(SHUTDOWN_TIME);
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run).map_err(AppError::Runtime)?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Where to spawn.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to return, and a panic has been told.
            let _ = thread.join();
        }
    }
}
