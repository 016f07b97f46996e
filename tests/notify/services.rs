//! What services are sent, field by field, as their documentation has it.

use serde_json::{Value, json};

use crate::delivery::webhook;
use crate::support::endpoint::Request;
use crate::support::sink::{SUBJECT, Scene, receiver, wait_for, wait_for_kind};
use crate::support::until;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn slack_gets_text_and_blocks() {
    let at = receiver();
    let scene = Scene::new("");
    scene.secret("url", &format!("http://{}/services/T/B/X", at.address));
    scene.notify("[notify.chat]\ntype = \"slack\"\nurl = { file = \"url\" }\n");
    let node = scene.start();
    scene.fail(&node);
    let is_about = |request: &Request, word: &str| request.json()["text"].as_str().unwrap().starts_with(word);
    let request = wait_for(&at, "the failure", |request| is_about(request, "[WARNING] endpoint us-east"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert!(request.header("user-agent").unwrap().starts_with("pharos/"));
    let body = request.json();
    assert_eq!(keys(&body), ["blocks", "text"]);
    let kinds: Vec<_> = body["blocks"].as_array().unwrap().iter().map(|block| &block["type"]).collect();
    assert_eq!(kinds, ["section", "section", "context"]);
    assert!(body["blocks"][1]["fields"].as_array().unwrap().iter().any(|field| field["text"] == "*Endpoint*\nus-east"));
    scene.recover(&node);
    wait_for(&at, "the end", |request| is_about(request, "[RESOLVED] endpoint us-east"));
}

#[test]
fn pagerduty_triggers_and_resolves() {
    let at = receiver();
    let scene = Scene::new("");
    scene.secret("key", "R0123456789ABCDEF0123456789ABCDE");
    scene.notify(&format!(
        "[notify.pd]\ntype = \"pagerduty\"\nrouting_key = {{ file = \"key\" }}\nurl = \"http://{}/v2/enqueue\"\n",
        at.address
    ));
    let node = scene.start();
    scene.fail(&node);
    let of = |request: &Request, action: &str| {
        let body = request.json();
        body["event_action"] == action && body["dedup_key"] == format!("ns1/{SUBJECT}")
    };
    let body = wait_for(&at, "a trigger", |request| of(request, "trigger")).json();
    assert_eq!(keys(&body), ["client", "dedup_key", "event_action", "payload", "routing_key"]);
    let payload = &body["payload"];
    assert_eq!((&payload["severity"], &payload["source"]), (&json!("warning"), &json!("app.example.com/app")));
    let summary = payload["summary"].as_str().unwrap();
    assert!(
        summary.starts_with("endpoint us-east (192.0.2.10) of app.example.com/app is down: status 503"),
        "{summary}"
    );
    assert!(humantime::parse_rfc3339(payload["timestamp"].as_str().unwrap()).is_ok());
    scene.recover(&node);
    wait_for(&at, "a resolve", |request| of(request, "resolve"));
    // Notes are not sent: the answer moved twice meanwhile.
    let actions = at.requests().into_iter().map(|request| request.json()["event_action"].clone());
    assert!(actions.into_iter().all(|action| action == "trigger" || action == "resolve"));
    assert!(at.requests().iter().all(|request| request.json()["payload"]["class"] != "answer-changed"));
}

#[test]
fn alertmanager_gets_alerts_that_end_and_outlive_a_restart() {
    let at = receiver();
    let scene = Scene::new(&format!("[notify.am]\ntype = \"alertmanager\"\nurl = \"http://{}\"\n", at.address));
    let mut node = scene.start();
    scene.fail(&node);
    let is_down = |request: &Request| request.json()[0]["labels"]["alertname"] == "PharosEndpointDown";
    let request = wait_for(&at, "an alert", |request| is_down(request));
    assert_eq!(
        (request.line(), request.header("content-type")),
        ("POST /api/v2/alerts HTTP/1.1", Some("application/json"))
    );
    let begun = request.json()[0].clone();
    assert_eq!(keys(&begun), ["annotations", "labels", "startsAt"]);
    let want = json!({
        "alertname": "PharosEndpointDown", "severity": "warning", "node": "ns1", "zone": "app.example.com",
        "pool": "app", "endpoint": "us-east", "region": "us", "address": "192.0.2.10", "check": "web",
    });
    assert_eq!(begun["labels"], want);
    // A node that comes back says at once what still fires, though nothing new has happened to it.
    assert!(node.stop().success());
    let before = at.requests().len();
    let node = scene.start();
    let again = wait_for(&at, "the alert again", |request| {
        at.requests().len() > before && is_down(request) && request.json()[0].get("endsAt").is_none()
    });
    assert_eq!(again.json()[0]["startsAt"], begun["startsAt"]);
    until("it was sent again", || at.requests()[before..].iter().any(is_down));
    scene.recover(&node);
    let ended = wait_for(&at, "the end", |request| is_down(request) && request.json()[0].get("endsAt").is_some());
    let ended = ended.json()[0].clone();
    assert_eq!((&ended["labels"], &ended["startsAt"]), (&want, &begun["startsAt"]));
}

#[test]
fn a_webhook_gets_a_cloud_event() {
    let at = receiver();
    let scene = Scene::new("");
    scene.secret("hmac", "key");
    scene.notify(&webhook("ops", &at, "secret = { file = \"hmac\" }"));
    let node = scene.start();
    scene.fail(&node);
    let event = wait_for_kind(&at, "endpoint-down");
    let request = wait_for(&at, "it", |request| request.json()["data"]["kind"] == "endpoint-down");
    assert_eq!(request.header("content-type"), Some("application/cloudevents+json"));
    let body = request.json();
    let want = ["data", "datacontenttype", "id", "source", "specversion", "subject", "time", "type"];
    assert_eq!(keys(&body), want);
    let values = ["specversion", "source", "type", "subject", "datacontenttype"].map(|key| body[key].as_str().unwrap());
    assert_eq!(values, ["1.0", "/pharos/ns1", "dev.pharos.endpoint-down", SUBJECT, "application/json"]);
    assert_eq!((&body["id"], &body["time"]), (&json!(event["id"].to_string()), &event["time"]));
    let header = request.header("x-pharos-signature").unwrap();
    assert!(header.starts_with("t=") && header.split_once(",v1=").unwrap().1.len() == 64, "{header}");
}
