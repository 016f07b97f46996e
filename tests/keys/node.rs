//! Keys of `pharos.toml`, and of zones without a master file.

use std::net::UdpSocket;
use std::time::Duration;

use hickory_proto::rr::{DNSClass, Name, RData, RecordType};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::UdpGroSegment;
use tokio::time::Instant;

use crate::support::dns;
use crate::support::folder::{Folder, MASTER};
use crate::support::http::Call;
use crate::support::node::Node;
use crate::support::until;

const POOL: &str = "[pool.app]\nnames = [\"@\"]\n[[pool.app.endpoint]]\nname = \"one\"\naddress = [\"192.0.2.1\"]\n";
const NAME: &str = "app.example.com.";
const LISTEN: &str = "dns = [\"127.0.0.1:0\"]\nadmin = [\"127.0.0.1:0\"]\nudp_threads = 1";

pub fn zones() {
    let folder = Folder::default();
    std::fs::create_dir(folder.path("elsewhere")).unwrap();
    folder.node("zones = \"elsewhere\"").write("elsewhere/app.example.com.zone", MASTER);
    let node = Node::start(&folder);
    assert_eq!(node.client().a("static.app.example.com.").len(), 1);
}

pub fn state() {
    let folder = Folder::steered(POOL);
    let mut node = Node::start(&folder);
    assert!(node.stop().success());
    // The harness names the folder `state`, which is not the default.
    assert!(std::fs::read_dir(folder.path("state")).unwrap().count() > 0);
}

/// The text of a CHAOS TXT record.
fn chaos(node: &Node, name: &str) -> String {
    let mut message = dns::query(name, RecordType::TXT);
    message.queries[0].set_query_class(DNSClass::CH);
    match &node.client().exchange(&message).unwrap().answers[0].data {
        RData::TXT(txt) => txt.to_string(),
        other => panic!("{other:?}"),
    }
}

pub fn name() {
    let folder = Folder::steered(POOL);
    folder.node("[node]\nname = \"ns7.example.net\"");
    let node = Node::start(&folder);
    assert_eq!(chaos(&node, "id.server."), "ns7.example.net");
    assert_eq!(node.status()["node"], "ns7.example.net");
}

pub fn witness() {
    use std::net::TcpListener;
    let witness = TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let check = "[check.web]\ntype = \"tcp\"\nport = 1\ninterval = \"200ms\"\ntimeout = \"200ms\"\nfall = 1\n";
    let folder = Folder::steered(&format!("{check}{POOL}check_address = \"{refused}\"\ncheck = \"web\"\n"));
    folder.node(&format!("[node]\nwitness = [\"{}\"]", witness.local_addr().unwrap()));
    let _node = Node::begin(&folder);
    // Nothing works, so it is asked.
    witness.accept().unwrap();
}

pub fn region() {
    let folder = Folder::steered(POOL);
    folder.node("[node]\nregion = \"eu-west\"");
    let node = Node::start(&folder);
    let line = node.wait_log("starting pharos", crate::support::LONG);
    assert_eq!(line["region"], "eu-west");
}

pub fn dns() {
    let folder = Folder::steered(POOL);
    folder.node_with("dns = [\"127.0.0.1:0\", \"127.0.0.2:0\"]\nadmin = [\"127.0.0.1:0\"]", "");
    let node = Node::start(&folder);
    assert_eq!(node.dns_all.len(), 2);
    for server in &node.dns_all {
        assert_eq!(dns::Client::new(*server).a(NAME).len(), 1, "{server}");
    }
}

pub fn admin() {
    let folder = Folder::steered(POOL);
    folder.node_with("dns = [\"127.0.0.1:0\"]\nadmin = [\"127.0.0.1:0\", \"[::1]:0\"]", "");
    let node = Node::start(&folder);
    assert_eq!(node.admin.len(), 2);
    assert_eq!(node.get("/readyz").0, 200);
    folder.node_with("dns = [\"127.0.0.1:0\"]\nadmin = []", "");
    assert!(Node::start(&folder).admin.is_empty());
}

const TOKENS: &str = "[admin]\nread_token = { file = \"see\" }\nwrite_token = { file = \"do\" }\n";

/// A node that wants tokens.
fn guarded(more: &str) -> (Folder, Node) {
    let folder = Folder::steered(POOL);
    folder.node(&format!("{TOKENS}{more}")).write("see", "may-see-all-of-it\n").write("do", "may-do-all-of-it\n");
    let node = Node::start(&folder);
    (folder, node)
}

pub fn admin_read_token() {
    let (_folder, node) = guarded("");
    assert_eq!(Call::get("/v1/pools").ask(&node).fault(), (401, "token-missing".to_owned()));
    assert_eq!(Call::get("/v1/pools").token("may-see-all-of-it").ask(&node).status, 200);
}

pub fn admin_write_token() {
    let (_folder, node) = guarded("");
    let failback = serde_json::json!({ "pool": "app.example.com/app", "author": "me", "reason": "test" });
    let failback = |token| Call::new("POST", "/v1/failback").json(&failback).token(token).ask(&node);
    assert_eq!(failback("may-see-all-of-it").fault(), (403, "token-read-only".to_owned()));
    assert_eq!(failback("may-do-all-of-it").ok()["released"], 0);
}

pub fn admin_hosts() {
    let (_folder, node) = guarded("hosts = [\"ns1.example.com\"]\n");
    assert_eq!(node.get_as("/readyz", "ns1.example.com:8053").0, 200);
    assert_eq!(node.get_as("/readyz", "ns2.example.com:8053").0, 421);
}

pub fn udp_threads() {
    for threads in [1, 3] {
        let folder = Folder::steered(POOL);
        folder.node_with(&LISTEN.replace("udp_threads = 1", &format!("udp_threads = {threads}")), "");
        let node = Node::start(&folder);
        let count = || {
            let tasks = std::fs::read_dir(format!("/proc/{}/task", node.pid())).unwrap();
            let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
            names.filter(|name| name.starts_with("udp-")).count()
        };
        // A thread takes its name when it first runs.
        until("the threads run", || count() >= threads);
        assert_eq!(count(), threads);
    }
}

/// How long the second of two queries took of which it came right after the reply to the first: the median.
fn follow_up(coalesce: &str) -> Duration {
    let folder = Folder::steered(POOL);
    folder.node_with(&format!("{LISTEN}\ncoalesce = \"{coalesce}\""), "");
    let node = Node::start(&folder);
    let client = node.client();
    let mut times: Vec<Duration> = (0..31)
        .map(|_| {
            client.a(NAME);
            let began = Instant::now();
            client.a(NAME);
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

pub fn coalesce() {
    assert!(follow_up("10ms") > Duration::from_millis(5));
    assert!(follow_up("0") < Duration::from_millis(5));
}

/// Whether among many replies some leave as one: a client that asks the system not to part them sees it.
fn leaves_bundles(gso: bool) -> bool {
    let folder = Folder::steered(POOL);
    folder.node_with(&format!("{LISTEN}\nudp_gso = {gso}"), "");
    let node = Node::start(&folder);
    let query = dns::query(NAME, RecordType::A).to_vec().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(node.dns).unwrap();
    socket.set_read_timeout(Some(crate::support::LONG)).unwrap();
    setsockopt(&socket, UdpGroSegment, &true).unwrap();
    let mut buffer = [0; 65_535];
    socket.send(&query).unwrap();
    let alone = socket.recv(&mut buffer).unwrap();
    // How many of them a batch holds is chance, but not for hundreds.
    for _ in 0..200 {
        (0..64).for_each(|_| assert_eq!(socket.send(&query).unwrap(), query.len()));
        let mut left = 64 * alone;
        while left > 0 {
            let got = socket.recv(&mut buffer).unwrap();
            if got > alone {
                return true;
            }
            left -= got;
        }
    }
    false
}

pub fn udp_gso() {
    assert!(leaves_bundles(true));
    assert!(!leaves_bundles(false));
}

/// A zone without a master file.
fn lone() -> Node {
    let folder = Folder::default();
    let zone = "[zone]\nns = [\"ns1.example.net.\", \"ns2.example.net.\"]\ncontact = \"ops@example.net\"\nttl = 123\n";
    folder.steering(&format!("{zone}{POOL}"));
    Node::start(&folder)
}

pub fn zone_ns() {
    let reply = lone().client().ask(NAME, RecordType::NS);
    let names: Vec<_> = reply.answers.iter().map(|record| record.data.to_string()).collect();
    assert_eq!(names, ["ns1.example.net.", "ns2.example.net."]);
}

pub fn zone_contact() {
    let reply = lone().client().ask(NAME, RecordType::SOA);
    let RData::SOA(soa) = &reply.answers[0].data else { panic!("no SOA") };
    assert_eq!(soa.rname, Name::from_ascii("ops.example.net.").unwrap());
}

pub fn zone_ttl() {
    let reply = lone().client().ask(NAME, RecordType::NS);
    assert!(reply.answers.iter().all(|record| record.ttl == 123));
}
