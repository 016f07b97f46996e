//! Why an answer is what it is: who was left after each step, and why the others were not.

/// One address of one endpoint, by its places in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat {
    /// Index into the pool's endpoints.
    pub endpoint: usize,
    /// Index into the endpoint's addresses.
    pub address: usize,
}

/// One step from all addresses to those that are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which rule.
    pub stage: Stage,
    /// Who stayed, in the order of the pool.
    pub kept: Vec<Seat>,
    /// Who left, and why.
    pub dropped: Vec<(Seat, Reason)>,
}

/// The rules, in the order in which they apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Orders of an operator: who is down or drained by order leaves.
    Override,
    /// Verdicts.
    Health,
    /// Holds on those that came back.
    Failback,
    /// Regions or tiers that do not have enough healthy endpoints leave.
    MinHealthy,
    /// No region or tier has enough, so that the rule was set aside.
    MinHealthyIgnored,
    /// Nobody healthy was left: who was answered last while somebody was.
    LastGood,
    /// Nobody healthy was left: as if all were.
    All,
    /// `priority`.
    Priority,
    /// `weight`; who is drawn is decided per query.
    Weight,
    /// `sticky`; who is drawn is decided per query.
    Sticky,
    /// `shuffle`; who is drawn is decided per query.
    Shuffle,
}

/// Why an address left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Down by order.
    ForcedDown,
    /// Drained by order.
    Drained,
    /// Its check failed.
    Down,
    /// Its check has not been made yet.
    Unknown,
    /// Back, and held for some time.
    Held,
    /// Back, and held until it is told.
    HeldManually,
    /// Its region or tier has too few healthy endpoints.
    TooFewHealthy {
        /// How many it has.
        healthy: usize,
        /// How many it needs.
        needed: usize,
    },
    /// A lower priority number is left.
    Priority {
        /// The lowest.
        lowest: u32,
    },
    /// Its weight is 0 and others have one.
    Reserve,
    /// It was not in the last good answer.
    NotLastGood,
}
