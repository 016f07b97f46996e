use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

use pharos::serve::{Counts, Limits, ServeError, Serving, UdpOptions, bind};
use socket2::{Domain, Protocol, Socket, Type};

use crate::fake::{ECHO, Fake, LENGTH, NO_REPLY, PANIC, PATIENCE, WHO, id, long, query, server, text, udp_client};

fn ask(socket: &UdpSocket, query: &[u8]) -> Vec<u8> {
    socket.send(query).unwrap();
    let mut buffer = vec![0; 65_535];
    let size = socket.recv(&mut buffer).unwrap();
    buffer.truncate(size);
    buffer
}

/// The wildcard listener, asked at this address.
fn at(serving: &Serving, listener: usize, ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), serving.addresses()[listener].port())
}

#[test]
fn replies_leave_from_the_asked_address() {
    let serving = server(&["0.0.0.0:0", "[::]:0"], Limits::default());
    for round in 0..20 {
        for (listener, ip) in [(0, "127.0.0.1"), (0, "127.0.0.2"), (0, "127.9.8.7"), (1, "::1")] {
            let client = udp_client(at(&serving, listener, ip));
            assert_eq!(id(&ask(&client, &query(round, ECHO, b""))), round, "{ip}");
        }
    }
}

#[tokio::test]
async fn one_batch_may_hold_queries_to_many_addresses() {
    let bound = bind(&["0.0.0.0:0".parse().unwrap()], 1).unwrap();
    let port = bound.addresses()[0].port();
    let clients: Vec<UdpSocket> =
        (1..=7_u8).map(|n| udp_client(SocketAddr::from((Ipv4Addr::new(127, 0, 0, n), port)))).collect();
    // All wait in the socket before its thread starts, in turns.
    for turn in 0..30_u16 {
        for client in &clients {
            client.send(&query(turn, ECHO, b"")).unwrap();
        }
    }
    let serving = bound.serve(|_| Fake, UdpOptions::default(), Limits::default()).unwrap();
    for client in &clients {
        let mut buffer = [0; 512];
        let mut got: Vec<u16> =
            (0..30).map(|_| client.recv(&mut buffer).map(|size| id(&buffer[..size])).unwrap()).collect();
        got.sort_unstable();
        assert_eq!(got, (0..30).collect::<Vec<_>>());
    }
    assert_eq!(serving.stop().await.unwrap(), Counts { queries: 210, replies: 210, ..Counts::default() });
}

#[test]
fn the_client_is_known_by_address_and_transport() {
    let serving = server(&["127.0.0.1:0", "[::1]:0", "[::]:0"], Limits::default());
    let who = |address| text(&ask(&udp_client(address), &query(1, WHO, b""))).to_owned();
    assert_eq!(who(serving.addresses()[0]), "127.0.0.1 UDP");
    assert_eq!(who(serving.addresses()[1]), "::1 UDP");
    assert_eq!(who(at(&serving, 2, "::1")), "::1 UDP");
}

#[tokio::test]
async fn nothing_is_lost_under_load_from_many_clients() {
    const EACH: u16 = 2_000;
    const WINDOW: u16 = 16;
    let serving = server(&["127.0.0.1:0"], Limits::default());
    let address = serving.addresses()[0];
    let clients: Vec<_> = (0..8)
        .map(|_| {
            thread::spawn(move || {
                let client = udp_client(address);
                let mut seen = vec![false; usize::from(EACH)];
                let mut buffer = [0; 512];
                for n in 0..EACH + WINDOW {
                    if n < EACH {
                        client.send(&query(n, ECHO, &n.to_be_bytes())).unwrap();
                    }
                    if n >= WINDOW {
                        let size = client.recv(&mut buffer).unwrap();
                        let id = id(&buffer[..size]);
                        assert_eq!(buffer[13..size], id.to_be_bytes(), "a reply carries its own query's data");
                        seen[usize::from(id)] = true;
                    }
                }
                assert!(seen.iter().all(|&s| s));
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    let all = 8 * u64::from(EACH);
    assert_eq!(serving.stop().await.unwrap(), Counts { queries: all, replies: all, ..Counts::default() });
}

#[test]
fn what_deserves_no_reply_gets_none() {
    let serving = server(&["127.0.0.1:0"], Limits::default());
    let client = udp_client(serving.addresses()[0]);
    client.send(b"").unwrap();
    client.send(&query(1, NO_REPLY, b"")).unwrap();
    client.send(b"short").unwrap();
    assert_eq!(id(&ask(&client, &query(2, ECHO, b""))), 2, "the first reply is to the last query");
}

#[test]
fn a_datagram_over_the_buffer_is_cut_and_a_reply_may_fill_its_own() {
    let serving = server(&["127.0.0.1:0", "0.0.0.0:0"], Limits::default());
    for address in [serving.addresses()[0], at(&serving, 1, "127.0.0.1")] {
        let client = udp_client(address);
        for (sent, taken) in [(4_095, "4095"), (4_096, "4096"), (4_097, "4096"), (9_000, "4096"), (13, "13")] {
            let reply = ask(&client, &query(1, LENGTH, &vec![0; sent - 13]));
            assert_eq!(text(&reply), taken, "{sent} bytes sent");
        }
        assert_eq!(ask(&client, &long(2, 1_232)).len(), 1_232);
    }
}

#[tokio::test]
async fn port_zero_is_not_answered() {
    let Ok(raw) = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)) else {
        eprintln!("not checked: forging a source port needs CAP_NET_RAW");
        return;
    };
    let serving = server(&["127.0.0.1:0"], Limits::default());
    let address = serving.addresses()[0];
    let payload = query(1, ECHO, b"");
    let length = u16::try_from(8 + payload.len()).unwrap();
    let mut packet = Vec::new();
    for field in [0, address.port(), length, 0] {
        packet.extend_from_slice(&u16::to_be_bytes(field));
    }
    packet.extend_from_slice(&payload);
    raw.send_to(&packet, &address.into()).unwrap();
    // The other query may come to another thread; the stop empties the sockets of both.
    assert_eq!(id(&ask(&udp_client(address), &query(2, ECHO, b""))), 2);
    assert_eq!(serving.stop().await.unwrap(), Counts { queries: 2, replies: 1, unanswered: 1, unsent: 0 });
}

#[tokio::test]
async fn a_stop_answers_all_that_was_received() {
    let bound = bind(&["127.0.0.1:0".parse().unwrap()], 2).unwrap();
    let address = bound.addresses()[0];
    let clients: Vec<UdpSocket> = (0..4).map(|_| udp_client(address)).collect();
    for n in 0..500 {
        for client in &clients {
            client.send(&query(n, ECHO, b"")).unwrap();
        }
    }
    bound.serve(|_| Fake, UdpOptions::default(), Limits::default()).unwrap().stop().await.unwrap();
    for client in &clients {
        let mut buffer = [0; 512];
        for n in 0..500 {
            let size = client.recv(&mut buffer).unwrap();
            assert_eq!(id(&buffer[..size]), n);
        }
    }
}

#[tokio::test]
async fn a_stopped_server_leaves_its_ports() {
    let serving = server(&["127.0.0.1:0", "[::]:0"], Limits::default());
    let addresses = serving.addresses().to_vec();
    serving.stop().await.unwrap();
    bind(&addresses, 2).unwrap();
}

#[tokio::test]
async fn a_thread_that_dies_is_noticed() {
    let mut serving = server(&["127.0.0.1:0"], Limits::default());
    udp_client(serving.addresses()[0]).send(&query(1, PANIC, b"")).unwrap();
    let error = tokio::time::timeout(PATIENCE, serving.failed()).await.unwrap();
    assert!(matches!(&error, ServeError::Panicked(name) if name.starts_with("udp-")), "{error}");
}
