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
