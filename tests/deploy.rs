//! What is shipped beside the program agrees with it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pharos::config;

const PHAROS: &str = env!("CARGO_BIN_EXE_pharos");
const SHIPPED: &str = "/usr/local/bin/pharos";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Values of a key of the unit, in order.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

fn run(command: &mut Command) -> (Output, String) {
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, text)
}

/// The shipped `pharos.toml` in a folder of its own, with the example zone beside it.
fn installed() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("zones")).unwrap();
    for entry in fs::read_dir(root().join("zones/zones")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join("zones").join(path.file_name().unwrap())).unwrap();
    }
    let node = folder.path().join("pharos.toml");
    fs::copy(root().join("deploy/pharos.toml"), &node).unwrap();
    (folder, node)
}

#[test]
fn the_shipped_node_checks_clean() {
    let (_folder, node) = installed();
    let (output, text) = run(Command::new(PHAROS).args(["check", "--config"]).arg(&node));
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(!text.contains("error[") && !text.contains("warning["), "{text}");
}

#[test]
fn the_runnable_example_checks_clean() {
    let (output, text) = run(Command::new(PHAROS).args(["check", "--config"]).arg(root().join("zones/pharos.toml")));
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(!text.contains("error[") && !text.contains("warning["), "{text}");
}

/// It says of itself that every value is the default.
#[test]
fn the_shipped_node_says_the_defaults() {
    let (folder, node) = installed();
    let shipped = config::load(&node, None).setup.unwrap();
    fs::write(&node, "[node]\nname = \"ns1\"\nregion = \"eu-west\"\n").unwrap();
    let bare = config::load(&node, None).setup.unwrap();
    assert_eq!(shipped.node, bare.node);
    // [defaults.*]: a zone that says nothing of its own gives the same either way.
    fs::write(
        folder.path().join("zones/other.example.com.toml"),
        "[zone]\nns = [\"ns1.example.com\"]\ncontact = \"hostmaster@example.com\"\n\
         [check.web]\ntype = \"https\"\n\
         [pool.app]\nnames = [\"@\"]\npolicy = [\"priority\"]\ncheck = \"web\"\n\
         [[pool.app.endpoint]]\nname = \"a\"\naddress = [\"192.0.2.1\"]\n",
    )
    .unwrap();
    let bare = config::load(&node, None).setup.unwrap();
    fs::copy(root().join("deploy/pharos.toml"), &node).unwrap();
    let shipped = config::load(&node, None).setup.unwrap();
    let pools = |setup: &pharos::model::node::Setup| -> Vec<_> {
        setup.zones.iter().find(|zone| zone.name().to_string().starts_with("other.")).unwrap().pools.clone()
    };
    assert_eq!(pools(&shipped), pools(&bare));
}

#[test]
fn the_units_paths_are_the_programs() {
    let unit = read("deploy/pharos.service");
    let (_, help) = run(Command::new(PHAROS).args(["serve", "--help"]));
    let config = "/etc/pharos/pharos.toml";
    assert!(help.contains(&format!("[default: {config}]")), "{help}");
    assert_eq!(values(&unit, "ExecStart"), [format!("{SHIPPED} serve --config {config}")]);
    assert_eq!(
        values(&unit, "ExecReload"),
        [format!("{SHIPPED} check --config {config}"), "kill -HUP $MAINPID".into()]
    );
    assert_eq!(values(&unit, "ConfigurationDirectory"), ["pharos"]);
    let (_folder, node) = installed();
    let state = config::load(&node, None).setup.unwrap().node.state;
    assert_eq!(
        values(&unit, "StateDirectory").iter().map(|name| Path::new("/var/lib").join(name)).collect::<Vec<_>>(),
        [state]
    );
    let user = values(&unit, "User")[0].to_owned();
    assert!(read("deploy/pharos.sysusers").lines().any(|line| line.starts_with(&format!("u {user} "))));
    assert!(read("deploy/pharos.tmpfiles").contains("/var/lib/pharos "));
    let docker = read("deploy/Dockerfile");
    assert!(docker.contains(&format!("CMD [\"serve\", \"--config\", \"{config}\"]")));
    assert!(docker.contains(&format!("ENTRYPOINT [\"{SHIPPED}\"]")));
    assert!(docker.contains("VOLUME /var/lib/pharos"));
}

/// Where systemd is there. Its warnings about other things than this unit do not count.
#[test]
fn systemd_takes_the_unit_and_finds_it_closed() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("no systemd-analyze: left out");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pharos.service");
    fs::write(&path, read("deploy/pharos.service").replace(SHIPPED, PHAROS)).unwrap();
    let (output, text) = run(Command::new("systemd-analyze").arg("verify").arg(&path));
    assert!(output.status.success(), "{text}");
    assert!(!text.lines().any(|line| line.contains("pharos.service")), "{text}");

    // `--offline` came with systemd 250.
    let (output, text) = run(Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold=20"])
        .arg(&path));
    if text.contains("unrecognized option") {
        return;
    }
    assert!(output.status.success(), "exposure over 2.0:\n{text}");
}
