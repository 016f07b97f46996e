//! What is asked of a drill, and what is told of it: a region that fails on purpose.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::guard::Loss;
use crate::model::Region;

/// An order to fail a region on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillOrder {
    /// Names it, for as long as reports are kept.
    pub id: Arc<str>,
    /// What fails.
    pub region: Region,
    /// For how long.
    pub lasts: Duration,
    /// Who says so.
    pub author: Arc<str>,
    /// Why.
    pub reason: Arc<str>,
}

/// What became of a drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DrillChange {
    /// The region fails from now on.
    Begun(DrillOrder),
    /// It does not any more.
    Ended {
        /// Which.
        order: DrillOrder,
        /// Why.
        why: DrillEnd,
        /// Whether its target was met, where it had one and somebody measured.
        met: Option<bool>,
    },
    /// One that was planned did not begin.
    Skipped {
        /// Its name in `pharos.toml`.
        name: Arc<str>,
        /// What would have failed.
        region: Region,
        /// Why not.
        why: Arc<str>,
    },
}

/// Why a drill ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DrillEnd {
    /// Its time is over.
    Over,
    /// Somebody ended it.
    Asked {
        /// Who.
        author: Arc<str>,
        /// Why.
        reason: Arc<str>,
    },
    /// Something else failed, and the region was needed.
    Needed(Loss),
    /// A reload changed what it fails.
    Reloaded,
    /// The node was stopped or died while it ran.
    Restarted,
}

impl DrillEnd {
    /// Whether it did not last as long as it was meant to.
    #[must_use]
    pub fn is_cut_short(&self) -> bool {
        *self != Self::Over
    }
}

impl fmt::Display for DrillEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over => f.write_str("its time is over"),
            Self::Asked { author, reason } => write!(f, "ended by {author}: {reason}"),
            Self::Needed(loss) => write!(f, "cut short: it would have left {loss}"),
            Self::Reloaded => f.write_str("cut short: a reload changed what it fails"),
            Self::Restarted => f.write_str("cut short by a restart"),
        }
    }
}

/// Why a drill did not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DrillRefused {
    /// One at a time.
    #[error("the drill {0} is running; end it first")]
    Running(Arc<str>),
    /// Nothing carries this region.
    #[error("no endpoint has the region {0}")]
    NoSuchRegion(Region),
    /// Nothing would change.
    #[error("no endpoint of the region {0} is up by a check, so there is nothing to fail")]
    NothingToFail(Region),
    /// Another endpoint would fail with it.
    #[error("{0} is checked at the same target as the region, and would fail with it; give it a check of its own")]
    Shared(Arc<str>),
    /// These pools would have nobody healthy.
    #[error("it would leave {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    LastHealthy(Vec<Loss>),
    /// Nothing can be told from what fails.
    #[error("the node is cut off")]
    Isolated,
    /// Too early to judge.
    #[error("the first checks are running")]
    NotReady,
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopped,
}

/// A drill to be ended is not running.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the drill {0} is not running")]
pub struct NoSuchDrill(pub Arc<str>);

/// A drill that runs, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillStatus {
    /// The order.
    pub order: DrillOrder,
    /// When the region stops to fail, at the latest.
    pub until: SystemTime,
}
