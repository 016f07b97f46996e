//! The node itself: what it is, what is in force, and what happened to it.

use std::collections::BTreeMap;

use super::text::Text;
use super::{POOLS_MAX, unix};
use crate::control::{Figures, Reloads, Severity, SnapshotStatus, Status};
use crate::policy::Family;
use crate::snapshot::Roll;

/// What is not in its status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeFigures {
    /// `node.region`.
    pub region: Option<String>,
    /// Whether queries are answered.
    pub ready: bool,
    /// Events that are kept.
    pub history: usize,
    /// Events that began a state that has not ended, by severity.
    pub firing: BTreeMap<Severity, usize>,
}

impl NodeFigures {
    pub(super) fn write(&self, text: &mut Text, status: &Status, figures: &Figures, roll: &Roll) {
        let Self { region, ready, history, firing } = self;
        let labels = [("version", env!("CARGO_PKG_VERSION")), ("target", env!("PHAROS_TARGET"))];
        text.gauge("pharos_build_info", "What runs; always 1.").sample(&labels, 1);
        let labels = [("node", &*status.node), ("region", region.as_deref().unwrap_or_default())];
        text.gauge("pharos_node_info", "Which node it is; always 1.").sample(&labels, 1);
        text.gauge("pharos_ready", "Whether queries are answered.").sample(&[], u8::from(*ready));
        text.gauge("pharos_zones", "Zones.").sample(&[], status.zones.len());
        text.gauge("pharos_pools", "Pools.").sample(&[], status.pools().count());
        text.gauge("pharos_check_targets", "Different targets that are checked.").sample(&[], figures.targets);
        write_overrides(text, status);
        let mut isolated = text.gauge("pharos_isolated", "Whether the node is cut off over a family of addresses.");
        for (family, word) in [(Family::V4, "ipv4"), (Family::V6, "ipv6")] {
            isolated.sample(&[("family", word)], u8::from(status.isolated.contains(&family)));
        }
        let drill = u8::from(status.drill.is_some());
        text.gauge("pharos_drill_running", "Whether a drill fails a region now.").sample(&[], drill);
        write_in_force(text, status, figures);
        write_events(text, figures);
        let mut family = text.gauge("pharos_events_firing", "Events that began a state which has not ended.");
        for severity in Severity::ALL {
            family.sample(&[("severity", severity.word())], firing.get(&severity).unwrap_or(&0));
        }
        text.gauge("pharos_events_kept", "Events in the history.").sample(&[], history);
        let help = "Zones, addresses of endpoints and pools beyond those that have series of their own.";
        let mut summed = text.gauge("pharos_series_summed", help);
        summed.sample(&[("kind", "zone")], roll.zones.without());
        summed.sample(&[("kind", "endpoint")], roll.members.without());
        summed.sample(&[("kind", "pool")], status.pools().count().saturating_sub(POOLS_MAX));
    }
}

/// Events that alerts count. A counter that is not there cannot be seen to rise from 0.
const AWAITED: [(&str, Severity); 6] = [
    ("drill-ended", Severity::Info),
    ("drill-ended", Severity::Warning),
    ("endpoint-down", Severity::Warning),
    ("hook-failed", Severity::Warning),
    ("pool-down", Severity::Critical),
    ("reload-refused", Severity::Warning),
];

fn write_events(text: &mut Text, figures: &Figures) {
    let mut counts: BTreeMap<_, _> = AWAITED.into_iter().map(|awaited| (awaited, 0)).collect();
    counts.extend(figures.events.iter().map(|((kind, severity), count)| ((kind.as_str(), *severity), *count)));
    let mut events = text.counter("pharos_events_total", "Events by kind.");
    for ((kind, severity), count) in counts {
        events.sample(&[("kind", kind), ("severity", severity.word())], count);
    }
}

fn write_overrides(text: &mut Text, status: &Status) {
    let mut forces = BTreeMap::from(["up", "down", "drain"].map(|force| (force.to_owned(), 0)));
    for (_, order) in &status.overrides {
        *forces.entry(order.force.to_string()).or_default() += 1;
    }
    let mut family = text.gauge("pharos_overrides", "Overrides in force, of endpoints, regions and pools.");
    for (force, count) in &forces {
        family.sample(&[("force", force)], count);
    }
}

fn write_in_force(text: &mut Text, status: &Status, figures: &Figures) {
    let SnapshotStatus { generation, published } = status.snapshot;
    let help = "Number of the snapshot in force: rises with each change of an answer or a zone.";
    text.gauge("pharos_snapshot_generation", help).sample(&[], generation);
    let help = "When the snapshot was put in force.";
    text.gauge("pharos_snapshot_published_timestamp_seconds", help).sample(&[], unix(published));
    let Reloads { applied, refused, invalid, last_applied, failing } = figures.reloads;
    let help = "Reloads by outcome: applied, refused for what they would take away, invalid for their errors.";
    let mut reloads = text.counter("pharos_reloads_total", help);
    for (outcome, count) in [("applied", applied), ("refused", refused), ("invalid", invalid)] {
        reloads.sample(&[("outcome", outcome)], count);
    }
    let help = "Whether the files as they were read last are in force.";
    text.gauge("pharos_config_last_reload_successful", help).sample(&[], u8::from(!failing));
    if let Some(last) = last_applied {
        let name = "pharos_config_last_reload_success_timestamp_seconds";
        text.gauge(name, "When files were put in force last; the start counts.").sample(&[], unix(last));
    }
}
