//! Keys of `[notify.NAME]`.

use serde_json::json;

use crate::support::endpoint::Endpoint;
use crate::support::mail::{Mail, MailServer};
use crate::support::node::Node;
use crate::support::sink::{POOL, Scene, receiver, wait_for, wait_for_kind};
use crate::support::tls::Authority;
use crate::support::{LONG, until};

/// A webhook with more keys, beside one that is told everything.
fn beside(more: &str) -> (Scene, Node, Endpoint, Endpoint) {
    let (some, all) = (receiver(), receiver());
    let hook = |name: &str, at: &Endpoint, more: &str| {
        format!("[notify.{name}]\ntype = \"webhook\"\nurl = \"http://{}/\"\n{more}\n", at.address)
    };
    let scene = Scene::new(&format!("{}{}", hook("some", &some, more), hook("all", &all, "")));
    let node = scene.start();
    (scene, node, some, all)
}

/// The kinds of events that the first webhook was told of, once both have the last one.
fn told(more: &str) -> Vec<String> {
    let (scene, node, some, all) = beside(more);
    wait_for_kind(&all, "node-ready");
    scene.fail(&node);
    wait_for_kind(&all, "answer-changed");
    wait_for_kind(&all, "endpoint-down");
    scene.recover(&node);
    let up = wait_for_kind(&all, "endpoint-up")["id"].as_u64().unwrap();
    // Sinks do not wait for each other: each has dealt with an event when its cursor is behind it.
    until("both have dealt with it", || {
        let text = std::fs::read_to_string(scene.folder.path("state/outbox.json")).unwrap_or_default();
        let outbox: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        ["some", "all"].iter().all(|name| outbox["sinks"][name]["cursor"].as_u64().is_some_and(|id| id >= up))
    });
    let kind = |request: crate::support::endpoint::Request| request.json()["data"]["kind"].as_str().unwrap().to_owned();
    some.requests().into_iter().map(kind).collect()
}

pub fn sink_type() {
    // All that follow are of some type; a wrong one is an error.
    let scene = Scene::new("[notify.hook]\ntype = \"exec\"\ncommand = [\"/bin/sh\", \"-c\", \"exit 0\"]");
    let node = scene.start();
    node.wait_log("delivered", LONG);
}

pub fn on() {
    let kinds = told("on = [\"endpoint\"]");
    assert!(kinds.contains(&"endpoint-down".to_owned()), "{kinds:?}");
    assert!(kinds.iter().all(|kind| kind.starts_with("endpoint-")), "{kinds:?}");
}

pub fn severity() {
    // The end of what was told is told, though it is no more than information.
    assert_eq!(told("severity = \"warning\"")[..2], ["endpoint-down", "endpoint-up"]);
}

pub fn pools() {
    let kinds = told("pools = [\"app.example.com/other\"]");
    assert!(kinds.contains(&"node-ready".to_owned()) && !kinds.contains(&"endpoint-down".to_owned()), "{kinds:?}");
    assert!(told(&format!("pools = [\"{POOL}\"]")).contains(&"endpoint-down".to_owned()));
}

/// Starts a node with a secret in a file, and these keys, and waits until it has failed.
fn failing(keys: impl FnOnce(&Scene) -> String) -> (Scene, Node) {
    let scene = Scene::new("");
    let keys = keys(&scene);
    scene.notify(&format!("[notify.ops]\n{keys}\n"));
    let node = scene.start();
    scene.fail(&node);
    (scene, node)
}

/// An https receiver whose certificate is of an authority of its own; how it is named, and its `ca_file`.
fn secured(scene: &Scene) -> (Endpoint, String, &'static str) {
    let authority = Authority::default();
    let at = receiver();
    at.present(&authority.issue("127.0.0.1"));
    scene.folder.write("ca.pem", &authority.pem());
    let url = format!("https://{}", at.address);
    (at, url, "ca_file = \"ca.pem\"")
}

/// With the key it is delivered; without it the certificate is not trusted.
fn ca_file(keys: impl Fn(&Scene, &str) -> String) {
    let mut at = None;
    let (scene, node) = failing(|scene| {
        let (endpoint, url, ca) = secured(scene);
        let keys = keys(scene, &url);
        at = Some((endpoint, keys.clone()));
        format!("{keys}\n{ca}")
    });
    let (at, keys) = at.unwrap();
    wait_for(&at, "a request", |_| true);
    drop(node);
    scene.notify(&format!("[notify.ops]\n{keys}\n"));
    let node = scene.start();
    let line = node.wait_log("not delivered", LONG);
    assert!(line["message"].as_str().unwrap().contains("certificate"), "{line}");
}

pub fn slack_url() {
    let at = receiver();
    let (_scene, _node) = failing(|scene| {
        let url = scene.secret("url", &format!("http://{}/services/T0/B0/hunter2", at.address));
        format!("type = \"slack\"\nurl = {url}")
    });
    let request = wait_for(&at, "a message", |request| request.json()["text"].as_str().unwrap().contains("is down"));
    assert_eq!(request.line(), "POST /services/T0/B0/hunter2 HTTP/1.1");
}

pub fn slack_ca_file() {
    ca_file(|scene, url| format!("type = \"slack\"\nurl = {}", scene.secret("url", &format!("{url}/s"))));
}

fn pagerduty(scene: &Scene, url: &str) -> String {
    let key = scene.secret("key", "R0123456789ABCDEF0123456789ABCDE");
    format!("type = \"pagerduty\"\nrouting_key = {key}\nurl = \"{url}/v2/enqueue\"")
}

pub fn pagerduty_routing_key() {
    let at = receiver();
    let (_scene, _node) = failing(|scene| pagerduty(scene, &format!("http://{}", at.address)));
    let request = wait_for(&at, "an event", |_| true);
    assert_eq!(request.json()["routing_key"], "R0123456789ABCDEF0123456789ABCDE");
}

pub fn pagerduty_url() {
    let at = receiver();
    let (_scene, _node) = failing(|scene| pagerduty(scene, &format!("http://{}", at.address)));
    assert_eq!(wait_for(&at, "an event", |_| true).line(), "POST /v2/enqueue HTTP/1.1");
}

pub fn pagerduty_ca_file() {
    ca_file(pagerduty);
}

/// The first request to an Alertmanager with more keys.
fn alertmanager(more: impl FnOnce(&Scene) -> String) -> crate::support::endpoint::Request {
    let at = receiver();
    let (_scene, _node) =
        failing(|scene| format!("type = \"alertmanager\"\nurl = \"http://{}/alerts/\"\n{}", at.address, more(scene)));
    wait_for(&at, "an alert", |_| true)
}

pub fn alertmanager_url() {
    let request = alertmanager(|_| String::new());
    assert_eq!((request.line(), request.header("authorization")), ("POST /alerts/api/v2/alerts HTTP/1.1", None));
}

pub fn alertmanager_username() {
    let request = alertmanager(|scene| format!("username = \"ops\"\npassword = {}", scene.secret("pw", "hunter2")));
    let want = format!("Basic {}", data_encoding::BASE64.encode(b"ops:hunter2"));
    assert_eq!(request.header("authorization"), Some(&*want));
}

/// A changed secret counts from the next reload on, which its file brings about by itself.
pub fn alertmanager_password() {
    let at = receiver();
    let (scene, node) = failing(|scene| {
        let password = scene.secret("pw", "hunter2");
        format!("type = \"alertmanager\"\nurl = \"http://{}\"\nusername = \"ops\"\npassword = {password}", at.address)
    });
    let says = |request: &crate::support::endpoint::Request, password: &str| {
        let want = format!("Basic {}", data_encoding::BASE64.encode(format!("ops:{password}").as_bytes()));
        request.header("authorization") == Some(&*want)
    };
    wait_for(&at, "the first password", |request| says(request, "hunter2"));
    let mark = node.mark();
    scene.secret("pw", "hunter3");
    node.wait_log_from(mark, "reloaded", LONG);
    scene.recover(&node);
    wait_for(&at, "the second password", |request| says(request, "hunter3"));
}

pub fn alertmanager_token() {
    let request = alertmanager(|scene| format!("token = {}", scene.secret("token", "hunter2")));
    assert_eq!(request.header("authorization"), Some("Bearer hunter2"));
}

pub fn alertmanager_labels() {
    let alerts = alertmanager(|_| "labels = { team = \"web\" }".to_owned()).json();
    assert_eq!((&alerts[0]["labels"]["team"], &alerts[0]["labels"]["pool"]), (&json!("web"), &json!("app")));
}

pub fn alertmanager_ca_file() {
    ca_file(|_, url| format!("type = \"alertmanager\"\nurl = \"{url}\""));
}

pub fn webhook_url() {
    let at = receiver();
    for secret in [false, true] {
        let (_scene, _node) = failing(|scene| {
            let url = format!("http://{}/{}", at.address, if secret { "hunter2" } else { "plain" });
            let url = if secret { scene.secret("url", &url) } else { format!("{url:?}") };
            format!("type = \"webhook\"\nurl = {url}")
        });
        let want = if secret { "POST /hunter2 HTTP/1.1" } else { "POST /plain HTTP/1.1" };
        wait_for(&at, want, |request| request.line() == want);
    }
}

pub fn webhook_secret() {
    let at = receiver();
    let (_scene, _node) = failing(|scene| {
        let secret = scene.secret("hmac", "hunter2");
        format!("type = \"webhook\"\nurl = \"http://{}/\"\nsecret = {secret}", at.address)
    });
    let request = wait_for(&at, "an event", |_| true);
    let (time, signature) = request.header("x-pharos-signature").unwrap().split_once(",v1=").unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"hunter2");
    let signed = [time.strip_prefix("t=").unwrap().as_bytes(), b".", &request.body].concat();
    let signature = data_encoding::HEXLOWER.decode(signature.as_bytes()).unwrap();
    assert!(ring::hmac::verify(&key, &signed, &signature).is_ok());
}

pub fn webhook_headers() {
    let at = receiver();
    let (_scene, _node) = failing(|scene| {
        let token = scene.secret("token", "Bearer hunter2");
        let headers = format!("headers = {{ \"X-Team\" = \"web\", Authorization = {token} }}");
        format!("type = \"webhook\"\nurl = \"http://{}/\"\n{headers}", at.address)
    });
    let request = wait_for(&at, "an event", |_| true);
    assert_eq!((request.header("x-team"), request.header("authorization")), (Some("web"), Some("Bearer hunter2")));
    assert_eq!(request.header("x-pharos-signature"), None);
}

pub fn webhook_ca_file() {
    ca_file(|_, url| format!("type = \"webhook\"\nurl = \"{url}/\""));
}

/// The mail that a server got for the failure, with more keys.
fn mail(server: &MailServer, more: impl FnOnce(&Scene) -> String) -> Mail {
    let (_scene, _node) = failing(|scene| {
        format!(
            "type = \"email\"\nserver = \"{}\"\nfrom = \"pharos <pharos@example.com>\"\n\
             to = [\"ops@example.com\", \"boss@example.com\"]\n{}",
            server.address,
            more(scene)
        )
    });
    let mut found = None;
    until("a mail", || {
        found = server.mails().into_iter().find(|mail| mail.text.contains("endpoint-down"));
        found.is_some()
    });
    found.unwrap()
}

fn plain() -> Mail {
    mail(&MailServer::plain(), |_| "tls = \"none\"".to_owned())
}

pub fn email_server() {
    assert!(!plain().secured);
}

pub fn email_from() {
    let mail = plain();
    assert_eq!(
        (&*mail.from, mail.header("from").unwrap().as_str()),
        ("pharos@example.com", "pharos <pharos@example.com>")
    );
}

pub fn email_to() {
    let server = MailServer::plain();
    let first = mail(&server, |_| "tls = \"none\"".to_owned());
    assert_eq!(first.header("to").as_deref(), Some("ops@example.com, boss@example.com"));
    let of = |to: &str| server.mails().into_iter().any(|mail| mail.to == [to] && mail.text == first.text);
    until("each has it by a transaction of its own", || of("ops@example.com") && of("boss@example.com"));
}

pub fn email_tls() {
    let authority = Authority::default();
    let certificate = authority.issue("127.0.0.1");
    let ca = |scene: &Scene| {
        scene.folder.write("ca.pem", &authority.pem());
        "ca_file = \"ca.pem\"".to_owned()
    };
    assert!(mail(&MailServer::tls(&certificate), |scene| format!("tls = \"tls\"\n{}", ca(scene))).secured);
    // What is not said is STARTTLS, and not without.
    assert!(mail(&MailServer::starttls(&certificate), ca).secured);
    let server = MailServer::plain();
    let (_scene, node) = failing(|scene| {
        format!(
            "type = \"email\"\nserver = \"{}\"\nfrom = \"a@example.com\"\nto = \"b@example.com\"\n{}",
            server.address,
            ca(scene)
        )
    });
    node.wait_log("not delivered", LONG);
    assert!(server.mails().is_empty());
}

pub fn email_username() {
    let login = |scene: &Scene| {
        format!("tls = \"none\"\nusername = \"ops\"\npassword = {}", scene.secret("password", "hunter2"))
    };
    assert_eq!(mail(&MailServer::plain(), login).login.as_deref(), Some("\0ops\0hunter2"));
    assert_eq!(plain().login, None);
}

/// Without its file the sink waits, and goes on where it was once it is there.
pub fn email_password() {
    let server = MailServer::plain();
    let keys = |scene: &Scene| {
        let keys = "tls = \"none\"\nfrom = \"a@example.com\"\nto = \"b@example.com\"\nusername = \"ops\"";
        scene.notify(&format!(
            "[notify.ops]\ntype = \"email\"\nserver = \"{}\"\n{keys}\npassword = {{ file = \"password\" }}\n",
            server.address
        ));
    };
    let scene = Scene::new("");
    keys(&scene);
    let node = scene.start();
    node.wait_log("notifications wait until it can be used", LONG);
    scene.fail(&node);
    assert!(server.mails().is_empty());
    scene.secret("password", "hunter2");
    until("what happened meanwhile is told", || {
        let mut mails = server.mails().into_iter();
        mails.any(|mail| mail.text.contains("endpoint-down") && mail.login.as_deref() == Some("\0ops\0hunter2"))
    });
}

pub fn email_ca_file() {
    let authority = Authority::default();
    let server = MailServer::starttls(&authority.issue("127.0.0.1"));
    let (_scene, node) = failing(|_| {
        format!("type = \"email\"\nserver = \"{}\"\nfrom = \"a@example.com\"\nto = \"b@example.com\"", server.address)
    });
    let line = node.wait_log("not delivered", LONG);
    assert!(line["message"].as_str().unwrap().contains("certificate"), "{line}");
    assert!(server.mails().is_empty());
}

/// What a hook wrote into the file `out` when the endpoint failed.
fn hook(script: &str, more: impl FnOnce(&Scene) -> String) -> (Scene, Node) {
    failing(|scene| {
        let script = script.replace("OUT", scene.folder.path("out").to_str().unwrap());
        format!("type = \"exec\"\ncommand = [\"/bin/sh\", \"-c\", '{script}', \"hook\", \"one word\"]\n{}", more(scene))
    })
}

fn wait_for_out(scene: &Scene) -> String {
    until("the hook ran", || std::fs::read_to_string(scene.folder.path("out")).is_ok_and(|text| text.ends_with('\n')));
    scene.folder.read("out")
}

pub fn exec_command() {
    let (scene, _node) = hook("echo \"$0 $#: $1\" > OUT", |_| String::new());
    assert_eq!(wait_for_out(&scene), "hook 1: one word\n");
}

pub fn exec_timeout() {
    let (_scene, node) = hook("sleep 100", |_| "timeout = \"200ms\"".to_owned());
    let line = node.wait_log("given up", LONG);
    assert!(line["message"].as_str().unwrap().ends_with("the command took longer than 200ms and was ended"), "{line}");
}

pub fn exec_env() {
    let (scene, _node) = hook("echo \"$HOME $KEY\" > OUT", |scene| {
        format!("env = {{ HOME = \"/var/empty\", KEY = {} }}", scene.secret("key", "hunter2"))
    });
    assert_eq!(wait_for_out(&scene), "/var/empty hunter2\n");
}
