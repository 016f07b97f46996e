//! Many who watch, and one who scrapes all the time, while queries are answered: nobody loses anything.

use std::io::{BufRead, BufReader};
use std::net::{TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use crate::queries::UNCHECKED;
use crate::support::dns::query;
use crate::support::folder::Folder;
use crate::support::http::Call;
use crate::support::node::Node;
use crate::support::scrape::Scrape;
use crate::support::{LONG, pause};

/// Who follows the events. More are for a machine that does nothing else.
const FOLLOWERS: usize = 200;
/// Queries on their way at once.
const WINDOW: usize = 32;
/// Orders that are given and taken back meanwhile.
const ORDERS: usize = 10;
/// The reason of the last order.
const LAST: &str = "this is the last one";

/// Ids of events, oldest first.
fn ids(events: &Value) -> Vec<u64> {
    events["events"].as_array().unwrap().iter().map(|event| event["id"].as_u64().unwrap()).collect()
}

/// Follows the events until the one of the last order.
fn follow(stream: TcpStream) -> Vec<u64> {
    let mut seen = Vec::new();
    for line in BufReader::new(stream).lines() {
        let line = line.expect("the stream goes on");
        if let Some(id) = line.strip_prefix("id:") {
            seen.push(id.trim().parse().unwrap());
        }
        if line.contains(LAST) {
            break;
        }
    }
    seen
}

#[test]
fn nothing_is_lost_while_many_watch_and_one_scrapes() {
    let folder = Folder::steered(UNCHECKED);
    let node = Node::start(&folder);
    let all_events = || ids(&Call::get("/v1/events?limit=1000").ask(&node).ok());
    let streams: Vec<TcpStream> = (0..FOLLOWERS)
        .map(|_| {
            let stream = TcpStream::connect(&node.admin[0]).unwrap();
            stream.set_read_timeout(Some(LONG)).unwrap();
            Call::get("/v1/events?after=1").header("Accept", "text/event-stream").write(&stream, &node.admin[0]);
            stream
        })
        .collect();
    let asking = AtomicBool::new(true);
    let (asked, scrapes, followed) = thread::scope(|scope| {
        let followers: Vec<_> = streams.into_iter().map(|stream| scope.spawn(|| follow(stream))).collect();
        let asker = scope.spawn(|| ask(&node, &asking));
        let scraper = scope.spawn(|| {
            let (mut scrapes, mut before) = (0, Scrape::of(&node));
            while asking.load(Ordering::Relaxed) {
                let now = Scrape::of(&node);
                assert_eq!(now.falls_since(&before), [""; 0]);
                assert_eq!(now.sum("pharos_dns_unanswered_total", &[]), 0.0, "each query has its reply");
                (scrapes, before) = (scrapes + 1, now);
                pause(std::time::Duration::from_millis(20));
            }
            scrapes
        });
        let endpoint = json!({ "endpoint": "app.example.com/draw/heavy" });
        let set = |force: &str, reason: &str| {
            let order = json!({ "scope": endpoint, "force": force, "for_ms": null, "author": "ann", "reason": reason });
            Call::new("PUT", "/v1/overrides").json(&order).ask(&node).ok();
        };
        for _ in 0..ORDERS {
            set("down", "a test");
            let clear = json!({ "scope": endpoint, "author": "ann", "reason": "a test" });
            Call::new("DELETE", "/v1/overrides").json(&clear).ask(&node).ok();
        }
        set("up", LAST);
        let followed: Vec<_> = followers.into_iter().map(|follower| follower.join().unwrap()).collect();
        asking.store(false, Ordering::Relaxed);
        (asker.join().unwrap(), scraper.join().unwrap(), followed)
    });
    let all = all_events();
    assert!(all.len() >= 4 * ORDERS, "set, cleared, and the answer twice: {}", all.len());
    for seen in followed {
        assert_eq!(seen, all);
    }
    assert!(asked > 1000 && scrapes > 1, "{asked} queries, {scrapes} scrapes");
    assert_eq!(Scrape::of(&node).sum("pharos_dns_queries_total", &[]), asked as f64);
}

/// Asks until told otherwise; each query is answered. Returns how many.
fn ask(node: &Node, asking: &AtomicBool) -> u64 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(node.dns).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let message = query("draw.app.example.com.", RecordType::A).to_vec().unwrap();
    let (mut asked, mut buffer) = (0, [0; 512]);
    while asking.load(Ordering::Relaxed) {
        for _ in 0..WINDOW {
            socket.send(&message).unwrap();
        }
        for _ in 0..WINDOW {
            let length = socket.recv(&mut buffer).expect("each query is answered");
            assert!(length > message.len() && buffer[3] & 0xf == 0);
        }
        asked += WINDOW as u64;
    }
    asked
}
