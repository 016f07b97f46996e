//! Reloads that somebody asks for.

use serde_json::{Value, json};

use crate::support::folder::{Folder, MASTER};
use crate::support::http::Call;
use crate::support::node::Node;
use crate::{STEERING, node, write};

fn reload(node: &Node, keys: &Value) -> crate::support::http::Reply {
    write("POST", "/v1/reload", keys).ask(node)
}

/// Keys with what they were and are, by the name of what changed.
fn details(reply: &Value, name: &str) -> Vec<String> {
    let changes = reply["changes"].as_array().unwrap();
    let change = changes.iter().find(|change| change["name"] == name).unwrap_or_else(|| panic!("{reply:#}"));
    assert_eq!(change["how"], "changed");
    let details = change["details"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or("null").to_owned();
    details.iter().map(|d| format!("{} {} {}", text(&d["key"]), text(&d["before"]), text(&d["after"]))).collect()
}

/// Where no other reload takes up an edit first.
fn unwatched() -> (Folder, Node, impl Fn(&str)) {
    let (folder, node) = node();
    let path = folder.path("zones/app.example.com.toml");
    // A file that is being written is not taken up by itself until its writer closes it.
    let edit = move |text: &str| {
        let file = std::fs::OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
        std::io::Write::write_all(&mut &file, text.as_bytes()).unwrap();
        std::mem::forget(file);
    };
    (folder, node, edit)
}

#[test]
fn a_dry_run_says_what_would_change_and_changes_nothing() {
    let (_folder, node, edit) = unwatched();
    edit(&STEERING.replace("ttl = 10", "ttl = 60").replace("weight = 50", "weight = 75"));
    let before = Call::get("/v1/events").ask(&node).ok();
    let dry = reload(&node, &json!({ "dry_run": true })).ok();
    assert_eq!((&dry["applied"], &dry["dry_run"]), (&json!(false), &json!(true)));
    assert_eq!(details(&dry, "app.example.com/app"), ["ttl 10 60"]);
    assert_eq!(details(&dry, "app.example.com/app/us2"), ["weight 50 75"]);
    assert_eq!(explained_ttl(&node), 10);
    assert_eq!(Call::get("/v1/events").ask(&node).ok(), before, "and it is no event");
    let done = reload(&node, &json!({})).ok();
    assert_eq!((&done["applied"], &done["changes"]), (&json!(true), &dry["changes"]));
    assert_eq!(explained_ttl(&node), 60);
    assert_eq!(reload(&node, &json!({})).ok()["changes"], json!([]));
}

fn explained_ttl(node: &Node) -> u64 {
    Call::get("/v1/explain?name=app.example.com").ask(node).ok()["answer"]["ttl"].as_u64().unwrap()
}

#[test]
fn files_with_errors_are_refused_with_the_diagnostics() {
    let (_folder, node, edit) = unwatched();
    edit(&STEERING.replace("ttl = 10", "tll = 10"));
    for dry_run in [true, false] {
        let reply = reload(&node, &json!({ "dry_run": dry_run }));
        assert_eq!(reply.fault(), (422, "config-invalid".to_owned()));
        let text = reply.json()["diagnostics"][0].as_str().unwrap().to_owned();
        assert!(text.starts_with("error[unknown-key]: pool \"app\" has no key \"tll\""), "{text}");
        assert!(text.contains("--> zones/app.example.com.toml:5:1"), "{text}");
    }
    crate::support::until("an event", || {
        let events = Call::get("/v1/events?topic=config").ask(&node).ok()["events"].clone();
        events.as_array().unwrap().len() == 1
            && events[0]["kind"] == "reload-refused"
            && events[0]["data"]["diagnostics"][0].as_str().unwrap().contains("unknown-key")
    });
    assert_eq!(explained_ttl(&node), 10, "the old answers stay");
}

#[test]
fn what_takes_too_much_away_must_be_insisted_on() {
    let (folder, node) = node();
    folder.write("zones/other.example.zone", MASTER);
    reload(&node, &json!({})).ok();
    for name in ["app.example.com.toml", "app.example.com.zone", "other.example.zone"] {
        std::fs::rename(folder.path(format!("zones/{name}")), folder.path(format!("{name}.gone"))).unwrap();
    }
    folder.write("zones/third.example.zone", "");
    std::fs::remove_file(folder.path("zones/third.example.zone")).unwrap();
    for dry_run in [true, false] {
        let reply = reload(&node, &json!({ "dry_run": dry_run }));
        assert_eq!(reply.fault(), (409, "reload-no-zone-left".to_owned()), "{}", reply.body);
        assert!(reply.json()["message"].as_str().unwrap().contains("no zone would be left"), "{}", reply.body);
    }
    let forced = reload(&node, &json!({ "force": true })).ok();
    assert_eq!(forced["applied"], true);
    assert_eq!(node.status()["zones"], json!([]));
}

#[test]
fn warnings_and_what_waits_for_a_restart_are_told() {
    let (folder, node) = node();
    folder
        .node_with("dns = [\"127.0.0.1:0\"]\nadmin = [\"127.0.0.1:0\"]\nudp_threads = 2", "[node]\nname = \"other\"\n");
    folder.steering(&STEERING.replace("policy = [\"priority\", \"weight\"]", "policy = [\"priority\"]"));
    crate::support::until("the new name", || node.status()["node"] == "other");
    let reply = reload(&node, &json!({})).ok();
    assert_eq!(reply["restart_needed"], json!(["listen.udp_threads"]));
    let warnings = reply["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|text| text.as_str().unwrap().starts_with("warning[")), "{warnings:?}");
}
