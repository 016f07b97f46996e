//! A node whose files have the key in question either where it belongs, or among the defaults.

use crate::support::endpoint::Endpoint;
use crate::support::folder::{Folder, MASTER};
use crate::support::node::Node;

pub const NAME: &str = "app.example.com.";

/// Where the keys under test stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the check or pool itself.
    Own,
    /// In `[defaults.check]` or `[defaults.pool]`.
    Defaults,
}

pub const OWN: Place = Place::Own;
pub const DEFAULTS: Place = Place::Defaults;

/// Keys that a check has unless the test says otherwise: everything is fast.
const CHECK: [(&str, &str); 4] =
    [("type", "\"http\""), ("interval", "\"200ms\""), ("timeout", "\"200ms\""), ("recheck", "\"100ms\"")];

pub struct Lab {
    place: Place,
    pub folder: Folder,
    check: String,
    pool: String,
    more: String,
    endpoints: String,
}

impl Lab {
    pub fn new(place: Place) -> Self {
        Self {
            place,
            folder: Folder::default(),
            check: String::new(),
            pool: String::new(),
            more: String::new(),
            endpoints: String::new(),
        }
    }

    /// Lines of the check.
    pub fn check(mut self, lines: &str) -> Self {
        self.check += lines;
        self.check += "\n";
        self
    }

    /// Lines of the pool.
    pub fn pool(mut self, lines: &str) -> Self {
        self.pool += lines;
        self.pool += "\n";
        self
    }

    /// Other tables.
    pub fn more(mut self, text: &str) -> Self {
        self.more += text;
        self.more += "\n";
        self
    }

    /// An endpoint that answers with these addresses.
    pub fn endpoint(mut self, name: &str, addresses: &str, lines: &str) -> Self {
        let addresses: Vec<_> = addresses.split(' ').collect();
        self.endpoints += &format!("[[pool.app.endpoint]]\nname = {name:?}\naddress = {addresses:?}\n{lines}\n");
        self
    }

    /// The same, checked at one of ours.
    pub fn checked(self, name: &str, address: &str, at: &Endpoint, lines: &str) -> Self {
        self.endpoint(name, address, &format!("check_address = \"{}\"\n{lines}", at.address))
    }

    /// Starts the node once its files are written.
    pub fn start(&self) -> Node {
        self.write();
        Node::start(&self.folder)
    }

    fn write(&self) {
        let given = |key: &str| self.check.lines().any(|line| line.split('=').next().unwrap().trim() == key);
        let mut check: String =
            CHECK.iter().filter(|(key, _)| !given(key)).map(|(key, value)| format!("{key} = {value}\n")).collect();
        let mut pool = "names = [\"@\"]\ncheck = \"web\"\n".to_owned();
        let mut node = String::new();
        match self.place {
            Place::Own => {
                check += &self.check;
                pool += &self.pool;
            }
            Place::Defaults => {
                node = format!("[defaults.check]\n{}\n[defaults.pool]\n{}\n", self.check, self.pool);
            }
        }
        self.folder.node(&node);
        self.folder.zone(MASTER);
        self.folder.steering(&format!("[check.web]\n{check}\n{}[pool.app]\n{pool}\n{}", self.more, self.endpoints));
    }
}

/// What the status says of the first address of an endpoint's check.
pub fn seen(node: &Node, endpoint: &str) -> serde_json::Value {
    let status = node.status();
    let endpoints = status["zones"][0]["pools"][0]["endpoints"].as_array().unwrap();
    let found = endpoints.iter().find(|e| e["name"] == endpoint).unwrap();
    found["addresses"][0]["check"].clone()
}

pub fn verdict(node: &Node, endpoint: &str) -> String {
    seen(node, endpoint)["verdict"].as_str().unwrap().to_owned()
}

/// Why the last probe failed; empty where it did not.
pub fn error(node: &Node, endpoint: &str) -> String {
    seen(node, endpoint)["last"]["error"].as_str().unwrap_or_default().to_owned()
}
