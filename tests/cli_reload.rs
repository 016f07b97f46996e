//! `pharos reload` at a real node: what it shows, what it refuses, and what is answered after it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs::File;
use std::io::Write;

use serde_json::Value;
use support::endpoint::Behaviour;
use support::folder::ZONE;
use support::lab::Lab;
use support::until;

/// Edits the steering, where a command is to be the first to see it: a file that is being written is not taken
/// up by itself until its writer closes it, which is when what this returns is dropped.
fn edit(lab: &Lab, change: impl Fn(&str) -> String) -> File {
    let path = lab.folder.path(format!("zones/{ZONE}.toml"));
    let text = change(&std::fs::read_to_string(&path).unwrap());
    let mut file = File::options().write(true).truncate(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn a_dry_run_tells_and_touches_nothing() {
    let lab = Lab::new("");
    assert_eq!(lab.said(&["reload", "--dry-run"]), "nothing would change\n");
    let _open = edit(&lab, |text| text.replace("192.0.2.10", "192.0.2.11").replace("ttl = 10", "ttl = 20"));
    let text = lab.said(&["reload", "--dry-run"]);
    assert!(text.contains("~ pool app.example.com/app\n    ttl: 10 -> 20\n"), "{text}");
    assert!(text.contains("~ endpoint app.example.com/app/us-east\n    address: 192.0.2.10 -> 192.0.2.11\n"), "{text}");
    assert!(text.ends_with("2 changes would be made; nothing was touched\n"), "{text}");
    assert_eq!(lab.answer(), [std::net::Ipv4Addr::new(192, 0, 2, 10)]);
    let text = lab.said(&["reload"]);
    assert!(text.ends_with("reloaded: 2 changes\n"), "{text}");
    assert_eq!(lab.answer(), [std::net::Ipv4Addr::new(192, 0, 2, 11)]);
}

#[test]
fn files_with_errors_are_shown_as_check_shows_them() {
    let lab = Lab::new("");
    let _open = edit(&lab, |text| text.replace("check = \"web\"", "check = \"wbe\""));
    let (code, text) = lab.refused(&["reload"]);
    assert_eq!(code, 1);
    assert!(text.contains("error[pool-unknown-check]: pool \"app\" uses check \"wbe\""), "{text}");
    assert!(text.contains("did you mean \"web\"?"), "{text}");
    let output = lab.run(&["reload", "--json"]);
    let body: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&body["code"], output.status.code()), (&"config-invalid".into(), Some(1)));
}

#[test]
fn the_last_healthy_endpoint_is_taken_only_by_force() {
    let lab = Lab::new("");
    lab.west.set(Behaviour::status(500));
    until("eu-west is down", || lab.said(&["status"]).contains("eu-west is DOWN"));
    // The one that works leaves the pool.
    let _open = edit(&lab, |text| {
        let (start, end) = (text.find("[[pool.app.endpoint]]").unwrap(), text.rfind("[[pool.app.endpoint]]").unwrap());
        format!("{}{}", &text[..start], &text[end..])
    });
    let (code, text) = lab.refused(&["reload"]);
    assert_eq!(code, 1);
    assert!(text.contains("app.example.com/app without a healthy endpoint") && text.contains("--force"), "{text}");
    assert_eq!(lab.answer().len(), 1);
    let text = lab.said(&["reload", "--force", "--reason", "the region is closed"]);
    assert!(text.contains("- endpoint app.example.com/app/us-east\n") && text.contains("reloaded: 1 change"), "{text}");
    let events = lab.said(&["events", "--topic", "config"]);
    assert!(events.contains("reload refused") && events.contains("reloaded: "), "{events}");
}

#[test]
fn what_waits_for_a_restart_is_told() {
    let lab = Lab::new("");
    let text = lab.folder.read("pharos.toml").replace("[listen]\n", "[listen]\nudp_threads = 2\n");
    lab.folder.write("pharos.toml", &text);
    let text = lab.said(&["reload", "--dry-run"]);
    assert!(text.contains("read at start only: listen.udp_threads"), "{text}");
}
