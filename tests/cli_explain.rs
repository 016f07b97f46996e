//! `pharos explain` at a real node: each step, and the bytes that are really sent.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::Value;
use support::lab::Lab;
use support::node::pharos;
use support::until;

#[test]
fn a_decision_is_told_step_by_step() {
    let lab = Lab::new("");
    lab.east.refuse();
    until("us-east is down", || lab.said(&["status"]).contains("us-east is DOWN"));
    lab.said(&["override", "eu-west", "up", "--reason", "be sure"]);
    let text = lab.said(&["explain", "app.example.com"]);
    assert!(text.starts_with("app.example.com. A is answered 198.51.100.20"), "{text}");
    for word in [
        "zone      app.example.com.\n",
        "steered by app.example.com/app",
        "pool      app.example.com/app (policy: priority)",
        "leaves us-east (192.0.2.10): ",
        "connection refused",
        "forced up",
        "answer    NOERROR, flags aa, TTL 10 s",
        "app.example.com. 10 IN A 198.51.100.20\n",
        "on the wire\n  0000  ",
    ] {
        assert!(text.contains(word), "{word} is missing:\n{text}");
    }
    let reply: Value = serde_json::from_str(&lab.said(&["explain", "app.example.com", "A", "--json"])).unwrap();
    let wire = reply["answer"]["wire"].as_str().unwrap();
    assert_eq!(wire.len(), 2 * usize::try_from(reply["answer"]["bytes"].as_u64().unwrap()).unwrap());
    assert!(wire.contains("0004c6336414"), "the address: {wire}");
}

#[test]
fn names_that_are_not_steered_are_explained_too() {
    let lab = Lab::new("");
    for (args, words) in [
        (&["static.app.example.com"][..], &["192.0.2.99", "exists"][..]),
        (&["nothing.app.example.com"], &["NXDOMAIN", "no such name", "(authority)"]),
        (&["app.example.com", "AAAA"], &["NOERROR", "(authority)"]),
        (&["app.example.com", "mx"], &["NOERROR"]),
        (&["elsewhere.example.org"], &["REFUSED"]),
        (&["app.example.com", "A", "--client", "2001:db8::/56"], &["2001:db8::", "(given)"]),
    ] {
        let text = lab.said(&[&["explain"], args].concat());
        for word in words {
            assert!(text.contains(word), "{args:?} {word}:\n{text}");
        }
    }
}

#[test]
fn bad_questions_end_with_two() {
    for wrong in [
        &["a..b"][..],
        &["x.example", "NOTYPE"],
        &["x.example", "A", "--client", "203.0.113.0/33"],
        &["x.example", "A", "--client", "me"],
        &[],
    ] {
        let output = pharos().arg("explain").args(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}
