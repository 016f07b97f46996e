//! A world and a query of every kind that it answers: what benchmarks measure and what must not allocate.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use pharos::answer::{Client, Transport};
use pharos::config::master;
use pharos::dns::Name;
use pharos::health::{Standing, Verdict};
use pharos::model::pool::{Address, AllDown, DualStack, Endpoint, Failback, FailbackMode, Filter, Pool};
use pharos::model::{EndpointName, PoolName};
use pharos::policy::{PoolMemory, Steered, compile};
use pharos::snapshot::{self, Snapshot, Zone};

/// The zone that everything lies in.
pub const ZONE: &str = "yourdomain.com";

/// Pools: name, policy, addresses per answer, how many of the four endpoints work.
pub const POOLS: [(&str, &[Filter], usize, usize); 9] = [
    ("priority", &[Filter::Priority], 1, 4),
    ("failed", &[Filter::Priority], 1, 3),
    ("weight", &[Filter::Weight], 1, 4),
    ("sticky", &[Filter::Sticky], 1, 4),
    ("shuffle", &[Filter::Shuffle], 1, 4),
    ("all", &[], 0, 4),
    ("weight2", &[Filter::Weight], 2, 4),
    ("sticky2", &[Filter::Sticky], 2, 4),
    ("shuffle2", &[Filter::Shuffle], 2, 4),
];

/// Kinds: name, owner below [`ZONE`] (or absolute; `%` is one of the hosts, `?` any number), type, how it is
/// asked, and the reply: code, TC, and records of answer, authority and additional section.
///
/// How: `edns`, `nsid`, `cookie`, `version` (EDNS 1), `case` (RFC draft 0x20), `tcp`, `chaos` (class CH),
/// `tsig`, `status` (an opcode of no use), `cut` (the last byte is missing).
const KINDS: [(&str, &str, u16, &str, &str); 37] = [
    ("static A", "%", A, "", "NOERROR 1 0 0"),
    ("static AAAA", "%", AAAA, "", "NOERROR 1 0 0"),
    ("static A, mixed case", "%", A, "case", "NOERROR 1 0 0"),
    ("MX", "@", 15, "", "NOERROR 1 0 1"),
    ("TXT", "@", 16, "", "NOERROR 1 0 0"),
    ("priority", "priority", A, "", "NOERROR 1 0 0"),
    ("priority, first is down", "failed", A, "", "NOERROR 1 0 0"),
    ("weight", "weight", A, "", "NOERROR 1 0 0"),
    ("sticky", "sticky", A, "", "NOERROR 1 0 0"),
    ("shuffle", "shuffle", A, "", "NOERROR 1 0 0"),
    ("no policy, all four", "all", A, "", "NOERROR 4 0 0"),
    ("weight, two of four", "weight2", A, "", "NOERROR 2 0 0"),
    ("sticky, two of four", "sticky2", A, "", "NOERROR 2 0 0"),
    ("shuffle, two of four", "shuffle2", A, "", "NOERROR 2 0 0"),
    ("steered, EDNS", "weight", A, "edns", "NOERROR 1 0 1"),
    ("steered, no AAAA", "priority", AAAA, "", "NOERROR 0 1 0"),
    ("EDNS", "%", A, "edns", "NOERROR 1 0 1"),
    ("EDNS, NSID", "%", A, "edns nsid", "NOERROR 1 0 1"),
    ("EDNS, cookie", "%", A, "edns cookie", "NOERROR 1 0 1"),
    ("wildcard", "x?.star", A, "", "NOERROR 1 0 0"),
    ("wildcard MX", "x?.star", 15, "", "NOERROR 1 0 1"),
    ("referral", "www?.sub", A, "", "NOERROR 0 2 2"),
    ("DS", "sub", 43, "edns", "NOERROR 1 0 1"),
    ("CNAME chain", "alias", A, "", "NOERROR 4 0 0"),
    ("DNAME", "www.moved", A, "", "NOERROR 3 0 0"),
    ("NXDOMAIN", "no?", A, "", "NXDOMAIN 0 1 0"),
    ("NODATA", "%", 16, "", "NOERROR 0 1 0"),
    ("ANY", "%", 255, "", "NOERROR 1 0 0"),
    ("truncated", "bulk", A, "", "NOERROR TC 0 0 0"),
    ("large, TCP", "bulk", A, "tcp", "NOERROR 100 0 0"),
    ("REFUSED", "www?.elsewhere.", A, "", "REFUSED 0 0 0"),
    ("version.bind", "version.bind.", 16, "chaos", "NOERROR 1 0 0"),
    ("transfer", "@", 252, "tcp", "REFUSED 0 0 0"),
    ("TSIG", "%", A, "tsig", "NOTAUTH 0 0 1"),
    ("BADVERS", "%", A, "version", "NOERROR 0 0 1"),
    ("FORMERR", "%", A, "cut", "FORMERR 0 0 0"),
    ("NOTIMP", "%", A, "status", "NOTIMP 0 0 0"),
];
const A: u16 = 1;
const AAAA: u16 = 28;

/// One kind of query.
pub struct Kind {
    pub name: &'static str,
    /// Different ones, where the kind allows; their number is a power of two.
    pub queries: Vec<Vec<u8>>,
    transport: Transport,
    reply: &'static str,
}

impl Kind {
    /// The `n`th query, with a client and entropy that go with it.
    #[inline]
    pub fn nth(&self, n: u32) -> (&[u8], Client, u64) {
        let query = &self.queries[n as usize & (self.queries.len() - 1)];
        let client = Client { ip: IpAddr::V4(Ipv4Addr::from_bits(0xc633_6407 ^ (n << 8))), transport: self.transport };
        (query, client, u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Whether it may be sent in a datagram.
    pub fn is_udp(&self) -> bool {
        self.transport == Transport::Udp
    }

    /// Checks that a reply is the one of this kind.
    #[track_caller]
    pub fn check(&self, query: &[u8], reply: &[u8]) {
        assert_eq!(reply[..2], query[..2], "{self}: the id");
        assert_eq!(shown(reply), self.reply, "{self}");
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Code, TC and record counts of a reply.
fn shown(reply: &[u8]) -> String {
    let code = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "6", "7", "8", "NOTAUTH"]
        [usize::from(reply[3] & 0xf)];
    let cut = if reply[2] & 2 == 0 { "" } else { " TC" };
    let count = |at: usize| u16::from_be_bytes([reply[at], reply[at + 1]]);
    format!("{code}{cut} {} {} {}", count(6), count(8), count(10))
}

/// Every kind, for a world of so many hosts, with so many queries each.
pub fn kinds(hosts: u32, queries: u32) -> Vec<Kind> {
    assert!(queries.is_power_of_two());
    let kind = |&(name, owner, rtype, how, reply): &(&'static str, &str, u16, &str, &'static str)| {
        let varies = owner.contains(['%', '?']);
        let number = |n: u32| n.wrapping_mul(0x9e37_79b1) % hosts;
        let query = |n| query(&owner.replace('%', &host(number(n))).replace('?', &n.to_string()), rtype, how);
        Kind {
            name,
            queries: (0..if varies { queries } else { 1 }).map(query).collect(),
            transport: if how == "tcp" { Transport::Tcp } else { Transport::Udp },
            reply,
        }
    };
    KINDS.iter().map(kind).collect()
}

fn host(n: u32) -> String {
    format!("h{n:04}")
}

fn query(owner: &str, rtype: u16, how: &str) -> Vec<u8> {
    let is = |word| how.split(' ').any(|one| one == word);
    let owner = match owner.strip_suffix('.') {
        Some(absolute) => absolute.to_owned(),
        None => format!("{owner}.{ZONE}").trim_start_matches("@.").to_owned(),
    };
    let mut options = Vec::new();
    if is("nsid") {
        options.extend([0, 3, 0, 0]);
    }
    if is("cookie") {
        options.extend(*b"\0\x0a\0\x08ClientCk");
    }
    let has_opt = is("edns") || is("version");
    let mut out = vec![0x12, 0x34, if is("status") { 0x10 } else { 1 }, 0, 0, 1, 0, 0, 0, 0];
    out.extend([0, u8::from(has_opt) + u8::from(is("tsig"))]);
    let mut name = Name::parse(&owner).unwrap().as_wire().to_vec();
    if is("case") {
        name.iter_mut().step_by(2).for_each(u8::make_ascii_uppercase);
    }
    out.extend(name);
    out.extend(rtype.to_be_bytes());
    out.extend([0, if is("chaos") { 3 } else { 1 }]);
    if has_opt {
        out.extend([0, 0, 41, 4, 208, 0, u8::from(is("version")), 0x80, 0]);
        out.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
        out.extend(options);
    }
    if is("tsig") {
        // hmac-sha256., a time, a fudge, a MAC of 32 bytes, the id, no error and no other data.
        let data =
            [&b"\x0bhmac-sha256\0\0\0\x65\0\0\0\x01\x2c\0\x20"[..], &[7; 32], &[0x12, 0x34, 0, 0, 0, 0]].concat();
        out.extend(*b"\x03key\0\0\xfa\0\xff\0\0\0\0");
        out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        out.extend(data);
    }
    if is("cut") {
        out.pop();
    }
    out
}

/// The zone's master file.
pub fn master_file(hosts: u32) -> String {
    let mut text = String::from(
        "$TTL 300
@        IN SOA   ns1 hostmaster 1 3600 900 604800 60
@        IN NS    ns1
@        IN NS    ns2
@        IN MX    10 mail
@        IN TXT   \"v=spf1 -all\"
ns1      IN A     127.0.0.1
ns2      IN A     127.0.0.2
mail     IN A     192.0.2.25
*.star   IN A     192.0.2.77
*.star   IN MX    10 mail
sub      IN NS    ns1.sub
sub      IN NS    ns2.sub
sub      IN DS    12345 13 2 49fd46e6c4b45c55d4ac49fd46e6c4b45c55d4ac49fd46e6c4b45c55d4ac1234
ns1.sub  IN A     192.0.2.51
ns2.sub  IN A     192.0.2.52
alias    IN CNAME alias2
alias2   IN CNAME alias3
alias3   IN CNAME www
www      IN A     192.0.2.80
moved    IN DNAME new
www.new  IN A     192.0.2.81
",
    );
    for n in 1..=100 {
        writeln!(text, "bulk IN A 192.0.2.{n}").unwrap();
    }
    for n in 0..hosts {
        let host = host(n);
        let [_, x, y, z] = n.to_be_bytes();
        writeln!(text, "{host} IN A 10.{x}.{y}.{z}\n{host} IN AAAA 2001:db8::{:x}:{:x}", n >> 16, n & 0xffff).unwrap();
    }
    text
}

/// A world with so many hosts.
pub fn world(hosts: u32) -> Snapshot {
    let mut found = Vec::new();
    let origin = Name::parse(ZONE).unwrap();
    let parsed = master::parse_bytes(&origin, master_file(hosts).as_bytes(), &mut found);
    let records = parsed.zone.unwrap_or_else(|| panic!("{found:?}"));
    let names: Vec<_> =
        (0..).zip(POOLS).map(|(place, pool)| (Name::parse(&format!("{}.{ZONE}", pool.0)).unwrap(), place)).collect();
    let pools: Vec<_> = POOLS.iter().map(steered).collect();
    let zone = Zone::new(Arc::new(snapshot::compile(&records, &names)), pools);
    Snapshot::new(1, "ns1".into(), vec![zone])
}

/// What a pool of four endpoints answers while the first of them are down and the last `up` work.
fn steered(&(name, policy, answers, up): &(&str, &[Filter], usize, usize)) -> Arc<Steered> {
    let endpoint = |n: u8| Endpoint {
        name: EndpointName::new(&format!("e{n}")),
        region: None,
        addresses: vec![Address { ip: [192, 0, 2, n].into(), watch: None }],
        priority: n.into(),
        weight: 10 * u32::from(n),
    };
    let pool = Pool {
        name: PoolName::new(name),
        names: Vec::new(),
        policy: policy.to_vec(),
        ttl: 60,
        ttl_suspect: None,
        answers,
        all_down: AllDown::LastGood,
        failback: Failback { mode: FailbackMode::Auto, hold: Duration::ZERO },
        min_healthy: 1,
        dual_stack: DualStack::Apart,
        endpoints: (1..=4).map(endpoint).collect(),
    };
    let standing = |n: usize| {
        let verdict = if n < 4 - up { Verdict::Down } else { Verdict::Up };
        vec![Standing { verdict, ..Standing::UNWATCHED }]
    };
    compile(&pool, &(0..4).map(standing).collect::<Vec<_>>(), &PoolMemory::default()).steered
}
