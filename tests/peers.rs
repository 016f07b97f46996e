//! What the case files say of NSD, Knot, BIND and PowerDNS, asked of those that are installed.
//!
//! A case that names a peer must still get that reply from it. Other versions than those the files
//! were made with may differ in a few cases; what differs is printed.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "answers/harness/mod.rs"]
mod harness;
#[path = "answers/harness/peer.rs"]
mod peer;

use std::thread;

use peer::{KINDS, Peer};

/// Of a thousand cases that name a peer, how many it may answer otherwise.
const OTHERWISE_MAX: usize = 5;

#[test]
fn peers_give_the_replies_that_the_cases_say() {
    let cases = harness::load();
    let (mut report, mut failed, mut asked) = (String::new(), false, 0);
    thread::scope(|scope| {
        let running: Vec<_> = KINDS
            .iter()
            .filter_map(|kind| Some((kind, kind.program()?)))
            .map(|(kind, program)| {
                let cases = &cases;
                let check = move || {
                    let mut peer = Peer::start(kind, &program);
                    let named: Vec<_> = cases.iter().filter(|case| case.by.iter().any(|by| by == kind.name)).collect();
                    let wrong = harness::run(named.iter().copied(), &mut peer.client, true, |_| Vec::new());
                    (kind.name, named.len(), wrong)
                };
                scope.spawn(check)
            })
            .collect();
        for check in running {
            let (name, count, wrong) = check.join().unwrap();
            asked += 1;
            failed |= wrong.len() * 1000 > count * OTHERWISE_MAX;
            report += &format!("{name}: {} of {count} cases otherwise\n", wrong.len());
            for (_, text) in wrong.iter().take(20) {
                report += text;
            }
        }
    });
    eprintln!("{asked} of {} name servers are installed here\n{report}", KINDS.len());
    assert!(!failed, "{report}");
}
