//! The commands: what they print, how they end, and the life of a node.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::net::TcpListener;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Command, Output};
use std::time::Duration;

use hickory_proto::rr::RecordType;
use nix::sys::signal::Signal;
use serde_json::Value;
use support::dns;
use support::endpoint::{Behaviour, Endpoint};
use support::folder::{Folder, MASTER};
use support::node::{Node, http_get, pharos};
use support::{LONG, pause};

const POOL: &str = "[pool.app]\nnames = [\"@\"]\n[[pool.app.endpoint]]\nname = \"one\"\naddress = [\"192.0.2.1\"]\n";

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn check(folder: &Folder) -> Output {
    run(pharos().arg("check").arg("--config").arg(folder.config()))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn help_and_version_read_well() {
    let help = run(pharos().arg("--help"));
    assert_eq!(help.status.code(), Some(0));
    for word in ["serve", "check", "status", "override", "demo", "completions", "Exit codes", "3  the node"] {
        assert!(text(&help.stdout).contains(word), "{word} is missing:\n{}", text(&help.stdout));
    }
    let version = run(pharos().arg("--version"));
    let line = text(&version.stdout);
    assert!(line.starts_with(concat!("pharos ", env!("CARGO_PKG_VERSION"), " (")), "{line}");
    assert!(line.contains("linux"), "{line}");
    for command in [
        "serve",
        "check",
        "status",
        "explain",
        "override",
        "failback",
        "reload",
        "events",
        "drill",
        "notify",
        "demo",
        "completions",
    ] {
        assert_eq!(run(pharos().args([command, "--help"])).status.code(), Some(0), "{command}");
    }
}

#[test]
fn a_wrong_command_line_ends_with_two() {
    for wrong in
        [&[][..], &["sreve"], &["check", "--confg", "x"], &["completions", "tcsh5"], &["demo", "--listen", "x"]]
    {
        let output = run(pharos().args(wrong));
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(!output.stderr.is_empty(), "{wrong:?}");
    }
}

#[test]
fn completions_complete() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(pharos().args(["completions", shell]));
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("serve"), "{shell}");
    }
}

#[test]
fn check_is_content_with_good_files() {
    let folder = Folder::steered(POOL);
    let output = check(&folder);
    assert_eq!(text(&output.stdout), "no errors in 1 zone\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn check_prints_everything_errors_first() {
    let folder = Folder::steered(&POOL.replace("names", "naems"));
    folder.zone(&format!("{MASTER}x IN A 192.0.2.999\n"));
    folder.write("zones/fine.example.zone", &format!("{MASTER}y 60 IN A 192.0.2.1\ny 90 IN A 192.0.2.2\n"));
    let output = check(&folder);
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stdout);
    assert!(!printed.contains('\x1b'), "colours off a terminal:\n{printed}");
    assert!(printed.contains("--> zones/app.example.com.zone:6:"), "{printed}");
    assert!(printed.contains("--> zones/app.example.com.toml:2:1"), "{printed}");
    assert!(printed.contains("did you mean \"names\"?"), "{printed}");
    let (last_error, first_warning) = (printed.rfind("error[").unwrap(), printed.find("warning[").unwrap());
    assert!(last_error < first_warning, "{printed}");
    let errors = printed.matches("error[").count();
    let summary = format!("{errors} errors, 1 warning in 2 zones\n");
    assert!(printed.ends_with(&summary), "{printed}");
    assert!(output.stderr.is_empty());
}

#[test]
fn check_speaks_json_to_programs() {
    let folder = Folder::steered(&format!("{POOL}wieght = 3\n"));
    let output = run(pharos().args(["check", "--json", "--config"]).arg(folder.config()));
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["errors"], 1, "{report:#}");
    let found = &report["diagnostics"][0];
    assert_eq!(found["severity"], "error");
    assert_eq!(found["file"], "zones/app.example.com.toml");
    assert_eq!((&found["line"], &found["column"]), (&6.into(), &1.into()));
    assert_eq!(found["text"], "wieght");
    assert!(found["code"].is_string() && found["message"].is_string() && found["help"].is_array());
}

#[test]
fn the_configuration_can_come_from_the_environment() {
    let folder = Folder::steered(POOL);
    assert_eq!(run(pharos().arg("check").env("PHAROS_CONFIG", folder.config())).status.code(), Some(0));
    let missing = run(pharos().arg("check").env("PHAROS_CONFIG", folder.path("missing.toml")));
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stdout).contains("missing.toml"), "{}", text(&missing.stdout));
}

#[test]
fn the_example_is_good() {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/zones/pharos.toml");
    let output = run(pharos().args(["check", "--config", config]));
    assert_eq!(text(&output.stdout), "no errors in 1 zone\n");
}

#[test]
fn serve_with_broken_files_says_why_and_ends_with_one() {
    let folder = Folder::steered("[pool.app]\nnames = [\"@\"]\n");
    let output = run(pharos().arg("serve").arg("--config").arg(folder.config()));
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stderr);
    assert!(printed.contains("error[") && printed.contains("app.example.com.toml:1:"), "{printed}");
    assert!(printed.contains("the configuration has errors"), "{printed}");
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for (dns, admin, word) in [
        (address.to_string(), "127.0.0.1:0".to_owned(), "ss -lnp"),
        ("127.0.0.1:0".to_owned(), address.to_string(), "listen.admin"),
    ] {
        let folder = Folder::steered(POOL);
        folder.node_with(&format!("dns = [{dns:?}]\nadmin = [{admin:?}]"), "");
        let output = run(pharos().arg("serve").arg("--config").arg(folder.config()));
        assert_eq!(output.status.code(), Some(1));
        let printed = text(&output.stderr);
        assert!(printed.contains(&address.to_string()) && printed.contains(word), "{printed}");
    }
}

#[test]
fn a_node_answers_over_both_transports_and_stops_when_told() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let folder = Folder::steered(POOL);
        let mut node = Node::start(&folder);
        let message = dns::query("app.example.com.", RecordType::A);
        assert_eq!(
            dns::addresses(&node.client().exchange(&message).unwrap()),
            dns::addresses(&dns::tcp(node.dns, &message))
        );
        node.signal(signal);
        assert_eq!(node.ended(LONG).code(), Some(0));
        node.wait_log("stopped", LONG);
    }
}

#[test]
fn the_admin_api_tells_how_the_node_is() {
    let endpoint = Endpoint::new(Behaviour::Hang);
    let steering = format!(
        "[check.web]\ntype = \"http\"\ninterval = \"2s\"\ntimeout = \"1s\"\nfall = 1\n{}check_address = \"{}\"\n",
        POOL.replace("names", "check = \"web\"\nnames"),
        endpoint.address
    );
    let folder = Folder::steered(&steering);
    let node = Node::begin(&folder);
    // Alive, but nothing is known yet.
    assert_eq!(node.get("/healthz").0, 200);
    let (status, body) = node.get("/readyz");
    assert_eq!(status, 503, "{body}");
    assert!(body.starts_with("not ready: "), "{body}");
    node.wait_log("answering", LONG);
    assert_eq!(node.get("/readyz").0, 200);
    let status = node.status();
    let shown = status.to_string();
    assert!(shown.contains("no reply within 1s") && shown.contains("down"), "{status:#}");
    assert_eq!(node.get("/v2/nothing").0, 404);
}

#[test]
fn the_admin_api_answers_only_for_the_loopback() {
    let folder = Folder::steered(POOL);
    let node = Node::start(&folder);
    for path in ["/healthz", "/readyz", "/v1/status"] {
        assert_eq!(node.get_as(path, "evil.example").0, 421, "{path}");
        assert_eq!(node.get_as(path, "localhost").0, 200, "{path}");
    }
}

#[test]
fn the_admin_api_listens_on_a_unix_socket_and_replaces_a_stale_one() {
    let folder = Folder::steered(POOL);
    let path = folder.path("admin.sock");
    folder.node_with(&format!("dns = [\"127.0.0.1:0\"]\nadmin = [\"unix:{}\"]", path.display()), "");
    let mut node = Node::start(&folder);
    let get = || http_get(UnixStream::connect(&path).unwrap(), "/readyz", "any.name");
    assert_eq!(get(), (200, "ready\n".to_owned()));
    node.kill();
    assert!(path.exists());
    let mut node = Node::start(&folder);
    assert_eq!(get().0, 200);
    assert!(node.stop().success());
    assert!(!path.exists());
}

#[test]
fn the_service_manager_is_told() {
    let folder = Folder::steered(POOL);
    let path = folder.path("notify.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let mut command = pharos();
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    let mut node = Node::begin_with(command, &folder);
    let heard = |wanted: &str| {
        let mut buffer = [0; 4096];
        let mut all = String::new();
        while !all.contains(wanted) {
            let length = socket.recv(&mut buffer).unwrap_or_else(|_| panic!("no {wanted}, but {all}"));
            all.push_str(text(&buffer[..length]));
        }
        all
    };
    heard("READY=1");
    heard("WATCHDOG=1");
    heard("WATCHDOG=1");
    node.signal(Signal::SIGHUP);
    let reloading = heard("RELOADING=1");
    let rest = if reloading.contains("MONOTONIC_USEC=") { String::new() } else { heard("MONOTONIC_USEC=") };
    if !rest.contains("READY=1") {
        heard("READY=1");
    }
    node.signal(Signal::SIGTERM);
    heard("STOPPING=1");
    assert!(node.ended(LONG).success());
}

#[test]
fn a_second_signal_ends_a_node_that_takes_its_time() {
    let folder = Folder::steered(POOL);
    let mut node = Node::start(&folder);
    // A connection with half a query keeps the node from ending at once.
    let mut stream = std::net::TcpStream::connect(node.dns).unwrap();
    std::io::Write::write_all(&mut stream, &[0, 40, 1, 2, 3]).unwrap();
    node.signal(Signal::SIGTERM);
    node.wait_log("stopping", LONG);
    // An echo of the first signal does not count.
    node.signal(Signal::SIGTERM);
    pause(Duration::from_millis(300));
    node.signal(Signal::SIGTERM);
    // The first signal alone would have waited for the connection, and ended with 0.
    assert_eq!(node.ended(LONG).code(), Some(1));
}

#[test]
fn the_demo_moves_its_answer_both_ways() {
    let output = run(pharos().args(["demo", "--script", "--listen", "127.0.0.1:0"]));
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{printed}{}", text(&output.stderr));
    assert!(printed.contains("127.0.0.1 (us-east) -> 127.0.0.2 (eu-west)"), "{printed}");
    assert!(printed.contains("127.0.0.2 (eu-west) -> 127.0.0.1 (us-east)"), "{printed}");
    assert!(printed.contains("after the first failed check") && printed.contains("after the repair"), "{printed}");
}

#[test]
fn a_demo_whose_port_is_taken_says_so() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(pharos().args(["demo", "--script", "--listen", &address]));
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stderr);
    assert!(printed.contains(&address) && printed.contains("--listen"), "{printed}");
}
