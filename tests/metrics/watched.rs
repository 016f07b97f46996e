//! A node of two regions, one of which fails on demand.

use serde_json::json;

use crate::support::endpoint::{Behaviour, Endpoint};
use crate::support::folder::Folder;
use crate::support::http::Call;
use crate::support::node::Node;
use crate::support::scrape::Scrape;

/// A node whose first endpoint fails on demand, and a sink that nobody hears.
pub(crate) struct Watched {
    pub(crate) east: Endpoint,
    pub(crate) west: Endpoint,
    pub(crate) folder: Folder,
    pub(crate) node: Node,
}

impl Watched {
    pub(crate) fn start() -> Self {
        let east = Endpoint::new(Behaviour::healthy("us-east"));
        let west = Endpoint::new(Behaviour::healthy("eu-west"));
        let endpoint = |name: &str, ip: &str, at: &Endpoint, priority: u32| {
            format!(
                "[[pool.app.endpoint]]\nname = {name:?}\nregion = {name:?}\naddress = [{ip:?}]\n\
                 check_address = \"{}\"\npriority = {priority}\n",
                at.address
            )
        };
        let folder = Folder::steered(&format!(
            "[check.web]\ntype = \"http\"\npath = \"/healthz\"\ninterval = \"200ms\"\ntimeout = \"200ms\"\n\
             recheck = \"100ms\"\nfall = 2\nrise = 2\n\
             [pool.app]\nnames = [\"@\"]\npolicy = [\"priority\"]\ncheck = \"web\"\nttl = 10\n{}{}",
            endpoint("us-east", "192.0.2.10", &east, 1),
            endpoint("eu-west", "198.51.100.20", &west, 2),
        ));
        // Nobody listens on port 9 of loopback.
        folder.node("[notify.ops]\ntype = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\n");
        let node = Node::start(&folder);
        Self { east, west, folder, node }
    }

    pub(crate) fn scrape(&self) -> Scrape {
        Scrape::of(&self.node)
    }

    /// An override of the first endpoint.
    pub(crate) fn force(&self, force: &str) {
        let order = json!({
            "scope": { "endpoint": "app.example.com/app/us-east" },
            "force": force, "for_ms": null, "author": "ann", "reason": "a test"
        });
        Call::new("PUT", "/v1/overrides").json(&order).ask(&self.node).ok();
    }
}

pub(crate) const EAST: [(&str, &str); 5] = [
    ("zone", "app.example.com"),
    ("pool", "app"),
    ("endpoint", "us-east"),
    ("address", "192.0.2.10"),
    ("region", "us-east"),
];
pub(crate) const POOL: [(&str, &str); 3] = [("zone", "app.example.com"), ("pool", "app"), ("type", "A")];
