//! What happened, as a list and as a stream.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::support::http::Call;
use crate::support::node::Node;
use crate::support::{LONG, until};
use crate::{force, node, write};

/// A stream that is being read.
struct Stream {
    lines: std::io::Lines<BufReader<TcpStream>>,
}

/// One event of it: its id, its kind and its data.
struct Sent {
    id: u64,
    kind: String,
    data: Value,
}

impl Stream {
    fn open(node: &Node, query: &str, last: Option<u64>) -> Self {
        let stream = TcpStream::connect(&node.admin[0]).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut call = Call::get(&format!("/v1/events{query}")).header("Accept", "text/event-stream");
        if let Some(id) = last {
            call = call.header("Last-Event-ID", &id.to_string());
        }
        call.write(&stream, &node.admin[0]);
        let mut lines = BufReader::new(stream).lines();
        let head: Vec<_> = lines.by_ref().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
        assert!(head[0].contains("200") && head.contains(&"content-type: text/event-stream".to_owned()), "{head:?}");
        let mut stream = Self { lines };
        stream.until("retry: ");
        stream
    }

    /// The rest of the next line that begins like this; chunk sizes stand between.
    fn until(&mut self, start: &str) -> String {
        loop {
            let line = self.lines.next().expect("the stream goes on").unwrap();
            if let Some(rest) = line.strip_prefix(start) {
                return rest.to_owned();
            }
        }
    }

    fn next(&mut self) -> Sent {
        let id = self.until("id: ").parse().unwrap();
        let kind = self.until("event: ");
        let data: Value = serde_json::from_str(&self.until("data: ")).unwrap();
        assert_eq!((data["id"].as_u64(), data["kind"].as_str()), (Some(id), Some(&*kind)));
        Sent { id, kind, data }
    }
}

fn list(node: &Node, query: &str) -> Vec<Value> {
    Call::get(&format!("/v1/events{query}")).ask(node).ok()["events"].as_array().unwrap().clone()
}

fn ids(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["id"].as_u64().unwrap()).collect()
}

/// Sets and clears an override; some events each time.
fn stir(node: &Node, times: usize) {
    for _ in 0..times {
        force(node, &json!({ "region": "us-east" }), "down");
        write("DELETE", "/v1/overrides", &json!({ "scope": { "region": "us-east" } })).ask(node).ok();
    }
}

#[test]
fn a_list_has_the_newest_or_those_after_one() {
    let (_folder, node) = node();
    stir(&node, 3);
    until("they are written", || list(&node, "?topic=override").len() == 6);
    let all = list(&node, "?limit=1000");
    let every = ids(&all);
    assert!(every.is_sorted() && every.len() >= 9, "{every:?}");
    assert_eq!(ids(&list(&node, "?limit=2")), every[every.len() - 2..]);
    assert_eq!(ids(&list(&node, &format!("?after={}&limit=2", every[1]))), every[2..4]);
    assert_eq!(list(&node, &format!("?after={}", every[every.len() - 1])), Vec::<Value>::new());
    let reply = Call::get("/v1/events?limit=1").ask(&node).ok();
    assert_eq!(reply["oldest"], every[0]);
    assert_eq!(node.status()["last_event"], every[every.len() - 1]);
    let topics = |query: &str| -> BTreeSet<String> {
        list(&node, query).iter().map(|event| event["topic"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(topics("?topic=override"), BTreeSet::from(["override".to_owned()]));
    assert_eq!(topics("?topic=override,answer").len(), 2);
    assert_eq!(topics("?topic=drill"), BTreeSet::new());
    assert_eq!(topics("?pool=app.example.com/app"), BTreeSet::from(["answer".to_owned()]));
    assert_eq!(topics("?pool=app.example.com/other"), BTreeSet::new());
    assert_eq!(topics("?endpoint=us"), BTreeSet::new());
    assert_eq!(topics("?severity=critical"), BTreeSet::new());
    let set = &list(&node, "?topic=override&limit=1")[0];
    assert_eq!((&set["severity"], &set["state"], &set["region"]), (&json!("info"), &json!("note"), &json!("us-east")));
}

#[test]
fn questions_that_make_no_sense_are_told() {
    let (_folder, node) = node();
    for query in
        ["limit=0", "limit=1001", "limit=x", "after=x", "after=-1", "topic=weather", "severity=high", "unknown=1"]
    {
        let reply = Call::get(&format!("/v1/events?{query}")).ask(&node);
        assert_eq!(reply.fault(), (400, "query-wrong".to_owned()), "{query}");
    }
    let reply = Call::get("/v1/events").header("Accept", "text/event-stream").header("Last-Event-ID", "x").ask(&node);
    assert_eq!(reply.fault(), (400, "query-wrong".to_owned()));
}

#[test]
fn a_stream_goes_on_where_it_was_left() {
    let (_folder, node) = node();
    let mut live = Stream::open(&node, "?topic=override", None);
    stir(&node, 1);
    let first = live.next();
    assert_eq!((first.kind.as_str(), first.data["topic"].as_str()), ("override-set", Some("override")));
    drop(live);
    stir(&node, 2);
    until("they are written", || list(&node, "?topic=override").len() == 6);
    let missed = ids(&list(&node, &format!("?after={}&limit=1000", first.id)));
    // What is kept, then what happens meanwhile: nothing twice, nothing left out.
    let mut again = Stream::open(&node, "", Some(first.id));
    let writer = std::thread::scope(|scope| {
        let stirring = scope.spawn(|| stir(&node, 2));
        let seen: Vec<_> = missed.iter().map(|_| again.next().id).collect();
        assert_eq!(seen, missed);
        stirring.join()
    });
    writer.unwrap();
    until("they are written", || list(&node, "?topic=override").len() == 10);
    let last = *missed.last().unwrap();
    for id in ids(&list(&node, &format!("?after={last}&limit=1000"))) {
        assert_eq!(again.next().id, id);
    }
}

#[test]
fn a_stream_tells_where_events_are_missing() {
    let (_folder, node) = node();
    until("the first is written", || !list(&node, "").is_empty());
    let oldest = Call::get("/v1/events?limit=1").ask(&node).ok()["oldest"].as_u64().unwrap();
    let mut stream = Stream::open(&node, "", Some(oldest - 1));
    assert_eq!(stream.until(": "), format!("events before {oldest} are gone"));
    assert_eq!(stream.next().id, oldest);
    // Who has the oldest misses nothing; nor does who asks for all that is kept.
    stir(&node, 1);
    for (query, last) in [("?after=0", None), ("", Some(oldest))] {
        let mut stream = Stream::open(&node, query, last);
        let first = stream.lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with([':', 'i'])));
        assert!(first.unwrap().unwrap().starts_with("id: "));
    }
}

#[test]
fn a_stream_has_what_its_filter_wants() {
    let (_folder, node) = node();
    let mut answers = Stream::open(&node, "?topic=answer&after=0", None);
    stir(&node, 2);
    for _ in 0..4 {
        assert_eq!(answers.next().data["topic"], "answer");
    }
}

#[test]
fn many_streams_take_no_place_from_others_and_have_a_bound() {
    let (_folder, mut node) = node();
    let open = |_| {
        let stream = TcpStream::connect(&node.admin[0]).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        Call::get("/v1/events").header("Accept", "text/event-stream").write(&stream, &node.admin[0]);
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        (line, reader)
    };
    let mut streams: Vec<_> = (0..1024).map(open).collect();
    assert!(streams.iter().all(|(line, _)| line.contains("200")), "all are taken");
    let refused = Call::get("/v1/events").header("Accept", "text/event-stream").ask(&node);
    assert_eq!(refused.fault(), (503, "streams-max".to_owned()));
    assert_eq!(Call::get("/v1/events").ask(&node).status, 200, "others have their places");
    stir(&node, 1);
    for (_, reader) in &mut streams {
        assert!(reader.lines().map(Result::unwrap).any(|line| line == "event: override-set"));
    }
    drop(streams.split_off(512));
    until("there is room again", || {
        let line = open(0).0;
        line.contains("200")
    });
    assert!(node.stop().success(), "the streams end with the node");
}
