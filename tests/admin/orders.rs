//! Overrides and failback.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::endpoint::{Behaviour, Endpoint};
use crate::support::folder::Folder;
use crate::support::http::Call;
use crate::support::node::Node;
use crate::support::until;
use crate::{STEERING, force, node, write};

const NAME: &str = "app.example.com.";

#[test]
fn an_override_is_in_force_and_on_disk_when_it_is_answered() {
    let folder = Folder::steered(STEERING);
    let mut node = Node::start(&folder);
    let set = force(&node, &json!({ "region": "us-east" }), "down");
    assert_eq!(set["saved"], true);
    assert_eq!(set["override"]["scope"], "region us-east");
    assert_eq!(set["override"]["target"], json!({ "region": "us-east" }));
    for (key, value) in [("force", "down"), ("author", "ann"), ("reason", "a test")] {
        assert_eq!(set["override"][key], value);
    }
    assert_eq!(set["override"]["expires"], Value::Null);
    assert_eq!(node.client().one(NAME).to_string(), "198.51.100.1", "in force");
    node.kill();
    let node = Node::start(&folder);
    assert_eq!(node.client().one(NAME).to_string(), "198.51.100.1", "on disk");
    let list = Call::get("/v1/overrides").ask(&node).ok();
    assert_eq!((list.as_array().unwrap().len(), &list[0]["target"]), (1, &json!({ "region": "us-east" })));
    // In place of the one of the same scope.
    force(&node, &json!({ "region": "us-east" }), "drain");
    assert_eq!(Call::get("/v1/overrides").ask(&node).ok()[0]["force"], "drain");
    let clear = write("DELETE", "/v1/overrides", &json!({ "scope": { "region": "us-east" } }));
    let cleared = clear.ask(&node).ok();
    assert_eq!((&cleared["override"]["force"], &cleared["saved"]), (&json!("drain"), &json!(true)));
    assert_ne!(node.client().one(NAME).to_string(), "198.51.100.1");
    assert_eq!(clear.ask(&node).fault(), (404, "override-not-set".to_owned()));
}

#[test]
fn an_override_ends_in_time() {
    let (_folder, node) = node();
    let keys = json!({ "scope": { "endpoint": "app.example.com/app/us" }, "force": "down", "for_ms": 300 });
    let set = write("PUT", "/v1/overrides", &keys).ask(&node).ok();
    assert!(set["override"]["expires"].is_string());
    until("the end of it", || Call::get("/v1/overrides").ask(&node).ok() == json!([]));
    let newest = || Call::get("/v1/events?topic=override&limit=1").ask(&node).ok()["events"][0]["kind"].clone();
    until("the event", || newest() == "override-expired");
}

#[test]
fn orders_about_nothing_are_refused() {
    let (_folder, node) = node();
    for (keys, status, code) in [
        (json!({ "scope": { "endpoint": "app.example.com/app/nobody" }, "force": "up" }), 404, "endpoint-unknown"),
        (json!({ "scope": { "endpoint": "app.example.com/app" }, "force": "up" }), 400, "endpoint-wrong"),
        (json!({ "scope": { "endpoint": "app" }, "force": "up" }), 400, "endpoint-wrong"),
        (json!({ "scope": { "region": "mars" }, "force": "up" }), 404, "region-unknown"),
        (json!({ "scope": { "pool": "app.example.com/no" }, "force": "up" }), 404, "pool-unknown"),
        (json!({ "scope": { "pool": "app" }, "force": "up" }), 400, "pool-wrong"),
        (json!({ "scope": { "pool": "app.example.com/app" }, "force": "sideways" }), 400, "body-wrong"),
        (json!({ "scope": { "pool": "app.example.com/app" }, "force": "up", "for_ms": 0 }), 400, "for-wrong"),
        (json!({ "scope": { "pool": "app.example.com/app" }, "force": "up", "for_ms": -1 }), 400, "body-wrong"),
        (json!({ "scope": { "pool": "a/b", "region": "c" }, "force": "up" }), 400, "body-wrong"),
        (json!({ "scope": {}, "force": "up" }), 400, "body-wrong"),
        (json!({ "scope": { "region": "us-east" } }), 400, "body-wrong"),
        (json!({ "scope": { "region": "us-east" }, "force": "up", "forever": true }), 400, "body-wrong"),
    ] {
        let reply = write("PUT", "/v1/overrides", &keys).ask(&node);
        assert_eq!(reply.fault(), (status, code.to_owned()), "{keys}");
    }
    assert_eq!(Call::get("/v1/overrides").ask(&node).ok(), json!([]));
    for (pool, status, code) in [
        ("app.example.com/no", 404, "pool-unknown"),
        ("app", 400, "pool-wrong"),
        ("other.example/app", 404, "pool-unknown"),
    ] {
        let reply = write("POST", "/v1/failback", &json!({ "pool": pool })).ask(&node);
        assert_eq!(reply.fault(), (status, code.to_owned()), "{pool}");
    }
}

#[test]
fn a_failback_lets_the_pool_return() {
    let first = Endpoint::new(Behaviour::healthy("one"));
    let folder = Folder::steered(&format!(
        "[check.web]\ntype = \"tcp\"\nport = {}\ninterval = \"200ms\"\ntimeout = \"100ms\"\nfall = 1\nrise = 1\n\
         [pool.app]\nnames = [\"@\"]\npolicy = [\"priority\"]\nfailback = {{ mode = \"manual\" }}\n\
         [[pool.app.endpoint]]\nname = \"one\"\naddress = [\"127.0.0.1\"]\ncheck = \"web\"\n\
         [[pool.app.endpoint]]\nname = \"two\"\naddress = [\"192.0.2.2\"]\npriority = 2\n",
        first.port()
    ));
    let node = Node::start(&folder);
    let client = node.client();
    until("the first", || client.one(NAME).to_string() == "127.0.0.1");
    first.refuse();
    until("the second", || client.one(NAME).to_string() == "192.0.2.2");
    first.listen();
    let held = || node.status()["zones"][0]["pools"][0]["endpoints"][0]["addresses"][0]["hold"]["state"] == "manual";
    until("a hold", held);
    let text = Call::get("/v1/pools/app.example.com/app").ask(&node).ok()["steps"].to_string();
    assert!(text.contains("healthy again, and held until `pharos failback app.example.com/app`"), "{text}");
    let done = write("POST", "/v1/failback", &json!({ "pool": "app.example.com/app" })).ask(&node).ok();
    assert_eq!(done, json!({ "released": 1 }));
    assert_eq!(client.one(NAME).to_string(), "127.0.0.1");
    crate::support::throughout(Duration::from_millis(50), "it stays", || client.one(NAME).to_string() == "127.0.0.1");
}
