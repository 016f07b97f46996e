//! Checks: asks targets and reports what was seen. It never judges.
//!
//! One kind of check per file (`tcp`, `http` with `tls` and `reply`), what they share around it, and the
//! scheduler: `agenda` knows when, `schedule` does it. `witness` asks others whether the node is cut off.

mod agenda;
mod error;
mod evidence;
mod expect;
mod http;
mod reply;
mod schedule;
mod shared;
mod target;
mod tcp;
mod tls;
mod witness;

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::model::check::{Pace, WatchId};
use crate::model::observation::Observation;

pub use crate::control::Watches;
pub use target::{Kit, Target};
pub use witness::{Court, run as ask_witnesses};

/// Takes observations and says how to go on.
pub trait Reporter: Clone + Send + Sync + 'static {
    /// Takes observations, in the order in which they ended; the answer is when to probe the target of
    /// each next. Those of a target that is not watched any more may still come.
    fn report(&self, seen: Vec<(WatchId, Observation)>) -> impl Future<Output = Vec<Pace>> + Send;
}

/// Probes everything on the list, which may change at any time, until `shutdown` completes or the
/// list's sender is gone. A new target is probed at once, then spread over its interval; one that is
/// no longer listed is dropped with its probes in flight.
///
/// Probes run on the runtime of the caller, best one of a single thread that has little else to do;
/// those that keep a processor busy, as TLS handshakes do, on that of `workers`.
///
/// # Panics
/// When a probe panics: checks never stop in silence.
pub async fn run<R: Reporter>(
    watches: watch::Receiver<Watches>,
    reporter: R,
    workers: Handle,
    shutdown: impl Future<Output = ()> + Send,
) {
    let mut kit = Kit::default();
    schedule::run(watches, reporter, move |watch| Target::new(watch, &mut kit), workers, shutdown).await;
}
