//! What the task has counted since its start, for monitors. Plain numbers: one task writes them, and hands out a
//! copy to who asks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use super::event::Kind;
use super::handle::Watches;
use super::record::{Record, Severity};
use super::world::World;
use crate::model::check::WatchId;
use crate::model::observation::{Observation, Phases};
use crate::model::pool::PoolId;
use crate::policy::{Family, Member};
use crate::snapshot::{PoolMember, Roll, Row};

/// Upper bounds of the buckets of a [`Histogram`], in seconds. The shortest checks on a local network take less
/// than a millisecond; a time-out is 3 s by default, and rarely more than 10 s.
pub const BOUNDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The figures.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Reloads.
    pub reloads: Reloads,
    /// What happened, by kind and severity.
    pub events: BTreeMap<(String, Severity), u64>,
    /// How often the answers of pools changed, by pool and family.
    pub answers: BTreeMap<(PoolId, Family), u64>,
    /// Observations by what is probed.
    pub checks: BTreeMap<WatchId, Results>,
    /// Observations of addresses that had no row of their own at the time, those that are gone included: a sum
    /// made of the addresses of today would fall whenever one leaves.
    pub other: Results,
    /// Of how many addresses without a row of their own a target tells.
    sharing: BTreeMap<WatchId, u64>,
    /// How many different targets are probed.
    pub targets: usize,
    /// How long checks took that came so far, by their type.
    pub durations: BTreeMap<(&'static str, Phase), Histogram>,
    /// How late checks began, by their type.
    pub lateness: BTreeMap<&'static str, Histogram>,
}

/// What became of new files since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reloads {
    /// Put in force.
    pub applied: u64,
    /// Not put in force for what they would take away.
    pub refused: u64,
    /// Not put in force for their errors.
    pub invalid: u64,
    /// When files were put in force last; the start is the first time.
    pub last_applied: Option<SystemTime>,
    /// Whether the last ones were not put in force.
    pub failing: bool,
}

/// Observations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Results {
    /// That were good.
    pub passed: u64,
    /// That were not.
    pub failed: u64,
}

impl Results {
    fn add(&mut self, passed: bool, count: u64) {
        *(if passed { &mut self.passed } else { &mut self.failed }) += count;
    }
}

/// A part of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// TCP handshake.
    Connect,
    /// TLS handshake.
    Tls,
    /// From the request sent to the first byte of the reply.
    FirstByte,
    /// Everything.
    Total,
}

impl Phase {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::FirstByte => "first_byte",
            Self::Total => "total",
        }
    }
}

/// Durations by upper bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Histogram {
    /// How many were in each of the [`BOUNDS`], and how many were longer.
    pub counts: [u64; BOUNDS.len() + 1],
    /// All together.
    pub sum: Duration,
}

impl Histogram {
    fn add(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        self.counts[BOUNDS.partition_point(|bound| *bound < seconds)] += 1;
        self.sum += time;
    }
}

impl Figures {
    /// Files were put in force at the start.
    pub(super) fn started(&mut self, at: SystemTime) {
        self.reloads.last_applied = Some(at);
    }

    /// Probes were seen.
    pub(super) fn observe(&mut self, seen: &[(WatchId, Observation)], watches: &Watches) {
        for (id, Observation { began: _, phases, status: _, result }) in seen {
            let Ok(place) = watches.binary_search_by_key(id, |(id, _)| *id) else { continue };
            let kind = watches[place].1.probe.ask.word();
            let results = self.checks.entry(*id).or_default();
            results.add(result.is_ok(), 1);
            self.other.add(result.is_ok(), self.sharing.get(id).copied().unwrap_or_default());
            let Phases { late, connect, tls, first_byte, total } = phases;
            self.lateness.entry(kind).or_default().add(*late);
            let all = [
                (Phase::Connect, *connect),
                (Phase::Tls, *tls),
                (Phase::FirstByte, *first_byte),
                (Phase::Total, Some(*total)),
            ];
            for (phase, time) in all {
                if let Some(time) = time {
                    self.durations.entry((kind, phase)).or_default().add(time);
                }
            }
        }
    }

    /// Something happened.
    pub(super) fn tell(&mut self, kind: &Kind, at: SystemTime) {
        match kind {
            Kind::Answer { pool, family, .. } => {
                *self.answers.entry((pool.clone(), *family)).or_default() += 1;
            }
            Kind::Applied(_) => {
                let applied = self.reloads.applied + 1;
                self.reloads = Reloads { applied, last_applied: Some(at), failing: false, ..self.reloads };
            }
            Kind::Refused(_) => {
                self.reloads.refused += 1;
                self.reloads.failing = true;
            }
            Kind::Invalid(_) => {
                self.reloads.invalid += 1;
                self.reloads.failing = true;
            }
            _ => {}
        }
    }

    /// A record was made of something.
    pub(super) fn recorded(&mut self, record: &Record) {
        *self.events.entry((record.kind.clone(), record.severity)).or_default() += 1;
    }

    /// Other targets are probed, or there are other pools, whose addresses have these rows.
    pub(super) fn retain(&mut self, world: &World, watches: &Watches, roll: &Roll) {
        self.targets = watches.len();
        let pools: BTreeSet<_> = world.pools().map(|(_, _, state)| &state.id).collect();
        self.answers.retain(|(pool, _), _| pools.contains(pool));
        self.checks.retain(|id, _| watches.binary_search_by_key(id, |(id, _)| *id).is_ok());
        self.sharing.clear();
        // Nearly always everybody has a row.
        if roll.members.without() > 0 {
            self.share(world, roll);
        }
    }

    fn share(&mut self, world: &World, roll: &Roll) {
        for (_, pool, state) in world.pools() {
            for (endpoint, links) in pool.endpoints.iter().zip(&state.links) {
                for (address, link) in endpoint.addresses.iter().zip(links) {
                    let Some(link) = link else { continue };
                    let member = Member { endpoint: endpoint.name.clone(), ip: address.ip };
                    if roll.members.row(&PoolMember { pool: state.id.clone(), member }) == Row::OTHER {
                        *self.sharing.entry(link.id).or_default() += 1;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_in_the_first_bucket_that_holds_it() {
        let mut histogram = Histogram::default();
        for micros in [0, 1_000, 1_001, 10_000_000, 10_000_001] {
            histogram.add(Duration::from_micros(micros));
        }
        let mut counts = [0; BOUNDS.len() + 1];
        (counts[0], counts[1], counts[12], counts[13]) = (2, 1, 1, 1);
        assert_eq!(histogram, Histogram { counts, sum: Duration::from_micros(20_002_002) });
    }
}
