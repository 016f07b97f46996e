//! What happened, in words for the log and in values for programs.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use super::guard::Refused;
use super::reload::Applied;
use crate::health::{Flip, Override, Scope, Verdict};
use crate::model::pool::PoolId;
use crate::model::{CheckName, EndpointName, Region};
use crate::policy::{Family, HoldChange, HoldEnd, Mode};

/// Something that happened, and when.
#[derive(Debug, Clone)]
pub struct Event {
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
    },
    /// New files are in force.
    Applied(Applied),
    /// New files were not taken.
    Refused(Refused),
}

/// What a pool can answer for one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// In which state of affairs.
    pub mode: Mode,
    /// The addresses, in the order of the pool.
    pub addresses: Vec<IpAddr>,
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
            Kind::Refused(_) => true,
            Kind::Stale { stale, .. } => *stale,
            Kind::Hold { .. } | Kind::Override { .. } => false,
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
                if before.addresses != after.addresses || after.addresses.is_empty() {
                    write!(f, "answer of {pool} moved from {} to {after}", Addresses(before))
                } else if after.mode == Mode::Healthy {
                    write!(f, "answer of {pool} stays at {after}, healthy again")
                } else {
                    write!(f, "answer of {pool} stays at {after}")
                }
            }
            Kind::Hold { pool, change } => write_hold(f, pool, change),
            Kind::Override { scope, order, change: OverrideChange::Set } => {
                write!(f, "{scope} is {} by order of {}", order.force, order.author)?;
                if let Some(end) = order.expires {
                    let end = humantime::format_rfc3339_seconds(end.wall);
                    write!(f, " until {end}")?;
                }
                write!(f, ": {}", order.reason)
            }
            Kind::Override { scope, order, change } => {
                let how = if *change == OverrideChange::Expired { "has expired" } else { "was cleared" };
                write!(f, "the order that {scope} is {} {how}", order.force)
            }
            Kind::Applied(applied) => write!(f, "reloaded: {applied}"),
            Kind::Refused(refused) => write!(f, "reload refused: {refused}"),
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
            write!(f, "{who} is back, and held: failback is manual (mode = \"auto\" in its file lets it return)")
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
