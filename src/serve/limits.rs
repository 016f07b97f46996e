//! What clients may take of the server over TCP, and for how long; and how UDP is served.

use std::time::Duration;

/// Bounds on TCP connections. The default is right for a node; tests shorten it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at one time. Default 1,000: about what a default of 1,024 open files leaves. One
    /// more puts out the one that can best be spared: the one idle longest, then the one that has held
    /// back the rest of a query longest, then one whose client has stopped to read.
    pub connections: usize,
    /// Connections at one time from one client: an IPv4 address or an IPv6 /56, which one site
    /// owns as a whole. Default 100: RFC 7766 section 6.2.2 asks clients for one, and many may share a
    /// NAT. One more puts out one of its own that is idle.
    pub per_client: usize,
    /// How long a connection may stay without a query. Default 10 s: RFC 7766 section 6.2.3 asks for
    /// "a few seconds", and resolvers that reuse connections come back within that time or not at all.
    pub idle: Duration,
    /// From the first byte of a query to its last. Default 5 s, the time after which resolvers give up.
    pub message: Duration,
    /// How long a client may take to make room for replies that wait, some 32 KiB at a time. Default 10 s.
    pub write: Duration,
    /// How long queries in flight may take when the server stops. Default 5 s.
    pub grace: Duration,
}

/// How the threads of UDP work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpOptions {
    /// A thread rests so long after each small batch of queries. Default 0.
    pub coalesce: Duration,
    /// Replies to one socket of a client go to the system as one. Default true.
    pub gso: bool,
}

impl Default for UdpOptions {
    fn default() -> Self {
        Self { coalesce: Duration::ZERO, gso: true }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_000,
            per_client: 100,
            idle: Duration::from_secs(10),
            message: Duration::from_secs(5),
            write: Duration::from_secs(10),
            grace: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// A client that has taken none of its replies for so long has stopped to read, as far as others
    /// who want its place are concerned: a tenth of the time for them. By default 1 s, which is several
    /// round trips.
    pub(super) fn stall(&self) -> Duration {
        self.write / 10
    }

    /// Time between two looks at the connections: a bound is kept to a sixteenth of the shortest one.
    pub(super) fn sweep(&self) -> Duration {
        let shortest = self.idle.min(self.message).min(self.write);
        (shortest / 16).clamp(Duration::from_millis(5), Duration::from_millis(500))
    }
}
