//! What the admin API says of sinks, and the test that it sends.

use serde_json::{Value, json};

use crate::delivery::webhook;
use crate::support::endpoint::{Behaviour, Endpoint};
use crate::support::http::Call;
use crate::support::node::Node;
use crate::support::scrape::Scrape;
use crate::support::sink::{Scene, receiver, wait_for, wait_for_kind};
use crate::support::until;

fn sinks(node: &Node) -> Vec<Value> {
    serde_json::from_str::<Value>(&node.get("/v1/sinks").1).unwrap().as_array().unwrap().clone()
}

fn test(node: &Node, name: &str) -> Value {
    let body = json!({ "author": "ana", "reason": "new channel" });
    Call::new("POST", &format!("/v1/sinks/{name}/test")).json(&body).ask(node).ok()
}

#[test]
fn each_sink_is_told_with_how_it_fares() {
    let (good, bad) = (receiver(), Endpoint::new(Behaviour::status(500)));
    let command = "[notify.run]\ntype = \"exec\"\ncommand = [\"/bin/sh\", \"-c\", \"exit 1\"]\n";
    let missing = "[notify.chat]\ntype = \"slack\"\nurl = { file = \"missing\" }\n";
    let scene = Scene::new(&format!("{}{}{command}{missing}", webhook("good", &good, ""), webhook("bad", &bad, "")));
    let node = scene.start();
    scene.fail(&node);
    wait_for_kind(&good, "endpoint-down");
    until("the good one has nothing to do, and the bad one has", || {
        let sinks = sinks(&node);
        sinks[0]["pending"] == 0 && sinks[1]["failed"] != 0 && sinks[2]["lost"] != 0
    });
    let all = sinks(&node);
    let names: Vec<_> =
        all.iter().map(|sink| (sink["name"].as_str().unwrap(), sink["type"].as_str().unwrap())).collect();
    assert_eq!(names, [("good", "webhook"), ("bad", "webhook"), ("run", "exec"), ("chat", "slack")]);
    assert_eq!((&all[0]["state"], &all[0]["failed"], &all[0]["last_error"]), (&json!("ok"), &json!(0), &Value::Null));
    assert!(all[0]["delivered"].as_u64().unwrap() >= 2 && all[0]["last_delivered"].is_string());
    assert!(all[1]["pending"].as_u64().unwrap() >= 2, "{}", all[1]);
    assert_eq!((&all[1]["state"], &all[1]["delivered"]), (&json!("failing"), &json!(0)));
    assert_eq!(all[1]["last_error"], "it replied 500: status 500");
    assert_eq!(
        (&all[2]["state"], &all[2]["last_error"]),
        (&json!("failing"), &json!("the command ended with exit status 1"))
    );
    assert_eq!(all[3]["state"], "failing");
    assert!(all[3]["last_error"].as_str().unwrap().contains("missing cannot be read"), "{}", all[3]);
    let usable = |sink: &str| Scrape::of(&node).value("pharos_notify_usable", &[("sink", sink)]);
    assert_eq!(["good", "bad", "run", "chat"].map(usable), [1.0, 1.0, 1.0, 0.0]);
}

#[test]
fn a_sink_that_fails_for_long_opens_and_others_hear_of_it() {
    let (at, other) = (Endpoint::new(Behaviour::status(503)), receiver());
    let scene = Scene::new(&format!("{}{}", webhook("ops", &at, ""), webhook("other", &other, "")));
    let node = scene.start();
    until("it is open", || sinks(&node)[0]["state"] == "open");
    let failed = wait_for_kind(&other, "hook-failed");
    assert_eq!(
        (&failed["data"]["sink"], &failed["data"]["error"]),
        (&json!("ops"), &json!("it replied 503: status 503"))
    );
}

#[test]
fn a_test_goes_past_what_waits_and_into_no_history() {
    let (good, bad) = (receiver(), Endpoint::new(Behaviour::Hang));
    let scene = Scene::new(&format!("{}{}", webhook("good", &good, ""), webhook("bad", &bad, "")));
    let node = scene.start();
    let tested = test(&node, "good");
    assert_eq!((&tested["delivered"], &tested["error"]), (&json!(true), &Value::Null));
    let event = wait_for_kind(&good, "test");
    let want = ["node", "info", "note"];
    assert_eq!(["topic", "severity", "state"].map(|key| event[key].as_str().unwrap()), want);
    assert_eq!(event["text"], "test of notify.good, asked for by ana: new channel");
    bad.set(Behaviour::status(401));
    let tested = test(&node, "bad");
    assert_eq!((&tested["delivered"], &tested["error"]), (&json!(false), &json!("it replied 401: status 401")));
    let missing = Call::new("POST", "/v1/sinks/none/test").json(&json!({ "author": "a", "reason": "b" })).ask(&node);
    assert_eq!(missing.fault().0, 404);
    assert!(!node.get("/v1/events").1.contains("\"test\""));
}

#[test]
fn a_test_calls_nobody_for_good() {
    let (pagerduty, alertmanager) = (receiver(), receiver());
    let scene = Scene::new("");
    scene.secret("key", "R0123456789ABCDEF0123456789ABCDE");
    scene.notify(&format!(
        "[notify.pd]\ntype = \"pagerduty\"\nrouting_key = {{ file = \"key\" }}\nurl = \"http://{}/\"\n\
         [notify.am]\ntype = \"alertmanager\"\nurl = \"http://{}\"\n",
        pagerduty.address, alertmanager.address
    ));
    let node = scene.start();
    for name in ["pd", "am"] {
        assert_eq!(test(&node, name)["delivered"], true, "{name}");
    }
    let actions: Vec<_> = pagerduty.requests().iter().map(|request| request.json()["event_action"].clone()).collect();
    assert_eq!(actions, ["trigger", "resolve"]);
    let alert = wait_for(&alertmanager, "an alert", |_| true).json()[0].clone();
    assert_eq!((&alert["labels"]["alertname"], alert["endsAt"].is_string()), (&json!("PharosTest"), true));
}
