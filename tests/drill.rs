//! A region fails on purpose: what is reported is what an independent client saw, and it is undone whatever happens.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use support::dns::Client;
use support::drill::{EAST, Regions, WEST, is_over};
use support::endpoint::Behaviour;
use support::http::Call;
use support::node::Node;
use support::{LONG, pause, throughout, until};

const NAME: &str = "app.example.com.";
/// By how much figures may differ from those of another client.
const AGREE_MS: f64 = 100.0;

fn order(region: &str, for_ms: u64, more: &Value) -> Value {
    let mut body = json!({ "region": region, "for_ms": for_ms, "author": "ann", "reason": "to see" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn begin(node: &Node, region: &str, for_ms: u64) -> Value {
    let reply = Call::new("POST", "/v1/drills").json(&order(region, for_ms, &json!({}))).ask(node);
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.json()
}

/// The error of an order that is refused.
fn refused(node: &Node, body: &Value) -> (u16, String) {
    Call::new("POST", "/v1/drills").json(body).ask(node).fault()
}

fn find(node: &Node, id: &Value) -> Value {
    Call::get(&format!("/v1/drills/{}", id.as_str().unwrap())).ask(node).ok()
}

fn end(node: &Node, id: &Value) -> Value {
    let body = json!({ "author": "ben", "reason": "enough" });
    Call::new("DELETE", &format!("/v1/drills/{}", id.as_str().unwrap())).json(&body).ask(node).ok()
}

fn wait_over(node: &Node, id: &Value) -> Value {
    let mut report = Value::Null;
    until("the drill is over", || {
        report = find(node, id);
        is_over(&report)
    });
    report
}

fn wait_answer(client: &Client, ip: Ipv4Addr) {
    until(&format!("the answer is {ip}"), || client.one(NAME) == ip);
}

/// The events of drills, oldest first.
fn events(node: &Node) -> Vec<Value> {
    let reply = Call::get("/v1/events?topic=drill").ask(node).ok();
    reply["events"].as_array().unwrap().clone()
}

/// Kinds of the events of endpoints, oldest first.
fn endpoint_events(node: &Node) -> Vec<String> {
    let reply = Call::get("/v1/events?topic=endpoint").ask(node).ok();
    reply["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
}

fn text_of(event: &Value) -> &str {
    event["text"].as_str().unwrap()
}

/// A client that asks all the time and notes when the answer changed.
struct Witness {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<(SystemTime, Ipv4Addr)>>,
}

impl Witness {
    fn start(client: Client) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut seen: Vec<(SystemTime, Ipv4Addr)> = Vec::new();
            loop {
                // What has happened by then is seen by the query after it.
                let is_last = told.load(Ordering::Relaxed);
                let ip = client.one(NAME);
                if seen.last().is_none_or(|(_, last)| *last != ip) {
                    seen.push((SystemTime::now(), ip));
                }
                if is_last {
                    return seen;
                }
                pause(Duration::from_millis(5));
            }
        });
        Self { stop, thread }
    }

    fn stop(self) -> Vec<(SystemTime, Ipv4Addr)> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn time(value: &Value) -> SystemTime {
    humantime::parse_rfc3339(value.as_str().unwrap()).unwrap()
}

#[track_caller]
fn assert_near(figure: &Value, measured: Duration, what: &str) {
    let (figure, measured) = (figure.as_f64().unwrap(), measured.as_secs_f64() * 1e3);
    assert!((figure - measured).abs() < AGREE_MS, "{what}: {figure} ms reported, {measured} ms seen");
}

#[test]
fn the_report_is_what_another_client_saw() {
    let regions = Regions::new("");
    let resolver = fake_resolver();
    let node = Node::start(&regions.folder);
    let witness = Witness::start(node.client());
    let more = json!({ "rto_ms": 30_000, "resolvers": [resolver.to_string(), "127.0.0.1:1"] });
    let reply = Call::new("POST", "/v1/drills").json(&order("us-east", 2000, &more)).ask(&node);
    assert_eq!(reply.status, 201, "{}", reply.body);
    let begun = reply.json();
    assert_eq!((&begun["state"], &begun["region"]), (&"running".into(), &"us-east".into()));
    let status = node.status();
    assert_eq!((&status["drill"]["id"], &status["drill"]["region"]), (&begun["id"], &"us-east".into()));
    let over = wait_over(&node, &begun["id"]);
    let seen = witness.stop();
    assert_eq!((&over["state"], &over["met"], &over["note"]), (&"done".into(), &true.into(), &Value::Null), "{over:#}");

    let [_, (moved, WEST), (returned, EAST)] = seen[..] else { panic!("{seen:?}") };
    let (began, ended) = (time(&over["begun"]), time(&over["ended"]));
    assert_near(&over["answer_ms"], moved.duration_since(began).unwrap(), "the changed answer");
    assert_near(&over["failback_ms"], returned.duration_since(ended).unwrap(), "the way back");
    assert_near(&over["restored_ms"], ended.duration_since(began).unwrap(), "the end");
    // At the latest after an interval and a recheck.
    let detect = over["detect_ms"].as_f64().unwrap();
    assert!(detect <= over["answer_ms"].as_f64().unwrap() && detect < 300.0 + AGREE_MS, "{over:#}");
    let recovery = &over["recovery"];
    assert_eq!((&recovery["answer_ms"], &recovery["ttl_ms"]), (&over["answer_ms"], &10_000.0.into()));

    let pool = &over["pools"][0];
    assert_eq!(
        (&pool["pool"], &pool["name"], &pool["type"]),
        (&"app.example.com/app".into(), &NAME.into(), &"A".into())
    );
    let answers = [&pool["before"], &pool["during"], &pool["after"]].map(|list| list[0].as_str().unwrap().to_owned());
    assert_eq!(answers, [EAST, WEST, EAST].map(|ip| ip.to_string()));
    let seen: Vec<_> =
        pool["seen"].as_array().unwrap().iter().map(|seen| seen["addresses"][0].as_str().unwrap()).collect();
    assert_eq!(seen, answers);
    // One query every 20 ms, from the beginning to the end of the way back.
    let queries = &over["queries"];
    assert!(queries["sent"].as_u64().unwrap() > 50 && queries["sent"] == queries["answered"], "{queries}");
    assert_eq!(queries["bad"], 0);

    let resolvers = over["resolvers"].as_array().unwrap();
    assert!(resolvers[0]["seen_ms"].as_f64().is_some_and(|ms| ms < 2000.0), "{resolvers:?}");
    assert_eq!((&resolvers[1]["seen_ms"], &resolvers[1]["error"]), (&Value::Null, &"no reply".into()));

    let [begun, ended] = &events(&node)[..] else { panic!("{:?}", events(&node)) };
    assert_eq!(
        (&begun["kind"], &begun["severity"], &begun["region"]),
        (&"drill-begun".into(), &"info".into(), &"us-east".into())
    );
    assert_eq!(
        (&ended["kind"], &ended["severity"], &ended["data"]["met"]),
        (&"drill-ended".into(), &"info".into(), &true.into())
    );
    assert_eq!(begun["subject"], ended["subject"]);
    assert!(regions.reports().contains(&over), "the file is what the API shows");
    let page = Call::get(&format!("/v1/drills/{}?format=markdown", over["id"].as_str().unwrap())).ask(&node);
    assert!(page.body.starts_with(&format!("# Drill {}: target met\n", over["id"].as_str().unwrap())), "{}", page.body);
    let file = regions.folder.read(format!("state/drills/{}.md", over["id"].as_str().unwrap()));
    assert_eq!(page.body, file);
    let list = Call::get("/v1/drills").ask(&node).ok();
    assert_eq!((list.as_array().unwrap().len(), &list[0]["id"], &list[0]["pools"]), (1, &over["id"], &Value::Null));
}

/// A resolver that answers with what it was told first for a second, and with another address from then on.
fn fake_resolver() -> std::net::SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut query = [0; 512];
        let mut first = None;
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            let first = *first.get_or_insert_with(SystemTime::now);
            let ip = if first.elapsed().unwrap() < Duration::from_secs(1) { EAST } else { WEST };
            let mut reply = query[..length].to_vec();
            (reply[2], reply[7]) = (0x81, 1);
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 10, 0, 4]);
            reply.extend(ip.octets());
            let _ = socket.send_to(&reply, from);
        }
    });
    address
}

#[test]
fn the_last_healthy_region_stays() {
    let regions = Regions::new("");
    let node = Node::start(&regions.folder);
    let ask = |region: &str| order(region, 5000, &json!({}));
    regions.west.set(Behaviour::status(503));
    node.wait_log("endpoint eu-west (198.51.100.20) of app.example.com/app is down", LONG);
    assert_eq!(refused(&node, &ask("us-east")), (409, "last-healthy".to_owned()));
    assert_eq!(refused(&node, &ask("eu-west")), (409, "nothing-to-fail".to_owned()));
    assert_eq!(refused(&node, &ask("mars")), (404, "region-unknown".to_owned()));
    throughout(Duration::from_millis(500), "the answer stays", || node.client().one(NAME) == EAST);
    assert!(events(&node).is_empty() && regions.reports().is_empty());
}

#[test]
fn bad_orders_are_told() {
    let regions = Regions::new("");
    let node = Node::start(&regions.folder);
    for (body, fault) in [
        (order("us-east", 0, &json!({})), (400, "drill-time")),
        (order("us-east", 3_600_001, &json!({})), (400, "drill-time")),
        (order("us-east", 1000, &json!({ "rto_ms": 0 })), (400, "drill-time")),
        (order("us-east", 1000, &json!({ "resolvers": vec!["127.0.0.1:53"; 9] })), (400, "resolvers-max")),
        (order("us-east", 1000, &json!({ "reason": "" })), (400, "reason-missing")),
        (order("us-east", 1000, &json!({ "author": "" })), (400, "author-missing")),
    ] {
        assert_eq!(refused(&node, &body), (fault.0, fault.1.to_owned()), "{body}");
    }
    for path in ["/v1/drills/20261121T053819Z-us-east", "/v1/drills/..%2Fhealth"] {
        assert_eq!(Call::get(path).ask(&node).fault(), (404, "drill-unknown".to_owned()), "{path}");
    }
    let body = json!({ "author": "ben", "reason": "enough" });
    let unknown = Call::new("DELETE", "/v1/drills/20261121T053819Z-us-east").json(&body).ask(&node).fault();
    assert_eq!(unknown, (404, "drill-unknown".to_owned()));
}

#[test]
fn one_at_a_time_and_undone_by_order() {
    let regions = Regions::new("failback = { mode = \"auto\", hold = \"1h\" }");
    let node = Node::start(&regions.folder);
    let client = node.client();
    let begun = begin(&node, "us-east", 60_000);
    assert_eq!(refused(&node, &order("eu-west", 5000, &json!({}))), (409, "drill-running".to_owned()));
    until("the drill has seen the change", || find(&node, &begun["id"])["answer_ms"].is_number());
    let ended = end(&node, &begun["id"]);
    assert_eq!(client.one(NAME), EAST, "at once, and without a hold");
    assert_eq!((&ended["state"], &ended["note"]), (&"aborted".into(), &"ended by ben: enough".into()), "{ended:#}");
    assert!(ended["answer_ms"].is_number() && ended["failback_ms"].is_number(), "{ended:#}");
    let events = events(&node);
    assert_eq!((&events[1]["kind"], &events[1]["severity"]), (&"drill-ended".into(), &"warning".into()));
    let body = json!({ "author": "ben", "reason": "again" });
    let path = format!("/v1/drills/{}", begun["id"].as_str().unwrap());
    let over = Call::new("DELETE", &path).json(&body).ask(&node).fault();
    assert_eq!(over, (409, "drill-over".to_owned()));
    assert!(node.status()["drill"].is_null());
    end(&node, &begin(&node, "eu-west", 5000)["id"]);
}

#[test]
fn a_hold_is_told_and_not_waited_for() {
    let regions = Regions::new("failback = { mode = \"manual\" }");
    let node = Node::start(&regions.folder);
    let over = wait_over(&node, &begin(&node, "us-east", 1500)["id"]);
    assert_eq!(over["state"], "done");
    let note = "app.example.com/app holds on: its failback is manual (pharos failback app.example.com/app)";
    assert_eq!((&over["note"], &over["failback_ms"]), (&note.into(), &Value::Null), "{over:#}");
    assert_eq!(node.client().one(NAME), WEST);
}

#[test]
fn it_ends_when_its_region_is_needed() {
    let regions = Regions::new("all_down = \"nodata\"");
    let node = Node::start(&regions.folder);
    let client = node.client();
    let begun = begin(&node, "us-east", 60_000);
    wait_answer(&client, WEST);
    let witness = Witness::start(node.client());
    regions.west.refuse();
    let over = wait_over(&node, &begun["id"]);
    // The witness would have panicked for an answer without an address.
    let seen: Vec<_> = witness.stop().into_iter().map(|(_, ip)| ip).collect();
    assert_eq!(seen, [WEST, EAST]);
    assert_eq!(over["state"], "aborted");
    let note = "cut short: it would have left app.example.com/app without a healthy endpoint";
    assert_eq!((&over["note"], &over["queries"]["bad"]), (&note.into(), &0.into()));
    assert_eq!(node.status()["zones"][0]["pools"][0]["answers"]["A"]["mode"], "healthy");
}

/// Ends the node in the middle of a drill, and starts it again.
fn restarted(stop: impl FnOnce(&mut Node)) {
    let regions = Regions::new("failback = { mode = \"auto\", hold = \"1h\" }");
    let mut node = Node::start(&regions.folder);
    let begun = begin(&node, "us-east", 600_000);
    wait_answer(&node.client(), WEST);
    // What is not on disk by then, a crash takes away.
    until("the failure is kept", || endpoint_events(&node) == ["endpoint-down"]);
    stop(&mut node);
    let node = Node::start(&regions.folder);
    assert_eq!(node.client().one(NAME), EAST, "as if it had never been");
    let mut ended = Vec::new();
    until("its end is told", || {
        ended = events(&node);
        ended.len() == 2
    });
    assert_eq!((&ended[1]["kind"], &ended[1]["data"]["id"]), (&"drill-ended".into(), &begun["id"]));
    assert!(text_of(&ended[1]).ends_with("cut short by a restart"), "{}", ended[1]);
    let report = find(&node, &begun["id"]);
    assert_eq!((&report["state"], &report["note"]), (&"aborted".into(), &"cut short by a restart".into()));
    assert!(!node.log().iter().any(|line| line.contains("is down")), "no verdict turns: {:#?}", node.log());
    until("what fired is resolved", || endpoint_events(&node) == ["endpoint-down", "endpoint-up"]);
    assert!(node.status()["drill"].is_null());
    throughout(Duration::from_millis(600), "the answer stays", || node.client().one(NAME) == EAST);
    end(&node, &begin(&node, "us-east", 60_000)["id"]);
}

#[test]
fn it_is_undone_by_a_restart() {
    restarted(|node| assert!(node.stop().success()));
}

#[test]
fn it_is_undone_by_a_crash() {
    restarted(Node::kill);
}

#[test]
fn a_client_that_vanishes_changes_nothing() {
    let regions = Regions::new("");
    let node = Node::start(&regions.folder);
    // The connection of `begin` is closed by now.
    let begun = begin(&node, "us-east", 1500);
    let over = wait_over(&node, &begun["id"]);
    assert_eq!((&over["state"], node.client().one(NAME)), (&"done".into(), EAST));
}

#[test]
fn planned_ones_are_skipped_where_something_else_fails() {
    let regions = Regions::new("");
    regions.folder.node(
        "[drill.often]\nregion = \"us-east\"\ncron = \"*/2 * * * * *\"\nfor = \"1s\"\n\
         [drill.too]\nregion = \"eu-west\"\ncron = \"*/2 * * * * *\"\nfor = \"1s\"",
    );
    regions.west.set(Behaviour::status(503));
    let node = Node::start(&regions.folder);
    let skipped = |name: &str, why: &str| {
        let mut found = None;
        until(&format!("skipped: {why}"), || {
            let is_it = |event: &Value| event["kind"] == "drill-skipped" && event["data"]["name"] == name;
            found = events(&node).into_iter().find(|event| is_it(event) && text_of(event).ends_with(why));
            found.is_some()
        });
        found.unwrap()
    };
    let event = skipped("often", "endpoint eu-west of app.example.com/app is down");
    assert_eq!(
        (&event["severity"], &event["region"], &event["data"]["name"]),
        (&"info".into(), &"us-east".into(), &"often".into())
    );
    assert_eq!(node.client().one(NAME), EAST);
    regions.west.set(Behaviour::healthy("eu-west"));
    let scope = json!({ "scope": { "region": "us-east" }, "author": "ann", "reason": "a move" });
    let mut set = scope.clone();
    set.as_object_mut().unwrap().extend(json!({ "force": "drain", "for_ms": null }).as_object().unwrap().clone());
    Call::new("PUT", "/v1/overrides").json(&set).ask(&node).ok();
    skipped("often", "region us-east is drain by order of ann");
    assert!(regions.reports().is_empty());
    Call::new("DELETE", "/v1/overrides").json(&scope).ask(&node).ok();
    let report = regions.wait_report("one is held", is_over);
    assert_eq!((&report["scheduled"], &report["state"]), (&"often".into(), &"done".into()), "{report:#}");
    // Both were due at once.
    skipped("too", &format!("the drill {} is running", report["id"].as_str().unwrap()));
}
