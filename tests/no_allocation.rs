//! A query costs no allocation, whatever it asks, and a new snapshot costs the answering thread none either.
//!
//! One test and no more: what the counter sees is the whole process.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "support/kinds.rs"]
mod kinds;

use std::alloc::System;
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use pharos::answer::{Transport, answer, answer_by_walking, answer_with};
use pharos::dns::LookupName;
use pharos::serve::{FromStore, Ledger, Limits, Serving, UdpOptions, bind};
use pharos::snapshot::{Snapshot, Store};
use stats_alloc::{INSTRUMENTED_SYSTEM, Stats, StatsAlloc};

use self::kinds::Kind;

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Queries that wait at once: those of one batch.
const BATCH: usize = 64;

/// A reply that has not come by then will not come.
const LONG: Duration = Duration::from_secs(20);

/// What was allocated and freed meanwhile.
fn counted(work: impl FnOnce()) -> Stats {
    let before = COUNTED.stats();
    work();
    COUNTED.stats() - before
}

#[test]
fn nothing_is_allocated_or_freed_for_a_query() {
    the_counter_counts();
    let world = Arc::new(kinds::world(1000));
    let kinds = kinds::kinds(1000, 64);
    for kind in &kinds {
        each_way_to_a_reply(&world, kind);
    }
    let (batches, framed) = (batches(&kinds), framed(&kinds));
    // All run until the end: threads that start and end allocate and free.
    let mut servers = Vec::new();
    for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"] {
        for gso in [true, false] {
            servers.push(Server::start(&world, address.parse().unwrap(), gso));
            let server = servers.last_mut().unwrap();
            server.ask_all(&batches, &framed);
            assert_eq!(counted(|| server.ask_all(&batches, &framed)), Stats::default(), "{address}, gso {gso}");
            server.replace_snapshots(&world, &batches[0]);
        }
    }
    servers[0].let_go_too_early(&world, &batches[0]);
}

fn the_counter_counts() {
    let made = counted(|| drop(black_box(Box::new(7))));
    assert_eq!((made.allocations, made.deallocations), (1, 1));
    let on_another_thread = counted(|| std::thread::spawn(|| black_box(vec![7; 9]).len()).join().map(drop).unwrap());
    assert!(on_another_thread.allocations > 1);
}

fn each_way_to_a_reply(world: &Snapshot, kind: &Kind) {
    let mut out = vec![0; 65_535];
    let mut name = LookupName::ROOT;
    for room in [1232, 65_535] {
        for n in 0..256 {
            let (query, client, entropy) = kind.nth(n);
            if room < 65_535 && client.transport == Transport::Tcp {
                continue;
            }
            let out = &mut out[..room];
            let mut lengths = [0; 3];
            let made = counted(|| {
                lengths[0] = answer_by_walking(world, query, client, entropy, out);
                lengths[1] = answer(world, query, client, entropy, out);
                lengths[2] = answer_with(&mut name, &mut (), world, query, client, entropy, out);
            });
            assert_eq!(made, Stats::default(), "{kind}");
            assert!(lengths[0] >= 12 && lengths[1] == lengths[2], "{kind}: {lengths:?}");
            kind.check(query, &out[..lengths[2]]);
        }
    }
}

/// Queries of all kinds that may come over UDP, so that each batch has some of each.
fn batches(kinds: &[Kind]) -> Vec<Vec<&[u8]>> {
    let mut queries: Vec<&[u8]> = Vec::new();
    for n in 0..64 {
        queries.extend(kinds.iter().filter(|kind| kind.is_udp()).map(|kind| kind.nth(n).0));
    }
    queries.chunks_exact(BATCH).map(<[_]>::to_vec).collect()
}

/// One query of each kind, as it is sent over TCP.
fn framed(kinds: &[Kind]) -> Vec<Vec<u8>> {
    let framed = |query: &[u8]| [&u16::try_from(query.len()).unwrap().to_be_bytes(), query].concat();
    kinds.iter().map(|kind| framed(kind.nth(0).0)).collect()
}

/// A server on loopback and who asks it.
struct Server {
    store: Arc<Store>,
    /// Snapshots that were replaced.
    replaced: Vec<Arc<Snapshot>>,
    clients: [UdpSocket; 2],
    stream: TcpStream,
    buffer: Vec<u8>,
    _serving: Serving,
}

impl Server {
    fn start(world: &Arc<Snapshot>, address: SocketAddr, gso: bool) -> Self {
        let store = Store::new(Arc::clone(world));
        let options = UdpOptions { gso, ..UdpOptions::default() };
        let limits = Limits { idle: 10 * LONG, ..Limits::default() };
        let answers = |transport| FromStore::new(&store, transport, &Ledger::default());
        let serving = bind(&[address], 1).unwrap().serve(answers, options, limits).unwrap();
        let port = serving.addresses()[0].port();
        // Where it is bound to all addresses, it is asked at two in turn.
        let ips = match (address.is_ipv4(), address.ip().is_unspecified()) {
            (true, true) => ["127.0.0.1", "127.0.0.2"],
            (true, false) => ["127.0.0.1"; 2],
            (false, _) => ["::1"; 2],
        };
        let clients = ips.map(|ip| {
            let client = UdpSocket::bind((ips[0], 0)).unwrap();
            client.connect((ip, port)).unwrap();
            client.set_read_timeout(Some(LONG)).unwrap();
            client
        });
        let stream = TcpStream::connect((ips[0], port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        Self { store, replaced: Vec::with_capacity(1000), clients, stream, buffer: vec![0; 65_535], _serving: serving }
    }

    /// Sends a batch and waits for its replies.
    fn ask(&mut self, batch: &[&[u8]]) {
        for (query, client) in batch.iter().zip(self.clients.iter().cycle()) {
            client.send(query).unwrap();
        }
        for (_, client) in batch.iter().zip(self.clients.iter().cycle()) {
            client.recv(&mut self.buffer).unwrap();
        }
    }

    /// Thousands of queries, over UDP and TCP.
    fn ask_all(&mut self, batches: &[Vec<&[u8]>], framed: &[Vec<u8>]) {
        for _ in 0..4 {
            batches.iter().for_each(|batch| self.ask(batch));
            for query in framed {
                self.stream.write_all(query).unwrap();
                let mut length = [0; 2];
                self.stream.read_exact(&mut length).unwrap();
                self.stream.read_exact(&mut self.buffer[..usize::from(u16::from_be_bytes(length))]).unwrap();
            }
        }
    }

    /// As control does it: what was replaced is kept until nobody looks at it.
    fn replace_snapshots(&mut self, world: &Snapshot, batch: &[&[u8]]) {
        let mut waiting: Vec<_> = (2..200).map(|n| Arc::new(world.with_answers(n, []))).collect();
        let made = counted(|| {
            while let Some(next) = waiting.pop() {
                self.replaced.push(self.store.publish(next));
                self.ask(batch);
            }
        });
        assert_eq!(made, Stats::default(), "while snapshots are replaced");
    }

    /// The teeth: what is let go of before the thread that answers has looked up is freed by that thread,
    /// and would be seen.
    fn let_go_too_early(&mut self, world: &Snapshot, batch: &[&[u8]]) {
        // The thread for TCP, which idles, may hold one of them for a while; not both.
        let mut waiting = [1000, 1001, 1002].map(|n| Some(Arc::new(world.with_answers(n, []))));
        let made = counted(|| {
            for next in waiting.iter_mut().filter_map(Option::take) {
                drop(self.store.publish(next));
                self.ask(batch);
            }
        });
        assert!(made.allocations == 0 && made.deallocations > 0, "{made:?}");
    }
}
