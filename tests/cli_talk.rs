//! How commands talk to a node: what they send, and what they make of whatever comes back.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use support::api::{Api, Reply};
use support::node::pharos;
use support::{LONG, pause, until};
use tokio::time::Instant;

const STATUS: &str = include_str!("cli/status.json");
const DRILL: &str = include_str!("cli/drill.json");

fn command(api: &Api, args: &[&str]) -> Command {
    let mut command = pharos();
    command.args(args).args(["--admin", &api.address.to_string()]);
    command
}

fn run(api: &Api, args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command(api, args).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply::Json(status, format!("{{\"code\":\"{code}\",\"message\":\"{message}\"}}"))
}

#[test]
fn a_token_is_sent_and_a_missing_one_is_told() {
    let api = Api::new(|_, _| refusal(401, "token-missing", "a token is needed"));
    let (code, _, text) = run(&api, &["status"]);
    assert_eq!(code, 1);
    assert!(text.contains("--token-file") && text.contains("PHAROS_TOKEN"), "{text}");
    assert_eq!(api.asked()[0].header("authorization"), None);

    let api = Api::new(|_, _| refusal(401, "token-wrong", "this token is not known"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret-of-file\n").unwrap();
    let (code, _, text) = run(&api, &["status", "--token-file", file.path().to_str().unwrap()]);
    assert_eq!((code, text.contains("does not know this token")), (1, true), "{text}");
    let output = command(&api, &["status"]).env("PHAROS_TOKEN", "secret-of-env").output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("secret"));
    let sent: Vec<_> = api.asked().iter().map(|asked| asked.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(sent, ["Bearer secret-of-file", "Bearer secret-of-env"]);

    let api = Api::new(|_, n| match n {
        0 => Reply::Json(200, STATUS.to_owned()),
        _ => refusal(403, "token-read-only", "this token may only read"),
    });
    let (code, _, text) = run(&api, &["failback", "shop"]);
    assert_eq!((code, text.contains("write_token")), (1, true), "{text}");
}

#[test]
fn what_is_no_node_is_not_taken_for_one() {
    for (reply, word) in [
        ("SSH-2.0-OpenSSH_9.2\r\n", "is it the admin API"),
        ("", "is it the admin API"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "of another version"),
        ("HTTP/1.1 500 OK\r\nContent-Length: 6\r\n\r\n<html>", "is not the admin API of a pharos node"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n{\"version\":", "is it the admin API"),
    ] {
        let api = Api::new(move |_, _| Reply::Raw(reply.to_owned()));
        let (code, out, text) = run(&api, &["status"]);
        assert_eq!((code, out.as_str()), (3, ""), "{reply}: {text}");
        assert!(text.contains(word), "{reply}: {text}");
    }
    let api = Api::new(|_, _| refusal(503, "stopping", "the node is stopping"));
    let (code, _, text) = run(&api, &["status"]);
    assert_eq!((code, text.contains("the node is stopping")), (3, true), "{text}");
}

#[test]
fn an_override_is_sent_signed() {
    let api = Api::new(|line, _| {
        match line {
        "GET /v1/status" => Reply::Json(200, STATUS.to_owned()),
        _ => Reply::Json(
            200,
            r#"{"override":{"scope":"endpoint us-east of app.example.com/app","target":{"endpoint":"app.example.com/app/us-east"},
               "force":"down","reason":"deploy","author":"bob@host","set":"2026-11-21T05:38:19.000Z","expires":null},"saved":false}"#
                .to_owned(),
        ),
    }
    });
    let (code, out, text) = run(&api, &["override", "app/us-east", "down", "--for", "2s", "--reason", "deploy"]);
    assert_eq!(code, 0, "{text}");
    assert!(out.starts_with("endpoint us-east of app.example.com/app is forced down until it is cleared, by bob@host"));
    assert!(out.contains("to undo it: pharos override app.example.com/app/us-east clear\n"), "{out}");
    assert!(text.contains("a restart would lose it"), "{text}");
    let asked = api.asked();
    assert_eq!(asked[1].line, "PUT /v1/overrides");
    assert_eq!(asked[1].header("content-type"), Some("application/json"));
    let body: Value = serde_json::from_str(&asked[1].body).unwrap();
    assert_eq!(body["scope"], serde_json::json!({"endpoint": "app.example.com/app/us-east"}));
    assert_eq!((&body["force"], &body["for_ms"], &body["reason"]), (&"down".into(), &2000.into(), &"deploy".into()));
    assert!(body["author"].as_str().unwrap().contains('@'), "{body}");

    let who = [("SUDO_USER", "alice"), ("USER", "root")];
    command(&api, &["override", "pool:shop", "drain", "--reason", "x"]).envs(who).output().unwrap();
    let body: Value = serde_json::from_str(&api.asked()[4].body).unwrap();
    assert_eq!((&body["for_ms"], &body["scope"]["pool"]), (&Value::Null, &"shop.example.com/shop".into()));
    assert!(body["author"].as_str().unwrap().starts_with("alice@"), "{body}");

    run(&api, &["override", "region:eu-west", "clear", "--author", "me"]);
    let asked = api.asked().remove(7);
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(asked.line, "DELETE /v1/overrides");
    assert_eq!(
        body,
        serde_json::json!({"scope": {"region": "eu-west"}, "author": "me", "reason": "cleared by command"})
    );
}

#[test]
fn json_is_printed_as_it_came() {
    let api = Api::new(|line, _| match line.split('?').next().unwrap() {
        "GET /v1/status" => Reply::Json(200, STATUS.to_owned()),
        "GET /v1/drills" => Reply::Json(200, format!("[{DRILL}]")),
        "POST /v1/reload" => {
            Reply::Json(422, r#"{"code":"config-invalid","message":"no","diagnostics":["error[x]: y\n"]}"#.into())
        }
        _ => Reply::Json(200, r#"{"zzz":1,"aaa":[2, 3]}"#.to_owned()),
    });
    for args in [
        &["status", "app.example.com/app"][..],
        &["explain", "app.example.com"],
        &["override", "us-west", "up", "--reason", "x"],
        &["failback", "shop"],
        &["drill", "show", "20261121"],
        &["notify", "list"],
    ] {
        let (code, out, text) = run(&api, &[args, &["--json"]].concat());
        assert_eq!((code, out.as_str()), (0, "{\"zzz\":1,\"aaa\":[2, 3]}\n"), "{args:?} {text}");
    }
    let (code, out, text) = run(&api, &["reload", "--json"]);
    assert_eq!((code, serde_json::from_str::<Value>(&out).unwrap()["code"] == "config-invalid"), (1, true), "{text}");
    let (code, out, text) = run(&api, &["reload"]);
    assert_eq!((code, out.as_str(), text.as_str()), (1, "", "error[x]: y\n\npharos: no\n"));
    let lines: Vec<_> = api.asked().iter().map(|asked| asked.line.clone()).collect();
    for line in ["GET /v1/pools/app.example.com/app", "GET /v1/explain?name=app.example.com.&type=A"] {
        assert!(lines.iter().any(|known| known == line), "{line} in {lines:?}");
    }
}

fn event(id: u64, text: &str) -> String {
    format!(
        "{{\"id\":{id},\"time\":\"2026-11-21T05:38:19.123Z\",\"severity\":\"info\",\"state\":\"note\",\"text\":\"{text}\"}}"
    )
}

/// A command whose output is read while it runs.
struct Running {
    child: Child,
    out: Option<BufReader<ChildStdout>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn new(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = child.stdout.take().map(BufReader::new);
        Self { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.as_mut().unwrap().read_line(&mut line).unwrap();
        line
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    fn ended(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(began.elapsed() < LONG, "it does not end");
            pause(std::time::Duration::from_millis(5));
        }
    }
}

/// The stream breaks after two events, and goes on after a reconnection.
fn events() -> Api {
    Api::new(|line, n| match n {
        0 => Reply::Json(200, format!("{{\"events\":[{},{}],\"oldest\":1}}", event(1, "one"), event(2, "two"))),
        1 => Reply::Events(format!(": hello\n\nid: 3\nevent: x\ndata: {}\n\n", event(3, "three"))),
        2 => refusal(503, "streams-max", "too many"),
        _ => Reply::Open(format!("id: 4\ndata: {}\n\n", event(4, line))),
    })
}

#[test]
fn events_are_followed_over_a_lost_connection() {
    let api = events();
    let mut running = Running::new(command(&api, &["events", "--follow", "--topic", "pool"]));
    for word in ["one", "two", "three"] {
        assert_eq!(running.line(), format!("2026-11-21 05:38:19.123Z  info      {word}\n"));
    }
    assert!(running.line().ends_with("GET /v1/events?after=2&topic=pool\n"));
    running.signal(Signal::SIGINT);
    assert_eq!(running.ended(), Some(0));
    let asked = api.asked();
    assert_eq!(asked[0].line, "GET /v1/events?limit=10&topic=pool");
    let after: Vec<_> = asked[1..].iter().map(|asked| asked.header("last-event-id").unwrap()).collect();
    assert_eq!(after, ["2", "3", "3"]);
    let mut said = String::new();
    running.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("lost; trying again") && said.contains("connected again"), "{said}");
}

#[test]
fn events_end_quietly_when_nobody_reads_them() {
    let api = events();
    let mut running = Running::new(command(&api, &["events", "--follow", "--json"]));
    for _ in 0..4 {
        assert!(serde_json::from_str::<Value>(&running.line()).unwrap()["id"].is_u64());
    }
    // No more events come: the pipe itself must be looked at.
    running.out = None;
    assert_eq!(running.ended(), Some(0));
}

#[test]
fn a_drill_is_restored_by_ctrl_c() {
    let running_drill = DRILL.replace("\"done\"", "\"running\"").replace("\"met\": true", "\"met\": null");
    let aborted = DRILL.replace("\"done\"", "\"aborted\"").replace("\"note\": null", "\"note\": \"stopped by hand\"");
    let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let api = Api::new(move |line, _| {
        let order = std::sync::atomic::Ordering::SeqCst;
        match line.split(' ').next().unwrap() {
            "GET" if line == "GET /v1/status" => Reply::Json(200, STATUS.to_owned()),
            "POST" => Reply::Json(201, running_drill.clone()),
            "DELETE" => {
                ended.store(true, order);
                Reply::Json(200, running_drill.replace("running", "restoring"))
            }
            _ if ended.load(order) => Reply::Json(200, aborted.clone()),
            _ => Reply::Json(200, running_drill.clone()),
        }
    });
    let args = ["drill", "--region", "US-east", "--yes", "--for", "90s", "--rto", "1m", "--resolver", "192.0.2.1"];
    let mut running = Running::new(command(&api, &args));
    // Once it asks again, it has told what the first reply said.
    let follows = |api: &Api| api.asked().iter().filter(|asked| asked.line.starts_with("GET /v1/drills/")).count();
    until("the drill is followed", || follows(&api) > 1);
    running.signal(Signal::SIGINT);
    assert_eq!(running.ended(), Some(1));
    let mut out = String::new();
    running.out.as_mut().unwrap().read_to_string(&mut out).unwrap();
    assert!(out.contains("cut short") && out.contains("stopped by hand"), "{out}");
    let mut said = String::new();
    running.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("answer moved within 415 ms") && said.contains("restoring"), "{said}");
    let asked = api.asked();
    let begun: Value = serde_json::from_str(&asked[1].body).unwrap();
    assert_eq!(
        (&begun["region"], &begun["for_ms"], &begun["rto_ms"]),
        (&"us-east".into(), &90_000.into(), &60_000.into())
    );
    assert_eq!(begun["resolvers"][0], "192.0.2.1:53");
    assert!(asked.iter().any(|asked| asked.line == "DELETE /v1/drills/20261121T053819Z-us-east"));
}

#[test]
fn a_drill_ends_by_its_target() {
    for (drill, wanted) in [
        (DRILL.to_owned(), 0),
        (DRILL.replace("\"met\": true", "\"met\": false"), 1),
        (DRILL.replace("\"met\": true", "\"met\": null"), 0),
    ] {
        let api = Api::new(move |line, _| match line {
            "GET /v1/status" => Reply::Json(200, STATUS.to_owned()),
            _ => Reply::Json(200, drill.clone()),
        });
        let (code, out, _) = run(&api, &["drill", "--region", "us-east", "--yes"]);
        assert_eq!(code, wanted, "{out}");
        assert!(out.contains("answer moved  415 ms"), "{out}");
    }
    let api = Api::new(|line, _| match line {
        "GET /v1/status" => Reply::Json(200, STATUS.to_owned()),
        _ => refusal(409, "last-healthy", "us-east is the last healthy region of app.example.com/app"),
    });
    let (code, _, text) = run(&api, &["drill", "--region", "us-east", "--yes"]);
    assert_eq!((code, text.contains("last healthy region")), (1, true), "{text}");
    let (code, _, text) = run(&api, &["drill", "--region", "us-esat", "--yes"]);
    assert_eq!((code, text.contains("did you mean \"us-east\"?")), (1, true), "{text}");
}
