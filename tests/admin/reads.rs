//! What can only be read.

use serde_json::json;

use crate::node;
use crate::support::folder::Folder;
use crate::support::http::Call;
use crate::support::node::Node;

#[test]
fn the_status_tells_of_the_node() {
    let (_folder, node) = node();
    let client = node.client();
    client.one("app.example.com.");
    let status = node.status();
    crate::support::until("the query is counted", || node.status()["queries"] == 1);
    assert!(status["uptime_ms"].as_f64().unwrap() > 0.0 && status["started"].is_string(), "{status:#}");
    assert!(status["snapshot"]["generation"].as_u64().unwrap() > 0 && status["snapshot"]["published"].is_string());
    assert_eq!(status["isolated"], json!({ "ipv4": false, "ipv6": false }));
    assert_eq!(status["drill"], json!(null));
    assert_eq!(status["zones"][0]["pools"][0]["answers"]["A"]["mode"], "healthy");
}

#[test]
fn pools_and_endpoints_have_their_place() {
    let (_folder, node) = node();
    let pools = Call::get("/v1/pools").ask(&node).ok();
    assert_eq!((pools.as_array().unwrap().len(), &pools[0]["id"]), (1, &json!("app.example.com/app")));
    assert_eq!(pools[0]["names"], json!(["app.example.com.", "*.wild.app.example.com."]));
    let pool = Call::get("/v1/pools/app.example.com/app").ask(&node).ok();
    let stages: Vec<_> = pool["steps"]["A"].as_array().unwrap().iter().map(|step| step["stage"].clone()).collect();
    assert_eq!(stages, ["override", "health", "failback", "priority", "weight"]);
    assert_eq!(pool["steps"]["AAAA"], json!([]));
    let endpoints = Call::get("/v1/endpoints").ask(&node).ok();
    assert_eq!(endpoints.as_array().unwrap().len(), 4);
    assert_eq!((&endpoints[3]["pool"], &endpoints[3]["name"]), (&json!("app.example.com/app"), &json!("eu")));
    for path in ["/v1/pools/app.example.com/no", "/v1/pools/a..b/app", "/v1/pools/example.org/app"] {
        assert_eq!(Call::get(path).ask(&node).fault(), (404, "pool-unknown".to_owned()), "{path}");
    }
}

#[test]
fn a_zone_with_a_slash_in_its_name_is_found() {
    let folder = Folder::default();
    folder.write(
        "zones/0%2F25.2.0.192.in-addr.arpa.toml",
        "[zone]\nns = [\"ns1.example.net\"]\ncontact = \"h@example.net\"\n[pool.app]\nnames = [\"@\"]\n\
         [[pool.app.endpoint]]\nname = \"one\"\naddress = [\"192.0.2.1\"]\n",
    );
    let node = Node::start(&folder);
    let pool = Call::get("/v1/pools/0%2F25.2.0.192.in-addr.arpa/app").ask(&node).ok();
    assert_eq!(pool["id"], "0/25.2.0.192.in-addr.arpa/app");
    let scope = json!({ "pool": pool["id"] });
    assert_eq!(crate::force(&node, &scope, "drain")["override"]["target"], scope);
}

#[test]
fn the_node_is_alive_and_ready() {
    let (_folder, node) = node();
    for (path, text) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let reply = Call::get(path).ask(&node);
        assert_eq!((reply.status, reply.body.as_str()), (200, text));
    }
}
