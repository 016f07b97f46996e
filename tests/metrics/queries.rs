//! Queries and answers, counted exactly.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream, UdpSocket};

use hickory_proto::op::Edns;
use hickory_proto::rr::RecordType;

use crate::support::dns::{self, query, tcp};
use crate::support::folder::{Folder, MASTER};
use crate::support::http::Call;
use crate::support::node::Node;
use crate::support::scrape::Scrape;
use crate::support::until;

/// Pools of addresses that nothing checks.
pub(crate) const UNCHECKED: &str = r#"
[pool.draw]
names = ["draw"]
policy = ["weight"]
[[pool.draw.endpoint]]
name = "heavy"
address = ["192.0.2.1"]
weight = 300
[[pool.draw.endpoint]]
name = "light"
address = ["192.0.2.2"]
weight = 100
[pool.all]
names = ["all"]
[[pool.all.endpoint]]
name = "one"
address = ["192.0.2.3", "2001:db8::3"]
[[pool.all.endpoint]]
name = "two"
address = ["192.0.2.4"]
"#;

fn queries(scrape: &Scrape, transport: &str, zone: &str, rcode: &str) -> f64 {
    let labels = [("transport", transport), ("zone", zone), ("rcode", rcode)];
    scrape.find("pharos_dns_queries_total", &labels).unwrap_or_default()
}

fn answers(scrape: &Scrape, pool: &str, endpoint: &str, address: &str) -> f64 {
    let labels = [("zone", "app.example.com"), ("pool", pool), ("endpoint", endpoint), ("address", address)];
    scrape.value("pharos_dns_answers_total", &labels)
}

#[test]
fn each_query_is_counted_by_its_labels() {
    let folder = Folder::steered(UNCHECKED);
    let node = Node::start(&folder);
    let client = node.client();
    let mut drawn = BTreeMap::<Ipv4Addr, f64>::new();
    for _ in 0..40 {
        *drawn.entry(client.one("draw.app.example.com.")).or_default() += 1.0;
    }
    for _ in 0..5 {
        assert_eq!(client.a("all.app.example.com.").len(), 2);
    }
    for _ in 0..3 {
        client.one("static.app.example.com.");
    }
    for _ in 0..2 {
        client.ask("nothing.app.example.com.", RecordType::A);
    }
    dns::assert_nodata(&client.ask("draw.app.example.com.", RecordType::AAAA));
    client.ask("all.app.example.com.", RecordType::AAAA);
    client.ask("www.elsewhere.example.", RecordType::A);
    let mut unknown = query("static.app.example.com.", RecordType::A);
    let mut edns = Edns::new();
    edns.set_version(1);
    unknown.set_edns(edns);
    client.exchange(&unknown).unwrap();
    tcp(node.dns, &query("static.app.example.com.", RecordType::A));
    tcp(node.dns, &query("nothing.app.example.com.", RecordType::A));
    // No query: a reply, which is not answered.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut reply = query("static.app.example.com.", RecordType::A).to_vec().unwrap();
    reply[2] |= 0x80;
    silent.send_to(&reply, node.dns).unwrap();
    let mut stream = TcpStream::connect(node.dns).unwrap();
    stream.write_all(&[&u16::try_from(reply.len()).unwrap().to_be_bytes(), &reply[..]].concat()).unwrap();
    // Messages are counted when their batch is done, which is after the replies are sent.
    let received = |scrape: &Scrape| scrape.value("pharos_dns_received_total", &[("transport", "udp")]);
    let received_tcp = |scrape: &Scrape| scrape.value("pharos_dns_received_total", &[("transport", "tcp")]);
    let all = |now: &Scrape| received(now) >= 55.0 && received_tcp(now) >= 3.0;
    until("everything is counted", || all(&Scrape::of(&node)));

    let now = Scrape::of(&node);
    let zone = "app.example.com";
    assert_eq!(queries(&now, "udp", zone, "NOERROR"), 40.0 + 5.0 + 3.0 + 2.0);
    assert_eq!(queries(&now, "udp", zone, "NXDOMAIN"), 2.0);
    assert_eq!(queries(&now, "udp", "_none", "REFUSED"), 1.0);
    assert_eq!(queries(&now, "udp", "_none", "BADVERS"), 1.0);
    assert_eq!(queries(&now, "tcp", zone, "NOERROR"), 1.0);
    assert_eq!(queries(&now, "tcp", zone, "NXDOMAIN"), 1.0);
    assert_eq!(now.sum("pharos_dns_queries_total", &[]), 56.0, "{}", now.text);
    for (endpoint, address) in [("heavy", Ipv4Addr::new(192, 0, 2, 1)), ("light", Ipv4Addr::new(192, 0, 2, 2))] {
        assert_eq!(answers(&now, "draw", endpoint, &address.to_string()), drawn.get(&address).copied().unwrap_or(0.0));
    }
    assert_eq!(answers(&now, "all", "one", "192.0.2.3"), 5.0);
    assert_eq!(answers(&now, "all", "two", "192.0.2.4"), 5.0);
    assert_eq!(answers(&now, "all", "one", "2001:db8::3"), 1.0);
    assert_eq!(received(&now), 55.0);
    assert_eq!(received_tcp(&now), 3.0);
    for transport in ["udp", "tcp"] {
        assert_eq!(now.value("pharos_dns_unanswered_total", &[("transport", transport)]), 1.0, "{transport}");
    }
    assert_eq!(now.value("pharos_dns_tcp_connections_total", &[("outcome", "accepted")]), 3.0);
    assert_eq!(now.sum("pharos_dns_unsent_total", &[]), 0.0);
    assert_eq!(now.sum("pharos_dns_truncated_total", &[]), 0.0);
}

#[test]
fn what_does_not_fit_is_counted_as_cut() {
    let folder = Folder::default();
    let many: String = (0..60).map(|n| format!("bulk IN A 192.0.2.{n}\n")).collect();
    folder.zone(&format!("{MASTER}{many}"));
    let node = Node::start(&folder);
    assert!(node.client().ask("bulk.app.example.com.", RecordType::A).metadata.truncation);
    tcp(node.dns, &query("bulk.app.example.com.", RecordType::A));
    let now = Scrape::of(&node);
    assert_eq!(now.value("pharos_dns_truncated_total", &[("transport", "udp")]), 1.0);
    assert_eq!(now.value("pharos_dns_truncated_total", &[("transport", "tcp")]), 0.0);
}

#[test]
fn counters_go_on_over_a_reload_for_what_stays() {
    let folder = Folder::steered(UNCHECKED);
    folder.write("zones/gone.example.zone", MASTER);
    let node = Node::start(&folder);
    let client = node.client();
    for _ in 0..3 {
        client.one("static.app.example.com.");
        client.one("static.gone.example.");
        client.a("all.app.example.com.");
    }
    std::fs::remove_file(folder.path("zones/gone.example.zone")).unwrap();
    for n in 0..20 {
        folder.write(format!("zones/a{n}.example.zone"), MASTER);
    }
    let light = "[[pool.draw.endpoint]]\nname = \"light\"\naddress = [\"192.0.2.2\"]\nweight = 100\n";
    folder.steering(&UNCHECKED.replace(light, ""));
    node.reload();
    // A reload by itself may have taken up half of the edits before.
    let is_done = |now: &Scrape| now.value("pharos_zones", &[]) == 21.0 && !now.text.contains("endpoint=\"light\"");
    until("all edits are in force", || is_done(&Scrape::of(&node)));
    for _ in 0..4 {
        client.one("static.app.example.com.");
        client.one("static.a7.example.");
        client.a("all.app.example.com.");
    }
    let now = Scrape::of(&node);
    assert_eq!(queries(&now, "udp", "app.example.com", "NOERROR"), 14.0);
    assert_eq!(queries(&now, "udp", "a7.example", "NOERROR"), 4.0);
    assert_eq!(answers(&now, "all", "two", "192.0.2.4"), 7.0);
    assert!(!now.text.contains("gone.example"));
    assert!(now.value("pharos_reloads_total", &[("outcome", "applied")]) >= 1.0);
}

#[test]
fn a_scrape_needs_the_token_to_read() {
    let folder = Folder::steered(UNCHECKED);
    folder.write("read", "read-token-of-sixteen").write("write", "write-token-of-sixteen");
    let (read, write) = (folder.path("read"), folder.path("write"));
    folder.node(&format!("[admin]\nread_token = {{ file = {read:?} }}\nwrite_token = {{ file = {write:?} }}\n"));
    let node = Node::start(&folder);
    assert_eq!(Call::get("/metrics").ask(&node).fault(), (401, "token-missing".to_owned()));
    assert_eq!(Call::get("/metrics").token("no-such-token-at-all").ask(&node).fault(), (401, "token-wrong".to_owned()));
    let reply = Call::get("/metrics").token("read-token-of-sixteen").ask(&node);
    assert!(reply.status == 200 && reply.body.contains("\npharos_ready 1\n"), "{}", reply.body);
}
