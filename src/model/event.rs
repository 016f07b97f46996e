//! What events are about and how much they matter.

/// What an event is about; what the key `on` of a sink names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// The verdict on an endpoint.
    Endpoint,
    /// Whether a pool has somebody healthy, and holds.
    Pool,
    /// What is answered.
    Answer,
    /// Orders of operators.
    Override,
    /// Drills.
    Drill,
    /// Reloads.
    Config,
    /// The node itself: its start, isolation, failed hooks.
    Node,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Endpoint, Self::Pool, Self::Answer, Self::Override, Self::Drill, Self::Config, Self::Node];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Pool => "pool",
            Self::Answer => "answer",
            Self::Override => "override",
            Self::Drill => "drill",
            Self::Config => "config",
            Self::Node => "node",
        }
    }
}

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know: a switch, a recovery, an order.
    Info,
    /// Something failed, and pharos deals with it.
    Warning,
    /// Somebody must act.
    Critical,
}

impl Severity {
    /// All of them, rising.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}
