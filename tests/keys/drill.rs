//! Keys of `[drill.NAME]`: each drill begins by the clock, and its report says what it was.

use std::net::UdpSocket;

use serde_json::Value;

use crate::support::drill::{Regions, is_over};
use crate::support::node::Node;
use crate::support::{LONG, until};

/// A node with a drill every second, and these keys in place of the usual ones.
fn planned(region: &str, more: &str) -> (Regions, Node) {
    let regions = Regions::new("");
    regions.folder.node(&format!("[drill.often]\nregion = {region:?}\ncron = \"* * * * * *\"\n{more}"));
    let node = Node::start(&regions.folder);
    (regions, node)
}

fn begun(regions: &Regions) -> Value {
    regions.wait_report("a drill begins", |report| report["scheduled"] == "often")
}

pub fn drill_region() {
    let (regions, _node) = planned("eu-west", "");
    assert_eq!(begun(&regions)["region"], "eu-west");
}

pub fn drill_cron() {
    let regions = Regions::new("");
    regions.folder.node("[drill.rare]\nregion = \"eu-west\"\ncron = \"0 0 29 2 *\"\n");
    let node = Node::start(&regions.folder);
    let often = "[drill.often]\nregion = \"us-east\"\ncron = \"*/2 * * * * *\"\n";
    regions.folder.node(often);
    node.reload();
    let begun = begun(&regions);
    // 20261121T053819Z-us-east
    let second = begun["id"].as_str().unwrap()[13..15].parse::<u32>().unwrap();
    assert!(second % 2 == 0, "{begun}");
    assert_eq!(regions.reports().len(), 1, "the other one is not due");
}

pub fn drill_lasts() {
    let (regions, _node) = planned("us-east", "for = \"1s\"");
    assert_eq!(begun(&regions)["for_ms"], 1000.0);
    let report = regions.wait_report("it ends", is_over);
    let restored = report["restored_ms"].as_f64().unwrap();
    assert!((1000.0..2000.0).contains(&restored), "{report}");
    let (regions, _node) = planned("us-east", "");
    assert_eq!(begun(&regions)["for_ms"], 120_000.0);
}

pub fn drill_rto() {
    // The TTL is 10 s.
    for (rto, met) in [("9s", false), ("30s", true)] {
        let (regions, node) = planned("us-east", &format!("for = \"1s\"\nrto = \"{rto}\""));
        let report = regions.wait_report("it ends", is_over);
        assert_eq!(report["met"], met, "{report}");
        let word = if met { "met" } else { "missed" };
        let told = || node.log().iter().any(|line| line.contains(&format!("its target was {word}")));
        until("it is told", told);
    }
}

pub fn drill_resolvers() {
    let resolver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = resolver.local_addr().unwrap();
    let (_regions, _node) = planned("us-east", &format!("resolvers = [\"{address}\"]"));
    let mut query = [0; 512];
    resolver.set_read_timeout(Some(LONG)).unwrap();
    let length = resolver.recv(&mut query).unwrap();
    assert!(query[..length].windows(4).any(|label| label == b"\x03app"), "the name of the pool");
    assert_eq!(query[2] & 1, 1, "recursion is desired");
}

pub fn drill_reason() {
    let (regions, _node) = planned("us-east", "reason = \"what the auditors want\"");
    let report = begun(&regions);
    assert_eq!((&report["reason"], &report["author"]), (&"what the auditors want".into(), &"pharos".into()));
    let (regions, _node) = planned("us-east", "");
    assert_eq!(begun(&regions)["reason"], "planned drill often");
}
