//! At least once, in order, without waiting for others: whatever receivers, and the node, do.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::endpoint::{Behaviour, Endpoint};
use crate::support::node::Node;
use crate::support::sink::{Scene, history, ids, receiver, wait_for_kind};
use crate::support::{LONG, throughout, until};

/// A webhook to there.
pub fn webhook(name: &str, at: &Endpoint, more: &str) -> String {
    format!("[notify.{name}]\ntype = \"webhook\"\nurl = \"http://{}/\"\n{more}\n", at.address)
}

/// Fails and recovers so often.
fn stir(scene: &Scene, node: &Node, times: usize) {
    for _ in 0..times {
        scene.fail(node);
        scene.recover(node);
    }
}

/// The ids of the history so far, once it holds so many events of a kind.
fn history_ids(scene: &Scene, kind: &str, count: usize) -> Vec<u64> {
    until("the history is written", || {
        history(&scene.folder).iter().filter(|event| event["kind"] == kind).count() >= count
    });
    history(&scene.folder).iter().map(|event| event["id"].as_u64().unwrap()).collect()
}

/// Events by id, each once, in the order in which they first came.
fn first_seen(ids: &[u64]) -> Vec<u64> {
    let mut seen = BTreeSet::new();
    ids.iter().copied().filter(|id| seen.insert(*id)).collect()
}

#[test]
fn a_receiver_that_hangs_delays_no_other() {
    let (slow, quick) = (Endpoint::new(Behaviour::Hang), receiver());
    let scene = Scene::new(&format!("{}{}", webhook("slow", &slow, ""), webhook("quick", &quick, "")));
    let node = scene.start();
    until("the slow one is being told", || !slow.requests().is_empty());
    stir(&scene, &node, 3);
    until("the quick one was told everything", || {
        let seen = |kind: &str| quick.requests().iter().filter(|r| r.json()["data"]["kind"] == kind).count();
        seen("endpoint-down") == 3 && seen("endpoint-up") == 3
    });
    assert_eq!(slow.requests().len(), 1);
    // Nor does it hold up answers, or the end.
    assert_eq!(node.client().a("app.example.com.").len(), 1);
    let mut node = node;
    assert!(node.stop().success());
}

#[test]
fn what_failed_for_a_while_is_delivered_in_order() {
    let at = Endpoint::new(Behaviour::status(500));
    let scene = Scene::new(&webhook("ops", &at, ""));
    let node = scene.start();
    until("it was tried", || at.requests().len() >= 2);
    stir(&scene, &node, 2);
    let all = history_ids(&scene, "endpoint-up", 2);
    let tried: BTreeSet<_> = ids(&at).into_iter().collect();
    assert_eq!(tried.into_iter().collect::<Vec<_>>(), all[..1], "nothing overtakes");
    at.set(Behaviour::Reply(200, String::new()));
    until("all are delivered", || first_seen(&ids(&at)).len() >= all.len());
    let came = first_seen(&ids(&at));
    assert_eq!(came[..all.len()], all[..]);
}

#[test]
fn a_killed_node_goes_on_where_it_was() {
    let at = Endpoint::new(Behaviour::status(503));
    let scene = Scene::new(&webhook("ops", &at, ""));
    let mut node = scene.start();
    stir(&scene, &node, 3);
    let before = history_ids(&scene, "endpoint-up", 3);
    node.kill();
    at.set(Behaviour::Reply(204, String::new()));
    let node = scene.start();
    until("what the dead one left is delivered", || first_seen(&ids(&at)).len() > before.len());
    // Killed once more, with nothing left to say, it does not begin again.
    until("the cursor is written", || cursor(&scene, "ops") >= *before.last().unwrap());
    let mut node = node;
    node.kill();
    let told = at.requests().len();
    let _node = scene.start();
    until("the third is told", || at.requests().len() > told);
    assert!(ids(&at)[told..].iter().all(|id| *id > *before.last().unwrap()));
    let came = first_seen(&ids(&at));
    assert_eq!(came[..before.len()], before[..]);
}

/// Where a sink is, as it is written down.
fn cursor(scene: &Scene, name: &str) -> u64 {
    let text = std::fs::read_to_string(scene.folder.path("state/outbox.json")).unwrap_or_default();
    serde_json::from_str::<Value>(&text).ok().and_then(|outbox| outbox["sinks"][name]["cursor"].as_u64()).unwrap_or(0)
}

#[test]
fn the_end_of_a_failure_is_told_across_a_restart() {
    let at = receiver();
    let scene = Scene::new(&webhook("ops", &at, "severity = \"warning\""));
    let mut node = scene.start();
    scene.fail(&node);
    let down = wait_for_kind(&at, "endpoint-down");
    assert!(node.stop().success());
    let node = scene.start();
    scene.recover(&node);
    let up = wait_for_kind(&at, "endpoint-up");
    assert_eq!((&up["severity"], &up["state"], &up["subject"]), (&"info".into(), &"resolved".into(), &down["subject"]));
}

#[test]
fn a_spoilt_outbox_is_set_aside() {
    let at = receiver();
    let scene = Scene::new(&webhook("ops", &at, ""));
    let mut node = scene.start();
    wait_for_kind(&at, "node-ready");
    assert!(node.stop().success());
    let told = at.requests().len();
    scene.folder.write("state/outbox.json", "{\"version\": 1, \"sinks\": {\"ops\": 7");
    let node = scene.start();
    node.wait_log("notifications begin anew", LONG);
    until("what happens now is told", || at.requests().len() > told);
    let names = std::fs::read_dir(scene.folder.path("state")).unwrap();
    let aside =
        names.filter(|name| name.as_ref().unwrap().file_name().to_string_lossy().starts_with("outbox.json.bad"));
    assert_eq!(aside.count(), 1);
    // What was told before is not told again.
    let came = ids(&at);
    assert_eq!(first_seen(&came), came);
}

#[test]
fn what_is_refused_is_given_up_and_told_once_to_others() {
    let (bad, good) = (Endpoint::new(Behaviour::status(422)), receiver());
    let scene = Scene::new(&format!("{}{}", webhook("bad", &bad, ""), webhook("good", &good, "")));
    let node = scene.start();
    stir(&scene, &node, 2);
    let failed = wait_for_kind(&good, "hook-failed");
    assert_eq!(
        (&failed["topic"], &failed["severity"], &failed["state"]),
        (&"node".into(), &"warning".into(), &"note".into())
    );
    assert_eq!(failed["data"]["sink"], "bad");
    let text = failed["data"]["error"].as_str().unwrap();
    assert!(text.contains("given up: it replied 422: status 422"), "{text}");
    let all = history_ids(&scene, "endpoint-up", 2);
    until("the bad one was told all", || ids(&bad).last() >= all.iter().rev().find(|id| ids(&good).contains(id)));
    // Each once, and never of itself.
    let came = ids(&bad);
    assert_eq!(first_seen(&came), came);
    assert!(bad.requests().iter().all(|request| request.json()["data"]["kind"] != "hook-failed"));
    let times = good.requests().iter().filter(|r| r.json()["data"]["kind"] == "hook-failed").count();
    assert_eq!(times, 1);
}

#[test]
fn two_that_refuse_do_not_tell_each_other_for_ever() {
    let (one, two) = (Endpoint::new(Behaviour::status(400)), Endpoint::new(Behaviour::status(410)));
    let scene = Scene::new(&format!("{}{}", webhook("one", &one, ""), webhook("two", &two, "")));
    let node = scene.start();
    let failures = || history(&scene.folder).iter().filter(|event| event["kind"] == "hook-failed").count();
    until("both have failed", || failures() >= 2);
    throughout(std::time::Duration::from_millis(300), "no more than two", || failures() == 2);
    drop(node);
}

#[test]
fn a_receiver_that_asks_for_time_gets_it() {
    let at = Endpoint::new(Behaviour::Later(429, 2));
    let scene = Scene::new(&webhook("ops", &at, ""));
    let _node = scene.start();
    until("it was asked", || at.requests().len() == 1);
    at.set(Behaviour::Reply(200, String::new()));
    until("it was asked again", || at.requests().len() >= 2);
    let requests = at.requests();
    assert!(requests[1].at - requests[0].at >= std::time::Duration::from_secs(2));
    assert_eq!(requests[0].json()["id"], requests[1].json()["id"]);
}

#[test]
fn a_failed_command_is_an_event_with_what_it_wrote() {
    let at = receiver();
    let hook = "[notify.hook]\ntype = \"exec\"\ncommand = [\"/bin/sh\", \"-c\", \"echo no such host >&2; exit 4\"]\n";
    let scene = Scene::new(&format!("{hook}on = [\"endpoint\"]\n{}", webhook("ops", &at, "")));
    let node = scene.start();
    scene.fail(&node);
    let failed = wait_for_kind(&at, "hook-failed");
    let text = failed["data"]["error"].as_str().unwrap();
    assert!(text.ends_with("the command ended with exit status 4: no such host"), "{text}");
    assert_eq!(failed["data"]["event"], wait_for_kind(&at, "endpoint-down")["id"]);
}

#[test]
fn what_a_command_wrote_is_recorded() {
    let scene = Scene::new("");
    let key = scene.secret("key", "hunter2-hunter2");
    let script = "echo promoted $PHAROS_NODE with $KEY";
    scene.notify(&format!(
        "[notify.hook]\ntype = \"exec\"\ncommand = [\"/bin/sh\", \"-c\", \"{script}\"]\nenv = {{ KEY = {key} }}\n"
    ));
    let node = scene.start();
    let line = node.wait_log("delivered", LONG);
    assert_eq!((&line["message"], &line["level"]), (&"delivered: promoted ns1 with (secret)".into(), &"INFO".into()));
}

#[test]
fn a_node_that_ends_leaves_no_command_behind() {
    let scene = Scene::new("");
    let pid = scene.folder.path("pid");
    let script =
        format!("sleep 300 & echo $! > {}.new; mv {}.new {}; wait", pid.display(), pid.display(), pid.display());
    scene.notify(&format!("[notify.hook]\ntype = \"exec\"\ncommand = [\"/bin/sh\", \"-c\", \"{script}\"]\n"));
    let mut node = scene.start();
    until("the command runs", || pid.exists());
    let text = scene.folder.read("pid");
    assert!(node.stop().success());
    until("it has ended", || {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", text.trim())).unwrap_or_default();
        state.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
    });
}
