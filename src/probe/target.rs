//! One target and what is asked of it, ready to be asked again and again.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::evidence::Evidence;
use super::expect::Patterns;
use super::http::HttpTarget;
use super::tcp;
use super::tls::Configs;
use crate::model::check::{Ask, Probe, Watch};
use crate::model::observation::{Failure, Observation};

/// A time-out noticed later than this was not noticed in time because the machine, or this thread, stood
/// still.
const LATE_MIN: Duration = Duration::from_millis(50);

/// What a probe is given then to come to its end, if its time-out is not shorter.
const SECOND_CHANCE_MAX: Duration = Duration::from_millis(500);

/// What targets share: TLS configurations and compiled patterns.
#[derive(Debug, Default)]
pub struct Kit {
    configs: Configs,
    patterns: Patterns,
}

/// A target, prepared.
#[derive(Debug)]
pub struct Target {
    watch: Arc<Watch>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Tcp,
    Http(HttpTarget),
    /// What was configured cannot be asked; each probe says so.
    Broken(Failure),
}

impl Target {
    /// Prepares a target. One that cannot be asked, because its `ca_file` holds nothing for example,
    /// fails each probe with the reason.
    #[must_use]
    pub fn new(watch: Arc<Watch>, kit: &mut Kit) -> Self {
        let kind = match &watch.probe.ask {
            Ask::Tcp => Kind::Tcp,
            Ask::Http(ask) => match HttpTarget::new(ask, watch.probe.target, &mut kit.configs, &mut kit.patterns) {
                Ok(http) => Kind::Http(http),
                Err(fault) => Kind::Broken(Failure::Local(fault.to_string().into())),
            },
        };
        Self { watch, kind }
    }

    /// Whether asking keeps a processor busy: a handshake of TLS does.
    pub(super) fn is_laborious(&self) -> bool {
        matches!(&self.kind, Kind::Http(http) if http.is_secure())
    }

    /// Asks once, on a fresh connection. The time-out covers everything from the first packet to the
    /// last byte that is needed.
    pub async fn observe(&self) -> Observation {
        let began = SystemTime::now();
        let mut seen = Evidence::begin();
        let Probe { target, timeout, ask } = &self.watch.probe;
        let asking = async {
            match (&self.kind, ask) {
                (Kind::Http(http), Ask::Http(ask)) => http.ask(ask, *target, *timeout, &mut seen).await,
                (Kind::Broken(failure), _) => Err(failure.clone()),
                (Kind::Tcp | Kind::Http(_), _) => tcp::ask(*target, *timeout, &mut seen).await,
            }
        };
        let result = within(*timeout, asking).await.unwrap_or(Err(Failure::TimedOut(*timeout)));
        Observation { began, phases: seen.phases(), status: seen.status(), result }
    }
}

/// What comes of asking within the time; none where nothing does.
async fn within<T>(timeout: Duration, asking: impl Future<Output = T>) -> Option<T> {
    let (start, mut asking) = (Instant::now(), pin!(asking));
    if let Ok(outcome) = tokio::time::timeout(timeout, &mut asking).await {
        return Some(outcome);
    }
    if start.elapsed() < timeout + LATE_MIN {
        return None;
    }
    // This node stood still, not the target: what it said meanwhile is there to be read.
    tokio::time::timeout(timeout.min(SECOND_CHANCE_MAX), asking).await.ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::time::sleep;

    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(20);

    /// A target that needs so many rounds of 5 ms, asked by a node that stands still in the first.
    async fn asked(still: Duration, rounds: u32) -> Option<u32> {
        let asking = async {
            let (_open, nothing) = mpsc::sync_channel::<()>(1);
            let _ = nothing.recv_timeout(still);
            for _ in 0..rounds {
                sleep(Duration::from_millis(5)).await;
            }
            rounds
        };
        within(TIMEOUT, asking).await
    }

    #[tokio::test]
    async fn a_standstill_is_not_held_against_the_target() {
        assert_eq!(asked(TIMEOUT + LATE_MIN, 2).await, Some(2));
        assert_eq!(asked(TIMEOUT + LATE_MIN, 1000).await, None);
        assert_eq!(asked(Duration::ZERO, 1000).await, None);
    }
}
