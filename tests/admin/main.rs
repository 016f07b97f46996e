//! The admin API from outside: each route, and each way in which a request can be wrong.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod document;
mod events;
mod explain;
mod guard;
mod orders;
mod reads;
mod reload;

use serde_json::{Value, json};
use support::folder::Folder;
use support::http::Call;
use support::node::Node;

/// Two regions by priority, one endpoint of the second in reserve; nothing is checked.
pub const STEERING: &str = r#"
[pool.app]
names = ["@", "*.wild"]
policy = ["priority", "weight"]
ttl = 10
[[pool.app.endpoint]]
name = "us"
region = "us-east"
address = ["192.0.2.1"]
weight = 100
[[pool.app.endpoint]]
name = "us2"
region = "us-east"
address = ["192.0.2.2"]
weight = 50
[[pool.app.endpoint]]
name = "spare"
region = "us-east"
address = ["192.0.2.3"]
weight = 0
[[pool.app.endpoint]]
name = "eu"
region = "eu-west"
address = ["198.51.100.1"]
priority = 2
"#;

/// A node, and its files, which last as long as they are held.
pub fn node() -> (Folder, Node) {
    let folder = Folder::steered(STEERING);
    let node = Node::start(&folder);
    (folder, node)
}

/// A write with an author and a reason, and these keys beside.
pub fn write(method: &str, path: &str, keys: &Value) -> Call {
    let mut body = json!({ "author": "ann", "reason": "a test" });
    body.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    Call::new(method, path).json(&body)
}

/// Sets an override.
pub fn force(node: &Node, scope: &Value, force: &str) -> Value {
    write("PUT", "/v1/overrides", &json!({ "scope": scope, "force": force })).ask(node).ok()
}
