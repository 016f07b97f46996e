//! What the admin API replies, as far as commands show it.
//!
//! Read leniently: what an older node does not say is absent, and what a newer one adds is left out. A program
//! that wants all of it takes `--json`, which is what the node sent.

mod drill;
mod event;
mod explain;
mod override_;
mod reload;
mod sink;
mod status;

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::time::{Duration, SystemTime};

use serde::de::{Deserialize, Deserializer, Error};

pub(crate) use drill::{Drill, DrillPool};
pub(crate) use event::Event;
pub(crate) use explain::{Asker, Explain, Found, Kept, Step};
pub(crate) use override_::{Cleared, Override, Scope};
pub(crate) use reload::{Change, Refused, Reload};
pub(crate) use sink::{Delivery, Sink};
pub(crate) use status::{Address, Answer, Check, Endpoint, Hold, Pool, Status};

/// A text from the node, in which control characters are escaped: parts of it were said by endpoints and by
/// other people, and it may go to a terminal.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Text(String);

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        if !text.contains(char::is_control) {
            return Self(text.to_owned());
        }
        let escaped = |c: char| if c.is_control() { c.escape_default().collect() } else { String::from(c) };
        Self(text.chars().map(escaped).collect())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(from)?.as_str()))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A moment, RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) SystemTime);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_rfc3339(&text).map(Self).map_err(D::Error::custom)
    }
}

/// Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct Millis(pub(crate) Duration);

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let millis = f64::deserialize(from)?;
        Duration::try_from_secs_f64(millis / 1e3).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_endpoints_say_cannot_steer_a_terminal() {
        let text: Text = serde_json::from_str(r#""a\u001b[2J\u009bé\n""#).expect("a string");
        assert_eq!(&*text, "a\\u{1b}[2J\\u{9b}é\\n");
    }
}
