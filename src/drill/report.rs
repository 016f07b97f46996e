//! What is known of a drill: the shape of its file in the state folder.
//!
//! Times are RFC 3339 in UTC; durations are milliseconds and end in `_ms`; what is not known or does not
//! apply is null.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use crate::control::rfc3339;
use serde::{Deserialize, Serialize};

/// A drill, running or over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// `20261121T053819Z-us-east`: rises with time.
    pub id: String,
    /// How far it is.
    pub state: State,
    /// What failed.
    pub region: String,
    /// Who ordered it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// The name of the plan that began it.
    pub scheduled: Option<String>,
    /// When the region began to fail.
    #[serde(with = "rfc3339")]
    pub begun: SystemTime,
    /// For how long it was to fail.
    #[serde(rename = "for_ms", with = "millis")]
    pub lasts: Duration,
    /// When it stopped to fail.
    #[serde(with = "rfc3339_or_null")]
    pub ended: Option<SystemTime>,
    /// The target for [`Recovery::total`].
    #[serde(rename = "rto_ms", with = "millis_or_null")]
    pub rto: Option<Duration>,
    /// Whether it was met.
    pub met: Option<bool>,
    /// To the first verdict that turned.
    #[serde(rename = "detect_ms", with = "millis_or_null")]
    pub detect: Option<Duration>,
    /// To the first answer without the region.
    #[serde(rename = "answer_ms", with = "millis_or_null")]
    pub answer: Option<Duration>,
    /// To the moment in which nobody has to hold an address of the region any more.
    pub recovery: Option<Recovery>,
    /// To the end of the failure.
    #[serde(rename = "restored_ms", with = "millis_or_null")]
    pub restored: Option<Duration>,
    /// From there to the answers of before, in every pool.
    #[serde(rename = "failback_ms", with = "millis_or_null")]
    pub failback: Option<Duration>,
    /// What each pool answered.
    pub pools: Vec<PoolReport>,
    /// What resolvers answered.
    pub resolvers: Vec<ResolverReport>,
    /// What was asked of this node.
    pub queries: Queries,
    /// Why it was aborted, or what is left to say.
    pub note: Option<String>,
}

/// How far a drill is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The region fails.
    Running,
    /// It does not any more, and the answers of before are waited for.
    Restoring,
    /// It is over.
    Done,
    /// It was cut short.
    Aborted,
}

impl State {
    /// Whether nothing more is to come.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Aborted)
    }
}

/// What the recovery time is made of, in the pool that took longest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// From the beginning to the answer without the region.
    #[serde(rename = "answer_ms", with = "millis")]
    pub answer: Duration,
    /// How long a resolver may hold the one before: its TTL.
    #[serde(rename = "ttl_ms", with = "millis")]
    pub ttl: Duration,
    /// Both.
    #[serde(rename = "total_ms", with = "millis")]
    pub total: Duration,
}

/// What one pool answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolReport {
    /// `app.example.com/app`
    pub pool: String,
    /// The name that was asked.
    pub name: String,
    /// The type that was asked.
    #[serde(rename = "type")]
    pub rtype: String,
    /// From the beginning to the first verdict that turned here.
    #[serde(rename = "detect_ms", with = "millis_or_null")]
    pub detect: Option<Duration>,
    /// From the beginning to the answer without the region. Null where the answer had nothing of it.
    #[serde(rename = "answer_ms", with = "millis_or_null")]
    pub answer: Option<Duration>,
    /// From the end of the failure to the answer of before.
    #[serde(rename = "failback_ms", with = "millis_or_null")]
    pub failback: Option<Duration>,
    /// The largest TTL with which an address of the region was answered.
    #[serde(rename = "ttl_ms", with = "millis_or_null")]
    pub ttl: Option<Duration>,
    /// What was answered before.
    pub before: Vec<IpAddr>,
    /// What was answered in its place.
    pub during: Vec<IpAddr>,
    /// What was answered afterwards.
    pub after: Vec<IpAddr>,
    /// What was answered one after the other.
    pub seen: Vec<Seen>,
}

/// An answer that differs from the one before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Since the beginning.
    #[serde(rename = "at_ms", with = "millis")]
    pub at: Duration,
    /// Its addresses, sorted.
    pub addresses: Vec<IpAddr>,
    /// `NOERROR`, `SERVFAIL`; `TIMEOUT` where nothing came.
    pub rcode: String,
}

/// What one resolver answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResolverReport {
    /// Which.
    pub address: SocketAddr,
    /// From the beginning to its first answer without the region.
    #[serde(rename = "seen_ms", with = "millis_or_null")]
    pub seen: Option<Duration>,
    /// Why it was of no use.
    pub error: Option<String>,
}

/// What was asked of this node while it failed and came back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queries {
    /// Sent.
    pub sent: u64,
    /// Answered, with whatever.
    pub answered: u64,
    /// Without an address: no reply in time, an error, nothing.
    pub bad: u64,
}

impl Report {
    /// Fills in what follows from the pools.
    pub(super) fn add_up(&mut self) {
        // Before its verdict has turned, no answer has moved by this failure.
        for pool in self.pools.iter_mut().filter(|pool| pool.detect.is_none()) {
            (pool.answer, pool.failback) = (None, None);
        }
        let moved = || self.pools.iter().filter(|pool| pool.ttl.is_some());
        self.detect = self.pools.iter().filter_map(|pool| pool.detect).min();
        self.answer = moved().filter_map(|pool| pool.answer).min();
        let recoveries = moved().map(|pool| {
            let (answer, ttl) = (pool.answer?, pool.ttl?);
            Some(Recovery { answer, ttl, total: answer + ttl })
        });
        // One pool that has not recovered is no recovery.
        let recoveries: Option<Vec<_>> = recoveries.collect();
        self.recovery = recoveries.and_then(|all| all.into_iter().max_by_key(|recovery| recovery.total));
        let is_cut_short = self.state == State::Aborted && self.recovery.is_none();
        self.met = match (self.rto, &self.recovery) {
            _ if moved().next().is_none() || is_cut_short => None,
            (None, _) => None,
            (Some(rto), Some(recovery)) => Some(recovery.total <= rto),
            (Some(_), None) => (self.state != State::Running).then_some(false),
        };
        let returns: Option<Vec<_>> = moved().filter(|pool| pool.answer.is_some()).map(|pool| pool.failback).collect();
        self.failback = returns.and_then(|all| all.into_iter().max());
    }

    /// Ends a drill that the end of its process cut short.
    pub(super) fn cut_short_by_restart(&mut self) {
        self.state = State::Aborted;
        self.note = Some("cut short by a restart".to_owned());
        self.add_up();
    }
}

/// Milliseconds, to the microsecond.
fn to_millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn of_millis<E: serde::de::Error>(millis: f64) -> Result<Duration, E> {
    Duration::try_from_secs_f64(millis / 1e3).map_err(E::custom)
}

mod millis {
    use super::{Duration, of_millis, to_millis};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(to_millis(*duration))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        of_millis(f64::deserialize(from)?)
    }
}

mod millis_or_null {
    use super::{Duration, of_millis, to_millis};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        duration.map(to_millis).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Option::<f64>::deserialize(from)?.map(of_millis).transpose()
    }
}

mod rfc3339_or_null {
    use super::SystemTime;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(time: &Option<SystemTime>, to: S) -> Result<S::Ok, S::Error> {
        time.map(|time| humantime::format_rfc3339_millis(time).to_string()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SystemTime>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| humantime::parse_rfc3339(&text)).transpose().map_err(D::Error::custom)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    pub(in crate::drill) fn pool(answer: Option<u64>, ttl: Option<u64>, failback: Option<u64>) -> PoolReport {
        let ip = |n: u8| vec![IpAddr::from([192, 0, 2, n])];
        let seen = |at: u64, n: u8| Seen { at: ms(at), addresses: ip(n), rcode: "NOERROR".into() };
        PoolReport {
            pool: "app.example.com/app".into(),
            name: "app.example.com.".into(),
            rtype: "A".into(),
            detect: answer.map(|answer| ms(answer - 5)),
            answer: answer.map(ms),
            failback: failback.map(ms),
            ttl: ttl.map(ms),
            before: ip(1),
            during: ip(2),
            after: ip(1),
            seen: vec![seen(0, 1), seen(answer.unwrap_or(9), 2)],
        }
    }

    pub(in crate::drill) fn report(rto: Option<u64>, pools: Vec<PoolReport>) -> Report {
        let begun = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_239_499_123);
        let mut report = Report {
            id: "20261121T053819Z-us-east".into(),
            state: State::Done,
            region: "us-east".into(),
            author: "ann".into(),
            reason: "to see".into(),
            scheduled: None,
            begun,
            lasts: ms(2000),
            ended: Some(begun + ms(2000)),
            rto: rto.map(ms),
            met: None,
            detect: None,
            answer: None,
            recovery: None,
            restored: Some(ms(2000)),
            failback: None,
            pools,
            resolvers: vec![],
            queries: Queries { sent: 150, answered: 150, bad: 0 },
            note: None,
        };
        report.add_up();
        report
    }

    #[test]
    fn the_slowest_pool_counts_with_its_ttl() {
        let pools = || vec![pool(Some(410), Some(30_000), Some(900)), pool(Some(450), Some(10_000), Some(1200))];
        let sums = report(Some(30_410), pools());
        let recovery = Recovery { answer: ms(410), ttl: ms(30_000), total: ms(30_410) };
        assert_eq!((sums.detect, sums.answer, sums.recovery), (Some(ms(405)), Some(ms(410)), Some(recovery)));
        assert_eq!((sums.met, sums.failback), (Some(true), Some(ms(1200))));
        assert_eq!(report(Some(30_409), pools()).met, Some(false));
        assert_eq!(report(None, pools()).met, None);
    }

    #[test]
    fn a_pool_that_did_not_move_is_no_recovery() {
        let sums = report(Some(60_000), vec![pool(Some(410), Some(10_000), Some(900)), pool(None, Some(10_000), None)]);
        assert_eq!((sums.recovery, sums.met, sums.failback), (None, Some(false), Some(ms(900))));
        let sums = report(Some(60_000), vec![pool(None, None, None)]);
        assert_eq!((sums.recovery, sums.met, sums.failback), (None, None, None), "nothing of the region was answered");
        let mut sums = report(Some(60_000), vec![pool(None, Some(10_000), None)]);
        sums.cut_short_by_restart();
        assert_eq!((sums.met, sums.state), (None, State::Aborted), "it had no time to meet it");
    }

    #[test]
    fn no_answer_moves_before_its_verdict() {
        let early = PoolReport { detect: None, ..pool(Some(13), Some(10_000), Some(900)) };
        let mut sums = report(Some(60_000), vec![early.clone()]);
        sums.state = State::Running;
        sums.add_up();
        assert_eq!((sums.detect, sums.answer, sums.recovery, sums.met), (None, None, None, None));
        assert_eq!((sums.pools[0].answer, sums.failback), (None, None));
        let sums = report(Some(60_000), vec![early, pool(Some(410), Some(10_000), Some(900))]);
        assert_eq!((sums.answer, sums.recovery), (Some(ms(410)), None), "the other one is still to come");
    }

    #[test]
    fn a_pool_that_has_not_returned_leaves_it_open() {
        let sums = report(None, vec![pool(Some(410), Some(10_000), Some(900)), pool(Some(10), Some(10_000), None)]);
        assert_eq!(sums.failback, None);
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let written = report(Some(60_000), vec![pool(Some(410), Some(10_000), None)]);
        let text = serde_json::to_string(&written).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), written);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["begun"], "2026-11-21T05:38:19.123Z");
        assert_eq!((&json["for_ms"], &json["detect_ms"]), (&2000.0.into(), &405.0.into()));
        assert_eq!(json["failback_ms"], serde_json::Value::Null);
    }
}
