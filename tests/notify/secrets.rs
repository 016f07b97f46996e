//! Secrets are in what is sent, and nowhere else.

use crate::support::endpoint::{Behaviour, Endpoint};
use crate::support::node::pharos;
use crate::support::sink::Scene;
use crate::support::until;

const SECRET: &str = "hunter2-hunter2";

#[test]
fn no_log_line_reply_or_file_shows_a_secret() {
    // It repeats what it was sent, as proxies do in their errors.
    let echo = Endpoint::new(Behaviour::Reply(502, format!("cannot reach /services/{SECRET} with {SECRET}")));
    let refuses = Endpoint::new(Behaviour::Reply(403, format!("bad key {SECRET}")));
    let closed = Endpoint::new(Behaviour::Close);
    let scene = Scene::new("");
    scene.secret("url", &format!("http://{}/services/{SECRET}", echo.address));
    scene.secret("closed", &format!("http://{}/{SECRET}", closed.address));
    scene.secret("key", SECRET);
    let key = "{ file = \"key\" }";
    scene.notify(&format!(
        "[notify.chat]\ntype = \"slack\"\nurl = {{ file = \"url\" }}\n\
         [notify.closed]\ntype = \"webhook\"\nurl = {{ file = \"closed\" }}\nsecret = {key}\n\
         [notify.pd]\ntype = \"pagerduty\"\nrouting_key = {key}\nurl = \"http://{}/\"\n\
         [notify.run]\ntype = \"exec\"\ncommand = [\"/bin/sh\", \"-c\", \"echo $KEY; exit 1\"]\nenv = {{ KEY = {key} }}\n",
        refuses.address
    ));
    let node = scene.start();
    scene.fail(&node);
    let all = ["chat", "closed", "pd", "run"];
    until("all have failed", || {
        let log = node.log();
        all.iter().all(|name| log.iter().any(|l| l.contains(&format!("\"sink\":\"{name}\"")) && l.contains("message")))
    });
    until("each has said why", || node.log().iter().filter(|line| line.contains("(secret)")).count() >= 3);
    for path in ["/v1/status", "/v1/sinks", "/metrics", "/v1/events"] {
        assert!(!node.get(path).1.contains(SECRET), "{path}");
    }
    until("it is in the history", || scene.folder.read("state/events.jsonl").contains("hook-failed"));
    let shown = node.log().into_iter().filter(|line| line.contains(SECRET)).collect::<Vec<_>>();
    assert!(shown.is_empty(), "{}", shown.join("\n"));
    for entry in std::fs::read_dir(scene.folder.path("state")).unwrap() {
        let path = entry.unwrap().path();
        assert!(!std::fs::read_to_string(&path).unwrap_or_default().contains(SECRET), "{}", path.display());
    }
    let output = pharos().args(["check", "--json", "--config"]).arg(scene.folder.config()).output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains(SECRET));
}
