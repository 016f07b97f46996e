//! `GET /v1/status` and `GET /v1/pools/{zone}/{pool}`.

use serde::Deserialize;

use super::{Millis, Override, Text, Time};

/// The node.
#[derive(Debug, Deserialize)]
pub(crate) struct Status {
    pub(crate) version: Text,
    pub(crate) node: Text,
    #[serde(default)]
    pub(crate) region: Option<Text>,
    pub(crate) at: Time,
    pub(crate) ready: bool,
    #[serde(default)]
    pub(crate) reload_waits: Option<usize>,
    #[serde(default)]
    pub(crate) started: Option<Time>,
    #[serde(default)]
    pub(crate) isolated: Isolated,
    #[serde(default)]
    pub(crate) drill: Option<Running>,
    pub(crate) zones: Vec<Zone>,
    pub(crate) overrides: Vec<Override>,
}

/// Whether the node is cut off, by family.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Isolated {
    #[serde(default)]
    pub(crate) ipv4: bool,
    #[serde(default)]
    pub(crate) ipv6: bool,
}

/// The drill that runs.
#[derive(Debug, Deserialize)]
pub(crate) struct Running {
    pub(crate) id: Text,
    pub(crate) region: Text,
    #[serde(default)]
    pub(crate) until: Option<Time>,
}

/// A zone.
#[derive(Debug, Deserialize)]
pub(crate) struct Zone {
    pub(crate) name: Text,
    pub(crate) pools: Vec<Pool>,
}

/// A pool.
#[derive(Debug, Deserialize)]
pub(crate) struct Pool {
    pub(crate) name: Text,
    pub(crate) names: Vec<Text>,
    pub(crate) policy: Vec<Text>,
    pub(crate) answers: Answers,
    pub(crate) endpoints: Vec<Endpoint>,
}

/// What a pool answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Answers {
    #[serde(rename = "A")]
    pub(crate) a: Answer,
    #[serde(rename = "AAAA")]
    pub(crate) aaaa: Answer,
}

/// What a pool answers to one type.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    /// `healthy`, `last-good`, `all`, `static`, `nodata`, or `absent` without addresses of the family.
    pub(crate) mode: Text,
    pub(crate) addresses: Vec<Text>,
    #[serde(default)]
    pub(crate) ttl: Option<u32>,
    #[serde(default)]
    pub(crate) since: Option<Time>,
}

/// An endpoint.
#[derive(Debug, Deserialize)]
pub(crate) struct Endpoint {
    pub(crate) name: Text,
    #[serde(default)]
    pub(crate) region: Option<Text>,
    #[serde(default, rename = "override")]
    pub(crate) order: Option<Override>,
    pub(crate) addresses: Vec<Address>,
}

/// An address of an endpoint.
#[derive(Debug, Deserialize)]
pub(crate) struct Address {
    pub(crate) address: Text,
    pub(crate) in_use: bool,
    #[serde(default)]
    pub(crate) check: Option<Check>,
    #[serde(default)]
    pub(crate) hold: Option<Hold>,
}

/// What a check says.
#[derive(Debug, Deserialize)]
pub(crate) struct Check {
    pub(crate) fall: u32,
    pub(crate) rise: u32,
    pub(crate) verdict: Text,
    #[serde(default)]
    pub(crate) since: Option<Time>,
    pub(crate) streak: u32,
    pub(crate) stale: bool,
    #[serde(default)]
    pub(crate) last: Option<Observation>,
    #[serde(default)]
    pub(crate) last_failure: Option<Observation>,
}

/// What one check saw.
#[derive(Debug, Deserialize)]
pub(crate) struct Observation {
    pub(crate) at: Time,
    #[serde(default)]
    pub(crate) error: Option<Text>,
    pub(crate) total_ms: Millis,
}

/// A hold on an address that failed while it was in use.
#[derive(Debug, Deserialize)]
pub(crate) struct Hold {
    /// `pending`, `held`, `manual`.
    pub(crate) state: Text,
    #[serde(default)]
    pub(crate) left_ms: Option<Millis>,
}

impl Status {
    /// Every pool with its zone.
    pub(crate) fn pools(&self) -> impl Iterator<Item = (&Zone, &Pool)> {
        self.zones.iter().flat_map(|zone| zone.pools.iter().map(move |pool| (zone, pool)))
    }
}

impl Zone {
    /// Its name without the last dot, as ids have it.
    pub(crate) fn bare(&self) -> &str {
        self.name.strip_suffix('.').filter(|bare| !bare.is_empty()).unwrap_or(&self.name)
    }

    /// `app.example.com/app`
    pub(crate) fn id(&self, pool: &Pool) -> String {
        format!("{}/{}", self.bare(), pool.name)
    }
}

impl Answer {
    /// Whether there is anything of the family to answer with.
    pub(crate) fn is_absent(&self) -> bool {
        &*self.mode == "absent"
    }

    /// Whether nothing healthy is left.
    pub(crate) fn is_down(&self) -> bool {
        !matches!(&*self.mode, "healthy" | "absent")
    }
}
