//! The node loses its network: it keeps its answers and says that it is cut off. Nobody else's trouble is
//! taken for that.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use serde_json::Value;
use support::endpoint::{Behaviour, Endpoint};
use support::folder::Folder;
use support::node::Node;
use support::{LONG, throughout, until};

const NAME: &str = "app.example.com.";
const EAST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);

/// What happened, as the history file tells it.
fn history(folder: &Folder) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.path("state/events.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn count(folder: &Folder, kind: &str) -> usize {
    history(folder).iter().filter(|event| event["kind"] == kind).count()
}

struct World {
    folder: Folder,
    node: Node,
    endpoints: [Endpoint; 2],
}

/// Two regions, a pool that answers nothing when both are down, and a witness.
fn world(witness: &str) -> World {
    let endpoints = ["us-east", "eu-west"].map(|region| Endpoint::new(Behaviour::healthy(region)));
    let [east, west] = endpoints.each_ref().map(|endpoint| endpoint.address);
    let folder = Folder::steered(&format!(
        "[check.web]\ntype = \"http\"\npath = \"/healthz\"\ninterval = \"400ms\"\ntimeout = \"400ms\"\n\
         recheck = \"100ms\"\nfall = 2\nrise = 1\n[pool.app]\nnames = [\"@\"]\npolicy = [\"priority\"]\n\
         check = \"web\"\nall_down = \"nodata\"\n\
         [[pool.app.endpoint]]\nname = \"us-east\"\naddress = [\"{EAST}\"]\ncheck_address = \"{east}\"\n\
         [[pool.app.endpoint]]\nname = \"eu-west\"\naddress = [\"198.51.100.20\"]\ncheck_address = \"{west}\"\n\
         priority = 2\n"
    ));
    folder.node(&format!("[node]\nwitness = [\"{witness}\"]"));
    let node = Node::start(&folder);
    assert_eq!(node.client().one(NAME), EAST);
    World { folder, node, endpoints }
}

fn refuse_all(world: &World) {
    for endpoint in &world.endpoints {
        endpoint.refuse();
    }
}

#[test]
fn cut_off_from_everything_it_keeps_its_answer_and_says_so_once() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = world(&closed.to_string());
    refuse_all(&world);
    world.node.wait_log("the node is cut off over IPv4: all 2 targets fail", LONG);
    let client = world.node.client();
    // Far longer than it takes to judge a target.
    throughout(Duration::from_millis(1500), "the answer stays", || client.one(NAME) == EAST);
    until("it is told", || count(&world.folder, "isolation-begun") > 0);
    for endpoint in &world.endpoints {
        endpoint.listen();
    }
    world.node.wait_log("the node is no longer cut off over IPv4", LONG);
    until("the end is told", || count(&world.folder, "isolation-ended") > 0);
    let told = history(&world.folder);
    let critical: Vec<_> = told.iter().filter(|event| event["severity"] == "critical").collect();
    assert_eq!(critical.len(), 1, "{critical:?}");
    assert_eq!((&critical[0]["kind"], &critical[0]["state"]), (&"isolation-begun".into(), &"firing".into()));
    let ended = told.iter().find(|event| event["kind"] == "isolation-ended").unwrap();
    assert_eq!((&ended["state"], &ended["subject"]), (&"resolved".into(), &critical[0]["subject"]));
    // By itself, once all works again, a region that fails is a region that fails.
    world.endpoints[0].refuse();
    until("the answer moves", || client.one(NAME) != EAST);
}

#[test]
fn a_witness_that_answers_lets_all_down_rule() {
    let witness = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = world(&witness.local_addr().unwrap().to_string());
    refuse_all(&world);
    let client = world.node.client();
    until("nothing is answered", || client.a(NAME).is_empty());
    until("that is told", || count(&world.folder, "pool-down") == 1);
    assert_eq!(count(&world.folder, "isolation-begun"), 0);
}
