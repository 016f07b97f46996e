//! `pharos status`, `override`, `failback`: what they print of a real node, and how they end.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::net::TcpListener;

use serde_json::Value;
use support::endpoint::Behaviour;
use support::lab::Lab;
use support::node::pharos;
use support::until;

#[test]
fn status_says_what_is_answered_and_what_is_broken() {
    let lab = Lab::new("");
    let text = lab.said(&["status"]);
    assert!(text.contains("1 pool, 2 endpoints: all well"), "{text}");
    assert!(text.contains("app.example.com/app: healthy (2 endpoints)"), "{text}");
    assert!(text.contains("  A       192.0.2.10 (us-east), TTL 10 s"), "{text}");
    assert!(!text.contains('\x1b'), "colours in a pipe: {text}");
    assert_eq!(lab.run(&["status", "--check"]).status.code(), Some(0));

    lab.east.refuse();
    until("the answer moves", || lab.said(&["status"]).contains("us-east is DOWN"));
    let text = lab.said(&["status", "app"]);
    assert!(text.contains("  A       198.51.100.20 (eu-west), TTL 10 s"), "{text}");
    let row = text.lines().find(|line| line.contains("192.0.2.10")).unwrap();
    assert!(row.contains("DOWN") && row.contains("connection refused") && row.contains("no  "), "{row}");
    assert_eq!(lab.run(&["status", "--check"]).status.code(), Some(0), "something healthy is left");

    lab.west.set(Behaviour::status(503));
    until("nothing is left", || lab.run(&["status", "--check"]).status.code() == Some(1));
    let text = lab.said(&["status"]);
    assert!(text.contains("NOTHING HEALTHY, the last good answer is kept"), "{text}");
    assert!(text.contains("status 503, expected 2xx"), "{text}");
}

#[test]
fn status_speaks_json_to_programs() {
    let lab = Lab::new("");
    let status: Value = serde_json::from_str(&lab.said(&["status", "--json"])).unwrap();
    assert_eq!(status["zones"][0]["pools"][0]["name"], "app");
}

#[test]
fn an_unknown_pool_is_told_with_those_that_exist() {
    let lab = Lab::new("");
    let (code, text) = lab.refused(&["status", "ap"]);
    assert_eq!(code, 1);
    assert!(text.contains("no pool \"ap\"; did you mean \"app\"?\n  there is: app.example.com/app"), "{text}");
}

#[test]
fn the_node_is_found_by_its_configuration() {
    let lab = Lab::new("");
    let socket = format!("unix:{}", lab.folder.path("admin.sock").display());
    // A socket that is not there does not hide the address beside it.
    let tcp = lab.node.admin.iter().find(|place| !place.starts_with("unix:")).unwrap();
    lab.folder.write("other.toml", &format!("[listen]\nadmin = [\"unix:none.sock\", {tcp:?}]\n"));
    let other = lab.folder.path("other.toml");
    for place in [["--admin", &socket], ["--admin", tcp], ["--config", other.to_str().unwrap()]] {
        let output = pharos().arg("status").args(place).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let output = pharos().arg("status").env("PHAROS_CONFIG", lab.folder.config()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let output = pharos().args(["status", "--config", "/nonexistent/pharos.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_node_that_is_not_there_is_told_with_what_to_do() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for command in
        [&["status"][..], &["override", "app/us-east", "down", "--reason", "x"], &["failback", "app"], &["events"]]
    {
        let output = pharos().args(command).args(["--admin", &free]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(text.contains("connection refused") && text.contains("systemctl status pharos"), "{text}");
    }
    let output = pharos().args(["status", "--admin", "unix:/nonexistent/admin.sock"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no such socket"));
}

#[test]
fn wrong_command_lines_end_with_two() {
    for wrong in [
        &["override", "us-east", "down"][..],
        &["override", "us-east", "down", "--reason", " "],
        &["override", "us-east", "dwon", "--reason", "x"],
        &["override", "us-east", "down", "--reason", "x", "--for", "2 hours"],
        &["override", "us-east", "down", "--reason", "x", "--for", "0"],
        &["override", "us-east", "clear", "--for", "1h"],
        &["override", "us-east", "down", "--reason", "x", "--author", ""],
        &["status", "--admin", "https://ns1"],
        &["status", "--token-file", "/nonexistent"],
        &["events", "--limit", "0"],
        &["events", "--topic", "weather"],
        &["failback"],
    ] {
        let output = pharos().args(wrong).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {text}");
        assert!(!text.is_empty());
    }
    let output = pharos().args(["override", "x", "down", "--reason", "x", "--for", "2 hours"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean 2h?"));
}

#[test]
fn the_node_tells_where_it_stands() {
    let lab = Lab::with("", "[node]\nname = \"ns1\"\nregion = \"us-east\"\n");
    assert!(lab.said(&["status"]).starts_with("ns1 in us-east, pharos "));
}
