//! Why an answer is what it is.

use serde_json::{Value, json};

use crate::support::endpoint::{Behaviour, Endpoint};
use crate::support::folder::{Folder, MASTER};
use crate::support::http::Call;
use crate::support::node::Node;
use crate::support::until;
use crate::{STEERING, force, node};

fn explain(node: &Node, query: &str) -> Value {
    Call::get(&format!("/v1/explain?{query}")).ask(node).ok()
}

fn app(node: &Node) -> Value {
    explain(node, "name=app.example.com")
}

/// The step of a stage.
fn step<'a>(explained: &'a Value, stage: &str) -> &'a Value {
    let steps = explained["steps"].as_array().unwrap();
    steps.iter().find(|step| step["stage"] == stage).unwrap_or_else(|| panic!("no step {stage}: {steps:#?}"))
}

/// Reason and text of an endpoint that left.
fn left(step: &Value, endpoint: &str) -> (String, String) {
    let dropped = step["dropped"].as_array().unwrap();
    let found = dropped.iter().find(|dropped| dropped["endpoint"] == endpoint).unwrap_or_else(|| panic!("{step:#}"));
    let text = |key: &str| found[key].as_str().unwrap().to_owned();
    (text("reason"), text("text"))
}

fn kept(step: &Value) -> Vec<(&str, Option<f64>)> {
    let kept = step["kept"].as_array().unwrap();
    kept.iter().map(|kept| (kept["endpoint"].as_str().unwrap(), kept["share"].as_f64())).collect()
}

#[test]
fn priority_weight_and_reserve() {
    let (_folder, node) = node();
    let why = explain(&node, "name=app.example.com&type=A&client=203.0.113.0/24");
    assert_eq!(why["question"], json!({ "name": "app.example.com.", "type": "A", "client": "203.0.113.0/24" }));
    assert_eq!((&why["zone"], &why["node"]["found"]), (&json!("app.example.com."), &json!("exact")));
    assert_eq!(why["node"]["steered_by"], "app.example.com/app");
    assert_eq!(why["node"]["types"], json!(["NS", "SOA"]));
    assert_eq!(why["pool"]["mode"], "healthy");
    assert_eq!(why["pool"]["policy"], json!(["priority", "weight"]));
    let priority = step(&why, "priority");
    assert_eq!(priority["text"], "priority: the lowest number left is 1");
    assert_eq!(left(priority, "eu"), ("priority".to_owned(), "priority 2, and 1 is left".to_owned()));
    let weight = step(&why, "weight");
    assert_eq!(left(weight, "spare").0, "reserve");
    assert_eq!(kept(weight), [("us", Some(0.666_667)), ("us2", Some(0.333_333))]);
    assert_eq!(why["client"], json!({ "address": "203.0.113.0", "source": "given", "used_by": [] }));
    let answer = &why["answer"];
    assert_eq!((&answer["rcode"], &answer["ttl"], &answer["flags"]), (&json!("NOERROR"), &json!(10), &json!(["aa"])));
    let record = answer["records"][0].as_str().unwrap();
    assert!(record.starts_with("app.example.com. 10 IN A 192.0.2."), "{record}");
    assert_eq!(answer["wire"].as_str().unwrap().len() as u64, 2 * answer["bytes"].as_u64().unwrap());
    assert_eq!(why["endpoints"].as_array().unwrap().len(), 4);
    let summary = why["summary"].as_str().unwrap();
    let want = "because us (region us-east) and us2 (region us-east) are the healthy endpoints with the lowest priority \
                number, 1; weight:";
    assert!(summary.contains(want), "{summary}");
    // The share is that of the answers.
    let client = node.client();
    let us = (0..900).filter(|_| client.one("app.example.com.").to_string() == "192.0.2.1").count();
    assert!((520..680).contains(&us), "{us} of 900");
}

#[test]
fn orders_are_named_with_their_author() {
    let (_folder, node) = node();
    force(&node, &json!({ "endpoint": "app.example.com/app/us" }), "down");
    force(&node, &json!({ "region": "us-east" }), "drain");
    let why = app(&node);
    let step = step(&why, "override");
    let (reason, text) = left(step, "us");
    assert_eq!(reason, "forced-down");
    assert_eq!(text, "down by order of ann (endpoint us of app.example.com/app): a test");
    assert_eq!(left(step, "us2").0, "drained");
    assert_eq!(kept(step), [("eu", None)]);
    assert_eq!(why["answer"]["records"], json!(["app.example.com. 10 IN A 198.51.100.1"]));
    let summary = why["summary"].as_str().unwrap();
    let want = "app.example.com. A is answered 198.51.100.1 because eu (region eu-west) is the healthy endpoint left \
                with the lowest priority number, 2; override: 3 of 4 addresses are down or drained by order";
    assert_eq!(summary, want);
}

#[test]
fn names_that_no_pool_steers() {
    let folder = Folder::steered(STEERING);
    folder.zone(&format!(
        "{MASTER}www IN CNAME @\nout IN CNAME example.org.\ngone IN CNAME nothing\nplain IN CNAME static\n\
         a.b.deep IN A 192.0.2.9\nsub IN NS ns.sub\nns.sub IN A 192.0.2.8\nold IN DNAME new\n\
         text IN TXT \"say \\\"hi\\\"\"\nmail IN MX 10 mx.example.net.\nodd IN TYPE65280 \\# 2 0aff\n"
    ));
    let node = Node::start(&folder);
    for (query, found, rcode, says) in [
        ("name=static.app.example.com", "exact", "NOERROR", "is answered 192.0.2.99, from the zone file"),
        ("name=static.app.example.com&type=MX", "exact", "NOERROR", "has no MX record: no data"),
        ("name=no.app.example.com", "none", "NXDOMAIN", "does not exist in zone app.example.com.: NXDOMAIN"),
        ("name=b.deep.app.example.com", "empty-non-terminal", "NOERROR", "something below it"),
        ("name=x.sub.app.example.com", "cut", "NOERROR", "is delegated at sub.app.example.com."),
        ("name=example.org", "out-of-zone", "REFUSED", "lies in no zone of this node: REFUSED"),
        ("name=x.wild.app.example.com", "wildcard", "NOERROR", "by the wildcard *.wild.app.example.com."),
        ("name=app.example.com&type=AAAA", "exact", "NOERROR", "the pool has no address of this family"),
        ("name=www.app.example.com", "alias", "NOERROR", "is an alias of app.example.com., answered 192.0.2."),
        ("name=out.app.example.com", "alias", "NOERROR", "which is no name of this node"),
        ("name=gone.app.example.com", "alias", "NXDOMAIN", "which does not exist"),
        ("name=plain.app.example.com", "alias", "NOERROR", "192.0.2.99, from the zone file"),
        ("name=a.old.app.example.com", "alias", "NXDOMAIN", "is an alias of a.new.app.example.com."),
        ("name=text.app.example.com&type=txt", "exact", "NOERROR", r#"is answered "say \"hi\"""#),
        ("name=mail.app.example.com&type=MX", "exact", "NOERROR", "is answered 10 mx.example.net."),
        ("name=odd.app.example.com&type=TYPE65280", "exact", "NOERROR", r"is answered \# 2 0aff"),
        ("name=app.example.com&type=AXFR", "exact", "REFUSED", "is not answered here: REFUSED"),
        ("name=app.example.com&type=SOA", "exact", "NOERROR", "hostmaster.app.example.com. 1 3600 900 1209600 5"),
    ] {
        let why = explain(&node, query);
        assert_eq!(
            (&why["node"]["found"], &why["answer"]["rcode"]),
            (&json!(found), &json!(rcode)),
            "{query}: {why:#}"
        );
        assert!(why["summary"].as_str().unwrap().contains(says), "{query}: {}", why["summary"]);
    }
    let referral = explain(&node, "name=x.sub.app.example.com");
    assert_eq!(referral["answer"]["authority"], json!(["sub.app.example.com. 300 IN NS ns.sub.app.example.com."]));
    assert_eq!(referral["answer"]["additional"], json!(["ns.sub.app.example.com. 300 IN A 192.0.2.8"]));
    let alias = explain(&node, "name=www.app.example.com");
    assert_eq!((&alias["node"]["steered_by"], &alias["pool"]["id"]), (&Value::Null, &json!("app.example.com/app")));
    let missing = explain(&node, "name=no.app.example.com");
    assert_eq!(
        (&missing["pool"], &missing["steps"], &missing["node"]["name"]),
        (&Value::Null, &json!([]), &Value::Null)
    );
    assert!(missing["answer"]["authority"][0].as_str().unwrap().contains(" IN SOA "));
}

#[test]
fn what_is_down_says_why_and_the_last_good_answer_holds() {
    let one = Endpoint::new(Behaviour::healthy("a"));
    let two = Endpoint::on([127, 0, 0, 2].into(), Behaviour::healthy("b"));
    let check = |name: &str, port: u16| {
        format!(
            "[check.{name}]\ntype = \"http\"\nport = {port}\ninterval = \"200ms\"\ntimeout = \"100ms\"\nfall = 1\nrise = 1\n"
        )
    };
    let folder = Folder::steered(&format!(
        "{}{}[pool.app]\nnames = [\"@\"]\npolicy = [\"priority\"]\nfailback = {{ hold = \"1h\" }}\n\
         [[pool.app.endpoint]]\nname = \"one\"\naddress = [\"127.0.0.1\"]\ncheck = \"a\"\n\
         [[pool.app.endpoint]]\nname = \"two\"\naddress = [\"127.0.0.2\"]\ncheck = \"b\"\npriority = 2\n",
        check("a", one.port()),
        check("b", two.port())
    ));
    let node = Node::start(&folder);
    until("both are up", || kept(step(&app(&node), "health")).len() == 2);
    one.set(Behaviour::status(503));
    until("one is down", || kept(step(&app(&node), "health")).len() == 1);
    let why = app(&node);
    let (reason, text) = left(step(&why, "health"), "one");
    assert_eq!(reason, "down");
    assert!(text.starts_with("check \"a\" says down since 20") && text.contains(": status 503"), "{text}");
    assert_eq!(step(&why, "health")["text"], "health: 1 of 2 addresses are healthy");
    one.set(Behaviour::healthy("a"));
    until("it is held", || !step(&app(&node), "failback")["dropped"].as_array().unwrap().is_empty());
    let (reason, text) = left(step(&app(&node), "failback"), "one");
    assert!(reason == "held" && text.starts_with("healthy again, and held for another 59m"), "{reason}: {text}");
    one.refuse();
    until("one is down again", || kept(step(&app(&node), "health")).len() == 1);
    two.refuse();
    until("nobody is healthy", || app(&node)["pool"]["mode"] == "last-good");
    let why = app(&node);
    assert_eq!(left(step(&why, "last-good"), "one").0, "not-last-good");
    assert_eq!(why["pool"]["why"], "no endpoint is healthy: the last good answer holds");
    let summary = why["summary"].as_str().unwrap();
    assert!(summary.contains("because no endpoint is healthy: the last good answer holds;"), "{summary}");
}

#[test]
fn the_client_matters_where_it_is_looked_at() {
    let folder = Folder::steered(&STEERING.replace("\"weight\"]", "\"sticky\"]"));
    let node = Node::start(&folder);
    let why = explain(&node, "name=app.example.com&client=203.0.113.7");
    assert_eq!(why["client"]["used_by"], json!(["sticky"]));
    let same = explain(&node, "name=app.example.com&client=203.0.113.0/24");
    assert_eq!(why["answer"]["records"], same["answer"]["records"], "of one network");
    let nobody = app(&node);
    assert_eq!((&nobody["client"]["source"], &nobody["client"]["address"]), (&json!("default"), &json!("127.0.0.1")));
}

#[test]
fn questions_that_are_none_are_told() {
    let (_folder, node) = node();
    let long = format!("name={}", "a".repeat(64));
    for (query, code) in [
        ("name=", "name-wrong"),
        ("name=a..b", "name-wrong"),
        (long.as_str(), "name-wrong"),
        ("name=app.example.com&type=AB", "type-wrong"),
        ("name=app.example.com&type=", "type-wrong"),
        ("name=app.example.com&client=me", "client-wrong"),
        ("name=app.example.com&client=192.0.2.0/33", "client-wrong"),
        ("", "query-wrong"),
        ("name=app.example.com&entropy=1", "query-wrong"),
    ] {
        assert_eq!(Call::get(&format!("/v1/explain?{query}")).ask(&node).fault(), (400, code.to_owned()), "{query}");
    }
}
