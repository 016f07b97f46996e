//! What a check costs.

use std::time::Duration;

use tokio::time::Instant;

use crate::endpoints::Endpoints;
use crate::peers::{Running, Server};
use crate::support::pause;
use crate::{Options, ms};

/// Checks of the small run that memory is compared with.
const FEW: u32 = 10;
/// How long a program may take to ask every endpoint once.
const PATIENCE: Duration = Duration::from_secs(60);
/// Until what a start needs besides is over.
const REST: Duration = Duration::from_secs(2);

pub(crate) fn run(options: &Options, endpoints: &Endpoints) {
    println!("{:<10} {:>12} {:>12} {:>14} {:>16}", "", "checks/s", "us/check", "KiB/check", "all asked after");
    for server in &options.servers {
        if !server.is_installed() {
            println!("{:<10} not installed", server.name());
            continue;
        }
        measure(*server, options, endpoints);
    }
    println!();
}

fn measure(server: Server, options: &Options, endpoints: &Endpoints) {
    let (few, _) = start(server, options, endpoints, FEW);
    pause(REST);
    let memory_few = few.memory_kib();
    drop(few);

    let (running, all_asked) = start(server, options, endpoints, options.endpoints);
    // The second round of checks may still be spread by the first.
    pause(options.interval() + REST);
    let (time, checks, began) = (running.processor_time(), endpoints.checks(), Instant::now());
    pause(options.window());
    let (time, checks, lasted) = (running.processor_time() - time, endpoints.checks() - checks, began.elapsed());
    let memory = (running.memory_kib() - memory_few) / f64::from(options.endpoints - FEW);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let checks = checks as f64;
    println!(
        "{:<10} {:>12.0} {:>12.1} {:>14.2} {:>16}",
        server.name(),
        checks / lasted.as_secs_f64(),
        time.as_secs_f64() * 1e6 / checks,
        memory,
        ms(all_asked)
    );
}

/// Starts one; how long it took until the last endpoint was asked for the first time.
fn start(server: Server, options: &Options, endpoints: &Endpoints, count: u32) -> (Running, Duration) {
    let before: Vec<u64> = (0..count).map(|index| endpoints.checks_of(index)).collect();
    let began = Instant::now();
    let running = server.start(endpoints, count, options.interval());
    let mut left: Vec<u32> = (0..count).collect();
    while !left.is_empty() {
        left.retain(|index| endpoints.checks_of(*index) == before[*index as usize]);
        assert!(began.elapsed() < PATIENCE, "{} endpoints were never asked by {}", left.len(), server.name());
        pause(Duration::from_millis(5));
    }
    (running, began.elapsed())
}
