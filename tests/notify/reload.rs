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
    node.reload();
    let line = node.wait_log_from(mark, "no longer notifying", LONG);
    assert_eq!(line["sink"], "gone");
    until("the reload is told", || stays.requests().iter().any(|r| r.json()["data"]["kind"] == "reload-applied"));
    scene.fail(&node);
    wait_for_kind(&stays, "endpoint-down");
    assert!(gone.requests().iter().all(|request| request.json()["data"]["kind"] != "endpoint-down"));
}
