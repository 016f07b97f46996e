//! README tells the truth: each key and command is named there, and its examples check clean.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pharos::config;

const PHAROS: &str = env!("CARGO_BIN_EXE_pharos");

/// A zone with a key that nobody knows in each table, so that each lists those it knows.
const ZONE: &str = r#"
zzzz = 1
[zone]
ns = "ns1.example.net"
contact = "hostmaster@example.net"
zzzz = 1
[check.web]
type = "https"
zzzz = 1
[pool.app]
names = ["@"]
check = "web"
failback = { mode = "auto", zzzz = 1 }
zzzz = 1
[[pool.app.endpoint]]
name = "a"
address = ["192.0.2.1"]
zzzz = 1
"#;
const NODE: &str = "zzzz = 1\n[node]\nzzzz = 1\n[listen]\nzzzz = 1\n[admin]\nzzzz = 1\n[defaults]\nzzzz = 1\n[drill.weekly]\nzzzz = 1\n";

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// What stands between two pieces of text.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap_or_else(|| panic!("README has no {from:?}")) + from.len();
    let end = text[start..].find(to).unwrap_or_else(|| panic!("README has no {to:?} after {from:?}"));
    &text[start..start + end]
}

/// First cells of the rows of its tables, without the backticks; words of a heading have none.
fn rows(section: &str) -> BTreeSet<String> {
    let cell = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    section.lines().filter_map(cell).collect()
}

/// The keys that the reader of a table knows, the table named as in its message.
fn known(diagnostics: &[config::diag::Diagnostic], table: &str) -> BTreeSet<String> {
    let message = format!("{table} has no key \"zzzz\"");
    let found = diagnostics.iter().find(|d| d.message == message).unwrap_or_else(|| panic!("not said: {message}"));
    let list = found.help.iter().find_map(|help| help.strip_prefix("known keys: ")).unwrap();
    list.split(", ").map(str::to_owned).collect()
}

fn write(folder: &Path, path: &str, text: &str) -> PathBuf {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn every_key_is_told_and_none_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let node = write(folder.path(), "pharos.toml", NODE);
    write(folder.path(), "zones/app.example.com.toml", ZONE);
    let diagnostics = config::load(&node, None).diagnostics;

    let text = readme();
    let later = between(&text, "## Not there yet", "\n## ");
    let node = rows(between(&text, "### The node", "### "));
    let steering = between(&text, "### The zone's steering", "### ");
    let drill = rows(between(&text, "### Drills: `[drill.NAME]`", "### "));
    let apex = rows(between(steering, "`[zone]`", "`[check.NAME]`"));
    let check = rows(between(steering, "`[check.NAME]`", "`[pool.NAME]`"));
    let pool = rows(between(steering, "`[pool.NAME]`", "`[[pool.NAME.endpoint]]`"));
    let endpoint = rows(between(steering, "`[[pool.NAME.endpoint]]`", "The policy is"));

    let of = |prefix: &str| -> BTreeSet<String> {
        node.iter().filter_map(|key| key.strip_prefix(prefix)).map(str::to_owned).collect()
    };
    let top = node.iter().map(|key| key.split('.').next().unwrap().to_owned()).collect();
    for (table, mut told, nested) in [
        ("pharos.toml", top, ""),
        ("[node]", of("node."), ""),
        ("[listen]", of("listen."), ""),
        ("[admin]", of("admin."), ""),
        ("[defaults]", of("defaults."), ""),
        ("drill \"weekly\"", drill, ""),
        ("[zone]", apex, ""),
        ("check \"web\"", check, ""),
        ("pool \"app\"", pool, "endpoint"),
        ("endpoint \"a\"", endpoint, ""),
    ] {
        told.extend(Some(nested.to_owned()).filter(|key| !key.is_empty()));
        let known = known(&diagnostics, table);
        let untold: Vec<_> = known.difference(&told).filter(|key| !later.contains(key.as_str())).collect();
        assert!(untold.is_empty(), "README does not tell of {untold:?} in {table}");
        let unknown: Vec<_> = told.difference(&known).collect();
        assert!(unknown.is_empty(), "README tells of {unknown:?} in {table}, which does not exist");
    }
}

/// Tables of README by the first word of the paragraph before them; those of sinks.
#[test]
fn every_key_of_a_sink_is_told_and_none_that_is_not_there() {
    const KINDS: [&str; 6] = ["slack", "pagerduty", "alertmanager", "webhook", "email", "exec"];
    let folder = tempfile::tempdir().unwrap();
    let sink = |kind: &&str| format!("[notify.{kind}]\ntype = {kind:?}\nzzzz = 1\n");
    let node = write(folder.path(), "pharos.toml", &KINDS.iter().map(sink).collect::<String>());
    write(folder.path(), "zones/app.example.com.toml", ZONE);
    let diagnostics = config::load(&node, None).diagnostics;
    let text = readme();
    let section = between(&text, "### Notifications: `[notify.NAME]`", "```toml");
    let common = rows(between(section, "\n", "`slack`: "));
    for (i, kind) in KINDS.iter().enumerate() {
        let (_, own) = section.split_once(&format!("\n`{kind}`: ")).unwrap();
        let own = KINDS.get(i + 1).map_or(own, |next| own.split_once(&format!("\n`{next}`: ")).unwrap().0);
        let told: BTreeSet<_> = common.union(&rows(own)).cloned().collect();
        assert_eq!(told, known(&diagnostics, &format!("notify \"{kind}\"")), "{kind}");
    }
}

/// The example of sinks checks, but for secrets and programs that are not on this machine.
#[test]
fn the_sinks_check_as_written() {
    let text = readme();
    let section = between(&text, "### Notifications: `[notify.NAME]`", "### The zone's steering");
    let folder = tempfile::tempdir().unwrap();
    let node = write(folder.path(), "pharos.toml", between(section, "```toml\n", "```"));
    let zone = ZONE.lines().filter(|line| *line != "zzzz = 1").collect::<Vec<_>>().join("\n");
    let zone = zone.replace(", zzzz = 1", "").replace("ns = \"ns1.example.net\"", "ns = [\"ns1.example.net\"]");
    write(folder.path(), "zones/app.example.com.toml", &zone);
    let found = config::load(&node, None).diagnostics;
    let expected = ["secret-unreadable", "command-unusable"];
    let other: Vec<_> = found.iter().filter(|found| !expected.contains(&found.code)).map(ToString::to_string).collect();
    assert!(other.is_empty(), "{}", other.join("\n"));
}

/// The receiver of webhooks that README shows takes what is signed, and nothing else.
#[test]
fn the_verifier_of_webhooks_works() {
    let text = readme();
    let verifier = between(&text, "```python\n", "```");
    let test = "now = str(int(time.time()))\n\
        sign = lambda t, body: hmac.new(b'key', t.encode() + b'.' + body, hashlib.sha256).hexdigest()\n\
        assert is_genuine(f't={now},v1={sign(now, b\"x\")}', b'x', b'key')\n\
        assert not is_genuine(f't={now},v1={sign(now, b\"x\")}', b'y', b'key')\n\
        assert not is_genuine(f't={now},v1={sign(now, b\"x\")}', b'x', b'other')\n\
        assert not is_genuine(f't=1000,v1={sign(\"1000\", b\"x\")}', b'x', b'key')\n";
    let python = Command::new("python3").args(["-c", &format!("{verifier}\n{test}")]).output();
    let Ok(output) = python else {
        eprintln!("no python3: the verifier of webhooks is not tested");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_command_is_told_and_none_that_is_not_there() {
    let output = Command::new(PHAROS).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let known: BTreeSet<_> =
        list.lines().map_while(|line| line.strip_prefix("  ")?.split_whitespace().next()).map(str::to_owned).collect();
    let text = readme();
    let told: BTreeSet<_> = rows(between(&text, "## Commands", "\n## "))
        .iter()
        .filter_map(|cell| cell.strip_prefix("pharos ")?.split(' ').next().map(str::to_owned))
        .collect();
    assert_eq!(told, known);
}

fn is_file(word: &str) -> bool {
    word.ends_with(".toml") || word.ends_with(".zone")
}

/// A block is a file where the sentence before it names one and ends in a colon.
#[test]
fn the_first_zone_checks_clean_as_written() {
    let text = readme();
    let folder = tempfile::tempdir().unwrap();
    let first = between(&text, "## A first zone", "\n## ");
    let mut files = 0;
    let pieces: Vec<_> = first.split("\n```").collect();
    for pair in pieces.chunks_exact(2) {
        let sentence = pair[0].trim_end().strip_suffix(':').unwrap_or_default();
        let Some(name) = sentence.rsplit('`').find(|word| is_file(word)) else { continue };
        let (_, content) = pair[1].split_once('\n').unwrap();
        write(folder.path(), name, content);
        files += 1;
    }
    assert_eq!(files, 3, "the zone, its steering and the node");
    let node = folder.path().join("pharos.toml");
    let output = Command::new(PHAROS).args(["check", "--config"]).arg(&node).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && !said.contains("warning["), "{said}");

    // The diagnostic that README shows is the one that this fault gives.
    let path = folder.path().join("zones/app.yourdomain.com.toml");
    let broken = fs::read_to_string(&path).unwrap().replace("check  = \"web\"", "check  = \"wbe\"");
    fs::write(&path, broken).unwrap();
    let output = Command::new(PHAROS).args(["check", "--config"]).arg(&node).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let shown = between(&text, "what was probably meant:\n\n```\n", "\n```");
    assert!(said.contains(shown), "README shows\n{shown}\npharos says\n{said}");
}
