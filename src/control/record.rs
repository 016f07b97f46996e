//! An event as it is kept, shown and sent: the one shape of the history file, the API, the webhooks and
//! the hooks. Its keys and words are part of what users rely on.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use crate::model::event::{Severity, Topic};

/// Names one event of a node: microseconds since 1970, strictly rising, also over restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub u64);

impl EventId {
    /// The next one after this, at this time.
    #[must_use]
    pub fn next(self, at: SystemTime) -> Self {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_micros()).unwrap_or(u64::MAX).max(self.0.saturating_add(1)))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether an event begins or ends a state of affairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It begins: an alert of its subject fires.
    Firing,
    /// It is over: the alert is resolved.
    Resolved,
    /// Neither.
    Note,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its name.
    pub id: EventId,
    /// When, in RFC 3339 with milliseconds.
    #[serde(with = "rfc3339")]
    pub time: SystemTime,
    /// `node.name`.
    pub node: String,
    /// What happened, as a word: `endpoint-down`.
    pub kind: String,
    /// What it is about.
    pub topic: Topic,
    /// How much it matters.
    pub severity: Severity,
    /// Whether it begins or ends a state.
    pub state: Stage,
    /// What an event that begins a state and the one that ends it have in common.
    pub subject: String,
    /// The zone, without the final dot.
    pub zone: Option<String>,
    /// The pool.
    pub pool: Option<String>,
    /// The endpoint.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The address.
    pub address: Option<std::net::IpAddr>,
    /// The check.
    pub check: Option<String>,
    /// One sentence for people, as the log has it.
    pub text: String,
    /// More, by kind.
    pub data: serde_json::Value,
}

impl Record {
    /// The pool it is about, as people write it: `app.example.com/app`.
    #[must_use]
    pub fn pool_id(&self) -> Option<String> {
        Some(format!("{}/{}", self.zone.as_deref()?, self.pool.as_deref()?))
    }
}

/// As their words, which are those of the configuration.
macro_rules! by_word {
    ($($name:ident)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.word())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                let unknown = || serde::de::Error::unknown_variant(&text, &[]);
                Self::ALL.into_iter().find(|value| value.word() == text).ok_or_else(unknown)
            }
        }
    )*};
}

by_word! { Topic Severity }

/// A time in RFC 3339, in UTC with milliseconds, for `#[serde(with)]`.
pub mod rfc3339 {
    use std::time::SystemTime;

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    /// Writes it.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_rfc3339_millis(*time))
    }

    /// Reads it.
    ///
    /// # Errors
    /// Where it is no such time.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_rfc3339(&text).map_err(D::Error::custom)
    }
}
