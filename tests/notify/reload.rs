//! Sinks that change while the node runs.

use crate::delivery::webhook;
use crate::support::endpoint::{Behaviour, Endpoint};
use crate::support::sink::{Scene, ids, receiver, wait_for_kind};
use crate::support::{LONG, until};

#[test]
fn a_new_sink_begins_with_what_happens_now() {
    let (old, new) = (receiver(), receiver());
    let scene = Scene::new(&webhook("old", &old, ""));
    let node = scene.start();
    scene.fail(&node);
    wait_for_kind(&old, "answer-changed");
    scene.notify(&format!("{}{}", webhook("old", &old, ""), webhook("new", &new, "")));
    node.reload();
    scene.recover(&node);
    let up = wait_for_kind(&new, "endpoint-up");
    wait_for_kind(&old, "endpoint-up");
    assert!(new.requests().iter().all(|request| request.json()["data"]["kind"] != "endpoint-down"));
    assert!(ids(&new)[0] <= up["id"].as_u64().unwrap());
    // The one that is as before goes on, and repeats nothing.
    let came = ids(&old);
    assert!(came.is_sorted_by(|a, b| a < b), "{came:?}");
}

#[test]
fn a_changed_sink_goes_on_where_it_was() {
    let (wrong, right) = (Endpoint::new(Behaviour::status(500)), receiver());
    let scene = Scene::new(&webhook("ops", &wrong, ""));
    let node = scene.start();
    scene.fail(&node);
    until("the wrong one was tried", || !wrong.requests().is_empty());
    let first = ids(&wrong)[0];
    scene.notify(&webhook("ops", &right, ""));
    let mark = node.mark();
    node.reload();
    node.wait_log_from(mark, "notifying", LONG);
    wait_for_kind(&right, "endpoint-down");
    assert_eq!(ids(&right)[0], first, "what the wrong one did not take");
    let tried = wrong.requests().len();
    scene.recover(&node);
    wait_for_kind(&right, "endpoint-up");
    assert_eq!(wrong.requests().len(), tried);
}

#[test]
fn a_sink_that_is_gone_is_told_nothing() {
    let (gone, stays) = (receiver(), receiver());
    let scene = Scene::new(&format!("{}{}", webhook("gone", &gone, ""), webhook("stays", &stays, "")));
    let node = scene.start();
    wait_for_kind(&gone, "node-ready");
    scene.notify(&webhook("stays", &stays, ""));
    let mark = node.mark();
    let told = node.reload();
    assert_eq!(told["message"], "reloaded: notify.gone removed");
    let line = node.wait_log_from(mark, "no longer notifying", LONG);
    assert_eq!(line["sink"], "gone");
    until("the reload is told", || stays.requests().iter().any(|r| r.json()["data"]["kind"] == "reload-applied"));
    scene.fail(&node);
    wait_for_kind(&stays, "endpoint-down");
    assert!(gone.requests().iter().all(|request| request.json()["data"]["kind"] != "endpoint-down"));
}

/// As many as there may be, one of which cannot be used, with cursors that move while they start.
#[test]
fn the_most_sinks_start_and_change_at_once() {
    let at = Endpoint::new(Behaviour::status(500));
    let sinks = |more: &str| -> String {
        let missing = "[notify.missing]\ntype = \"slack\"\nurl = { file = \"missing\" }\n".to_owned();
        std::iter::once(missing).chain((1..32).map(|number| webhook(&format!("s{number}"), &at, more))).collect()
    };
    let scene = Scene::new(&sinks(""));
    let mut node = scene.start();
    until("all have something that waits", || at.requests().len() >= 31);
    for _ in 0..3 {
        assert!(node.stop().success());
        // What waits is no longer wanted, so that each sink is at the end as soon as it runs.
        scene.notify(&sinks("on = [\"drill\"]"));
        node = scene.start();
        for topics in ["on = [\"config\", \"drill\"]", "on = [\"drill\"]", ""] {
            scene.notify(&sinks(topics));
            let mark = node.mark();
            node.reload();
            until("all have changed", || {
                node.log()[mark..].iter().filter(|line| line.contains("\"message\":\"notifying\"")).count() == 31
            });
        }
    }
    assert!(node.stop().success());
    let outbox: serde_json::Value = serde_json::from_str(&scene.folder.read("state/outbox.json")).unwrap();
    assert_eq!(outbox["sinks"].as_object().unwrap().len(), 32);
}
