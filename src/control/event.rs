//! What happened, in words for the log and in values for programs.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::drill::DrillChange;
use super::guard::Refused;
use super::record::EventId;
use super::reload::Applied;
use crate::health::{Flip, Override, Scope, Verdict};
use crate::model::observation::Observation;
use crate::model::pool::PoolId;
use crate::model::{CheckName, EndpointName, Region};
use crate::policy::{Family, HoldChange, HoldEnd, Mode};

/// Something that happened, and when.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its name.
    pub id: EventId,
    /// When.
    pub at: SystemTime,
    /// What.
    pub kind: Kind,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Every target was observed and queries may be answered.
    Ready {
        /// How many targets are watched.
        targets: usize,
        /// How many did not report in time.
        missing: usize,
    },
    /// The verdict on one address of an endpoint changed.
    Endpoint {
        /// Whose.
        pool: PoolId,
        /// Whose.
        endpoint: EndpointName,
        /// Where it stands.
        region: Option<Region>,
        /// The address that is answered.
        ip: IpAddr,
        /// The check that saw it.
        check: CheckName,
        /// From what to what, and the evidence.
        flip: Flip,
    },
    /// A check has produced no observation for three intervals, or produces some again. The verdict
    /// and the answer stay.
    Stale {
        /// Whose.
        pool: PoolId,
        /// Whose.
        endpoint: EndpointName,
        /// The address that is answered.
        ip: IpAddr,
        /// The check.
        check: CheckName,
        /// Whether it is stale, or no longer.
        stale: bool,
    },
    /// An endpoint has been down for [`LONG`]: somebody should look after it.
    Lasting {
        /// Whose.
        pool: PoolId,
        /// Whose.
        endpoint: EndpointName,
        /// Where it stands.
        region: Option<Region>,
        /// The address that is answered.
        ip: IpAddr,
        /// The check that sees it.
        check: CheckName,
        /// For how long it has been down.
        since: SystemTime,
        /// The last failure of this run.
        last: Option<Arc<Observation>>,
    },
    /// A pool has no healthy endpoint any more, or has one again.
    Pool {
        /// Which.
        pool: PoolId,
        /// For which addresses.
        family: Family,
        /// What holds now.
        mode: Mode,
    },
    /// What a pool answers changed.
    Answer {
        /// Whose.
        pool: PoolId,
        /// For which addresses.
        family: Family,
        /// Before.
        before: Answer,
        /// After.
        after: Answer,
    },
    /// An endpoint that came back is held, or no longer.
    Hold {
        /// Whose.
        pool: PoolId,
        /// Who, and what.
        change: HoldChange,
    },
    /// An order of an operator.
    Override {
        /// What it is about.
        scope: Scope,
        /// The order.
        order: Override,
        /// What became of it.
        change: OverrideChange,
        /// Who took it back, and why.
        by: Option<By>,
    },
    /// Somebody let the endpoints of a pool return.
    Failback {
        /// Which.
        pool: PoolId,
        /// Who, and why.
        by: By,
        /// How many holds that ended.
        released: usize,
    },
    /// A region fails on purpose, or no longer.
    Drill(DrillChange),
    /// New files are in force.
    Applied(Applied),
    /// New files were not taken.
    Refused(Refused),
    /// New files have errors, and were not taken: the diagnostics.
    Invalid(Vec<String>),
    /// The node is cut off: every check of a family fails, and no witness answers. Or no longer.
    Isolation {
        /// Of which addresses.
        family: Family,
        /// Whether it begins.
        begun: bool,
        /// How many targets fail.
        targets: usize,
    },
    /// A notification or hook failed for good, or its sink is given a rest.
    Hook {
        /// `notify.NAME`.
        sink: String,
        /// The event that was to be delivered.
        event: Option<EventId>,
        /// Why not.
        error: String,
    },
}

/// Down for so long is no blip that takes care of itself.
pub const LONG: Duration = Duration::from_secs(300);

/// What a pool can answer for one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// In which state of affairs.
    pub mode: Mode,
    /// The addresses, in the order of the pool.
    pub addresses: Vec<IpAddr>,
}

/// Who did something, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub author: Arc<str>,
    /// Why.
    pub reason: Arc<str>,
}

/// What became of an override.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OverrideChange {
    /// It is in force.
    Set,
    /// Somebody took it back.
    Cleared,
    /// Its time is over.
    Expired,
}

impl Event {
    /// Whether somebody should look: health was lost, or something was refused.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        match &self.kind {
            Kind::Endpoint { flip, .. } => flip.to == Verdict::Down,
            Kind::Answer { after, .. } => !matches!(after.mode, Mode::Healthy | Mode::Absent),
            Kind::Ready { missing, .. } => *missing > 0,
            Kind::Applied(applied) => !applied.restart_needed.is_empty(),
            Kind::Refused(_) | Kind::Invalid(_) | Kind::Hook { .. } | Kind::Lasting { .. } => true,
            Kind::Pool { mode, .. } => !matches!(mode, Mode::Healthy | Mode::Absent),
            Kind::Isolation { begun, .. } => *begun,
            Kind::Stale { stale, .. } => *stale,
            Kind::Drill(DrillChange::Ended { why, met, .. }) => why.is_cut_short() || *met == Some(false),
            Kind::Drill(DrillChange::Begun(_) | DrillChange::Skipped { .. }) => false,
            Kind::Hold { .. } | Kind::Override { .. } | Kind::Failback { .. } => false,
        }
    }

    /// Writes it to the log.
    pub(super) fn log(&self) {
        if self.is_warning() {
            tracing::warn!("{self}");
        } else {
            tracing::info!("{self}");
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Ready { targets, missing: 0 } => write!(f, "ready: {targets} targets observed"),
            Kind::Ready { targets, missing } => {
                write!(f, "ready: {missing} of {targets} targets could not be observed in time")
            }
            Kind::Endpoint { pool, endpoint, ip, flip, .. } => {
                write!(f, "endpoint {endpoint} ({ip}) of {pool} is {}", flip.to)?;
                if let Err(failure) = &flip.evidence.result {
                    write!(f, ": {failure}")?;
                }
                if flip.streak > 1 {
                    write!(f, " ({} in a row)", flip.streak)?;
                }
                Ok(())
            }
            Kind::Stale { pool, endpoint, ip, stale: true, .. } => {
                write!(f, "endpoint {endpoint} ({ip}) of {pool} is not being observed: its verdict is stale, and stays")
            }
            Kind::Stale { pool, endpoint, ip, .. } => {
                write!(f, "endpoint {endpoint} ({ip}) of {pool} is being observed again")
            }
            Kind::Answer { pool, before, after, .. } => {
                write!(f, "answer of {pool} moved from {} to {after}", Addresses(before))
            }
            Kind::Hold { pool, change } => write_hold(f, pool, change),
            Kind::Override { scope, order, change: OverrideChange::Set, by: _ } => {
                write!(f, "{scope} is {} by order of {}", order.force.state(), order.author)?;
                if let Some(end) = order.expires {
                    let end = humantime::format_rfc3339_seconds(end.wall);
                    write!(f, " until {end}")?;
                }
                write!(f, ": {}", order.reason)
            }
            Kind::Override { scope, order, change, by } => {
                let how = if *change == OverrideChange::Expired { "has expired" } else { "was cleared" };
                write!(f, "the order that {scope} is {} {how}", order.force.state())?;
                match by {
                    Some(By { author, reason }) => write!(f, " by {author}: {reason}"),
                    None => Ok(()),
                }
            }
            Kind::Failback { pool, by: By { author, reason }, released } => {
                write!(f, "{author} let pool {pool} fail back ({released} held): {reason}")
            }
            Kind::Drill(change) => write_drill(f, change),
            Kind::Applied(applied) => match &applied.by {
                Some(By { author, reason }) => write!(f, "reloaded: {applied}; by {author}: {reason}"),
                None => write!(f, "reloaded: {applied}"),
            },
            Kind::Refused(refused) => write!(f, "reload refused: {refused}"),
            Kind::Invalid(_) => f.write_str("reload refused: the files have errors; the old answers stay"),
            Kind::Lasting { pool, endpoint, ip, last, .. } => {
                let long = humantime::format_duration(LONG);
                write!(f, "endpoint {endpoint} ({ip}) of {pool} has been down for {long}")?;
                match last.as_ref().map(|last| &last.result) {
                    Some(Err(failure)) => write!(f, ": {failure}"),
                    _ => Ok(()),
                }
            }
            Kind::Pool { pool, family, mode: Mode::Healthy } => {
                write!(f, "pool {pool} has a healthy endpoint for {} again", family.rtype())
            }
            Kind::Pool { pool, family, mode: Mode::Absent } => {
                write!(f, "pool {pool} has no address for {} any more", family.rtype())
            }
            Kind::Pool { pool, family, mode } => {
                write!(f, "pool {pool} has no healthy endpoint for {}: {}", family.rtype(), answered_instead(*mode))
            }
            Kind::Isolation { family, begun: true, targets } => write!(
                f,
                "the node is cut off over {}: all {targets} targets fail and no witness answers; the answers stay",
                ip_version(*family)
            ),
            Kind::Isolation { family, .. } => write!(f, "the node is no longer cut off over {}", ip_version(*family)),
            Kind::Hook { sink, error, .. } => write!(f, "notify.{sink} failed: {error}"),
        }
    }
}

/// What a pool without a healthy endpoint answers.
fn answered_instead(mode: Mode) -> &'static str {
    match mode {
        Mode::Healthy => "healthy endpoints are answered",
        Mode::LastGood => "the last good answer holds",
        Mode::All => "all are answered as if they were healthy",
        Mode::Static => "the records of the zone file are answered",
        Mode::Nodata | Mode::Absent => "no address is answered",
    }
}

pub(super) fn ip_version(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

fn write_drill(f: &mut fmt::Formatter<'_>, change: &DrillChange) -> fmt::Result {
    match change {
        DrillChange::Begun(order) => {
            let lasts = humantime::format_duration(order.lasts);
            let (region, author, reason) = (&order.region, &order.author, &order.reason);
            write!(f, "drill {}: region {region} fails on purpose for {lasts} by order of {author}: {reason}", order.id)
        }
        DrillChange::Ended { order, why, met } => {
            write!(f, "drill {} of region {} has ended: {why}", order.id, order.region)?;
            f.write_str(match met {
                Some(true) => "; its target was met",
                Some(false) => "; its target was missed",
                None => "",
            })
        }
        DrillChange::Skipped { name, region, why } => {
            write!(f, "the planned drill {name} of region {region} was skipped: {why}")
        }
    }
}

fn write_hold(f: &mut fmt::Formatter<'_>, pool: &PoolId, change: &HoldChange) -> fmt::Result {
    let (HoldChange::Begun { member, .. } | HoldChange::Ended { member, .. }) = change;
    let who = format_args!("endpoint {} ({}) of {pool}", member.endpoint, member.ip).to_string();
    match change {
        HoldChange::Begun { hold: Some(hold), .. } => {
            let hold = Duration::from_secs(hold.as_secs().max(1));
            write!(f, "{who} is back, and held for {}", humantime::format_duration(hold))
        }
        HoldChange::Begun { hold: None, .. } => {
            write!(f, "{who} is back, and held: failback is manual (`pharos failback {pool}` lets it return)")
        }
        HoldChange::Ended { why, .. } => {
            let why = match why {
                HoldEnd::Over => "its time is over",
                HoldEnd::Interrupted => "it went down again",
                HoldEnd::Needed => "nothing else is healthy",
                HoldEnd::Forced => "it is up by order",
                HoldEnd::Released => "it was released",
            };
            write!(f, "{who} is no longer held: {why}")
        }
    }
}

impl fmt::Display for Answer {
    /// The addresses, and why they are not healthy ones.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Addresses(self).fmt(f)?;
        f.write_str(match self.mode {
            Mode::Healthy | Mode::Absent => "",
            Mode::LastGood => ": nothing is healthy, the last good answer holds",
            Mode::All => ": nothing is healthy, chosen as if all were",
            Mode::Static | Mode::Nodata => ": nothing is healthy",
        })
    }
}

struct Addresses<'a>(&'a Answer);

impl fmt::Display for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.mode == Mode::Static {
            return f.write_str("the records of the zone file");
        }
        for (index, ip) in self.0.addresses.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{ip}")?;
        }
        if self.0.addresses.is_empty() { f.write_str("no address") } else { Ok(()) }
    }
}
