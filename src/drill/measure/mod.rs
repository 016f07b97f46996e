//! What a drill comes to, from what is heard and told. Moments are arguments; nothing here asks or waits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::plan::{self, Plan, View, Watched};
use super::report::{PoolReport, Queries, Report, ResolverReport, State};
use super::sight::Sight;
use super::timeline::Timeline;
use crate::control::{By, DrillChange, DrillEnd, Event, Kind};
use crate::health::Verdict;
use crate::model::pool::PoolId;
use crate::policy::HoldChange;

/// What coming back may take beside checks and holds.
const SLACK: Duration = Duration::from_secs(5);
/// A hold that is longer is not waited for: a report that comes in a week helps nobody.
const HOLD_MAX: Duration = Duration::from_secs(900);
/// What the way back may take where a drill was taken back: no check is waited for.
const TAKEN_BACK: Duration = Duration::from_secs(2);

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Before,
    Failing { begun: Instant },
    Restoring { begun: Instant, until: Instant },
    Over,
}

/// The measure of one drill.
#[derive(Debug)]
pub(super) struct Measure {
    id: Arc<str>,
    watched: Vec<Watched>,
    timelines: Vec<Timeline>,
    /// When the first verdict of each pool turned.
    detected: BTreeMap<PoolId, Duration>,
    /// Pools that stay where they went for longer than is waited, and why.
    staying: BTreeMap<PoolId, String>,
    resolvers: Vec<ResolverReport>,
    /// Which of them were heard to answer with the region.
    knew_region: Vec<bool>,
    phase: Phase,
    cut_short: bool,
    notes: Vec<String>,
    report: Report,
}

impl Measure {
    /// Of a drill that has not begun. `more`: pools that have the region and are not watched.
    pub(super) fn new(plan: &Plan, watched: Vec<Watched>, more: usize) -> Self {
        let Plan { order, rto, resolvers, scheduled } = plan;
        let resolver = |address| ResolverReport { address, seen: None, error: Some("not asked".to_owned()) };
        let report = Report {
            id: order.id.to_string(),
            state: State::Running,
            region: order.region.to_string(),
            author: order.author.to_string(),
            reason: order.reason.to_string(),
            scheduled: scheduled.as_ref().map(ToString::to_string),
            begun: SystemTime::UNIX_EPOCH,
            lasts: order.lasts,
            ended: None,
            rto: *rto,
            met: None,
            detect: None,
            answer: None,
            recovery: None,
            restored: None,
            failback: None,
            pools: Vec::new(),
            resolvers: Vec::new(),
            queries: Queries::default(),
            note: None,
        };
        let notes = (more > 0).then(|| format!("{more} more pools have the region and are not watched"));
        Self {
            id: Arc::clone(&order.id),
            timelines: watched.iter().map(|w| Timeline::new(w.failing.clone(), w.varies)).collect(),
            watched,
            detected: BTreeMap::new(),
            staying: BTreeMap::new(),
            resolvers: resolvers.iter().copied().map(resolver).collect(),
            knew_region: vec![false; resolvers.len()],
            phase: Phase::Before,
            cut_short: false,
            notes: notes.into_iter().collect(),
            report,
        }
    }

    /// Whether the region has begun to fail.
    pub(super) fn has_begun(&self) -> bool {
        self.phase != Phase::Before
    }

    /// Whether the region fails now.
    pub(super) fn is_failing(&self) -> bool {
        matches!(self.phase, Phase::Failing { .. })
    }

    /// Whether nothing more is to come.
    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// When [`Measure::give_up`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if let Phase::Restoring { until, .. } = self.phase { Some(until) } else { None }
    }

    /// Takes in what the node was heard to answer for one of the watched; whether the report should say.
    pub(super) fn hear(&mut self, place: usize, at: Instant, sight: &Sight) -> bool {
        let Some(timeline) = self.timelines.get_mut(place) else { return false };
        let (was_moved, was_away) = (timeline.is_moved(), timeline.is_away());
        match self.phase {
            Phase::Before => timeline.note_before(sight),
            Phase::Failing { begun } | Phase::Restoring { begun, .. } => {
                timeline.note(at.saturating_duration_since(begun), sight);
            }
            Phase::Over => {}
        }
        let turned = (was_moved, was_away) != (timeline.is_moved(), timeline.is_away());
        self.settle();
        turned
    }

    /// Takes in what a resolver was heard to answer.
    pub(super) fn hear_resolver(&mut self, place: usize, at: Instant, sight: &Sight) {
        let Some(watched) = self.watched.get(plan::told_by_resolvers(&self.watched)) else { return };
        let Some((resolver, knew_region)) = self.resolvers.get_mut(place).zip(self.knew_region.get_mut(place)) else {
            return;
        };
        let has_region = sight.addresses().iter().any(|address| watched.failing.contains(address));
        *knew_region |= has_region;
        if resolver.seen.is_some() {
            // It has several caches, or what it heard was drawn.
            if has_region && matches!(self.phase, Phase::Failing { .. }) {
                resolver.seen = None;
            }
            return;
        }
        resolver.error = match sight {
            Sight::Silence => Some("no reply".to_owned()),
            sight if !sight.is_good() => Some(format!("no address: {}", sight.rcode())),
            _ if !*knew_region => Some("it never answered with the region".to_owned()),
            _ => None,
        };
        let may_move = !watched.varies || self.detected.contains_key(&watched.pool);
        if let Phase::Failing { begun } = self.phase
            && sight.is_good()
            && !has_region
            && *knew_region
            && may_move
        {
            resolver.seen = Some(at.saturating_duration_since(begun));
        }
    }

    /// A resolver cannot be asked.
    pub(super) fn note_unasked(&mut self, place: usize, why: &str) {
        if let Some(resolver) = self.resolvers.get_mut(place) {
            resolver.error = Some(format!("not asked: {why}"));
        }
    }

    /// Something that whoever reads the report should know.
    pub(super) fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// The region fails, as the event of it says; or as control replied, where the event was lost.
    pub(super) fn begin(&mut self, at: Instant, wall: SystemTime) {
        if self.phase == Phase::Before {
            self.phase = Phase::Failing { begun: at };
            self.report.begun = wall;
        }
    }

    /// Events were missed: takes in what the node says now. `views`: in the order of what is watched;
    /// `is_running`: the region fails by this drill.
    pub(super) fn catch_up(&mut self, is_running: bool, views: &[View], at: Instant, wall: SystemTime) {
        let (Phase::Failing { begun } | Phase::Restoring { begun, .. }) = self.phase else { return };
        let since = at.saturating_duration_since(begun);
        for (place, view) in views.iter().enumerate() {
            if view.is_down && is_running {
                self.detect(place, since);
            }
            if let Some(timeline) = self.timelines.get_mut(place) {
                timeline.note_use(since, view.is_in_use);
            }
        }
        if self.is_failing() && !is_running {
            self.end(at, wall, &DrillEnd::Over);
        }
        self.settle();
    }

    /// What is watched, in the order of the slots.
    pub(super) fn watched(&self) -> &[Watched] {
        &self.watched
    }

    /// Takes in what control tells; whether the report should say.
    pub(super) fn take(&mut self, event: &Event, at: Instant) -> bool {
        match (&event.kind, self.phase) {
            (Kind::Drill(DrillChange::Begun(order)), Phase::Before) if order.id == self.id => {
                self.begin(at, event.at);
                true
            }
            (Kind::Drill(DrillChange::Ended { order, why, .. }), Phase::Failing { .. }) if order.id == self.id => {
                self.end(at, event.at, why);
                true
            }
            (Kind::Endpoint { pool, region: Some(region), flip, .. }, Phase::Failing { begun })
                if flip.to == Verdict::Down && region.as_str() == self.report.region =>
            {
                if let Some(place) = self.watched.iter().position(|watched| watched.pool == *pool) {
                    self.detect(place, at.saturating_duration_since(begun));
                }
                true
            }
            (Kind::Answer { pool, family, after, .. }, Phase::Failing { begun } | Phase::Restoring { begun, .. }) => {
                let is_it = |watched: &Watched| watched.pool == *pool && watched.question.rtype == family.rtype();
                let Some(place) = self.watched.iter().position(is_it) else { return false };
                let is_back = self.watched[place].is_back_in(&after.addresses);
                let was_away = self.timelines[place].is_away();
                self.timelines[place].note_use(at.saturating_duration_since(begun), is_back);
                let turned = was_away != self.timelines[place].is_away();
                self.settle();
                turned
            }
            (Kind::Hold { pool, change }, Phase::Restoring { .. }) => {
                self.note_hold(pool, change);
                self.settle();
                false
            }
            _ => false,
        }
    }

    /// The region fails no longer.
    pub(super) fn end(&mut self, at: Instant, wall: SystemTime, why: &DrillEnd) {
        let Phase::Failing { begun } = self.phase else { return };
        let lasted = at.saturating_duration_since(begun);
        self.timelines.iter_mut().for_each(|timeline| timeline.end(lasted));
        (self.report.ended, self.report.restored) = (Some(wall), Some(lasted));
        let wait = if why.is_cut_short() {
            self.cut_short = true;
            self.notes.push(why.to_string());
            TAKEN_BACK
        } else {
            let away = self.watched.iter().zip(&self.timelines).filter(|(_, timeline)| timeline.is_away());
            let waits = away.map(|(watched, _)| watched.rises_within + watched.hold.unwrap_or_default().min(HOLD_MAX));
            waits.max().unwrap_or_default() + SLACK
        };
        self.phase = Phase::Restoring { begun, until: at + wait };
        self.settle();
    }

    /// Somebody does not want to wait any longer for what comes back.
    pub(super) fn stop(&mut self, by: &By, at: Instant) {
        if let Phase::Restoring { begun, .. } = self.phase {
            self.cut_short = true;
            self.notes.push(format!("ended by {} before every answer was back: {}", by.author, by.reason));
            self.phase = Phase::Restoring { begun, until: at + TAKEN_BACK };
        }
    }

    /// Ends without what has not come back.
    pub(super) fn give_up(&mut self) {
        let waited = self.away().filter(|(watched, _)| !self.staying.contains_key(&watched.pool));
        let pools: Vec<_> = waited.map(|(watched, _)| format!("{} has not come back yet", watched.pool)).collect();
        self.notes.extend(pools);
        self.finish();
    }

    /// Ends at once: the node does.
    pub(super) fn abort(&mut self, why: &str) {
        self.cut_short = true;
        self.notes.push(why.to_owned());
        self.finish();
    }

    /// What is known by now.
    pub(super) fn report(&self) -> Report {
        let pools = self.watched.iter().zip(&self.timelines).map(|(watched, timeline)| {
            let [before, during, after] = timeline.answers();
            PoolReport {
                pool: watched.pool.to_string(),
                name: watched.question.name.to_string(),
                rtype: watched.question.rtype.to_string(),
                detect: self.detected.get(&watched.pool).copied(),
                answer: timeline.answer(),
                failback: timeline.failback(),
                ttl: timeline.ttl(),
                before,
                during,
                after,
                seen: timeline.seen().to_vec(),
            }
        });
        let queries = self.timelines.iter().map(Timeline::queries).fold(Queries::default(), |sum, next| Queries {
            sent: sum.sent + next.sent,
            answered: sum.answered + next.answered,
            bad: sum.bad + next.bad,
        });
        let mut report = Report {
            state: match self.phase {
                Phase::Before | Phase::Failing { .. } => State::Running,
                Phase::Restoring { .. } => State::Restoring,
                Phase::Over if self.cut_short => State::Aborted,
                Phase::Over => State::Done,
            },
            pools: pools.collect(),
            resolvers: self.resolvers.clone(),
            queries,
            note: (!self.notes.is_empty()).then(|| self.notes.join("; ")),
            ..self.report.clone()
        };
        report.add_up();
        report
    }

    /// Whether there is an answer to be moved, so that a target can be missed.
    pub(super) fn has_target(&self) -> bool {
        self.report.rto.is_some() && self.timelines.iter().any(|timeline| timeline.ttl().is_some())
    }

    fn detect(&mut self, place: usize, after: Duration) {
        let (Some(watched), Some(timeline)) = (self.watched.get(place), self.timelines.get_mut(place)) else { return };
        timeline.detect();
        self.detected.entry(watched.pool.clone()).or_insert(after);
    }

    fn note_hold(&mut self, pool: &PoolId, change: &HoldChange) {
        let (HoldChange::Begun { member, .. } | HoldChange::Ended { member, .. }) = change;
        let is_ours = |watched: &&Watched| watched.pool == *pool && watched.failing.contains(&member.ip);
        if self.watched.iter().find(is_ours).is_none() {
            return;
        }
        match change {
            HoldChange::Begun { hold: None, .. } => {
                let why = format!("{pool} holds on: its failback is manual (pharos failback {pool})");
                self.staying.insert(pool.clone(), why);
            }
            HoldChange::Begun { hold: Some(hold), .. } if *hold > HOLD_MAX => {
                let hold = humantime::format_duration(Duration::from_secs(hold.as_secs()));
                self.staying.insert(pool.clone(), format!("{pool} holds on for {hold}"));
            }
            HoldChange::Begun { .. } => {}
            HoldChange::Ended { .. } => drop(self.staying.remove(pool)),
        }
    }

    /// Ends once everything is back that will come back.
    fn settle(&mut self) {
        let is_awaited = |pool: &PoolId| !self.staying.contains_key(pool);
        let is_restoring = matches!(self.phase, Phase::Restoring { .. });
        if is_restoring && !self.away().any(|(watched, _)| is_awaited(&watched.pool)) {
            self.finish();
        }
    }

    fn finish(&mut self) {
        self.notes.extend(std::mem::take(&mut self.staying).into_values());
        self.phase = Phase::Over;
    }

    fn away(&self) -> impl Iterator<Item = (&Watched, &Timeline)> {
        self.watched.iter().zip(&self.timelines).filter(|(_, timeline)| timeline.is_away())
    }
}

#[cfg(test)]
mod tests;
