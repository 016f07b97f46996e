//! Keys of pools and endpoints: what DNS answers because of them.

use std::net::Ipv4Addr;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use crate::lab::{Lab, NAME, OWN, Place, error, verdict};
use crate::support::dns;
use crate::support::endpoint::{Behaviour, Endpoint};
use crate::support::folder::{Folder, MASTER};
use crate::support::node::Node;
use crate::support::{throughout, until};

const ONE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const TWO: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

fn up() -> Endpoint {
    Endpoint::new(Behaviour::healthy("us-east"))
}

fn dead() -> Endpoint {
    let endpoint = up();
    endpoint.refuse();
    endpoint
}

/// Two endpoints that work.
fn two(place: Place, at: &Endpoint, lines: &str) -> Lab {
    Lab::new(place).pool(lines).checked("one", "192.0.2.1", at, "").checked("two", "192.0.2.2", at, "priority = 2")
}

/// A pool without checks.
fn plain(pool: &str, endpoints: &str) -> (Folder, Node) {
    let folder = Folder::default();
    folder.zone(MASTER).steering(&format!("[pool.app]\n{pool}\n{endpoints}"));
    let node = Node::start(&folder);
    (folder, node)
}

fn unchecked(name: &str, address: &str, more: &str) -> String {
    format!("[[pool.app.endpoint]]\nname = {name:?}\naddress = [{address}]\n{more}\n")
}

pub fn names() {
    let (_folder, node) = plain("names = [\"www\", \"*.w\"]", &unchecked("one", "\"192.0.2.1\"", ""));
    let client = node.client();
    assert_eq!(client.one("www.app.example.com."), ONE);
    assert_eq!(client.one("any.w.app.example.com."), ONE);
    dns::assert_nodata(&client.ask(NAME, RecordType::A));
    let other = client.ask("other.app.example.com.", RecordType::A);
    assert_eq!(other.metadata.response_code, ResponseCode::NXDomain);
}

pub fn check() {
    let (good, bad) = (up(), dead());
    let lab = Lab::new(OWN).checked("one", "192.0.2.1", &bad, "").checked("two", "192.0.2.2", &good, "");
    assert_eq!(lab.start().client().a(NAME), [TWO]);
}

pub fn policy(place: Place) {
    let at = up();
    assert_eq!(two(place, &at, "policy = [\"priority\"]").start().client().a(NAME), [ONE]);
    assert_eq!(two(place, &at, "policy = []").start().client().a(NAME), [ONE, TWO]);
}

pub fn ttl(place: Place) {
    let at = up();
    let reply = two(place, &at, "ttl = 17").start().client().ask(NAME, RecordType::A);
    assert_eq!(reply.answers[0].ttl, 17);
}

pub fn ttl_suspect(place: Place) {
    let at = up();
    let lab =
        Lab::new(place).check("fall = 100").pool("ttl = 17\nttl_suspect = 4").checked("one", "192.0.2.1", &at, "");
    let node = lab.start();
    let client = node.client();
    let ttl = || client.ask(NAME, RecordType::A).answers[0].ttl;
    assert_eq!(ttl(), 17);
    at.set(Behaviour::status(500));
    until("a streak is running", || ttl() == 4);
    at.set(Behaviour::status(200));
    until("it is over", || ttl() == 17);
}

pub fn answers(place: Place) {
    let at = up();
    let node = two(place, &at, "answers = 1").start();
    let client = node.client();
    let all: std::collections::BTreeSet<_> = (0..100).map(|_| client.one(NAME)).collect();
    assert_eq!(all.len(), 2, "each has its turn");
    assert_eq!(two(place, &at, "answers = 2").start().client().a(NAME), [ONE, TWO]);
}

pub fn all_down(place: Place) {
    let at = dead();
    dns::assert_nodata(&two(place, &at, "all_down = \"nodata\"").start().client().ask(NAME, RecordType::A));
    assert_eq!(two(place, &at, "all_down = \"all\"").start().client().a(NAME), [ONE, TWO]);
}

/// A node whose first endpoint has failed and works again.
fn returned(place: Place, failback: &str) -> (Lab, Endpoint, Endpoint, Node) {
    let (first, second) = (up(), up());
    let lab = Lab::new(place)
        .pool(&format!("policy = [\"priority\"]\nfailback = {failback}"))
        .checked("one", "192.0.2.1", &first, "")
        .checked("two", "192.0.2.2", &second, "priority = 2");
    let node = lab.start();
    let client = node.client();
    assert_eq!(client.one(NAME), ONE);
    first.set(Behaviour::status(500));
    until("the answer moves", || client.one(NAME) == TWO);
    first.set(Behaviour::status(200));
    until("it is up again", || verdict(&node, "one") == "up");
    (lab, first, second, node)
}

pub fn failback_mode(place: Place) {
    let (_lab, _first, _second, node) = returned(place, "{ mode = \"manual\" }");
    let client = node.client();
    throughout(Duration::from_millis(600), "the survivor stays", || client.one(NAME) == TWO);
    let (_lab, _first, _second, node) = returned(place, "{ mode = \"auto\" }");
    let client = node.client();
    until("the answer returns", || client.one(NAME) == ONE);
}

pub fn failback_hold(place: Place) {
    let (_lab, _first, _second, node) = returned(place, "{ mode = \"auto\", hold = \"2s\" }");
    let client = node.client();
    throughout(Duration::from_millis(400), "the survivor stays", || client.one(NAME) == TWO);
    until("the answer returns", || client.one(NAME) == ONE);
}

pub fn min_healthy(place: Place) {
    let (good, bad) = (up(), dead());
    let answer = |lines: &str| {
        let lab = Lab::new(place)
            .pool(&format!("policy = [\"priority\"]\nanswers = 0\n{lines}"))
            .checked("one", "192.0.2.1", &good, "region = \"us-east\"")
            .checked("two", "192.0.2.2", &bad, "region = \"us-east\"")
            .checked("three", "192.0.2.3", &good, "region = \"eu-west\"\npriority = 2")
            .checked("four", "192.0.2.4", &good, "region = \"eu-west\"\npriority = 2");
        lab.start().client().a(NAME)
    };
    assert_eq!(answer("min_healthy = 1"), [ONE]);
    assert_eq!(answer("min_healthy = 2"), [Ipv4Addr::new(192, 0, 2, 3), Ipv4Addr::new(192, 0, 2, 4)]);
}

pub fn dual_stack(place: Place) {
    // IPv4 works and nobody listens on IPv6.
    let at = up();
    let node = |word: &str| {
        let lab = Lab::new(place)
            .check(&format!("port = {}", at.port()))
            .pool(&format!("all_down = \"nodata\"\ndual_stack = {word:?}"))
            .endpoint("one", "127.0.0.1 ::1", "");
        lab.start()
    };
    assert_eq!(node("apart").client().a(NAME), [Ipv4Addr::LOCALHOST]);
    dns::assert_nodata(&node("together").client().ask(NAME, RecordType::A));
}

pub fn endpoint_name() {
    let at = up();
    let json = "expect_json = { \"/region\" = \"{endpoint}\" }";
    let lab =
        Lab::new(OWN).check(json).checked("us-east", "192.0.2.1", &at, "").checked("us-west", "192.0.2.2", &at, "");
    let node = lab.start();
    assert_eq!((verdict(&node, "us-east"), verdict(&node, "us-west")), ("up".to_owned(), "down".to_owned()));
    assert_eq!(error(&node, "us-west"), "/region is \"us-east\", expected \"us-west\"");
}

pub fn endpoint_region() {
    let at = up();
    let lab = Lab::new(OWN)
        .check("expect_json = { \"/region\" = \"{region}\" }")
        .checked("one", "192.0.2.1", &at, "region = \"us-east\"")
        .checked("two", "192.0.2.2", &at, "region = \"eu-west\"");
    assert_eq!(lab.start().client().a(NAME), [ONE]);
}

pub fn endpoint_address() {
    let (_folder, node) =
        plain("names = [\"@\"]", &unchecked("one", "\"192.0.2.1\", \"192.0.2.2\", \"2001:db8::1\"", ""));
    let client = node.client();
    assert_eq!(client.a(NAME), [ONE, TWO]);
    assert_eq!(client.ask(NAME, RecordType::AAAA).answers.len(), 1);
}

pub fn endpoint_check_address() {
    let at = up();
    // The address that is answered is one that nobody could reach.
    let node = Lab::new(OWN).checked("one", "192.0.2.1", &at, "").start();
    assert_eq!(verdict(&node, "one"), "up");
    assert_eq!(node.client().one(NAME), ONE);
    assert!(!at.requests().is_empty());
}

pub fn endpoint_priority() {
    let endpoints =
        [unchecked("one", "\"192.0.2.1\"", "priority = 9"), unchecked("two", "\"192.0.2.2\"", "priority = 8")];
    let (_folder, node) = plain("names = [\"@\"]\npolicy = [\"priority\"]", &endpoints.concat());
    assert_eq!(node.client().a(NAME), [TWO]);
}

pub fn endpoint_weight() {
    let endpoints = [unchecked("one", "\"192.0.2.1\"", "weight = 0"), unchecked("two", "\"192.0.2.2\"", "weight = 1")];
    let (_folder, node) = plain("names = [\"@\"]\npolicy = [\"weight\"]", &endpoints.concat());
    let client = node.client();
    assert!((0..50).all(|_| client.one(NAME) == TWO));
}

pub fn endpoint_check() {
    let at = up();
    let lab = Lab::new(OWN)
        .more("[check.other]\ntype = \"http\"\npath = \"/other\"\ninterval = \"200ms\"\n")
        .checked("one", "192.0.2.1", &at, "")
        .checked("two", "192.0.2.2", &at, "check = \"other\"");
    let _node = lab.start();
    let lines: std::collections::BTreeSet<_> = at.requests().iter().map(|r| r.line().to_owned()).collect();
    assert!(lines.contains("GET / HTTP/1.1") && lines.contains("GET /other HTTP/1.1"), "{lines:?}");
}
