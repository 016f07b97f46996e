//! `pharos override`, `failback`, `events` at a real node: what is answered, what is told, and who may.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use support::endpoint::Behaviour;
use support::lab::Lab;
use support::node::{Node, pharos};
use support::until;

const EAST: &str = "192.0.2.10";
const WEST: &str = "198.51.100.20";

fn is(lab: &Lab, address: &str) -> bool {
    lab.answer() == [address.parse::<Ipv4Addr>().unwrap()]
}

#[test]
fn an_override_rules_until_it_is_cleared() {
    let lab = Lab::new("");
    assert!(is(&lab, EAST));
    let text = lab.said(&["override", "us-east", "down", "--reason", "deploy 4711", "--author", "alice"]);
    assert!(text.starts_with("endpoint us-east of app.example.com/app is forced down until it is cleared, by alice"));
    assert!(text.contains("\napp.example.com/app: us-east is FORCED DOWN; A 198.51.100.20 (eu-west)\n"), "{text}");
    assert!(is(&lab, WEST));
    let text = lab.said(&["status"]);
    assert!(text.contains("OVERRIDE: endpoint us-east of app.example.com/app") && text.contains("\"deploy 4711\""));
    assert!(text.contains("FORCED DOWN") && text.contains("by its checks it is up"), "{text}");

    let text = lab.said(&["override", "app/us-east", "clear"]);
    assert!(text.contains("is as its checks say again (it was forced down by alice)"), "{text}");
    assert!(is(&lab, EAST));
    let (code, text) = lab.refused(&["override", "app/us-east", "clear"]);
    assert_eq!(code, 1);
    assert!(text.contains("no override is in force"), "{text}");
}

#[test]
fn an_override_may_end_by_itself() {
    let lab = Lab::new("");
    let text = lab.said(&["override", "region:us", "drain", "--for", "1s", "--reason", "short"]);
    assert!(text.starts_with("region us is drained for 1s more"), "{text}");
    assert!(is(&lab, WEST));
    until("the override has ended", || is(&lab, EAST));
    assert!(!lab.said(&["status"]).contains("OVERRIDE"));
    let events = lab.said(&["events", "--topic", "override"]);
    assert_eq!(events.lines().count(), 2, "{events}");
}

#[test]
fn down_holds_when_all_else_is_down() {
    let lab = Lab::new("all_down = \"all\"");
    lab.said(&["override", "us-east", "down", "--reason", "never"]);
    lab.east.refuse();
    lab.west.refuse();
    until("all is down", || lab.run(&["status", "--check"]).status.code() == Some(1));
    assert!(is(&lab, WEST));
    let text = lab.said(&["override", "pool:app", "up", "--reason", "the checks are wrong"]);
    assert!(text.contains("us-east is FORCED DOWN and eu-west is forced up"), "{text}");
}

#[test]
fn what_does_not_exist_is_told_with_what_does() {
    let lab = Lab::new("");
    for (target, word) in [
        ("us-esat", "did you mean \"us-east\"?\n  there is: app.example.com/app/us-east, app.example.com/app/eu-west"),
        ("region:usa", "no region \"usa\"; did you mean \"us\"?"),
        ("pool:web", "no pool \"web\"\n  there is: app.example.com/app"),
        ("us", "the region is region:us"),
        ("app", "the whole pool is pool:app"),
    ] {
        let (code, text) = lab.refused(&["override", target, "down", "--reason", "x"]);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains(word), "{target}: {text}");
    }
    let (code, text) = lab.refused(&["failback", "apq"]);
    assert_eq!((code, text.contains("did you mean \"app\"?")), (1, true), "{text}");
}

#[test]
fn a_pool_fails_back_when_it_is_told() {
    let lab = Lab::new("failback = { mode = \"manual\" }");
    assert!(lab.said(&["failback", "app"]).starts_with("nothing was held back in app.example.com/app\n"));
    lab.east.set(Behaviour::status(500));
    until("the answer moves", || is(&lab, WEST));
    lab.east.set(Behaviour::healthy("us"));
    until("us-east is held", || lab.said(&["status"]).contains("up, held back"));
    assert!(lab.said(&["status"]).contains("held back until `pharos failback app.example.com/app`"));
    assert!(is(&lab, WEST));
    let text = lab.said(&["failback", "app", "--reason", "tested"]);
    assert!(text.starts_with("1 held endpoint of app.example.com/app may be answered again\n"), "{text}");
    assert!(is(&lab, EAST));
}

#[test]
fn events_tell_what_happened_and_go_on_over_a_restart() {
    let mut lab = Lab::new("");
    lab.said(&["override", "us-east", "down", "--reason", "first"]);
    let text = lab.said(&["events"]);
    assert!(text.contains("first") && text.contains("moved from 192.0.2.10 to 198.51.100.20"), "{text}");
    let text = lab.said(&["events", "--json", "--topic", "override", "--pool", "app", "--limit", "1"]);
    let event: Value = serde_json::from_str(text.trim_end()).unwrap();
    assert_eq!((&event["kind"], &event["data"]["reason"]), (&"override-set".into(), &"first".into()));
    assert_eq!(lab.said(&["events", "--severity", "critical"]), "");

    let mut follow = lab.command(&["events", "--follow", "--topic", "override"]);
    let mut child = follow.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("first"));
    lab.said(&["override", "us-east", "drain", "--reason", "second"]);
    assert!(lines.next().unwrap().unwrap().contains("second"));
    // While nobody follows, something happens.
    assert!(lab.node.stop().success());
    lab.node = Node::start(&lab.folder);
    lab.said(&["override", "us-east", "clear", "--reason", "third"]);
    assert!(lines.next().unwrap().unwrap().contains("third"));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_node_with_tokens_wants_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (read, write) = (file("read", "a-token-that-may-read"), file("write", "a-token-that-may-write"));
    let wrong = file("wrong", "a-token-of-another-node");
    let keys = format!("[admin]\nread_token = {{ file = {read:?} }}\nwrite_token = {{ file = {write:?} }}\n");
    let lab = Lab::with("", &keys);
    let place = lab.node.admin.iter().find(|place| !place.starts_with("unix:")).unwrap().clone();
    let order = ["override", "us-east", "down", "--reason", "x", "--admin", &place];
    for (token, command, code, word) in [
        (None, &["status", "--admin", &place][..], 1, "the node wants a token"),
        (Some(&wrong), &["status", "--admin", &place], 1, "does not know this token"),
        (Some(&read), &["status", "--admin", &place], 0, ""),
        (Some(&read), &order, 1, "may only read"),
        (Some(&write), &order, 0, ""),
    ] {
        let mut all = pharos();
        all.args(command).env("PHAROS_CONFIG", "/nonexistent");
        if let Some(token) = token {
            all.args(["--token-file", token]);
        }
        let output = all.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{command:?} {text}");
        assert!(text.contains(word), "{command:?} {text}");
    }
    // The configuration names the tokens, and this user may read them.
    lab.said(&["override", "us-east", "clear", "--admin", &place]);
}
