//! Checks, resolved to what is asked of one target.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::CheckName;

/// A check of one target: what is asked, and how its replies add up.
///
/// Two watches with the same [`Probe`] ask the same thing, whatever pool they stand in: the health
/// that was learned for one holds for the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Watch {
    /// The check's name, for people.
    pub check: CheckName,
    /// What is asked.
    pub probe: Probe,
    /// How often, and how many make a verdict.
    pub cadence: Cadence,
}

/// Names one watch of this run; stable for as long as something asks its [`Probe`], reloads included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(pub u32);

/// When a target must be probed next: the reply to each observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Start to start, from the latest probe of the target to the next.
    pub after: Duration,
    /// How many probes in a row may start at that spacing without waiting for results. 0, the steady
    /// state: the next one waits for the result of the one before. While a failure streak runs it is
    /// what is missing to `fall`, so that a target that hangs is judged one time-out after the last
    /// start, instead of one time-out after another.
    pub more: u32,
}

/// How often a target is asked and how many replies make a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cadence {
    /// Start to start. Default 10 s, from 200 ms to 1 h.
    pub interval: Duration,
    /// Consecutive failures to go down. Default 3, from 1 to 100.
    pub fall: u32,
    /// Consecutive successes to come back. Default 2, from 1 to 100.
    pub rise: u32,
    /// Start to start while a failure streak is running. Default 1 s or the interval, whichever is
    /// less; from 100 ms to the interval.
    pub recheck: Duration,
}

/// One question to one target, complete: its equality is what "the same check" means.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Probe {
    /// The address that is connected to.
    pub target: SocketAddr,
    /// Until a reply must be complete. Default 3 s, at most the interval.
    pub timeout: Duration,
    /// What is asked.
    pub ask: Ask,
}

/// Kinds of checks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Ask {
    /// The connection is accepted.
    Tcp,
    /// An HTTP request is answered as expected; with TLS for https.
    Http(Box<HttpAsk>),
}

impl Ask {
    /// What the key `type` calls it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Http(ask) if ask.tls.is_some() => "https",
            Self::Http(_) => "http",
        }
    }
}

/// An HTTP request and what its reply must be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpAsk {
    /// Some for https.
    pub tls: Option<Tls>,
    /// `method`. Default GET.
    pub method: String,
    /// `path`, beginning with a slash, query included. Default `/`.
    pub path: String,
    /// `host`: Host and SNI, without a port. Default: the pool's first name that is not a wildcard.
    pub host: String,
    /// `headers`, in the order of the file.
    pub headers: Vec<(String, String)>,
    /// `expect_status`: inclusive ranges; one must hold. Default 200 to 299.
    pub expect_status: Vec<(u16, u16)>,
    /// `expect_body`, searched in the first 64 KiB.
    pub expect_body: Option<BodyMatch>,
    /// `expect_json`: JSON Pointers (RFC 6901) and their values, placeholders filled in.
    pub expect_json: Vec<(String, JsonValue)>,
}

/// How the certificate of an https target is verified.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tls {
    /// `verify`. Default true.
    pub verify: bool,
    /// `ca_file`: trusted instead of the built-in roots; path and content (PEM).
    pub ca: Option<(PathBuf, Vec<u8>)>,
}

/// What a body must contain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BodyMatch {
    /// This text.
    Substring(String),
    /// Something that this pattern matches; known to compile.
    Regex(String),
}

/// A value that JSON and TOML share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JsonValue {
    /// Text.
    String(String),
    /// A whole number.
    Integer(i64),
    /// A fraction, by its bits so that it can be compared and hashed.
    Float(u64),
    /// True or false.
    Bool(bool),
}

impl fmt::Display for JsonValue {
    /// As JSON writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => write!(f, "{text:?}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Float(bits) => write!(f, "{}", f64::from_bits(*bits)),
            Self::Bool(value) => write!(f, "{value}"),
        }
    }
}
