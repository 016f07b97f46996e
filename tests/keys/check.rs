//! Keys of checks: what an endpoint sees of them, or what its replies are made of.

use std::time::Duration;

use crate::lab::{Lab, Place, error, verdict};
use crate::support::endpoint::{Behaviour, Endpoint, Request};
use crate::support::node::Node;
use crate::support::tls::Authority;
use crate::support::{LONG, until};

const IP: &str = "192.0.2.1";

/// A node that checks one endpoint with these lines.
fn one(place: Place, at: &Endpoint, lines: &str) -> (Lab, Node) {
    let lab = Lab::new(place).check(lines).checked("one", IP, at, "");
    let node = lab.start();
    (lab, node)
}

fn up() -> Endpoint {
    Endpoint::new(Behaviour::Reply(200, "{\"a\": {\"b\": 7}, \"text\": \"all fine\"}".to_owned()))
}

/// The first request that one gets.
fn asked(place: Place, lines: &str) -> Request {
    let at = up();
    let (_lab, _node) = one(place, &at, lines);
    at.requests()[0].clone()
}

/// The verdicts with the good and the bad value.
fn verdicts(place: Place, at: &Endpoint, good: &str, bad: &str) {
    let (_lab, node) = one(place, at, good);
    assert_eq!(verdict(&node, "one"), "up", "{good}: {}", error(&node, "one"));
    let (_lab, node) = one(place, at, bad);
    assert_eq!(verdict(&node, "one"), "down", "{bad}");
}

pub fn kind(place: Place) {
    let at = up();
    let (_lab, node) = one(place, &at, "type = \"tcp\"\nport = 1");
    assert_eq!(verdict(&node, "one"), "up");
    assert!(!at.connections().is_empty() && at.requests().is_empty());
    let (_lab, _node) = one(place, &at, "type = \"http\"");
    assert!(!at.requests().is_empty());
}

pub fn port(place: Place) {
    let at = up();
    let lab = Lab::new(place).check(&format!("port = {}", at.port())).endpoint("one", "127.0.0.1", "");
    let node = lab.start();
    assert_eq!(verdict(&node, "one"), "up");
    assert!(!at.requests().is_empty());
}

pub fn interval(place: Place) {
    let at = up();
    let (_lab, _node) = one(place, &at, "interval = \"300ms\"");
    until("some probes", || at.connections().len() >= 5);
    let times = at.connections();
    // The first gap is the spread over the interval; one or the other may be long on a busy machine.
    let mut gaps: Vec<_> = times[1..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    assert!(gaps[1] > Duration::from_millis(200) && gaps[1] < Duration::from_millis(700), "{gaps:?}");
}

pub fn timeout(place: Place) {
    let at = Endpoint::new(Behaviour::Hang);
    let (_lab, node) = one(place, &at, "timeout = \"120ms\"");
    assert_eq!(error(&node, "one"), "no reply within 120ms");
}

/// How many probes in a row turn the verdict, as the log tells.
fn in_a_row(place: Place, lines: &str, turns: &str) -> String {
    let at = up();
    let (_lab, node) = one(place, &at, lines);
    // Each line is waited for before the next is provoked: the log is read by another thread.
    node.wait_log("endpoint one", LONG);
    let mark = node.mark();
    at.set(Behaviour::status(500));
    let down = node.wait_log_from(mark, "endpoint one", LONG);
    let mark = node.mark();
    at.set(Behaviour::status(200));
    let told = if turns == "down" { down } else { node.wait_log_from(mark, "endpoint one", LONG) };
    let text = told["message"].as_str().unwrap().to_owned();
    assert!(text.contains(&format!("is {turns}")), "{text}");
    text
}

pub fn fall(place: Place) {
    let text = in_a_row(place, "fall = 5", "down");
    assert!(text.ends_with("(5 in a row)"), "{text}");
}

pub fn rise(place: Place) {
    let text = in_a_row(place, "fall = 1\nrise = 4", "up");
    assert!(text.ends_with("(4 in a row)"), "{text}");
}

pub fn recheck(place: Place) {
    let at = up();
    let (_lab, node) = one(place, &at, "interval = \"2s\"\nrecheck = \"300ms\"");
    let since = at.set(Behaviour::status(500));
    until("it is down", || verdict(&node, "one") == "down");
    let times: Vec<_> = at.connections().into_iter().filter(|time| *time > since).collect();
    // A busy machine sees a connection late, and so may see two close together; over both gaps less so.
    let both = times[2] - times[0];
    assert!(both > Duration::from_millis(400) && both < Duration::from_millis(1600), "{both:?}");
}

pub fn method(place: Place) {
    assert!(asked(place, "method = \"HEAD\"").line().starts_with("HEAD / "));
    // That it has no body is said where one is expected (RFC 9110, 8.6).
    assert_eq!(asked(place, "method = \"POST\"").header("content-length"), Some("0"));
}

pub fn path(place: Place) {
    assert_eq!(asked(place, "path = \"/deep/healthz?full=1\"").line(), "GET /deep/healthz?full=1 HTTP/1.1");
}

pub fn host(place: Place) {
    let request = asked(place, "host = \"other.example\"");
    // The port belongs to it where it is not the scheme's own (RFC 9110, 7.2).
    let (host, port) = request.header("host").unwrap().split_once(':').unwrap();
    assert_eq!(host, "other.example");
    assert!(port.parse::<u16>().is_ok());
}

pub fn headers(place: Place) {
    let request = asked(place, "headers = { X-Probe = \"yes\", Authorization = \"Bearer abc\" }");
    assert_eq!((request.header("x-probe"), request.header("authorization")), (Some("yes"), Some("Bearer abc")));
}

pub fn expect_status(place: Place) {
    let at = Endpoint::new(Behaviour::status(403));
    verdicts(place, &at, "expect_status = [\"2xx\", \"401-403\"]", "expect_status = [\"2xx\"]");
}

pub fn expect_body(place: Place) {
    verdicts(place, &up(), "expect_body = \"all fine\"", "expect_body = \"all well\"");
}

pub fn expect_body_regex(place: Place) {
    verdicts(place, &up(), "expect_body = { regex = \"all f[aeiou]ne\" }", "expect_body = { regex = \"^fine\" }");
}

pub fn expect_json(place: Place) {
    verdicts(place, &up(), "expect_json = { \"/a/b\" = 7 }", "expect_json = { \"/a/b\" = 8 }");
}

pub fn verify(place: Place) {
    let at = up();
    at.present(&Authority::default().issue("app.example.com"));
    verdicts(place, &at, "type = \"https\"\nverify = false", "type = \"https\"\nverify = true");
    let sni = at.requests()[0].sni.clone();
    assert_eq!(sni.as_deref(), Some("app.example.com"));
}

pub fn ca_file(place: Place) {
    let (ours, theirs) = (Authority::default(), Authority::default());
    let at = up();
    at.present(&ours.issue("app.example.com"));
    for (authority, wanted) in [(&ours, "up"), (&theirs, "down")] {
        let lab = Lab::new(place);
        lab.folder.write("ca.pem", &authority.pem());
        let path = lab.folder.path("ca.pem");
        let lab = lab.check(&format!("type = \"https\"\nca_file = {path:?}")).checked("one", IP, &at, "");
        let node = lab.start();
        assert_eq!(verdict(&node, "one"), wanted, "{}", error(&node, "one"));
    }
}
