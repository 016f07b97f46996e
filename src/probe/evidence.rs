//! What one probe has seen so far, kept outside of the probe's future so that a time-out loses nothing.

use std::cell::Cell;

use tokio::time::Instant;

use crate::model::observation::Phases;

tokio::task_local! {
    /// The evidence of the probe that this task is making. The TLS stack and the connector are shared
    /// by all probes of a target and are given no argument that says whose connection they make.
    static EVIDENCE: Evidence;
}

/// Moments at which phases of a probe ended, and the status.
#[derive(Debug)]
pub(super) struct Evidence {
    began: Instant,
    dialled: Cell<Option<Instant>>,
    connected: Cell<Option<Instant>>,
    secured: Cell<Option<Instant>>,
    answered: Cell<Option<Instant>>,
    status: Cell<Option<u16>>,
}

impl Evidence {
    /// Makes a probe whose moments are collected; returns what it returned, and what was seen.
    pub(super) async fn collect<T>(probe: impl Future<Output = T>) -> (T, Phases, Option<u16>) {
        let evidence = Self {
            began: Instant::now(),
            dialled: Cell::default(),
            connected: Cell::default(),
            secured: Cell::default(),
            answered: Cell::default(),
            status: Cell::default(),
        };
        let collecting = async {
            let value = probe.await;
            let (phases, status) = EVIDENCE.with(|seen| (seen.phases(), seen.status.get()));
            (value, phases, status)
        };
        EVIDENCE.scope(evidence, collecting).await
    }

    fn phases(&self) -> Phases {
        let between = |from: &Cell<Option<Instant>>, to: &Cell<Option<Instant>>| Some(to.get()? - from.get()?);
        Phases {
            connect: between(&self.dialled, &self.connected),
            tls: between(&self.connected, &self.secured),
            first_byte: between(
                if self.secured.get().is_some() { &self.secured } else { &self.connected },
                &self.answered,
            ),
            total: self.began.elapsed(),
        }
    }
}

/// A connection is being asked for.
pub(super) fn dialled() {
    mark(|seen| &seen.dialled);
}

/// The TCP handshake is done. Only the first report counts: without TLS it is the connector's, with
/// TLS that of the TLS stack as it begins.
pub(super) fn connected() {
    mark(|seen| &seen.connected);
}

/// The TLS handshake is done.
pub(super) fn secured() {
    mark(|seen| &seen.secured);
}

/// The head of the reply is there.
pub(super) fn answered(status: u16) {
    mark(|seen| &seen.answered);
    let _ = EVIDENCE.try_with(|seen| seen.status.set(Some(status)));
}

/// Sets a moment that is not set yet; outside of a probe there is nothing to set.
fn mark(which: impl FnOnce(&Evidence) -> &Cell<Option<Instant>>) {
    let _ = EVIDENCE.try_with(|seen| {
        let moment = which(seen);
        if moment.get().is_none() {
            moment.set(Some(Instant::now()));
        }
    });
}
