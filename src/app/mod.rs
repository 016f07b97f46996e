//! One node, from its files to its end: load, bind, judge, answer, reload, drain.
//!
//! `pharos serve` and `pharos demo` both run this; neither has another path.

mod access;
mod diagnostics;
mod error;
mod lane;
mod metrics;
mod node;
mod pulse;
mod reload;
mod sinks;
mod systemd;
mod tasks;
mod watch;

pub use error::AppError;
pub use node::Node;

use self::diagnostics::Told;

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

/// UDP has threads of its own and so has deciding; what is left needs few.
const WORKERS: std::ops::RangeInclusive<usize> = 2..=4;
/// Supervisors and shells that signal a process and then its group send every signal twice.
const ECHO_TIME: Duration = Duration::from_millis(200);
/// What reading files may still take after the node has stopped.
const SHUTDOWN_TIME: Duration = Duration::from_millis(500);

/// Lets the process open as many files as the system allows it: each probe and each connection is one.
fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(soft, hard)| if soft < hard { setrlimit(Resource::RLIMIT_NOFILE, hard, hard) } else { Ok(()) });
    if let Err(error) = raised {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

/// The runtime of a node.
///
/// # Errors
/// When the system gives no threads.
pub fn runtime() -> Result<Runtime, AppError> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let workers = cores.clamp(*WORKERS.start(), *WORKERS.end());
    Builder::new_multi_thread().worker_threads(workers).enable_all().build().map_err(AppError::Runtime)
}

/// Runs a node until it is told to stop (SIGTERM, SIGINT), or fails. A second signal ends it at once.
///
/// # Errors
/// [`AppError`], each with what to do about it.
pub fn run(config: &Path) -> Result<(), AppError> {
    raise_file_limit();
    let runtime = runtime()?;
    let ended = runtime.block_on(life(config));
    runtime.shutdown_timeout(SHUTDOWN_TIME);
    ended
}

async fn life(config: &Path) -> Result<(), AppError> {
    let mut stop = StopSignals::new()?;
    let mut node = tokio::select! {
        started = Node::start(config) => started?,
        name = stop.recv() => {
            tracing::info!(signal = name, "stopped before it was ready");
            return Ok(());
        }
    };
    tokio::select! {
        error = node.failed() => return Err(error),
        name = stop.recv() => tracing::info!(signal = name, "stopping"),
    }
    tokio::select! {
        stopped = node.stop() => stopped?,
        name = stop.recv_again() => return Err(AppError::Interrupted(name)),
    }
    tracing::info!("stopped");
    Ok(())
}

/// Logs why a node did not start, or ended.
pub fn log_error(error: &AppError) {
    if let AppError::Config(found) = error {
        Told::default().log(found);
    }
    tracing::error!("{}", error.chain());
}

/// The signals that ask for the end.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn new() -> Result<Self, AppError> {
        let on = |kind| signal(kind).map_err(AppError::Signals);
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    /// The next one that is not an echo of the first.
    async fn recv_again(&mut self) -> &'static str {
        let echoes = sleep(ECHO_TIME);
        tokio::pin!(echoes);
        loop {
            tokio::select! {
                biased;
                () = &mut echoes => return self.recv().await,
                _ = self.recv() => {}
            }
        }
    }

    /// The next one.
    async fn recv(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
