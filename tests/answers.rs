//! Every case of `tests/answers/*.test`, over UDP and TCP, against the program, with all their zones.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "answers/harness/mod.rs"]
mod harness;
mod support;

use std::collections::BTreeMap;

use harness::{Client, Reply};
use hickory_proto::op::Message;
use support::LONG;
use support::folder::Folder;
use support::node::Node;

/// How many failures are printed in full.
const SHOWN: usize = 200;

/// A second decoder, which others use, must read every reply and count the same records.
fn second_opinion(bytes: &[u8]) -> Vec<String> {
    let Ok(reply) = Reply::decode(bytes) else { return vec!["decoded once only".into()] };
    // Data of no bytes it takes for an update, though RFC 3597, 5, allows it in unknown types.
    if reply.sections[0].iter().any(|set| set.contains("\\# 0")) {
        return Vec::new();
    }
    let message = match Message::from_vec(bytes) {
        Ok(message) => message,
        Err(error) => return vec![format!("hickory cannot decode it: {error}")],
    };
    let beside = usize::from(message.edns.is_some()) + usize::from(message.signature.is_some());
    let theirs = [message.answers.len(), message.authorities.len(), message.additionals.len() + beside];
    if theirs == reply.counts.map(usize::from) {
        Vec::new()
    } else {
        vec![format!("hickory counts {theirs:?} records")]
    }
}

#[test]
fn every_case_holds_over_udp_and_tcp() {
    let folder = Folder::default();
    let zones = harness::folder().join("zones");
    folder.node(&format!("zones = {zones:?}\n[node]\nname = \"ns1\"\n"));
    let node = Node::start(&folder);
    let cases = harness::load();
    assert!(cases.len() > 3_000, "only {} cases", cases.len());
    let mut client = Client::new(node.dns, LONG);
    let wrong = harness::run(&cases, &mut client, false, second_opinion);
    let mut by_file = BTreeMap::<&str, usize>::new();
    for (case, _) in &wrong {
        *by_file.entry(&case.file).or_default() += 1;
    }
    let shown: Vec<&str> = wrong.iter().take(SHOWN).map(|(_, text)| text.as_str()).collect();
    assert!(wrong.is_empty(), "{} wrong of {} cases: {by_file:?}\n{}", wrong.len(), cases.len(), shown.join("\n"));
}

#[test]
fn the_suite_rests_on_its_peers() {
    let cases = harness::load();
    let supported = cases.iter().filter(|case| case.by.len() >= 2).count();
    assert!(supported * 100 > cases.len() * 98, "only {supported} of {} cases have two peers or more", cases.len());
}
