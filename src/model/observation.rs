//! What one probe saw.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The evidence of one probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// When the probe began.
    pub began: SystemTime,
    /// How long each phase took, as far as it came.
    pub phases: Phases,
    /// The status of an HTTP reply, where there was one.
    pub status: Option<u16>,
    /// Ok, or why not.
    pub result: Result<(), Failure>,
}

/// Durations of the phases of one probe, each by itself; `total` is from beginning to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Phases {
    /// From the planned moment to the beginning; not part of `total`. More than some milliseconds say
    /// that the node has too much to do.
    pub late: Duration,
    /// TCP handshake.
    pub connect: Option<Duration>,
    /// TLS handshake.
    pub tls: Option<Duration>,
    /// From the request sent to the first byte of the reply.
    pub first_byte: Option<Duration>,
    /// Everything.
    pub total: Duration,
}

/// Why a probe failed. The texts are what an engineer reads at night, word for word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A RST to the SYN.
    #[error("connection refused")]
    Refused,
    /// The peer closed before the reply was complete.
    #[error("connection closed before the reply was complete")]
    Closed,
    /// A RST while talking.
    #[error("connection reset")]
    Reset,
    /// No route, or an ICMP error.
    #[error("{0} unreachable")]
    Unreachable(Unreachable),
    /// The system says otherwise why the target cannot be talked to.
    #[error("{0}")]
    Io(String),
    /// The time-out passed.
    #[error("no reply within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// A status outside of what was expected.
    #[error("status {got}, expected {}", Ranges(.expected))]
    Status {
        /// What came.
        got: u16,
        /// Inclusive ranges.
        expected: Vec<(u16, u16)>,
    },
    /// The body did not contain what it must.
    #[error("body does not contain {0:?}")]
    Body(String),
    /// The body did not match the pattern.
    #[error("body does not match /{0}/")]
    Pattern(String),
    /// The body was to be JSON and is not.
    #[error("body is not JSON: {0}")]
    NotJson(String),
    /// Nothing at the pointer.
    #[error("{pointer} is missing, expected {expected}")]
    JsonMissing {
        /// JSON Pointer.
        pointer: String,
        /// As JSON.
        expected: String,
    },
    /// Another value at the pointer.
    #[error("{pointer} is {got}, expected {expected}")]
    Json {
        /// JSON Pointer.
        pointer: String,
        /// As JSON.
        got: String,
        /// As JSON.
        expected: String,
    },
    /// The certificate did not verify.
    #[error("certificate {0}")]
    Certificate(String),
    /// TLS failed otherwise.
    #[error("TLS: {0}")]
    Tls(String),
    /// What came is not HTTP, or breaks its rules.
    #[error("not a valid HTTP reply: {0}")]
    Http(String),
    /// Whatever the probe saw, a drill says that it failed.
    #[error("failed on purpose by a drill")]
    Drill,
    /// The node itself could not probe: no sockets left, for example.
    #[error("{0}")]
    Local(Arc<str>),
}

/// What could not be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// The host.
    Host,
    /// The network.
    Network,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::Network => "network",
        })
    }
}

/// Status ranges as the configuration writes them: `2xx`, `200`, `200-204`.
struct Ranges<'a>(&'a [(u16, u16)]);

impl fmt::Display for Ranges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, &(low, high)) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" or ")?;
            }
            if low == high {
                write!(f, "{low}")?;
            } else if low % 100 == 0 && high == low + 99 {
                write!(f, "{}xx", low / 100)?;
            } else {
                write!(f, "{low}-{high}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_read_as_people_say_them() {
        for (failure, text) in [
            (Failure::Refused, "connection refused"),
            (Failure::TimedOut(Duration::from_secs(3)), "no reply within 3s"),
            (Failure::TimedOut(Duration::from_millis(1500)), "no reply within 1s 500ms"),
            (Failure::Status { got: 503, expected: vec![(200, 299)] }, "status 503, expected 2xx"),
            (
                Failure::Status { got: 404, expected: vec![(200, 200), (300, 399), (401, 403)] },
                "status 404, expected 200 or 3xx or 401-403",
            ),
            (
                Failure::Json { pointer: "/region".into(), got: "\"eu-west\"".into(), expected: "\"us-east\"".into() },
                "/region is \"eu-west\", expected \"us-east\"",
            ),
        ] {
            assert_eq!(failure.to_string(), text);
        }
    }
}
