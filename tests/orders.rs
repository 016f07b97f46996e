//! What an operator orders holds: when all else is down, over a restart, over a kill at any moment. And it
//! ends when it was said to end.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::{Value, json};
use support::endpoint::{Behaviour, Endpoint};
use support::folder::Folder;
use support::http::Call;
use support::node::Node;
use support::{throughout, until};

const NAME: &str = "app.example.com.";
const POOL: &str = "app.example.com/app";
const EAST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const WEST: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 20);

/// Two regions; when both are down, all are answered.
fn world() -> (Folder, [Endpoint; 2]) {
    let endpoints = ["us-east", "eu-west"].map(|region| Endpoint::new(Behaviour::healthy(region)));
    let [east, west] = endpoints.each_ref().map(|endpoint| endpoint.address);
    let folder = Folder::steered(&format!(
        "[check.web]\ntype = \"http\"\npath = \"/healthz\"\ninterval = \"200ms\"\ntimeout = \"200ms\"\n\
         recheck = \"100ms\"\nfall = 2\nrise = 1\n[pool.app]\nnames = [\"@\"]\npolicy = [\"priority\"]\n\
         check = \"web\"\nanswers = 0\nall_down = \"all\"\n\
         [[pool.app.endpoint]]\nname = \"us-east\"\nregion = \"us-east\"\naddress = [\"{EAST}\"]\n\
         check_address = \"{east}\"\n\
         [[pool.app.endpoint]]\nname = \"eu-west\"\nregion = \"eu-west\"\naddress = [\"{WEST}\"]\n\
         check_address = \"{west}\"\npriority = 2\n"
    ));
    (folder, endpoints)
}

/// Orders, and returns what the node said.
fn order(node: &Node, endpoint: &str, force: &str, lasts: Option<Duration>) -> Value {
    let scope = json!({ "endpoint": format!("{POOL}/{endpoint}") });
    let lasts = lasts.map(|lasts| u64::try_from(lasts.as_millis()).unwrap());
    let body = json!({ "scope": scope, "force": force, "for_ms": lasts, "author": "ann", "reason": "kernel" });
    Call::new("PUT", "/v1/overrides").json(&body).ask(node).ok()
}

fn overrides(node: &Node) -> usize {
    Call::get("/v1/overrides").ask(node).ok().as_array().unwrap().len()
}

fn events(node: &Node) -> Vec<Value> {
    Call::get("/v1/events?limit=1000").ask(node).ok()["events"].as_array().unwrap().clone()
}

fn told(node: &Node, kind: &str) -> Vec<Value> {
    events(node).into_iter().filter(|event| event["kind"] == kind).collect()
}

/// The endpoint as `/v1/status` shows it.
fn shown(node: &Node, endpoint: usize) -> Value {
    node.status()["zones"][0]["pools"][0]["endpoints"][endpoint].clone()
}

#[test]
fn down_holds_when_all_else_is_down_and_over_a_restart() {
    let (folder, endpoints) = world();
    let mut node = Node::start(&folder);
    assert_eq!(node.client().a(NAME), [EAST]);
    assert_eq!(order(&node, "us-east", "down", None)["saved"], true);
    assert_eq!(node.client().a(NAME), [WEST]);
    for endpoint in &endpoints {
        endpoint.set(Behaviour::status(503));
    }
    until("all are down", || node.status()["zones"][0]["pools"][0]["answers"]["A"]["mode"] == "all");
    // As if all were healthy, but for what is down by order.
    assert_eq!(node.client().a(NAME), [WEST]);
    for round in 0..2 {
        let seen = shown(&node, 0);
        assert_eq!(seen["override"]["force"], "down", "{seen}");
        assert_eq!((&seen["override"]["author"], &seen["override"]["reason"]), (&"ann".into(), &"kernel".into()));
        let explained = Call::get(&format!("/v1/explain?name={NAME}&type=A")).ask(&node).ok();
        let why = &explained["steps"][0];
        assert_eq!((&why["stage"], &why["dropped"][0]["endpoint"]), (&"override".into(), &"us-east".into()), "{why}");
        let metrics = Call::get("/metrics").ask(&node);
        let line = metrics
            .body
            .lines()
            .find(|line| line.starts_with("pharos_endpoint_override{"))
            .unwrap_or_default()
            .to_owned();
        assert!(line.contains("us-east") && line.contains("down") && line.ends_with(" 1"), "{line:?}");
        assert_eq!(told(&node, "override-set").len(), 1);
        if round == 0 {
            assert!(node.stop().success());
            node = Node::start(&folder);
            assert_eq!(node.client().a(NAME), [WEST], "over a restart");
        }
    }
}

#[test]
fn one_with_an_end_ends_by_itself() {
    let (folder, _endpoints) = world();
    let node = Node::start(&folder);
    let until_when = Duration::from_secs(2);
    let began = tokio::time::Instant::now();
    order(&node, "us-east", "down", Some(until_when));
    throughout(Duration::from_secs(1), "it holds", || node.client().a(NAME) == [WEST]);
    until("it ends", || node.client().a(NAME) == [EAST]);
    let took = began.elapsed();
    assert!(took >= until_when && took < until_when + Duration::from_millis(500), "{took:?}");
    assert_eq!(overrides(&node), 0);
    until("that is told", || told(&node, "override-expired").len() == 1);
}

/// Whatever was acknowledged before a kill is there after it: orders, and events that somebody was shown.
#[test]
fn a_kill_takes_back_nothing_that_was_acknowledged() {
    let (folder, endpoints) = world();
    for round in 0..4 {
        let mut node = Node::start(&folder);
        let before = events(&node);
        let force = if round % 2 == 0 { "drain" } else { "down" };
        assert_eq!(order(&node, "eu-west", force, None)["saved"], true);
        if round == 1 {
            endpoints[0].set(Behaviour::status(503));
            until("it is down", || !told(&node, "endpoint-down").is_empty());
        }
        let shown = events(&node);
        assert!(shown.len() > before.len() || round > 0);
        node.kill();
        let node = Node::start(&folder);
        let seen = node.status();
        assert_eq!(seen["overrides"][0]["force"], force, "round {round}: {seen}");
        let kept = events(&node);
        for event in &shown {
            assert!(kept.contains(event), "round {round}: lost {event}");
        }
        let ids: Vec<_> = kept.iter().map(|event| event["id"].as_u64().unwrap()).collect();
        assert!(ids.is_sorted_by(|one, two| one < two), "{ids:?}");
    }
}
