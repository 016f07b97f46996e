//! Black-box tests: the real program, its files in a temporary folder, sockets on loopback.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

pub mod api;
pub mod browser;
pub mod dns;
pub mod drill;
pub mod endpoint;
pub mod folder;
pub mod http;
pub mod lab;
pub mod mail;
pub mod node;
pub mod scrape;
pub mod sink;
pub mod tls;

use std::time::Duration;

use tokio::time::Instant;

/// However slow the machine is: something that takes longer is broken.
pub const LONG: Duration = Duration::from_secs(20);

/// A moment, for things that can only be asked again and again.
pub fn pause(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

/// Asks until it is so; how long that took.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LONG, "not within {LONG:?}: {what}");
        pause(Duration::from_millis(2));
    }
    began.elapsed()
}

/// Asks for a while, and it must be so each time.
#[track_caller]
pub fn throughout(time: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while began.elapsed() < time {
        assert!(holds(), "not so after {:?}: {what}", began.elapsed());
        pause(Duration::from_millis(5));
    }
}
