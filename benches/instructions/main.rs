//! What a query costs in instructions, and a limit for each kind: a guard that does not depend on the clock.
//!
//! ```text
//! cargo bench --bench instructions [-- --limits]
//! ```
//!
//! Two things are counted, both by callgrind (Debian: valgrind) and with the settings of what is shipped, but
//! that Cargo lets benchmarks unwind:
//!
//! - *by kind of answer*: what [`FromStore::answer`] executes from a query's bytes to a reply's bytes, which is
//!   all that pharos does with it but the system calls; some twenty instructions are the loop around it. This
//!   program runs itself under callgrind for that.
//! - *the server*: what the UDP thread of a `pharos serve` executes in user space per query, in batches of 64
//!   for names out of 1,000.
//!
//! The instructions of the program itself are held to their limits within a few per cent. Those of the C library
//! (copies of more than a few words, system calls) have a margin that is far wider, because they depend on what
//! it finds the processor able to do. The compiler's choices differ from version to version: with another than
//! [`limits::RUSTC`] the margin is wider. Run twice, the counts are the same to the digit for the kinds, and
//! within half a per cent for the server, whose thread looks up now and then while it waits.
//!
//! `--limits` prints the counts as rows for `limits.rs`. Exit code 1 where a limit is exceeded. Without valgrind, or on another processor than x86-64, it says
//! so, and nothing is guarded.
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::panic)]

#[path = "../../tests/support/kinds.rs"]
mod kinds;
#[path = "../../tests/support/mod.rs"]
mod support;

mod callgrind;
mod limits;
mod server;

use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use pharos::answer::Transport;
use pharos::serve::{Answers, FromStore, Ledger};
use pharos::snapshot::Store;

use self::callgrind::Cost;
use self::kinds::Kind;
use self::limits::Limit;

/// Hosts of the zone.
const HOSTS: u32 = 1000;
/// Different queries of each kind.
const QUERIES: u32 = 256;
/// Asked before anything is counted, then counted.
const COUNTED: u32 = 1024;
/// What the program calls itself with.
const UNDER_CALLGRIND: &str = "--under-callgrind";

/// What asks it to print what was counted as `limits.rs` has it, and to judge nothing.
const AS_LIMITS: &str = "--limits";
/// The name of [`ask_counted`].
const ASK_COUNTED: &str = concat!(module_path!(), "::ask_counted");

/// What was counted for one query on average.
struct Measured {
    what: String,
    /// By the program.
    own: f64,
    /// By the C library.
    library: f64,
    limit: Option<Limit>,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == UNDER_CALLGRIND) {
        let store = Store::new(Arc::new(kinds::world(HOSTS)));
        kinds()
            .iter()
            .for_each(|kind| prepare_and_ask(kind, FromStore::new(&store, Transport::Udp, &Ledger::default())));
        return ExitCode::SUCCESS;
    }
    // Cargo says so when it runs benchmarks, and not when it runs tests.
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("nothing is counted by a test; cargo bench --bench instructions");
        return ExitCode::SUCCESS;
    }
    if !cfg!(target_arch = "x86_64") {
        println!("instructions are not counted: the limits are for x86-64");
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("instructions are not counted: no valgrind (Debian: apt-get install valgrind)");
        return ExitCode::SUCCESS;
    }
    let all = measure();
    if arguments.iter().any(|argument| argument == AS_LIMITS) {
        for Measured { what, own, library, .. } in &all {
            println!("    ({what:?}, {:.0}, {:.0}),", own.ceil(), library.ceil());
        }
        return ExitCode::SUCCESS;
    }
    verdict(&all, limits::margin())
}

fn kinds() -> Vec<Kind> {
    kinds::kinds(HOSTS, QUERIES)
}

/// Asks the queries of a kind, and makes sure that it is what it says.
fn prepare_and_ask(kind: &Kind, mut answers: FromStore) {
    let mut out = vec![0; 65_535];
    let out = if kind.is_udp() { &mut out[..1232] } else { &mut out[..] };
    for n in 0..QUERIES {
        let (query, client, entropy) = kind.nth(n);
        let len = answers.answer(query, client, entropy, out);
        kind.check(query, &out[..len]);
    }
    ask_counted(&mut answers, kind, out);
}

/// Where counting begins and ends; callgrind knows it by [`ASK_COUNTED`].
#[inline(never)]
fn ask_counted(answers: &mut FromStore, kind: &Kind, out: &mut [u8]) {
    for n in 0..COUNTED {
        let (query, client, entropy) = kind.nth(n);
        black_box(answers.answer(black_box(query), client, entropy, black_box(&mut *out)));
    }
}

fn measure() -> Vec<Measured> {
    let per = |what: &str, cost: Cost, queries: u32| Measured {
        what: what.to_owned(),
        own: cost.own as f64 / f64::from(queries),
        library: cost.library as f64 / f64::from(queries),
        limit: limits::of(what),
    };
    let kinds = kinds();
    let costs = callgrind::by_call(ASK_COUNTED, UNDER_CALLGRIND);
    assert_eq!(costs.len(), kinds.len(), "one count for each kind");
    let mut all: Vec<_> = kinds.iter().zip(costs).map(|(kind, cost)| per(kind.name, cost, COUNTED)).collect();
    let (cost, queries) = server::measure();
    all.push(per(limits::SERVER, cost, queries));
    all
}

/// Prints what was counted and says what is wrong with it.
fn verdict(all: &[Measured], margin: f64) -> ExitCode {
    println!("\n{:<26} {:>10} {:>10} {:>10}", "instructions per query", "pharos", "limit", "libc");
    for Measured { what, own, library, limit } in all {
        let limit = limit.map_or("none".to_owned(), |limit| format!("{:.0}", limit.own));
        println!("{what:<26} {own:>10.1} {limit:>10} {library:>10.1}");
    }
    println!();
    for Measured { what, own, limit, .. } in all {
        if limit.is_some_and(|limit| *own < limit.own * (1.0 - limits::SLACK)) {
            println!("{what}: well below its limit, which may be lowered to {:.0}", own.ceil());
        }
    }
    let mut faults: Vec<String> = all.iter().filter_map(|one| fault(one, margin)).collect();
    let unknown = limits::names().filter(|name| all.iter().all(|one| one.what != *name));
    faults.extend(unknown.map(|name| format!("{name}: there is a limit, and nothing of that name")));
    if faults.is_empty() {
        println!("all within their limits, with a margin of {:.0} %", margin * 100.0);
        return ExitCode::SUCCESS;
    }
    println!("{}", faults.join("\n"));
    println!(
        "\nIf that is not wanted, find out where it is spent: run this program with {UNDER_CALLGRIND} in place of\n\
         --bench under `valgrind --tool=callgrind`. If it is, put the new counts, as\n\
         {AS_LIMITS} prints them, into benches/instructions/limits.rs and say in the commit what they buy."
    );
    ExitCode::FAILURE
}

/// What is wrong with one, if anything.
fn fault(Measured { what, own, library, limit }: &Measured, margin: f64) -> Option<String> {
    let Some(limit) = limit else {
        return Some(format!("{what}: {own:.0} instructions and {library:.0} of libc, and no limit yet"));
    };
    let more = own / limit.own - 1.0;
    if more > margin {
        let percent = more * 100.0;
        return Some(format!("{what}: {own:.1} instructions, {percent:.1} % over the limit of {:.0}", limit.own));
    }
    let called = *library > limit.library;
    called
        .then(|| format!("{what}: {library:.1} instructions of libc, over {:.0}: what is called more?", limit.library))
}
