//! A running server under callgrind.

use std::net::UdpSocket;
use std::path::Path;

use nix::sys::signal::Signal;

use crate::callgrind::{self, Cost};
use crate::kinds::{self, Kind, ZONE};
use crate::support::folder::Folder;
use crate::support::node::Node;
use crate::support::{LONG, until};

/// Queries that wait at once: those of one batch.
const BATCH: u32 = 64;
/// Batches of the shorter run.
const FEW: u32 = 10;
/// Batches of the longer one.
const MANY: u32 = 110;

/// What only the UDP thread runs, where nothing comes over TCP.
const ANSWERS: &str = "FromStore as pharos::serve::Answers>::answer";

/// What the UDP thread executes for so many queries for addresses of hosts: what a longer run has more
/// than a shorter one, so that neither the start nor the end is counted.
pub(crate) fn measure() -> (Cost, u32) {
    let kinds = kinds::kinds(crate::HOSTS, 1024);
    let (few, many) = (run(&kinds[0], FEW), run(&kinds[0], MANY));
    (many - few, (MANY - FEW) * BATCH)
}

fn run(kind: &Kind, batches: u32) -> Cost {
    let folder = Folder::default();
    folder.write(format!("zones/{ZONE}.zone"), &kinds::master_file(crate::HOSTS));
    let out = folder.path("out");
    let program = env!("CARGO_BIN_EXE_pharos");
    let mut command = callgrind::command(&out);
    command.args(["--separate-threads=yes", program]);
    let mut node = Node::begin_with(command, &folder);
    node.wait_log("answering", LONG);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(node.dns).unwrap();
    client.set_read_timeout(Some(LONG)).unwrap();
    for batch in 0..batches {
        ask(&node, &client, kind, batch * BATCH);
    }
    assert!(node.stop().success());
    callgrind::by_thread(&out, Path::new(program), ANSWERS)
}

/// One batch: all queries wait before the server, which stands still, goes on and finds them.
fn ask(node: &Node, client: &UdpSocket, kind: &Kind, first: u32) {
    node.signal(Signal::SIGSTOP);
    until("the server stands still", || state(node) == Some('T'));
    for n in first..first + BATCH {
        client.send(kind.nth(n).0).unwrap();
    }
    node.signal(Signal::SIGCONT);
    let mut buffer = [0; 1232];
    for _ in 0..BATCH {
        let len = client.recv(&mut buffer).expect("a reply");
        kind.check(kind.nth(first).0, &buffer[..len]);
    }
}

/// What the process does: the third word of its `stat`, behind a name in parentheses.
fn state(node: &Node) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", node.pid())).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}
