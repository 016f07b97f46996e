//! The answer moves when a region fails, and back when it works again: seen from outside, in time.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hickory_proto::rr::RecordType;
use support::dns::{self, Client};
use support::endpoint::{Behaviour, Endpoint};
use support::folder::Folder;
use support::node::Node;
use support::tls::Authority;
use support::{LONG, pause, throughout, until};
use tokio::time::Instant;

const NAME: &str = "app.example.com.";
const EAST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const WEST: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 20);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const RECHECK: Duration = ms(100);
const FALL: u32 = 3;
const TIMEOUT: Duration = ms(400);
/// What the node itself may take.
const SLACK: Duration = ms(50);
/// A machine that runs other things may stop a test for longer than the slack: the best of some counts.
const ROUNDS: usize = 3;

fn bound() -> Duration {
    RECHECK * (FALL - 1) + TIMEOUT + SLACK
}

/// Two regions behind one node.
struct Pair {
    east: Endpoint,
    west: Endpoint,
}

impl Default for Pair {
    fn default() -> Self {
        Self { east: Endpoint::new(Behaviour::healthy("us-east")), west: Endpoint::new(Behaviour::healthy("eu-west")) }
    }
}

impl Pair {
    /// The steering of both, with more keys for the check and the pool.
    fn steering(&self, check: &str, pool: &str) -> String {
        let endpoint = |name: &str, ip: Ipv4Addr, at: &Endpoint, priority: u32| {
            format!(
                "[[pool.app.endpoint]]\nname = {name:?}\nregion = {name:?}\naddress = [\"{ip}\"]\n\
                 check_address = \"{}\"\npriority = {priority}\n",
                at.address
            )
        };
        format!(
            "[check.web]\npath = \"/healthz\"\ninterval = \"400ms\"\ntimeout = \"400ms\"\nrecheck = \"100ms\"\n\
             fall = 3\nrise = 2\n{check}\n[pool.app]\nnames = [\"@\"]\npolicy = [\"priority\"]\ncheck = \"web\"\n\
             ttl = 10\n{pool}\n{}{}",
            endpoint("us-east", EAST, &self.east, 1),
            endpoint("eu-west", WEST, &self.west, 2),
        )
    }

    fn start(&self, check: &str, pool: &str) -> (Folder, Node) {
        let folder = Folder::steered(&self.steering(&format!("type = \"http\"\n{check}"), pool));
        let node = Node::start(&folder);
        (folder, node)
    }
}

fn answers(client: &Client, ip: Ipv4Addr) -> bool {
    client.one(NAME) == ip
}

/// Fails the east by `fail`, and again after `repair`; the best time from the first failed probe to
/// the changed answer. `fails_after` is how long a probe takes to fail.
fn failover(
    pair: &Pair,
    node: &Node,
    fails_after: Duration,
    fail: impl Fn() -> Instant,
    repair: impl Fn(),
) -> Duration {
    let client = node.client();
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        assert_eq!(client.one(NAME), EAST);
        let since = fail();
        until("the answer moves", || answers(&client, WEST));
        let moved = Instant::now();
        // Where the port is closed nobody sees the first probe: it comes within one interval.
        let first = pair.east.first_after(since).unwrap_or(since + ms(400)) + fails_after;
        best = best.min(moved.saturating_duration_since(first));
        repair();
        until("the answer returns", || answers(&client, EAST));
        if best <= bound() {
            break;
        }
    }
    best
}

#[track_caller]
fn assert_moves(check: &str, broken: Behaviour) {
    let pair = Pair::default();
    let (_folder, node) = pair.start(check, "");
    let fails_after = if matches!(broken, Behaviour::Hang) { TIMEOUT } else { Duration::ZERO };
    let took = failover(
        &pair,
        &node,
        fails_after,
        || pair.east.set(broken.clone()),
        || {
            pair.east.set(Behaviour::healthy("us-east"));
        },
    );
    assert!(took <= bound(), "{broken:?}: {took:?}, bound {:?}", bound());
}

#[test]
fn a_refused_port_moves_the_answer() {
    let pair = Pair::default();
    let (_folder, node) = pair.start("", "");
    let took = failover(
        &pair,
        &node,
        Duration::ZERO,
        || pair.east.refuse(),
        || {
            pair.east.listen();
        },
    );
    assert!(took <= bound(), "{took:?}");
}

#[test]
fn a_503_moves_the_answer() {
    assert_moves("", Behaviour::status(503));
}

#[test]
fn a_hanging_socket_moves_the_answer() {
    assert_moves("", Behaviour::Hang);
}

#[test]
fn a_wrong_body_moves_the_answer() {
    assert_moves("expect_body = \"ok\"", Behaviour::Reply(200, "under maintenance".to_owned()));
}

#[test]
fn a_wrong_region_in_json_moves_the_answer() {
    assert_moves("expect_json = { \"/region\" = \"{region}\" }", Behaviour::healthy("eu-west"));
}

#[test]
fn something_that_is_not_http_moves_the_answer() {
    assert_moves("", Behaviour::Noise);
}

#[test]
fn a_wrong_certificate_moves_the_answer() {
    let (ours, theirs) = (Authority::default(), Authority::default());
    let name = "app.example.com";
    for wrong in [ours.issue("elsewhere.example.com"), ours.issue_expired(name), theirs.issue(name)] {
        let pair = Pair::default();
        let good = ours.issue(name);
        pair.east.present(&good);
        pair.west.present(&good);
        let folder = Folder::default();
        folder.write("ca.pem", &ours.pem());
        let ca = format!("type = \"https\"\nca_file = {:?}", folder.path("ca.pem"));
        folder.zone(support::folder::MASTER).steering(&pair.steering(&ca, ""));
        let node = Node::start(&folder);
        let fail = || {
            pair.east.present(&wrong);
            Instant::now()
        };
        let took = failover(&pair, &node, Duration::ZERO, fail, || {
            pair.east.present(&good);
        });
        assert!(took <= bound(), "{took:?}");
    }
}

#[test]
fn a_region_returns_after_rise_and_hold() {
    let pair = Pair::default();
    let (_folder, node) = pair.start("", "failback = { mode = \"auto\", hold = \"1s\" }");
    let client = node.client();
    // rise = 2: one interval between the two good probes, and the hold.
    let bound = ms(400 + 1000) + TIMEOUT + SLACK;
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        pair.east.set(Behaviour::status(503));
        until("the answer moves", || answers(&client, WEST));
        let since = pair.east.set(Behaviour::healthy("us-east"));
        until("the answer returns", || answers(&client, EAST));
        let took = pair.east.first_after(since).unwrap().elapsed();
        assert!(took >= ms(1000), "returned before the hold: {took:?}");
        assert!(pair.east.count_after(since) >= 2);
        best = best.min(took);
        if best <= bound {
            break;
        }
    }
    assert!(best <= bound, "{best:?}");
}

#[test]
fn a_hold_starts_again_when_health_is_interrupted() {
    let pair = Pair::default();
    let (_folder, node) = pair.start("", "failback = { mode = \"auto\", hold = \"1500ms\" }");
    let client = node.client();
    pair.east.set(Behaviour::status(503));
    until("the answer moves", || answers(&client, WEST));
    let since = pair.east.set(Behaviour::healthy("us-east"));
    until("two good probes", || pair.east.count_after(since) >= 3);
    let broken = pair.east.set(Behaviour::status(503));
    until("it is down again", || pair.east.count_after(broken) >= 4);
    let since = pair.east.set(Behaviour::healthy("us-east"));
    until("the answer returns", || answers(&client, EAST));
    assert!(since.elapsed() >= ms(1500), "{:?}", since.elapsed());
}

#[test]
fn manual_failback_stays_on_the_survivor() {
    let pair = Pair::default();
    let (_folder, node) = pair.start("", "failback = { mode = \"manual\" }");
    let client = node.client();
    pair.east.set(Behaviour::status(503));
    until("the answer moves", || answers(&client, WEST));
    let since = pair.east.set(Behaviour::healthy("us-east"));
    until("it is up again", || pair.east.count_after(since) >= 4);
    throughout(ms(500), "the survivor answers", || answers(&client, WEST));
    // With the survivor gone, the one that works answers after all.
    pair.west.set(Behaviour::status(503));
    until("the answer moves", || answers(&client, EAST));
}

#[test]
fn one_bad_probe_moves_nothing() {
    let pair = Pair::default();
    let (_folder, node) = pair.start("", "ttl_suspect = 3");
    let client = node.client();
    let since = pair.east.set(Behaviour::status(503));
    until("one bad probe", || pair.east.first_after(since).is_some());
    pair.east.set(Behaviour::healthy("us-east"));
    throughout(ms(800), "the region stays", || answers(&client, EAST));
}

#[test]
fn the_last_good_answer_stays_when_all_is_down_also_over_a_restart() {
    let pair = Pair::default();
    let (folder, mut node) = pair.start("", "all_down = \"last-good\"");
    let client = node.client();
    pair.east.set(Behaviour::status(503));
    until("the answer moves", || answers(&client, WEST));
    let since = pair.west.set(Behaviour::Hang);
    until("the west is down, too", || pair.west.count_after(since) >= 5);
    throughout(ms(700), "the last good answer stays", || answers(&client, WEST));
    for round in 0..2 {
        // Stopped in order, then killed.
        if round == 0 {
            assert!(node.stop().success())
        } else {
            node.kill()
        }
        node = Node::start(&folder);
        let client = node.client();
        throughout(ms(400), "the last good answer stays over a restart", || answers(&client, WEST));
    }
    pair.east.set(Behaviour::healthy("us-east"));
    let client = node.client();
    until("a region that works again answers", || answers(&client, EAST));
}

/// Starts with both regions dead.
fn all_dead(all_down: &str) -> (Pair, Folder, Node) {
    let pair = Pair::default();
    pair.east.refuse();
    pair.west.refuse();
    let (folder, node) = pair.start("", &format!("answers = 0\nall_down = {all_down:?}"));
    (pair, folder, node)
}

#[test]
fn all_down_all_answers_everything() {
    let (_pair, _folder, node) = all_dead("all");
    // As if all were healthy: the policy still holds.
    assert_eq!(node.client().a(NAME), [EAST]);
}

#[test]
fn all_down_static_answers_the_master_file() {
    let pair = Pair::default();
    let folder = Folder::default();
    folder
        .zone(&format!("{}@ 60 IN A 203.0.113.7\n", support::folder::MASTER))
        .steering(&pair.steering("type = \"http\"", "all_down = \"static\""));
    let node = Node::start(&folder);
    let client = node.client();
    assert_eq!(client.one(NAME), EAST);
    pair.east.refuse();
    pair.west.refuse();
    until("the static answer", || answers(&client, Ipv4Addr::new(203, 0, 113, 7)));
    pair.west.listen();
    until("the answer of a region", || answers(&client, WEST));
}

#[test]
fn all_down_nodata_says_so() {
    let (_pair, _folder, node) = all_dead("nodata");
    dns::assert_nodata(&node.client().ask(NAME, RecordType::A));
}

#[test]
fn the_first_query_after_a_start_reflects_real_health() {
    let pair = Pair::default();
    pair.east.refuse();
    let folder = Folder::steered(&pair.steering("type = \"http\"", ""));
    let node = Node::begin(&folder);
    // Sent before the node is ready, and answered only once it knows.
    let client = node.client();
    let message = dns::query(NAME, RecordType::A);
    let reply = until_reply(&client, &message);
    assert_eq!(dns::addresses(&reply), [WEST]);
}

fn until_reply(client: &Client, message: &hickory_proto::op::Message) -> hickory_proto::op::Message {
    let began = Instant::now();
    loop {
        if let Some(reply) = client.exchange(message) {
            return reply;
        }
        assert!(began.elapsed() < LONG);
    }
}

#[test]
fn one_success_after_a_restart_does_not_bring_a_region_back() {
    let pair = Pair::default();
    let (folder, mut node) = pair.start("", "");
    let client = node.client();
    pair.east.set(Behaviour::status(503));
    until("the answer moves", || answers(&client, WEST));
    assert!(node.stop().success());
    let since = pair.east.set(Behaviour::healthy("us-east"));
    let node = Node::start(&folder);
    let client = node.client();
    // Each answer before the second good probe must be the survivor.
    until("the region is back", || {
        let east = answers(&client, EAST);
        assert!(!east || pair.east.count_after(since) >= 2, "one success brought it back");
        east
    });
}

#[test]
fn aaaa_on_a_pool_of_v4_is_nodata() {
    let pair = Pair::default();
    let (_folder, node) = pair.start("", "");
    let client = node.client();
    dns::assert_nodata(&client.ask(NAME, RecordType::AAAA));
    pair.east.refuse();
    until("the answer moves", || answers(&client, WEST));
    dns::assert_nodata(&client.ask(NAME, RecordType::AAAA));
}

/// A pool of endpoints that are not checked: what counts is the policy.
fn unchecked(policy: &str, weights: &[u32]) -> (Folder, Node) {
    let mut text = format!("[pool.app]\nnames = [\"@\"]\npolicy = [{policy:?}]\n");
    for (i, weight) in weights.iter().enumerate() {
        let number = i + 1;
        text += &format!(
            "[[pool.app.endpoint]]\nname = \"e{number}\"\naddress = [\"192.0.2.{number}\"]\nweight = {weight}\n"
        );
    }
    let folder = Folder::steered(&text);
    let node = Node::start(&folder);
    (folder, node)
}

#[test]
fn weights_hold_over_ten_thousand_queries() {
    let (_folder, node) = unchecked("weight", &[300, 100]);
    let client = node.client();
    let first = (0..10_000).filter(|_| client.one(NAME) == Ipv4Addr::new(192, 0, 2, 1)).count();
    let share = f64::from(u32::try_from(first).unwrap()) / 10_000.0;
    assert!((share - 0.75).abs() <= 0.02, "{share}");
}

#[test]
fn sticky_gives_one_client_one_answer() {
    let (_folder, node) = unchecked("sticky", &[100, 100, 100]);
    let mut seen = std::collections::BTreeSet::new();
    for third in 0..40 {
        let client = Client::from(IpAddr::from([127, 0, third, 1]), node.dns);
        let answer = client.one(NAME);
        // The whole /24 shares it.
        let neighbour = Client::from(IpAddr::from([127, 0, third, 200]), node.dns);
        for _ in 0..5 {
            assert_eq!(client.one(NAME), answer);
            assert_eq!(neighbour.one(NAME), answer);
        }
        seen.insert(answer);
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn sticky_moves_only_the_clients_of_the_endpoint_that_died() {
    let endpoints: Vec<_> = (0..3).map(|_| Endpoint::new(Behaviour::healthy("x"))).collect();
    let mut text = "[check.web]\ntype = \"http\"\ninterval = \"200ms\"\nrecheck = \"100ms\"\nfall = 2\n\
                    [pool.app]\nnames = [\"@\"]\npolicy = [\"sticky\"]\ncheck = \"web\"\n"
        .to_owned();
    for (i, endpoint) in endpoints.iter().enumerate() {
        text += &format!(
            "[[pool.app.endpoint]]\nname = \"e{i}\"\naddress = [\"192.0.2.{i}\"]\ncheck_address = \"{}\"\n",
            endpoint.address
        );
    }
    let folder = Folder::steered(&text);
    let node = Node::start(&folder);
    let clients: Vec<_> = (0..40).map(|third| Client::from(IpAddr::from([127, 0, third, 1]), node.dns)).collect();
    let dead = Ipv4Addr::new(192, 0, 2, 1);
    let before: Vec<_> = clients.iter().map(|client| client.one(NAME)).collect();
    assert!(before.contains(&dead));
    endpoints[1].refuse();
    until("nobody is sent to the dead one", || clients.iter().all(|client| client.one(NAME) != dead));
    for (client, before) in clients.iter().zip(&before) {
        let after = client.one(NAME);
        assert!(after == *before || *before == dead, "{before} moved to {after} without need");
    }
    endpoints[1].listen();
    until("all are back", || clients.iter().zip(&before).all(|(client, before)| client.one(NAME) == *before));
}

#[test]
fn a_dead_process_comes_back_with_what_it_knew() {
    let pair = Pair::default();
    let (folder, mut node) = pair.start("", "");
    let client = node.client();
    pair.east.refuse();
    until("the answer moves", || answers(&client, WEST));
    pause(ms(50));
    node.kill();
    let node = Node::start(&folder);
    assert_eq!(node.client().one(NAME), WEST);
}

/// Killed on drop.
struct Reaped(std::process::Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A node whose log nobody reads any more goes on.
#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let pair = Pair::default();
    let folder = Folder::steered(&pair.steering("type = \"http\"", ""));
    // Nobody reads where it listens, so the port is chosen here; somebody else may take it first.
    let (mut child, mut unread, client) = loop {
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        folder.node_with(&format!("dns = [\"{port}\"]\nadmin = []\nudp_threads = 1"), "");
        let (unread, stderr) = std::io::pipe().unwrap();
        let mut command = support::node::pharos();
        command.args(["serve", "--log-level", "debug", "--config"]).arg(folder.config()).stderr(stderr);
        let mut child = Reaped(command.spawn().unwrap());
        let client = Client::new(port);
        let mut ended = false;
        until("the first answer", || {
            ended = child.0.try_wait().unwrap().is_some();
            let reply = client.exchange(&dns::query(NAME, RecordType::A));
            ended || reply.is_some_and(|reply| dns::addresses(&reply) == [EAST])
        });
        if !ended {
            break (child, unread, client);
        }
    };
    let pid = nix::unistd::Pid::from_raw(child.0.id().cast_signed());
    // Each reload of these tells what is wrong; together more than a pipe holds.
    folder.zone(&"broken IN A 192.0.2.999\n".repeat(1000));
    let began = Instant::now();
    while began.elapsed() < ms(1000) {
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).unwrap();
        pause(ms(50));
    }
    pair.east.refuse();
    until("the move", || answers(&client, WEST));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    until("the end", || child.0.try_wait().unwrap().is_some());
    let mut text = Vec::new();
    unread.read_to_end(&mut text).unwrap();
    assert!(text.len() > 60_000, "the pipe was not full: {}", text.len());
}
