//! Gathers what is known of the node for monitors, when one asks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use crate::admin::desk::{self, Exposition, Later};
use crate::answer::Transport;
use crate::control::{self, Stopped};
use crate::notify;
use crate::serve::{Answered, Connections, Counts, Ledger, Meter};
use crate::snapshot::{Roll, Store};
use crate::telemetry::metrics::{self, Dns, Moment, NodeFigures, Process, Queries, Sink, Transports};

/// Who knows what there is to gather.
pub(super) struct Gatherer {
    control: control::Handle,
    notifier: notify::Handle,
    store: Arc<Store>,
    region: Option<String>,
    addresses: Vec<SocketAddr>,
    ledger: Ledger,
    /// Set once queries are answered.
    meter: OnceLock<Meter>,
}

impl Gatherer {
    /// Of a node in `region` that answers at these addresses.
    pub(super) fn new(
        control: control::Handle,
        notifier: notify::Handle,
        region: Option<String>,
        addresses: Vec<SocketAddr>,
    ) -> Self {
        let store = control.store();
        Self { control, notifier, store, region, addresses, ledger: Ledger::default(), meter: OnceLock::new() }
    }

    /// Where threads that answer count.
    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Queries are answered from now on.
    pub(super) fn serving(&self, meter: Meter) {
        // It starts once.
        let _ = self.meter.set(meter);
    }

    /// The figures of this moment as text.
    ///
    /// # Errors
    /// [`Stopped`] where the node is stopping.
    async fn figures(&self) -> Result<String, Stopped> {
        let (status, figures) = self.control.figures().await?;
        let roll = Arc::clone(self.store.current().roll());
        let mut firing = BTreeMap::new();
        for record in self.control.history().firing() {
            *firing.entry(record.severity).or_default() += 1;
        }
        let node = NodeFigures {
            region: self.region.clone(),
            ready: self.meter.get().is_some(),
            history: self.control.history().len(),
            firing,
        };
        Ok(metrics::render(&Moment {
            node,
            dns: self.dns(&roll),
            status: &status,
            figures: &figures,
            roll: &roll,
            sinks: self.notifier.views().into_iter().map(sink).collect(),
            process: Process::now(),
        }))
    }

    fn dns(&self, roll: &Roll) -> Dns {
        let Answered { queries, members, truncated } = self.ledger.read(roll);
        let queries = queries.into_iter().map(|one| {
            let crate::serve::Queries { transport, zone, rcode, count } = one;
            Queries { transport, zone, rcode, count }
        });
        let meter = self.meter.get();
        let transports = Transport::ALL.map(|transport| {
            let Counts { queries, replies: _, unanswered, unsent } =
                meter.map(|meter| meter.counts(transport)).unwrap_or_default();
            let truncated = truncated.iter().find(|(of, _)| *of == transport).map_or(0, |(_, count)| *count);
            (transport, Transports { received: queries, unanswered, unsent, truncated })
        });
        let Connections { open, accepted, refused, evicted, timed_out } =
            meter.map(Meter::connections).unwrap_or_default();
        let tcp = [("accepted", accepted), ("refused", refused), ("evicted", evicted), ("timed-out", timed_out)];
        let overflowed = metrics::udp_overflow(&self.addresses);
        Dns { queries: queries.collect(), members, transports: transports.into(), tcp_open: open, tcp, overflowed }
    }
}

impl desk::Metrics for Gatherer {
    fn text(&self) -> Later<'_, Exposition> {
        Box::pin(async {
            // A node that is stopping has nothing more to tell.
            let text = self.figures().await.unwrap_or_default();
            Exposition { content_type: metrics::CONTENT_TYPE, text }
        })
    }
}

fn sink(view: notify::View) -> Sink {
    let notify::View { name, kind, usable, state, pending, delivered, failed, lost, last_error: _, last_delivered } =
        view;
    let (kind, open) = (kind.to_owned(), state == notify::State::Open);
    Sink { name, kind, usable, open, pending, delivered, failed, lost, last_delivered }
}
