//! Two regions that can be drilled, and the reports of it.

use std::net::Ipv4Addr;

use serde_json::Value;

use super::endpoint::{Behaviour, Endpoint};
use super::folder::Folder;
use super::until;

pub const EAST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
pub const WEST: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 20);

/// Two regions, us-east before eu-west; checked every 200 ms, `fall` and `rise` 2.
pub struct Regions {
    pub east: Endpoint,
    pub west: Endpoint,
    pub folder: Folder,
}

impl Regions {
    /// With more keys of the pool.
    pub fn new(pool: &str) -> Self {
        let east = Endpoint::new(Behaviour::healthy("us-east"));
        let west = Endpoint::new(Behaviour::healthy("eu-west"));
        let endpoint = |name: &str, ip: Ipv4Addr, at: &Endpoint, priority: u32| {
            format!(
                "[[pool.app.endpoint]]\nname = {name:?}\nregion = {name:?}\naddress = [\"{ip}\"]\n\
                 check_address = \"{}\"\npriority = {priority}\n",
                at.address
            )
        };
        let folder = Folder::steered(&format!(
            "[check.web]\ntype = \"http\"\ninterval = \"200ms\"\nrecheck = \"100ms\"\nfall = 2\nrise = 2\n\
             [pool.app]\nnames = [\"@\"]\npolicy = [\"priority\"]\ncheck = \"web\"\nttl = 10\n{pool}\n{}{}",
            endpoint("us-east", EAST, &east, 1),
            endpoint("eu-west", WEST, &west, 2),
        ));
        Self { east, west, folder }
    }

    /// Every report that is on disk, the oldest first.
    pub fn reports(&self) -> Vec<Value> {
        let Ok(entries) = std::fs::read_dir(self.folder.path("state/drills")) else { return Vec::new() };
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|kind| kind == "json"));
        paths.sort();
        paths.iter().map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect()
    }

    /// The first report for which it holds.
    #[track_caller]
    pub fn wait_report(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut found = None;
        until(what, || {
            found = self.reports().into_iter().find(&holds);
            found.is_some()
        });
        found.unwrap()
    }
}

/// Whether nothing more is to come.
pub fn is_over(report: &Value) -> bool {
    matches!(report["state"].as_str(), Some("done" | "aborted"))
}
