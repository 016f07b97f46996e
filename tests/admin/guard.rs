//! What every request must pass.

use serde_json::json;

use crate::support::folder::Folder;
use crate::support::http::Call;
use crate::support::node::Node;
use crate::{STEERING, node, write};

const SEE: &str = "may-see-all-of-it";
const DO: &str = "may-do-all-of-it";

fn guarded() -> (Folder, Node) {
    let folder = Folder::steered(STEERING);
    folder.write("see", SEE).write("do", DO);
    let socket = folder.path("admin.sock");
    folder.node_with(
        &format!("dns = [\"127.0.0.1:0\"]\nadmin = [\"127.0.0.1:0\", \"unix:{}\"]", socket.display()),
        "[admin]\nread_token = { file = \"see\" }\nwrite_token = { file = \"do\" }\n",
    );
    let node = Node::start(&folder);
    (folder, node)
}

fn failback() -> Call {
    write("POST", "/v1/failback", &json!({ "pool": "app.example.com/app" }))
}

#[test]
fn tokens_part_seeing_from_changing() {
    let (folder, node) = guarded();
    for path in ["/healthz", "/readyz", "/", "/app.js", "/v1/openapi.json", "/v1/whoami"] {
        assert_eq!(Call::get(path).ask(&node).status, 200, "{path} needs no token");
    }
    for path in ["/v1/status", "/v1/pools", "/v1/events", "/metrics", "/v1/no-such-path"] {
        let reply = Call::get(path).ask(&node);
        assert_eq!(reply.fault(), (401, "token-missing".to_owned()), "{path}");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        assert_eq!(Call::get(path).token("wrong").ask(&node).fault(), (401, "token-wrong".to_owned()), "{path}");
    }
    assert_eq!(Call::get("/v1/status").token(SEE).ask(&node).status, 200);
    assert_eq!(Call::get("/v1/status").token(DO).ask(&node).status, 200);
    assert_eq!(failback().ask(&node).fault().1, "token-missing");
    assert_eq!(failback().token(SEE).ask(&node).fault(), (403, "token-read-only".to_owned()));
    assert_eq!(failback().token(DO).ask(&node).ok()["released"], 0);
    for (token, access, needed) in [(None, "none", true), (Some(SEE), "read", false), (Some(DO), "write", false)] {
        let call = Call::get("/v1/whoami");
        let who = token.map_or_else(|| Call::get("/v1/whoami"), |token| call.token(token)).ask(&node).ok();
        assert_eq!(who, json!({ "access": access, "token_needed": needed }));
    }
    let wrong = Call::get("/v1/whoami").token("wrong").ask(&node).ok();
    assert_eq!(wrong["access"], "none", "never 401");
    // Whoever may open the socket may do everything.
    let socket = folder.path("admin.sock");
    assert_eq!(failback().ask_unix(&socket).ok()["released"], 0);
    assert_eq!(Call::get("/v1/whoami").ask_unix(&socket).ok()["access"], "write");
}

#[test]
fn tokens_that_are_none_keep_the_node_from_starting() {
    for (see, and, says) in [
        ("short", DO, "[admin] read_token is shorter than 16 bytes"),
        (DO, DO, "read_token and write_token are the same"),
        ("", DO, "[admin] read_token cannot be read"),
    ] {
        let folder = Folder::steered(STEERING);
        folder.node("[admin]\nread_token = { file = \"see\" }\nwrite_token = { file = \"do\" }\n");
        folder.write("see", see).write("do", and);
        let output = crate::support::node::pharos().args(["serve", "--config"]).arg(folder.config()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(says), "{text}");
        assert!(!text.contains(DO) && !text.contains("short\""), "a token is told: {text}");
    }
}

#[test]
fn requests_for_other_hosts_are_refused() {
    let (_folder, node) = node();
    for host in ["evil.example", "evil.example:8053", "192.0.2.1", "localhost.evil.example"] {
        let reply = Call::get("/v1/status").header("Host", host).ask(&node);
        assert_eq!(reply.fault(), (421, "host-not-known".to_owned()), "{host}");
        assert_eq!(Call::get("/healthz").header("Host", host).ask(&node).status, 421, "{host}");
    }
    assert_eq!(Call::get("/v1/status").header("Host", "localhost:1").ask(&node).status, 200);
}

#[test]
fn pages_of_other_sites_change_nothing() {
    let (_folder, node) = node();
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1"] {
        let reply = failback().header("Origin", origin).ask(&node);
        assert_eq!(reply.fault(), (403, "foreign-origin".to_owned()), "{origin}");
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
    let own = format!("http://{}", node.admin[0]);
    assert_eq!(failback().header("Origin", &own).ask(&node).status, 200);
    // What a form can send.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json"] {
        let reply = Call::new("POST", "/v1/failback").header("Content-Type", kind).body("{}").ask(&node);
        assert_eq!(reply.fault(), (415, "not-json".to_owned()), "{kind}");
    }
    assert_eq!(Call::new("POST", "/v1/failback").body("{}").ask(&node).fault().0, 415);
}

#[test]
fn bodies_are_bounded_and_complete() {
    let (_folder, node) = node();
    let long = json!({ "pool": "x".repeat(70_000) });
    for path in ["/v1/failback", "/v1/reload", "/v1/overrides"] {
        let method = if path == "/v1/overrides" { "PUT" } else { "POST" };
        let reply = Call::new(method, path).json(&long).ask(&node);
        assert_eq!(reply.fault(), (413, "body-too-large".to_owned()), "{path}");
        for body in ["", "{", "[]", "null", "{\"author\":1}", "{\"nobody\":1}"] {
            let call = Call::new(method, path).header("Content-Type", "application/json").body(body);
            assert_eq!(call.ask(&node).fault(), (400, "body-wrong".to_owned()), "{path} {body:?}");
        }
    }
}

#[test]
fn a_change_says_who_and_why() {
    let (_folder, node) = node();
    let scope = json!({ "region": "us-east" });
    let set = json!({ "scope": scope, "force": "down" });
    let clear = json!({ "scope": scope });
    let failback = json!({ "pool": "app.example.com/app" });
    for (method, path, keys) in [
        ("PUT", "/v1/overrides", &set),
        ("DELETE", "/v1/overrides", &clear),
        ("POST", "/v1/failback", &failback),
        ("POST", "/v1/reload", &json!({})),
    ] {
        for (author, reason, code) in [
            (json!(null), json!("x"), "author-missing"),
            (json!(" "), json!("x"), "author-missing"),
            (json!("a".repeat(101)), json!("x"), "author-long"),
            (json!("ann"), json!(""), "reason-missing"),
            (json!("ann"), json!("x".repeat(501)), "reason-long"),
        ] {
            let mut body = keys.clone();
            body["author"] = author;
            body["reason"] = reason;
            let reply = Call::new(method, path).json(&body).ask(&node);
            assert_eq!(reply.fault(), (400, code.to_owned()), "{method} {path} {body}");
        }
        // Not at all.
        assert_eq!(Call::new(method, path).json(keys).ask(&node).fault().1, "author-missing", "{path}");
    }
}

#[test]
fn answers_are_not_sniffed_framed_or_kept() {
    let (_folder, node) = node();
    for path in ["/v1/status", "/healthz", "/no-such-path", "/"] {
        let reply = Call::get(path).ask(&node);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{path}");
        }
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(policy.contains("script-src 'self'"), path == "/", "{path}: {policy}");
    }
}

#[test]
fn paths_and_methods_that_are_not_there_are_told() {
    let (_folder, node) = node();
    assert_eq!(Call::get("/v1/nothing").ask(&node).fault(), (404, "not-found".to_owned()));
    let reply = Call::new("DELETE", "/v1/status").ask(&node);
    assert_eq!(reply.fault(), (405, "method-not-allowed".to_owned()));
    assert_eq!(reply.header("allow"), Some("GET,HEAD"));
}
