//! What edits of the files move, and what they must not.

use std::fmt::Write as _;

use crate::queries::UNCHECKED;
use crate::support::endpoint::{Behaviour, Endpoint};
use crate::support::folder::{Folder, MASTER};
use crate::support::node::Node;
use crate::support::scrape::Scrape;
use crate::support::until;

/// Addresses with series of their own.
const OWN: usize = 2_000;
/// Endpoints of a pool.
const ENDPOINTS: usize = 200;

#[test]
fn files_with_errors_are_counted_until_they_are_repaired() {
    let folder = Folder::steered(UNCHECKED);
    let node = Node::start(&folder);
    let successful = |scrape: &Scrape| scrape.value("pharos_config_last_reload_successful", &[]);
    let reloads = |scrape: &Scrape, outcome| scrape.value("pharos_reloads_total", &[("outcome", outcome)]);
    let before = Scrape::of(&node);
    assert_eq!((successful(&before), reloads(&before, "invalid")), (1.0, 0.0));
    folder.zone(&format!("{MASTER}broken IN A 192.0.2.\n"));
    node.reload();
    until("the errors are counted", || successful(&Scrape::of(&node)) == 0.0);
    let now = Scrape::of(&node);
    assert!(reloads(&now, "invalid") >= 1.0, "{}", now.text);
    assert_eq!((reloads(&now, "applied"), reloads(&now, "refused")), (reloads(&before, "applied"), 0.0));
    let last = "pharos_config_last_reload_success_timestamp_seconds";
    assert_eq!(now.find(last, &[]), before.find(last, &[]));
    folder.zone(&format!("{MASTER}repaired IN A 192.0.2.7\n"));
    node.reload();
    until("the repaired files are in force", || successful(&Scrape::of(&node)) == 1.0);
    let after = Scrape::of(&node);
    assert!(reloads(&after, "applied") > reloads(&now, "applied"), "{}", after.text);
    assert_eq!(after.falls_since(&now), [""; 0]);
}

/// Pools of so many addresses in all, whose checks ask the same.
fn pools(addresses: usize, endpoint: &Endpoint) -> String {
    let mut text = "[check.web]\ntype = \"http\"\npath = \"/healthz\"\ninterval = \"60s\"\n".to_owned();
    for n in 0..addresses {
        let (pool, place) = (n / ENDPOINTS, n % ENDPOINTS);
        if place == 0 {
            writeln!(text, "[pool.p{pool:02}]\nnames = [\"p{pool:02}\"]\ncheck = \"web\"").unwrap();
        }
        let at = endpoint.address;
        let address = format!("address = [\"192.0.2.{place}\"]\ncheck_address = \"{at}\"");
        writeln!(text, "[[pool.p{pool:02}.endpoint]]\nname = \"e{place}\"\n{address}").unwrap();
    }
    text
}

#[test]
fn a_sum_does_not_fall_when_addresses_leave_it() {
    let endpoint = Endpoint::new(Behaviour::healthy("one"));
    let folder = Folder::steered(&pools(OWN + 3, &endpoint));
    let node = Node::start(&folder);
    let passed = |scrape: &Scrape, pool, name| {
        scrape.value("pharos_check_results_total", &[("pool", pool), ("endpoint", name), ("result", "pass")])
    };
    let before = Scrape::of(&node);
    let summed = |scrape: &Scrape| scrape.value("pharos_series_summed", &[("kind", "endpoint")]);
    assert_eq!(summed(&before), 3.0);
    let (own, other) = (passed(&before, "p00", "e0"), passed(&before, "_other", "_other"));
    assert!(own >= 1.0, "{own}");
    assert_eq!(other, 3.0 * own, "one probe tells of all three");
    for left in [1, 0] {
        folder.steering(&pools(OWN + left, &endpoint));
        node.reload();
        until("the addresses are gone", || summed(&Scrape::of(&node)) == left as f64);
        let now = Scrape::of(&node);
        assert!(passed(&now, "_other", "_other") >= other);
        assert_eq!(now.falls_since(&before), [""; 0]);
    }
}
