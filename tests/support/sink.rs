//! A node with something to tell: a pool whose first endpoint fails when the test says so.

use serde_json::Value;

use super::endpoint::{Behaviour, Endpoint, Request};
use super::folder::Folder;
use super::node::Node;
use super::until;

/// The id of its pool.
pub const POOL: &str = "app.example.com/app";
/// What an endpoint of it is called in `subject`.
pub const SUBJECT: &str = "endpoint/app.example.com/app/us-east/192.0.2.10";

pub struct Scene {
    pub folder: Folder,
    pub east: Endpoint,
}

impl Scene {
    /// With these tables `[notify.NAME]`.
    pub fn new(notify: &str) -> Self {
        let scene = Self { folder: Folder::default(), east: Endpoint::new(Behaviour::healthy("us-east")) };
        scene.notify(notify);
        let check = "[check.web]\ntype = \"http\"\ninterval = \"200ms\"\nrecheck = \"100ms\"\nfall = 1\nrise = 1\n";
        scene.folder.zone(super::folder::MASTER).steering(&format!(
            "{check}[pool.app]\nnames = [\"@\"]\npolicy = [\"priority\"]\n\
             [[pool.app.endpoint]]\nname = \"us-east\"\nregion = \"us\"\naddress = \"192.0.2.10\"\n\
             check = \"web\"\ncheck_address = \"{}\"\n\
             [[pool.app.endpoint]]\nname = \"eu-west\"\naddress = \"198.51.100.20\"\npriority = 2\n",
            scene.east.address
        ));
        scene
    }

    /// Writes other tables.
    pub fn notify(&self, notify: &str) -> &Self {
        self.folder.node(&format!("[node]\nname = \"ns1\"\n{notify}"));
        self
    }

    pub fn start(&self) -> Node {
        Node::start(&self.folder)
    }

    /// Fails, and waits until the node has seen it.
    pub fn fail(&self, node: &Node) -> usize {
        let mark = node.mark();
        self.east.set(Behaviour::status(503));
        node.wait_log_from(mark, "endpoint us-east (192.0.2.10) of app.example.com/app is down", super::LONG);
        mark
    }

    /// Works again, and waits until the node has seen it.
    pub fn recover(&self, node: &Node) {
        let mark = node.mark();
        self.east.set(Behaviour::healthy("us-east"));
        node.wait_log_from(mark, "endpoint us-east (192.0.2.10) of app.example.com/app is up", super::LONG);
    }

    /// A file with a secret in it, and how a key names it.
    pub fn secret(&self, name: &str, text: &str) -> String {
        self.folder.write(name, &format!("{text}\n"));
        format!("{{ file = \"{name}\" }}")
    }
}

/// A server that takes what it is sent.
pub fn receiver() -> Endpoint {
    Endpoint::new(Behaviour::Reply(200, "ok".to_owned()))
}

/// Waits for a request that is as wanted.
#[track_caller]
pub fn wait_for(at: &Endpoint, what: &str, wanted: impl Fn(&Request) -> bool) -> Request {
    let mut found = None;
    until(what, || {
        found = at.requests().into_iter().find(&wanted);
        found.is_some()
    });
    found.unwrap()
}

/// Waits for a CloudEvent of this kind; its `data`.
#[track_caller]
pub fn wait_for_kind(at: &Endpoint, kind: &str) -> Value {
    wait_for(at, kind, |request| request.json()["data"]["kind"] == kind).json()["data"].clone()
}

/// The ids of the events that came as CloudEvents, in the order in which they came.
pub fn ids(at: &Endpoint) -> Vec<u64> {
    at.requests().iter().map(|request| request.json()["data"]["id"].as_u64().unwrap()).collect()
}

/// What the history of the node holds on disk.
pub fn history(folder: &Folder) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.path("state/events.jsonl")).unwrap_or_default();
    text.lines().map_while(|line| serde_json::from_str(line).ok()).collect()
}
