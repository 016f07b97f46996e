//! `pharos drill` and `notify` at a real node.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use support::endpoint::Behaviour;
use support::lab::Lab;
use support::until;

#[test]
fn a_drill_is_measured_and_kept() {
    let lab = Lab::new("ttl_suspect = 1");
    assert!(lab.said(&["drill", "list"]).contains("no drill was made yet"));
    let output = lab.run(&["drill", "--region", "us", "--for", "2s", "--rto", "1m", "--yes", "--reason", "to learn"]);
    let (out, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{out}{said}");
    for word in ["detected within", "answer moved within", "restored within", "failed back within"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    for word in
        ["of region us: met", "\"to learn\"", "the target of 1m was met", "192.0.2.10", "198.51.100.20", "0 lost"]
    {
        assert!(out.contains(word), "{word}: {out}");
    }
    let list = lab.said(&["drill", "list"]);
    assert_eq!(list.lines().count(), 2, "{list}");
    let id = list.lines().nth(1).unwrap().split(' ').next().unwrap();
    assert!(lab.said(&["drill", "show", id]).contains("of region us: met"));
    assert!(lab.said(&["drill", "show", &id[..10], "--markdown"]).starts_with(&format!("# Drill {id}")));
    let report: Value = serde_json::from_str(&lab.said(&["drill", "show", id, "--json"])).unwrap();
    assert_eq!((&report["state"], &report["met"]), (&"done".into(), &true.into()));
    let (code, text) = lab.refused(&["drill", "show", "2001"]);
    assert_eq!((code, text.contains("no drill \"2001\"")), (1, true), "{text}");
    let (code, text) = lab.refused(&["drill", "stop"]);
    assert_eq!((code, text.contains("no drill is running")), (1, true), "{text}");
}

#[test]
fn ctrl_c_restores_the_region() {
    let lab = Lab::new("");
    let mut command = lab.command(&["drill", "--region", "us", "--for", "10m", "--yes"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the answer moves", || lab.answer() == [std::net::Ipv4Addr::new(198, 51, 100, 20)]);
    assert!(lab.said(&["status"]).contains("region us fails on purpose"));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains("cut short"), "{out}");
    until("the answer is back", || lab.answer() == [std::net::Ipv4Addr::new(192, 0, 2, 10)]);
}

#[test]
fn somebody_else_may_stop_a_drill() {
    let lab = Lab::new("");
    let mut command = lab.command(&["drill", "--region", "us", "--for", "10m", "--yes"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    until("the answer moves", || lab.answer() == [std::net::Ipv4Addr::new(198, 51, 100, 20)]);
    let (code, text) = lab.refused(&["drill", "--region", "eu", "--yes"]);
    assert_eq!(code, 1, "{text}");
    let text = lab.said(&["drill", "stop", "--reason", "real trouble", "--author", "bob"]);
    assert!(text.contains("cut short") && text.contains("real trouble"), "{text}");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1));
}

#[test]
fn the_last_healthy_region_is_not_failed() {
    let lab = Lab::new("");
    lab.west.set(Behaviour::status(500));
    until("eu-west is down", || lab.said(&["status"]).contains("eu-west is DOWN"));
    let (code, text) = lab.refused(&["drill", "--region", "us", "--yes"]);
    assert_eq!(code, 1);
    assert!(text.contains("app.example.com/app"), "{text}");
    let (code, text) = lab.refused(&["drill", "--region", "eu"]);
    assert_eq!((code, text.contains("--yes")), (2, true), "{text}");
}

#[test]
fn notifications_are_listed_and_tried() {
    let lab = Lab::with(
        "",
        "[notify.good]\ntype = \"exec\"\ncommand = [\"/bin/true\"]\n[notify.bad]\ntype = \"exec\"\ncommand = [\"/bin/false\"]\n",
    );
    let text = lab.said(&["notify", "test", "good"]);
    assert!(text.starts_with("good: delivered after "), "{text}");
    let (code, text) = lab.refused(&["notify", "test", "bad"]);
    assert_eq!((code, text.contains("bad: not delivered after ")), (1, true), "{text}");
    let (code, text) = lab.refused(&["notify", "test", "goof"]);
    assert_eq!((code, text.contains("did you mean \"good\"?")), (1, true), "{text}");
    let list = lab.said(&["notify", "list"]);
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
    assert_eq!(rows, [["NAME", "TYPE"], ["good", "exec"], ["bad", "exec"]], "{list}");
}
