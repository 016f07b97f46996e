//! Edits take effect whole or not at all, and nobody who asks meanwhile notices.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use nix::sys::signal::Signal;
use support::dns::{self, Client};
use support::endpoint::{Behaviour, Endpoint};
use support::folder::{Folder, MASTER, ZONE};
use support::node::Node;
use support::{LONG, throughout, until};
use tokio::time::Instant;

const NAME: &str = "app.example.com.";
const STATIC: &str = "static.app.example.com.";

/// A pool without checks that answers one address.
fn pool(last: u8) -> String {
    format!("[pool.app]\nnames = [\"@\"]\n[[pool.app.endpoint]]\nname = \"one\"\naddress = [\"192.0.2.{last}\"]\n")
}

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, last)
}

#[test]
fn a_changed_file_is_taken_up_by_itself() {
    let folder = Folder::steered(&pool(1));
    let node = Node::start(&folder);
    let client = node.client();
    assert_eq!(client.one(NAME), ip(1));
    folder.steering(&pool(2));
    until("the new answer", || client.one(NAME) == ip(2));
    // Written in place, as a careless editor does.
    std::fs::write(folder.path(format!("zones/{ZONE}.toml")), pool(3)).unwrap();
    until("the new answer", || client.one(NAME) == ip(3));
    folder.zone(&MASTER.replace("192.0.2.99", "192.0.2.98"));
    until("the new static answer", || client.one(STATIC) == ip(98));
}

#[test]
fn half_a_file_does_not_go_live() {
    let folder = Folder::steered(&pool(1));
    folder.write("zones/other.example.zone", MASTER);
    let node = Node::start(&folder);
    let client = node.client();
    let (first, second) = MASTER.split_at(MASTER.find("static").unwrap());
    // What is written first would load, without the record that is asked for.
    let mut file = std::fs::File::create(folder.path(format!("zones/{ZONE}.zone"))).unwrap();
    file.write_all(first.as_bytes()).unwrap();
    // Not even for the sake of another file that is complete.
    folder.write("zones/other.example.zone", &MASTER.replace("192.0.2.99", "192.0.2.98"));
    throughout(Duration::from_millis(900), "the old answers stay", || {
        client.one(STATIC) == ip(99) && client.one("static.other.example.") == ip(99)
    });
    file.write_all(second.replace("192.0.2.99", "192.0.2.97").as_bytes()).unwrap();
    drop(file);
    until("the whole file", || client.one(STATIC) == ip(97));
    assert_eq!(client.one("static.other.example."), ip(98));
}

#[test]
fn a_link_is_complete_at_once() {
    let folder = Folder::steered(&pool(1));
    let node = Node::start(&folder);
    let client = node.client();
    folder.write("master", MASTER);
    std::os::unix::fs::symlink(folder.path("master"), folder.path("zones/soft.example.zone")).unwrap();
    until("the link", || client.ask("static.soft.example.", RecordType::A).answers.len() == 1);
    std::fs::hard_link(folder.path("master"), folder.path("zones/hard.example.zone")).unwrap();
    until("the hard link", || client.ask("static.hard.example.", RecordType::A).answers.len() == 1);
}

#[test]
fn an_edit_while_the_first_checks_run_is_not_missed() {
    let slow = Endpoint::new(Behaviour::Hang);
    let checked = format!(
        "[check.web]\ntype = \"http\"\ninterval = \"2s\"\ntimeout = \"700ms\"\n\
         [pool.web]\nnames = [\"web\"]\ncheck = \"web\"\n[[pool.web.endpoint]]\nname = \"slow\"\n\
         address = [\"192.0.2.9\"]\ncheck_address = \"{}\"\n",
        slow.address
    );
    let folder = Folder::steered(&format!("{checked}{}", pool(1)));
    let node = Node::begin(&folder);
    folder.steering(&format!("{checked}{}", pool(2)));
    assert_eq!(node.get("/readyz").0, 503);
    node.wait_log("answering", LONG);
    let client = node.client();
    until("the edit", || client.one(NAME) == ip(2));
}

#[test]
fn a_warning_is_told_once() {
    let folder = Folder::steered(&format!("{}[check.unused]\ntype = \"http\"\n", pool(1)));
    let node = Node::start(&folder);
    let told = || node.log().iter().filter(|line| line.contains("check-unused")).count();
    assert_eq!(told(), 1);
    node.reload();
    node.reload();
    assert_eq!(told(), 1);
    folder.steering(&pool(3));
    let client = node.client();
    until("the check is gone", || client.one(NAME) == ip(3));
    folder.steering(&format!("{}[check.unused]\ntype = \"http\"\n", pool(2)));
    until("the edit", || client.one(NAME) == ip(2));
    until("it is told again", || told() == 2);
}

#[test]
fn a_new_zone_and_a_removed_one_are_taken_up() {
    let folder = Folder::steered(&pool(1));
    let node = Node::start(&folder);
    let client = node.client();
    let code = |name| client.ask(name, RecordType::SOA).metadata.response_code;
    assert_eq!(code("other.example."), ResponseCode::Refused);
    folder.write("zones/other.example.zone", MASTER);
    until("the new zone", || code("other.example.") == ResponseCode::NoError);
    std::fs::remove_file(folder.path("zones/other.example.zone")).unwrap();
    until("the zone is gone", || code("other.example.") == ResponseCode::Refused);
    assert_eq!(client.one(NAME), ip(1));
}

#[test]
fn files_that_vanish_take_no_working_zone_with_them() {
    let folder = Folder::steered(&pool(1));
    folder.write("zones/other.example.zone", MASTER);
    let node = Node::start(&folder);
    let client = node.client();
    let mark = node.mark();
    std::fs::rename(folder.path(format!("zones/{ZONE}.zone")), folder.path("kept.zone")).unwrap();
    std::fs::rename(folder.path(format!("zones/{ZONE}.toml")), folder.path("kept.toml")).unwrap();
    node.wait_log_from(mark, "reload refused: the files of", LONG);
    assert_eq!(client.one(NAME), ip(1));
    node.reload();
    until("the zone is gone", || client.ask(NAME, RecordType::A).metadata.response_code == ResponseCode::Refused);
}

#[test]
fn an_included_file_is_watched_too() {
    let folder = Folder::default();
    std::fs::create_dir(folder.path("parts")).unwrap();
    folder.write("parts/hosts.inc", "host IN A 192.0.2.1\n");
    folder.zone(&format!("{MASTER}$INCLUDE {}\n", folder.path("parts/hosts.inc").display()));
    let node = Node::start(&folder);
    let client = node.client();
    assert_eq!(client.one("host.app.example.com."), ip(1));
    folder.write("parts/hosts.inc", "host IN A 192.0.2.2\n");
    until("the new answer", || client.one("host.app.example.com.") == ip(2));
}

#[test]
fn a_burst_of_changes_leads_to_few_reloads() {
    let folder = Folder::steered(&pool(1));
    let node = Node::start(&folder);
    let client = node.client();
    let reloads = || node.log().iter().filter(|line| line.contains("\"message\":\"reloaded\"")).count();
    for round in 0..50 {
        folder.steering(&pool(round));
    }
    folder.steering(&pool(200));
    until("the last one", || client.one(NAME) == ip(200));
    // The wait for quiet is bounded, so a slow machine may take two or three.
    assert!(reloads() <= 5, "{}", reloads());
}

#[test]
fn a_broken_file_keeps_the_old_answers_and_is_told() {
    let folder = Folder::steered(&pool(1));
    let node = Node::start(&folder);
    let client = node.client();
    folder.zone(&MASTER.replace("192.0.2.99", "192.0.2.98"));
    until("the good edit", || client.one(STATIC) == ip(98));

    let mark = node.mark();
    folder.zone(&format!("{MASTER}broken IN A 192.0.2.999\n"));
    folder.steering(&pool(2));
    let told = node.wait_log_from(mark, "error[", LONG);
    let text = told["message"].as_str().unwrap();
    assert!(text.contains("--> zones/app.example.com.zone:6:"), "{text}");
    assert!(text.contains("192.0.2.999") && text.contains("^^^^"), "{text}");
    node.wait_log_from(mark, "reload refused", LONG);
    // Nothing of the load took effect: not even the file beside it, which is right.
    throughout(Duration::from_millis(200), "the old answers stay", || {
        client.one(NAME) == ip(1) && client.one(STATIC) == ip(98)
    });
    folder.zone(MASTER);
    until("the repaired files", || client.one(NAME) == ip(2) && client.one(STATIC) == ip(99));
}

#[test]
fn sighup_reloads_at_once() {
    let folder = Folder::steered(&pool(1));
    // Enough zones that a reload that reads or compiles all of them would be slow.
    for i in 0..200 {
        folder.write(format!("zones/zone{i}.example.zone"), MASTER);
    }
    let node = Node::start(&folder);
    let client = node.client();
    let mut best = Duration::MAX;
    for round in 2..12 {
        folder.steering(&pool(round));
        let began = Instant::now();
        node.signal(Signal::SIGHUP);
        until("the new answer", || client.one(NAME) == ip(round));
        best = best.min(began.elapsed());
    }
    // Faster than the wait for quiet of the file watcher.
    assert!(best < Duration::from_millis(50), "{best:?}");
}

#[test]
fn two_hundred_reloads_lose_no_query() {
    let folder = Folder::steered(&pool(1));
    // Both files change together: an answer from half of a load would show.
    let both = |number: u8| {
        let text = format!(
            "[pool.app]\nnames = [\"@\", \"two\"]\nanswers = 0\n\
             [[pool.app.endpoint]]\nname = \"a\"\naddress = [\"192.0.2.{number}\"]\n\
             [[pool.app.endpoint]]\nname = \"b\"\naddress = [\"198.51.100.{number}\"]\n"
        );
        folder.steering(&text);
    };
    both(1);
    let node = Node::start(&folder);
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicU64::new(0));
    let newest = Arc::new(AtomicU32::new(1));
    let clients: Vec<_> = (0..4)
        .map(|i| {
            let (stop, asked, newest, server) = (stop.clone(), asked.clone(), newest.clone(), node.dns);
            std::thread::spawn(move || {
                let client = Client::new(server);
                let mut stream = std::net::TcpStream::connect(server).unwrap();
                while !stop.load(Ordering::Relaxed) {
                    let message = dns::query(if i % 2 == 0 { NAME } else { "two.app.example.com." }, RecordType::A);
                    let oldest = newest.load(Ordering::SeqCst).saturating_sub(1);
                    let reply = if i == 3 {
                        dns::exchange_tcp(&mut stream, &message).or_else(|| {
                            stream = std::net::TcpStream::connect(server).unwrap();
                            dns::exchange_tcp(&mut stream, &message)
                        })
                    } else {
                        client.exchange(&message)
                    };
                    let reply = reply.expect("a query was lost");
                    assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
                    let mut found: Vec<_> = dns::addresses(&reply).iter().map(Ipv4Addr::octets).collect();
                    found.sort_unstable();
                    assert_eq!(found.len(), 2, "{found:?}");
                    assert_eq!(
                        (found[0][3], found[0][0], found[1][0]),
                        (found[1][3], 192, 198),
                        "half a load: {found:?}"
                    );
                    assert!(u32::from(found[0][3]) >= oldest, "an answer older than the reload before last");
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let client = node.client();
    for round in 1..=200 {
        both(round);
        node.signal(Signal::SIGHUP);
        until("the new answer", || client.a(NAME)[0] == ip(round));
        newest.store(u32::from(round), Ordering::SeqCst);
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
    assert!(asked.load(Ordering::Relaxed) > 1_000, "{asked:?}");
}

#[test]
fn a_reload_that_would_take_the_last_healthy_endpoint_is_refused() {
    let good = Endpoint::new(Behaviour::healthy("a"));
    let dead = Endpoint::new(Behaviour::healthy("b"));
    dead.refuse();
    let steering = |last: u8, target: &Endpoint| {
        format!(
            "[check.web]\ntype = \"http\"\ninterval = \"200ms\"\nrecheck = \"100ms\"\ntimeout = \"200ms\"\n\
             [pool.app]\nnames = [\"@\"]\ncheck = \"web\"\n\
             [[pool.app.endpoint]]\nname = \"one\"\naddress = [\"192.0.2.{last}\"]\ncheck_address = \"{}\"\n",
            target.address
        )
    };
    let folder = Folder::steered(&steering(1, &good));
    let node = Node::start(&folder);
    let client = node.client();
    assert_eq!(client.one(NAME), ip(1));
    folder.steering(&steering(2, &dead));
    let outcome = node.reload();
    let text = outcome["message"].as_str().unwrap();
    assert!(text.starts_with("reload refused") && text.contains("app"), "{text}");
    throughout(Duration::from_millis(300), "the old answer stays", || client.one(NAME) == ip(1));
    // Once it works, the same files are fine.
    dead.listen();
    node.reload();
    until("the new answer", || client.one(NAME) == ip(2));
}

#[test]
fn another_name_is_steered_beside_records_that_were_let_go() {
    let target = Endpoint::new(Behaviour::healthy("a"));
    let steering = |names: &str| {
        format!(
            "[check.web]\ntype = \"http\"\ninterval = \"200ms\"\nrecheck = \"100ms\"\ntimeout = \"200ms\"\n\
             [pool.app]\nnames = [{names}]\ncheck = \"web\"\nall_down = \"static\"\n\
             [[pool.app.endpoint]]\nname = \"one\"\naddress = [\"192.0.2.1\"]\ncheck_address = \"{}\"\n",
            target.address
        )
    };
    let folder = Folder::steered(&steering("\"@\""));
    let node = Node::start(&folder);
    let client = node.client();
    assert_eq!((client.one(NAME), client.one(STATIC)), (ip(1), ip(99)));
    folder.steering(&steering("\"@\", \"static\""));
    until("the new name is steered", || client.one(STATIC) == ip(1));
    target.refuse();
    until("the static fallback", || client.one(STATIC) == ip(99));
    assert_eq!(client.ask(NAME, RecordType::A).answers.len(), 0);
}

#[test]
fn health_is_kept_across_a_reload() {
    let east = Endpoint::new(Behaviour::status(503));
    let west = Endpoint::new(Behaviour::healthy("b"));
    let steering = |ttl: u32| {
        format!(
            "[check.web]\ntype = \"http\"\ninterval = \"1s\"\nrecheck = \"100ms\"\ntimeout = \"200ms\"\nrise = 3\n\
             [pool.app]\nnames = [\"@\"]\npolicy = [\"priority\"]\ncheck = \"web\"\nttl = {ttl}\n\
             [[pool.app.endpoint]]\nname = \"east\"\naddress = [\"192.0.2.1\"]\ncheck_address = \"{}\"\n\
             [[pool.app.endpoint]]\nname = \"west\"\naddress = [\"192.0.2.2\"]\ncheck_address = \"{}\"\npriority = 2\n",
            east.address, west.address
        )
    };
    let folder = Folder::steered(&steering(10));
    let node = Node::start(&folder);
    let client = node.client();
    assert_eq!(client.one(NAME), ip(2));
    let since = east.set(Behaviour::healthy("a"));
    for round in 11..20 {
        folder.steering(&steering(round));
        node.reload();
        let reply = client.ask(NAME, RecordType::A);
        assert_eq!(reply.answers[0].ttl, round);
        assert!(dns::addresses(&reply) == [ip(2)] || east.count_after(since) >= 3, "a reload forgot the streak");
    }
    until("it is back after three good probes", || client.one(NAME) == ip(1));
    assert!(east.count_after(since) >= 3);
}
