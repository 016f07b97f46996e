//! The short way and the long way to a reply are one: decoded, they agree, for any question.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::net::IpAddr;
use std::sync::Arc;

use hickory_proto::op::Message;
use hickory_proto::serialize::binary::BinDecodable;
use pharos::answer::{Client, Transport, answer, answer_by_walking};
use pharos::dns::{Name, Rtype};
use pharos::model::zone::{Place, ZoneBuilder};
use pharos::policy::selector::{Choice, Mode, Selector, SelectorSpec, Steered, Steering};
use pharos::snapshot::{Snapshot, Zone, compile};
use proptest::prelude::*;

fn wire(name: &str) -> Vec<u8> {
    Name::parse(name).unwrap().as_wire().to_vec()
}

fn rdata(rtype: Rtype, text: &str) -> Vec<u8> {
    match rtype {
        Rtype::A => text.parse::<std::net::Ipv4Addr>().unwrap().octets().to_vec(),
        Rtype::AAAA => text.parse::<std::net::Ipv6Addr>().unwrap().octets().to_vec(),
        Rtype::MX => [&[0, 10][..], &wire(text)].concat(),
        Rtype::SRV => [&[0, 1, 0, 2, 0, 3][..], &wire(text)].concat(),
        Rtype::SOA => [&wire("ns1.example")[..], &wire("hostmaster.example"), &[0, 0, 0, 9].repeat(5)].concat(),
        Rtype::TXT => [&[u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat(),
        Rtype::DS => vec![1; 24],
        _ => wire(text),
    }
}

fn zone(origin: &str, records: &[(&str, Rtype, &str)], pools: Vec<Arc<Steered>>, steered: &[(&str, u16)]) -> Zone {
    let mut builder = ZoneBuilder::new(Name::parse(origin).unwrap());
    for (owner, rtype, data) in records {
        builder.push(&wire(owner), *rtype, 300, &rdata(*rtype, data), Place::default()).unwrap();
    }
    let (records, _) = builder.finish().unwrap();
    let steered: Vec<_> = steered.iter().map(|(n, p)| (Name::parse(n).unwrap(), *p)).collect();
    Zone::new(Arc::new(compile(&records, &steered)), pools)
}

fn pool(rtype: Rtype, ips: &[&str]) -> Steering {
    let choices =
        ips.iter().map(|ip| Choice { weight: 1, key: 1, addresses: vec![ip.parse::<IpAddr>().unwrap()] }).collect();
    Steering::Pick(Selector::new(SelectorSpec { rtype, ttl: 5, take: 0, mode: Mode::Uniform, choices }).unwrap())
}

fn world() -> Snapshot {
    world_of("ns1")
}

fn world_of(node: &str) -> Snapshot {
    let big = "x".repeat(200);
    let mut example = vec![
        ("example", Rtype::SOA, ""),
        ("example", Rtype::NS, "ns1.example"),
        ("example", Rtype::NS, "ns.other"),
        ("example", Rtype::MX, "mail.example"),
        ("example", Rtype::MX, "mail.sub.example"),
        ("ns1.example", Rtype::A, "192.0.2.1"),
        ("mail.example", Rtype::A, "192.0.2.25"),
        ("mail.example", Rtype::AAAA, "2001:db8::25"),
        ("mail.example", Rtype::MX, "mail.example"),
        ("www.example", Rtype::CNAME, "app.example"),
        ("alias.example", Rtype::CNAME, "mail.example"),
        ("out.example", Rtype::CNAME, "www.elsewhere"),
        ("gone.example", Rtype::CNAME, "nothing.example"),
        ("loop1.example", Rtype::CNAME, "loop2.example"),
        ("loop2.example", Rtype::CNAME, "loop1.example"),
        ("tocut.example", Rtype::CNAME, "a.sub.example"),
        ("tochild.example", Rtype::CNAME, "a.child.example"),
        ("tostar.example", Rtype::CNAME, "b.star.example"),
        ("sub.example", Rtype::NS, "ns.sub.example"),
        ("sub.example", Rtype::NS, "ns1.example"),
        ("sub.example", Rtype::DS, ""),
        ("ns.sub.example", Rtype::A, "192.0.2.53"),
        ("child.example", Rtype::NS, "ns1.example"),
        ("child.example", Rtype::DS, ""),
        ("*.star.example", Rtype::MX, "mail.star.example"),
        ("*.star.example", Rtype::TXT, "star"),
        ("*.starcname.example", Rtype::CNAME, "alias.example"),
        ("b.deep.star.example", Rtype::TXT, "deep"),
        ("d.example", Rtype::DNAME, "star.example"),
        ("e.example", Rtype::DNAME, "d.example"),
        ("srv.example", Rtype::SRV, "mail.example"),
        ("static.example", Rtype::A, "192.0.2.77"),
        ("static.example", Rtype::TXT, "beside"),
    ];
    for _ in 0..1 {
        example.push(("big.example", Rtype::TXT, &big));
    }
    let bulk: Vec<String> = (0..60).map(|i| format!("192.0.2.{i}")).collect();
    example.extend(bulk.iter().map(|ip| ("bulk.example", Rtype::A, ip.as_str())));
    let many: Vec<String> = (0..30).map(|i| format!("a-rather-long-label-for-a-server-{i}.many.example")).collect();
    for name in &many {
        example.push(("many.example", Rtype::NS, name));
        example.push((name, Rtype::A, "192.0.2.99"));
    }
    let pools = vec![
        Arc::new(Steered { a: pool(Rtype::A, &["10.0.0.1", "10.0.0.2"]), aaaa: Steering::Nodata }),
        Arc::new(Steered { a: Steering::Static, aaaa: pool(Rtype::AAAA, &["2001:db8::1"]) }),
    ];
    let steered = [("app.example", 0), ("*.app.example", 0), ("static.example", 1)];
    let example = zone("example", &example, pools, &steered);
    let child = zone(
        "child.example",
        &[
            ("child.example", Rtype::SOA, ""),
            ("child.example", Rtype::NS, "ns1.example"),
            ("a.child.example", Rtype::CNAME, "app.example"),
            ("x.y.child.example", Rtype::TXT, "leaf"),
        ],
        Vec::new(),
        &[],
    );
    Snapshot::new(1, node.into(), vec![example, child])
}

const NAMES: &[&str] = &[
    "example",
    "ns1.example",
    "mail.example",
    "www.example",
    "alias.example",
    "out.example",
    "gone.example",
    "loop1.example",
    "tocut.example",
    "tochild.example",
    "tostar.example",
    "sub.example",
    "a.b.sub.example",
    "ns.sub.example",
    "child.example",
    "a.child.example",
    "y.child.example",
    "x.y.child.example",
    "n.child.example",
    "star.example",
    "*.star.example",
    "q.star.example",
    "q.r.star.example",
    "deep.star.example",
    "q.deep.star.example",
    "q.starcname.example",
    "d.example",
    "q.d.example",
    "q.r.d.example",
    "q.e.example",
    "srv.example",
    "app.example",
    "q.app.example",
    "static.example",
    "big.example",
    "bulk.example",
    "many.example",
    "x.many.example",
    "nope.example",
    "a.nope.example",
    "elsewhere",
    ".",
    "EXAMPLE",
    "Q.Star.ExAmPlE",
    "WWW.eXample",
];
const TYPES: &[u16] = &[1, 2, 5, 6, 12, 15, 16, 28, 33, 39, 43, 47, 65, 255, 65280];

fn query(name: &str, rtype: u16, flags: u16, edns: Option<u16>) -> Vec<u8> {
    let mut out = vec![0x12, 0x34];
    out.extend(flags.to_be_bytes());
    out.extend([0, 1, 0, 0, 0, 0, 0, u8::from(edns.is_some())]);
    out.extend(wire(name));
    out.extend(rtype.to_be_bytes());
    out.extend([0, 1]);
    if let Some(payload) = edns {
        out.extend([0, 0, 41]);
        out.extend(payload.to_be_bytes());
        out.extend([0, 0, 0, 0, 0, 4, 0, 3, 0, 0]);
    }
    out
}

fn reply(world: &Snapshot, query: &[u8], transport: Transport, long: bool) -> Message {
    let client = Client { ip: IpAddr::from([192, 0, 2, 9]), transport };
    let mut out = vec![0xaa; 65_535];
    let len = if long {
        answer_by_walking(world, query, client, 7, &mut out)
    } else {
        answer(world, query, client, 7, &mut out)
    };
    assert!(len >= 12, "no reply");
    Message::from_bytes(&out[..len]).unwrap_or_else(|e| panic!("{e}: {:02x?}", &out[..len]))
}

/// Sections as sorted text; additional records that are no glue may differ where a reply is full.
fn shown(message: &Message) -> String {
    let section = |records: &[hickory_proto::rr::Record]| {
        let mut lines: Vec<String> = records.iter().map(|r| r.to_string().to_lowercase()).collect();
        lines.sort();
        lines.join("\n")
    };
    let [answers, authorities, additionals] =
        [&message.answers, &message.authorities, &message.additionals].map(|s| section(s));
    format!("{:?}\n{:?}\n-- {answers}\n-- {authorities}\n-- {additionals}", message.metadata, message.edns)
}

#[test]
fn both_ways_agree_on_every_kind_of_name() {
    let world = world();
    for name in NAMES {
        for rtype in TYPES {
            for edns in [None, Some(512), Some(1232), Some(4096)] {
                for transport in [Transport::Udp, Transport::Tcp] {
                    let query = query(name, *rtype, 0x0110, edns);
                    let (short, long) =
                        (reply(&world, &query, transport, false), reply(&world, &query, transport, true));
                    if short.metadata.truncation && long.metadata.truncation {
                        continue; // which glue still fits depends on compression
                    }
                    assert_eq!(shown(&short), shown(&long), "{name} TYPE{rtype} {edns:?} {transport:?}");
                }
            }
        }
    }
}

fn ask(world: &Snapshot, name: &str, rtype: Rtype) -> String {
    let reply = reply(world, &query(name, rtype.0, 0, None), Transport::Tcp, false);
    let mut out =
        format!("{:?}{}", reply.metadata.response_code, if reply.metadata.authoritative { " aa" } else { "" });
    for (mark, records) in [(':', &reply.answers), ('/', &reply.authorities), ('+', &reply.additionals)] {
        for record in records {
            out.push_str(&format!(" {mark} {} {} {}", record.name, record.record_type(), record.data));
        }
    }
    out
}

#[test]
fn replies_are_what_the_rfcs_say() {
    let world = world();
    let soa = "SOA ns1.example. hostmaster.example. 9 9 9 9 9";
    for (name, rtype, want) in [
        ("app.example", Rtype::A, "NoError aa : app.example. A 10.0.0.1 : app.example. A 10.0.0.2".to_owned()),
        ("app.example", Rtype::AAAA, format!("NoError aa / example. {soa}")),
        ("app.example", Rtype::TXT, format!("NoError aa / example. {soa}")),
        ("q.app.example", Rtype::A, "NoError aa : q.app.example. A 10.0.0.1 : q.app.example. A 10.0.0.2".to_owned()),
        ("static.example", Rtype::A, "NoError aa : static.example. A 192.0.2.77".to_owned()),
        ("static.example", Rtype::AAAA, "NoError aa : static.example. AAAA 2001:db8::1".to_owned()),
        (
            "www.example",
            Rtype::A,
            "NoError aa : www.example. CNAME app.example. : app.example. A 10.0.0.1 : app.example. A 10.0.0.2".to_owned(),
        ),
        ("nope.example", Rtype::A, format!("NXDomain aa / example. {soa}")),
        ("deep.star.example", Rtype::A, format!("NoError aa / example. {soa}")),
        ("q.deep.star.example", Rtype::TXT, format!("NXDomain aa / example. {soa}")),
        (
            "q.r.star.example",
            Rtype::MX,
            "NoError aa : q.r.star.example. MX 10 mail.star.example.".to_owned(),
        ),
        (
            "x.sub.example",
            Rtype::A,
            "NoError / sub.example. NS ns.sub.example. / sub.example. NS ns1.example. + ns.sub.example. A 192.0.2.53 + ns1.example. A 192.0.2.1".to_owned(),
        ),
        ("sub.example", Rtype::DS, "NoError aa : sub.example. DS 257 1 Unknown(1) 0101010101010101010101010101010101010101".to_owned()),
        ("y.child.example", Rtype::A, format!("NoError aa / child.example. {soa}")),
        ("elsewhere", Rtype::A, "Refused".to_owned()),
        (
            "q.d.example",
            Rtype::TXT,
            "NoError aa : d.example. DNAME BHN0YXIHZXhhbXBsZQA= : q.d.example. CNAME q.star.example. : q.star.example. TXT star".to_owned(),
        ),
        (
            "tochild.example",
            Rtype::A,
            "NoError aa : tochild.example. CNAME a.child.example. : a.child.example. CNAME app.example. : app.example. A 10.0.0.1 : app.example. A 10.0.0.2".to_owned(),
        ),
        ("gone.example", Rtype::A, format!("NXDomain aa : gone.example. CNAME nothing.example. / example. {soa}")),
        ("out.example", Rtype::A, "NoError aa : out.example. CNAME www.elsewhere.".to_owned()),
        (
            "loop1.example",
            Rtype::A,
            "NoError aa : loop1.example. CNAME loop2.example. : loop2.example. CNAME loop1.example.".to_owned(),
        ),
    ] {
        let got = ask(&world, name, rtype);
        // Unknown to the decoder, which shows the data of DNAME in base64.
        if rtype == Rtype::DS {
            assert!(got.starts_with("NoError aa : sub.example. DS"), "{got}");
            continue;
        }
        assert_eq!(got, want, "{name} {rtype}");
    }
}

#[test]
fn the_question_comes_back_as_it_was_sent() {
    let world = world();
    let asked = query("wWw.ExAmPlE", 1, 0x0100, None);
    let client = Client { ip: IpAddr::from([192, 0, 2, 9]), transport: Transport::Udp };
    let mut out = [0; 1232];
    let len = answer(&world, &asked, client, 0, &mut out);
    assert_eq!(out[12..asked.len()], asked[12..]);
    assert!(len > asked.len());
}

#[test]
fn replies_that_do_not_fit_are_cut_and_keep_opt() {
    let world = world();
    for (edns, cut) in [(None, true), (Some(100), true), (Some(512), true), (Some(1232), false), (Some(65_535), false)]
    {
        let reply = reply(&world, &query("bulk.example", 1, 0, edns), Transport::Udp, false);
        assert_eq!(reply.metadata.truncation, cut, "{edns:?}");
        assert_eq!(reply.answers.len(), if cut { 0 } else { 60 });
        assert_eq!(reply.edns.is_some(), edns.is_some());
    }
    // Glue that does not fit sets TC, and what fits is there.
    let reply = reply(&world, &query("x.many.example", 1, 0, None), Transport::Udp, false);
    assert!(reply.metadata.truncation);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_answered_or_ignored(mut packet in proptest::collection::vec(any::<u8>(), 0..80), flags in any::<u16>()) {
        let world = world_once();
        if packet.len() > 4 {
            packet[2..4].copy_from_slice(&(flags & 0x7fff).to_be_bytes());
        }
        let client = Client { ip: IpAddr::from([192, 0, 2, 9]), transport: Transport::Udp };
        let mut out = [0; 1232];
        let len = answer(world, &packet, client, 0, &mut out);
        prop_assert!(len == 0 || len >= 12);
        prop_assert_eq!(len == 0, packet.len() < 12);
    }

    #[test]
    fn both_ways_agree_on_random_labels(labels in proptest::collection::vec("[a-z*]{1,8}|star|sub|example|d|child", 0..6), rtype in 0u16..260) {
        let mut name = labels.join(".");
        name.push_str(if name.is_empty() { "example" } else { ".example" });
        let world = world_once();
        let query = query(&name, rtype, 0, Some(1232));
        if !matches!(rtype, 41 | 249..=252) {
            let (short, long) = (reply(world, &query, Transport::Udp, false), reply(world, &query, Transport::Udp, true));
            prop_assert_eq!(shown(&short), shown(&long));
        }
    }
}

fn world_once() -> &'static Snapshot {
    static WORLD: std::sync::OnceLock<Snapshot> = std::sync::OnceLock::new();
    WORLD.get_or_init(world)
}

#[test]
fn an_unknown_key_is_told_so() {
    let world = world();
    let mut packet = query("app.example", 1, 0, Some(1232));
    packet[11] += 1;
    packet.extend(wire("key.example"));
    packet.extend([0, 250, 0, 255, 0, 0, 0, 0]);
    let algorithm = wire("hmac-sha256");
    packet.extend(u16::try_from(algorithm.len() + 16 + 32).unwrap().to_be_bytes());
    packet.extend(&algorithm);
    packet.extend([0, 0, 1, 2, 3, 4, 1, 44, 0, 32]);
    packet.extend([7; 32]);
    packet.extend([0x12, 0x34, 0, 0, 0, 0]);
    let client = Client { ip: IpAddr::from([192, 0, 2, 9]), transport: Transport::Udp };
    let mut out = [0; 1232];
    let len = answer(&world, &packet, client, 7, &mut out);
    assert_eq!((out[3] & 0xf, out[7], out[11]), (9, 0, 2), "NOTAUTH, no answer, OPT and TSIG");
    let mut want = wire("key.example");
    want.extend([0, 250, 0, 255, 0, 0, 0, 0, 0, 29]);
    want.extend(&algorithm);
    want.extend([0, 0, 1, 2, 3, 4, 1, 44, 0, 0, 0x12, 0x34, 0, 17, 0, 0]);
    assert_eq!(out[..len][len - want.len()..], want);
}

#[test]
fn other_opcodes_are_not_implemented_and_keep_opt() {
    let world = world();
    for opcode in 1..16u16 {
        let packet = query("app.example", 1, opcode << 11, Some(1232));
        let client = Client { ip: IpAddr::from([192, 0, 2, 9]), transport: Transport::Udp };
        let mut out = [0; 1232];
        let len = answer(&world, &packet, client, 7, &mut out);
        assert_eq!((out[2], out[3], out[5], out[11]), (0x80 | u8::try_from(opcode).unwrap() << 3, 4, 1, 1));
        assert_eq!(out[12..packet.len() - 15], packet[12..packet.len() - 15], "the question");
        assert_eq!(len, packet.len() - 4, "OPT without options");
    }
}

/// A world of one zone from a master file, with one pool of one address.
fn small(origin: &str, text: &str, steered: &[&str]) -> Snapshot {
    let origin = Name::parse(origin).unwrap();
    let mut found = Vec::new();
    let text = format!("$TTL 60\n@ SOA ns1 h 1 2 3 4 5\n@ NS ns1\n{text}");
    let parsed = pharos::config::master::parse_bytes(&origin, text.as_bytes(), &mut found);
    let zone = parsed.zone.unwrap_or_else(|| panic!("{found:?}"));
    let steered: Vec<_> = steered.iter().map(|n| (Name::parse(n).unwrap(), 0)).collect();
    let pool = Steered { a: pool(Rtype::A, &["10.9.9.9"]), aaaa: Steering::Nodata };
    let zone = Zone::new(Arc::new(compile(&zone, &steered)), [Arc::new(pool)]);
    Snapshot::new(1, "ns1".into(), vec![zone])
}

/// Every way to a reply, as text; they must agree.
fn both(world: &Snapshot, name: &str, rtype: Rtype, edns: Option<u16>, transport: Transport) -> Message {
    let query = query(name, rtype.0, 0, edns);
    let (short, long) = (reply(world, &query, transport, false), reply(world, &query, transport, true));
    assert_eq!(shown(&short), shown(&long), "{name} {rtype}");
    short
}

#[test]
fn no_name_of_a_node_overruns_a_reply() {
    let long = [[b'a'; 63].as_slice(); 3].map(|l| std::str::from_utf8(l).unwrap()).join(".")
        + "."
        + &"b".repeat(53)
        + ".example";
    for len in [1, 63, 200, 240, 255] {
        let world = world_of(&"n".repeat(len));
        for name in [long.as_str(), "nowhere", "x.sub.example", "bulk.example", "www.example"] {
            for edns in [0, 512, 1232] {
                let reply = both(&world, name, Rtype::A, Some(edns), Transport::Udp);
                assert!(reply.edns.is_some());
            }
        }
    }
}

#[test]
fn a_steered_name_is_reached_through_any_chain() {
    let mut text = "app A 192.0.2.1\n*.w CNAME app\n".to_owned();
    for i in 0..12 {
        text.push_str(&format!("a{i}.b{i}.c{i}.d{i}.e{i} CNAME a{n}.b{n}.c{n}.d{n}.e{n}\n", n = i + 1));
    }
    text.push_str("a12.b12.c12.d12.e12 CNAME app\n");
    let world = small("example", &text, &["app.example"]);
    let reply = both(&world, "a0.b0.c0.d0.e0.example", Rtype::A, None, Transport::Tcp);
    assert_eq!((reply.answers.len(), reply.metadata.truncation), (14, false));
    let deep = "x.".repeat(100) + "w.example";
    let reply = both(&world, &deep, Rtype::A, Some(1232), Transport::Udp);
    assert_eq!(reply.answers.last().unwrap().to_string(), "app.example. 5 IN A 10.9.9.9");
    let root = small(".", "ns1 A 192.0.2.1\n", &["."]);
    assert_eq!(both(&root, ".", Rtype::ANY, None, Transport::Tcp).answers.len(), 1);
}

#[test]
fn additional_records_are_whole_sets_of_what_is_known() {
    let hosts: String = (0..40).map(|i| format!("h A 10.0.0.{i}\ns A 10.0.1.{i}\n")).collect();
    let world = small(
        "example",
        &format!(
            "{hosts}@ MX 1 h\nsub NS ns.sub\nsub NS s\nns.sub A 192.0.2.53\n*.x HTTPS 1 . alpn=h2\n*.x A 192.0.2.1\n\
             cut NS app\ncut NS ns1\napp A 192.0.2.9\nns1 A 192.0.2.2\n"
        ),
        &["app.example"],
    );
    // An RRset that does not fit is left out whole (RFC 2181, 9).
    let mx = both(&world, "example", Rtype::MX, None, Transport::Udp);
    assert_eq!((mx.additionals.len(), mx.metadata.truncation), (0, false));
    assert_eq!(both(&world, "example", Rtype::MX, Some(1232), Transport::Udp).additionals.len(), 40);
    // Only a delegation's own hosts are worth asking again for (RFC 9471).
    let referral = both(&world, "x.sub.example", Rtype::A, None, Transport::Udp);
    assert_eq!((referral.additionals.len(), referral.metadata.truncation), (1, false));
    // What stands for the owner of a wildcard is not the wildcard's own name.
    assert_eq!(both(&world, "q.x.example", Rtype::HTTPS, None, Transport::Tcp).additionals.len(), 0);
    // The fallback beside a pool is not glue.
    let cut = both(&world, "x.cut.example", Rtype::A, None, Transport::Tcp);
    let glue: Vec<_> = cut.additionals.iter().map(|r| r.name.to_string()).collect();
    assert_eq!(glue, ["ns1.example."]);
}

#[test]
fn additional_records_do_not_multiply_an_image() {
    let hosts: String = (0..2000).map(|i| format!("h A 10.0.{}.{}\n", i / 250, i % 250)).collect();
    let text = format!("$TTL 60\n@ SOA ns1 h 1 2 3 4 5\n@ NS ns1\n{hosts}$GENERATE 1-1000 n$ MX \"0 h\"\n");
    let parsed =
        pharos::config::master::parse_bytes(&Name::parse("example").unwrap(), text.as_bytes(), &mut Vec::new());
    let image = compile(&parsed.zone.unwrap(), &[]);
    assert!(image.size_bytes() < 200_000, "{}", image.size_bytes());
}
