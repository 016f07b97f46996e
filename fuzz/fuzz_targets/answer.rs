//! Whatever is asked, the reply decodes, keeps to its limit, belongs to the question, and both ways of
//! making it agree.
#![no_main]

use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use hickory_proto::op::Message;
use hickory_proto::serialize::binary::BinDecodable;
use libfuzzer_sys::fuzz_target;
use pharos::answer::{Client, Transport, answer_by_walking, answer_with};
use pharos::config::master;
use pharos::dns::{LookupName, Name, Rtype};
use pharos::policy::selector::{Choice, Mode, Selector, SelectorSpec, Steered, Steering};
use pharos::snapshot::{Snapshot, Zone, compile};

/// Kept from message to message, as a transport does: nothing may be left of the one before.
static NAME: Mutex<LookupName> = Mutex::new(LookupName::ROOT);

static WORLD: LazyLock<Snapshot> = LazyLock::new(|| {
    let pool = |rtype, mode, take, ips: &[&str]| {
        let choices =
            ips.iter().map(|ip| Choice { weight: 3, key: 9, addresses: vec![ip.parse().expect("an address")] });
        let spec = SelectorSpec { rtype, ttl: 5, take, mode, choices: choices.collect() };
        Steering::Pick(Selector::new(spec).expect("has addresses"))
    };
    let pools = vec![
        Arc::new(Steered { a: pool(Rtype::A, Mode::Weighted, 1, &["10.0.0.1", "10.0.0.2"]), aaaa: Steering::Nodata }),
        Arc::new(Steered { a: Steering::Static, aaaa: pool(Rtype::AAAA, Mode::Shuffle, 0, &["2001:db8::1", "::2"]) }),
    ];
    let zone = |origin: &str, text: &str, pools: Vec<Arc<Steered>>, steered: &[(&str, u16)]| {
        let mut found = Vec::new();
        let parsed = master::parse_bytes(&Name::parse(origin).expect("a name"), text.as_bytes(), &mut found);
        let steered: Vec<_> = steered.iter().map(|(n, p)| (Name::parse(n).expect("a name"), *p)).collect();
        let zone = parsed.zone.unwrap_or_else(|| panic!("{found:?}"));
        Zone::new(Arc::new(compile(&zone, &steered)), pools)
    };
    let example = zone(
        "example",
        include_str!("../seeds/example.zone"),
        pools,
        &[("app.example", 0), ("*.app.example", 0), ("s.example", 1)],
    );
    let child = zone("c.example", include_str!("../seeds/c.example.zone"), Vec::new(), &[]);
    Snapshot::new(1, "ns1".into(), vec![example, child])
});

fuzz_target!(|data: &[u8]| {
    let Some((&first, query)) = data.split_first() else { return };
    let transport = if first & 1 == 0 { Transport::Udp } else { Transport::Tcp };
    let client = Client { ip: IpAddr::from([192, 0, 2, first]), transport };
    let limit = if transport == Transport::Udp { 1232 } else { 65_535 };
    // What an earlier message left: pointers, which nothing may follow.
    let mut out = [0xc0, 0x0e].repeat(limit / 2 + 1);
    out.truncate(limit);
    let mut name = NAME.lock().unwrap_or_else(PoisonError::into_inner);
    let len = answer_with(&mut name, &mut (), &WORLD, query, client, u64::from(first), &mut out);
    if len == 0 {
        assert!(query.len() < 12 || query[2] & 0x80 != 0, "left without a reply");
        return;
    }
    let reply = decode(&out[..len]);
    assert!(transport == Transport::Tcp || len <= 512 || reply.edns.is_some(), "longer than 512 bytes");
    assert_eq!(out[..2], query[..2], "another id");
    assert!(out[2] & 0x80 != 0, "no reply");
    let mut long = vec![0; limit];
    let len = answer_by_walking(&WORLD, query, client, u64::from(first), &mut long);
    let walked = decode(&long[..len]);
    assert_eq!(reply.metadata.response_code, walked.metadata.response_code);
    if !reply.metadata.truncation && !walked.metadata.truncation {
        assert_eq!(sorted(&reply), sorted(&walked));
    }
});

fn decode(bytes: &[u8]) -> Message {
    Message::from_bytes(bytes).unwrap_or_else(|error| panic!("{error}: {bytes:02x?}"))
}

fn sorted(message: &Message) -> [Vec<String>; 3] {
    [&message.answers, &message.authorities, &message.additionals].map(|section| {
        let mut lines: Vec<_> = section.iter().map(|record| record.to_string().to_lowercase()).collect();
        lines.sort();
        lines
    })
}
