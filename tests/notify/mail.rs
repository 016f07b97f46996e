//! Mail to several, some of whom are refused.

use serde_json::Value;

use crate::support::mail::{Mail, MailServer};
use crate::support::node::Node;
use crate::support::sink::Scene;
use crate::support::{LONG, until};

const OPS: &str = "ops@example.com";
const BOSS: &str = "boss@example.com";

fn node(server: &MailServer) -> (Scene, Node) {
    let scene = Scene::new(&format!(
        "[notify.mail]\ntype = \"email\"\nserver = \"{}\"\ntls = \"none\"\nfrom = \"pharos@example.com\"\n\
         to = [\"{OPS}\", \"{BOSS}\"]\n",
        server.address
    ));
    let node = scene.start();
    (scene, node)
}

fn sink(node: &Node) -> Value {
    serde_json::from_str::<Value>(&node.get("/v1/sinks").1).unwrap()[0].clone()
}

/// The first mail of all that somebody got, so often.
fn first(server: &MailServer, to: &str) -> (Option<Mail>, usize) {
    let mails: Vec<_> = server.mails().into_iter().filter(|mail| mail.to == [to]).collect();
    let first = mails.first().cloned();
    let id = first.as_ref().and_then(|mail| mail.header("message-id"));
    (first, mails.iter().filter(|mail| mail.header("message-id") == id).count())
}

#[test]
fn one_who_is_refused_keeps_it_from_nobody_else() {
    let server = MailServer::plain();
    server.refuse(OPS, Some("550 no such user"));
    let (_scene, node) = node(&server);
    until("it is delivered", || sink(&node)["delivered"].as_u64() >= Some(1));
    let line = node.wait_log("some recipients of a mail were refused", LONG);
    let text = line["message"].as_str().unwrap();
    assert!(text.contains(OPS) && text.contains("no such user") && !text.contains(BOSS), "{text}");
    let (mail, times) = first(&server, BOSS);
    assert_eq!((mail.unwrap().header("to").as_deref(), times), (Some("ops@example.com, boss@example.com"), 1));
    let sink = sink(&node);
    assert_eq!((&sink["state"], &sink["failed"], &sink["lost"]), (&"ok".into(), &0.into(), &0.into()));
}

#[test]
fn only_who_may_still_get_it_is_tried_again() {
    let server = MailServer::plain();
    server.refuse(OPS, Some("451 come back later"));
    let (_scene, node) = node(&server);
    until("it was tried again", || sink(&node)["failed"].as_u64() >= Some(2));
    assert_eq!((&sink(&node)["delivered"], first(&server, OPS).0.is_none()), (&0.into(), true));
    let error = sink(&node)["last_error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("ops@example.com: ") && error.contains("come back later"), "{error}");
    server.refuse(OPS, None);
    until("it is delivered", || sink(&node)["delivered"].as_u64() >= Some(1));
    assert_eq!((first(&server, OPS).1, first(&server, BOSS).1), (1, 1));
}

#[test]
fn what_all_refuse_is_given_up() {
    let server = MailServer::plain();
    server.refuse(OPS, Some("550 no such user"));
    server.refuse(BOSS, Some("552 mailbox full"));
    let (_scene, node) = node(&server);
    let line = node.wait_log("given up", LONG);
    let text = line["message"].as_str().unwrap();
    assert!(text.contains("no such user") && text.contains("mailbox full"), "{text}");
    until("it is counted", || sink(&node)["lost"].as_u64() >= Some(1));
    assert_eq!(sink(&node)["delivered"], 0);
}
