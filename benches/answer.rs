//! Time from a query's bytes to a reply's bytes, without sockets, whole and by its parts.
//!
//! ```text
//! cargo bench --bench answer [-- FILTER]
//! ```
//!
//! The queries of each kind are asked in turn, so a time is that of a query whose name was not asked right
//! before; in the big zone, of one whose node is in no cache. For what changes from one build to the next,
//! `--bench instructions` is the better measure: it does not depend on the clock.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "../tests/support/kinds.rs"]
mod kinds;

use std::sync::{Arc, LazyLock};

use divan::{Bencher, black_box};
use pharos::answer::Transport;
use pharos::dns::{Edns, LookupName, Name, Rcode, Writer, parse, write_opt};
use pharos::policy::selector::{Selector, Steering};
use pharos::serve::{Answers, FromStore, Ledger};
use pharos::snapshot::{Found, Snapshot, Store};

use self::kinds::{Kind, ZONE};

/// Hosts of the zones, each with A and AAAA.
const SMALL: u32 = 1000;
const BIG: u32 = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };

/// Queries per sample: with a hundred samples, more than there are different ones.
const SAMPLE: u32 = 1000;

/// A world and its queries.
struct Set {
    world: Arc<Snapshot>,
    kinds: Vec<Kind>,
}

impl Set {
    fn of(hosts: u32, queries: u32) -> Self {
        Self { world: Arc::new(kinds::world(hosts)), kinds: kinds::kinds(hosts, queries) }
    }

    fn kind(&self, name: &str) -> &Kind {
        self.kinds.iter().find(|kind| kind.name == name).unwrap()
    }
}

static SMALL_SET: LazyLock<Set> = LazyLock::new(|| Set::of(SMALL, 1024));
static BIG_SET: LazyLock<Set> = LazyLock::new(|| Set::of(BIG, 65_536));

fn main() {
    divan::main();
}

/// Calls `work` with 0, 1, 2 and so on.
fn count_up<T>(bencher: Bencher<'_, '_>, mut work: impl FnMut(u32) -> T) {
    let mut n = 0_u32;
    bencher.bench_local(|| {
        n = n.wrapping_add(1);
        work(n)
    });
}

/// Everything, by kind of answer.
mod answers {
    use super::*;

    #[divan::bench(sample_size = SAMPLE, args = SMALL_SET.kinds.iter())]
    fn thousand_names(bencher: Bencher<'_, '_>, kind: &Kind) {
        answer(bencher, &SMALL_SET, kind);
    }

    #[divan::bench(sample_size = SAMPLE, args = BIG_SET.kinds.iter().filter(|kind| kind.queries.len() > 1))]
    fn million_names(bencher: Bencher<'_, '_>, kind: &Kind) {
        answer(bencher, &BIG_SET, kind);
    }

    fn answer(bencher: Bencher<'_, '_>, set: &Set, kind: &Kind) {
        let mut answers = FromStore::new(&Store::new(Arc::clone(&set.world)), Transport::Udp, &Ledger::default());
        let mut out = vec![0; if kind.is_udp() { 1232 } else { 65_535 }];
        count_up(bencher, |n| {
            let (query, client, entropy) = kind.nth(n);
            answers.answer(black_box(query), client, entropy, black_box(&mut out))
        });
    }
}

/// Bytes to a query.
#[divan::bench(sample_size = SAMPLE, args = ["static A", "static A, mixed case", "EDNS", "EDNS, cookie", "TSIG", "FORMERR"])]
fn parsed(bencher: Bencher<'_, '_>, kind: &str) {
    let kind = SMALL_SET.kind(kind);
    let mut name = LookupName::ROOT;
    count_up(bencher, |n| parse(black_box(kind.nth(n).0), &mut name).is_ok());
}

/// Bytes to a query, its zone and its node.
mod decided {
    use super::*;

    const KINDS: [&str; 5] = ["static A", "wildcard", "referral", "NXDOMAIN", "REFUSED"];

    #[divan::bench(sample_size = SAMPLE, args = KINDS)]
    fn thousand_names(bencher: Bencher<'_, '_>, kind: &str) {
        decide(bencher, &SMALL_SET, kind);
    }

    #[divan::bench(sample_size = SAMPLE, args = KINDS)]
    fn million_names(bencher: Bencher<'_, '_>, kind: &str) {
        decide(bencher, &BIG_SET, kind);
    }

    fn decide(bencher: Bencher<'_, '_>, set: &Set, kind: &str) {
        let kind = set.kind(kind);
        let mut name = LookupName::ROOT;
        count_up(bencher, |n| {
            let query = parse(black_box(kind.nth(n).0), &mut name).ok()?;
            let zone = set.world.enclosing(query.name, query.name.labels())?;
            Some(match zone.image.find(query.name) {
                Found::Exact(node) | Found::Wildcard(node) => node.own_name().len(),
                Found::Cut(_, labels) | Found::Dname(_, labels) => labels,
                Found::Missing => 0,
            })
        });
    }
}

/// A decision to bytes.
mod encoded {
    use super::*;

    fn selector(pool: usize) -> &'static Selector {
        match &SMALL_SET.world.zones()[0].pools[pool].steered.a {
            Steering::Pick(selector) => selector,
            Steering::Static | Steering::Nodata => panic!("the pool works"),
        }
    }

    #[divan::bench(sample_size = SAMPLE, args = kinds::POOLS.map(|pool| pool.0))]
    fn selector_records(bencher: Bencher<'_, '_>, pool: &str) {
        let selector = selector(kinds::POOLS.iter().position(|known| known.0 == pool).unwrap());
        let kind = SMALL_SET.kind("static A");
        let mut out = [0; 512];
        count_up(bencher, |n| {
            let (_, client, entropy) = kind.nth(n);
            selector.write([0xc0, 0x0c], client.ip, entropy, black_box(&mut out))
        });
    }

    #[divan::bench(sample_size = SAMPLE, args = [false, true])]
    fn opt_record_nsid(bencher: Bencher<'_, '_>, nsid: bool) {
        let edns = Edns { payload: 1232, version: 0, dnssec_ok: true, nsid };
        let mut out = [0; 64];
        count_up(bencher, |_| write_opt(black_box(&edns), Rcode::NOERROR, b"ns1", black_box(&mut out)));
    }

    /// As replies with a chain of aliases have them.
    #[divan::bench(sample_size = SAMPLE)]
    fn compressed_name(bencher: Bencher<'_, '_>) {
        let kind = SMALL_SET.kind("CNAME chain");
        let name = Name::parse(&format!("www.{ZONE}")).unwrap();
        let mut out = [0; 512];
        out[..12].copy_from_slice(&kind.nth(0).0[..12]);
        count_up(bencher, |n| {
            let mut writer = Writer::new(black_box(&mut out), &kind.nth(n).0[12..]).ok()?;
            writer.name(black_box(name.as_wire()), true).ok()?;
            Some(writer.len())
        });
    }
}
