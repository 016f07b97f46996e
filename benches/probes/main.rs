//! Checks at scale: what one costs beside gdnsd and HAProxy, how punctual they are under a load of queries,
//! and how soon the answers have moved when many endpoints fail at once.
//!
//! ```text
//! cargo bench --profile dist --bench probes -- [--only cost,late,flap] [--endpoints 10000] [--interval 10]
//!     [--seconds 30] [--servers pharos,gdnsd,haproxy] [--rate 50000] [--flap 1000]
//! ```
//!
//! Every endpoint is an address of 127.0.0.0/8 that answers `GET /` with 200 and ten bytes, then closes; two
//! make a pool. The server behind them is one thread and counts what it serves.
//!
//! - *cost*: processor time of all threads of a process over `--seconds`, from an interval after all endpoints
//!   were first asked, divided by the checks that the endpoints counted. Memory per check is the PSS with all
//!   endpoints less that with ten, divided by the difference. gdnsd checks with its plugin `http_status` for
//!   as many `simplefo` resources, HAProxy with `option httpchk` for one backend; both are looked up in PATH
//!   and left out where they are missing.
//! - *late*: how long after the planned moment a check began, as pharos's status tells, and arrived at its
//!   endpoint, while the node answers `--rate` queries a second. The jitter is part of the plan.
//! - *flap*: the first endpoint of `--flap` pools fails, all in the same moment, and works again later; all
//!   those names are asked over UDP without a pause. From the change to the moved answer there are the checks
//!   of the interval and of `fall` or `rise`; from the reply that makes the verdict to the answer there is
//!   only pharos.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../tests/support/mod.rs"]
mod support;

mod cost;
mod endpoints;
mod flap;
mod late;
mod peers;
mod queries;

use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use self::endpoints::Endpoints;
use self::peers::Server;

#[derive(Debug, Parser)]
struct Options {
    /// What is measured.
    #[arg(long, value_delimiter = ',', default_values = ["cost", "late", "flap"])]
    only: Vec<Part>,
    /// How many endpoints are checked.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    endpoints: u32,
    /// Seconds between checks of one endpoint.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    interval: u32,
    /// Seconds over which costs are counted.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Whose checks are measured.
    #[arg(long, value_delimiter = ',', default_values = ["pharos", "gdnsd", "haproxy"])]
    servers: Vec<Server>,
    /// Queries a second while punctuality is measured.
    #[arg(long, default_value_t = 50_000)]
    rate: u32,
    /// How many endpoints fail at once.
    #[arg(long, default_value_t = 1000)]
    flap: u32,
    /// Cargo says so when it runs benchmarks, and not when it runs tests.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Cost,
    Late,
    Flap,
}

impl Options {
    fn interval(&self) -> Duration {
        Duration::from_secs(self.interval.into())
    }

    fn window(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }
}

fn main() {
    let options = Options::parse();
    if !options.bench {
        println!("nothing is measured by a test; cargo bench --profile dist --bench probes");
        return;
    }
    let endpoints = Arc::new(Endpoints::start(options.endpoints));
    println!("{} endpoints, a check of each every {} s\n", options.endpoints, options.interval);
    for part in &options.only {
        match part {
            Part::Cost => cost::run(&options, &endpoints),
            Part::Late => late::run(&options, &endpoints),
            Part::Flap => flap::run(&options, &endpoints),
        }
    }
}

/// One of a hundred parts of what was measured, which is sorted.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

/// Milliseconds to a tenth.
fn ms(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
