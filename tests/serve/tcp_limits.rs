use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use pharos::serve::Limits;
use tokio::time::Instant;

use crate::fake::{ECHO, PATIENCE, framed, id, long, query, server, tcp_client, tcp_client_from};
use crate::tcp::{ask, ended};

const SHORT: Duration = Duration::from_millis(150);

/// A connection on which part of a query has been read, and so is busy.
fn busy(address: SocketAddr) -> TcpStream {
    let mut stream = tcp_client(address);
    make_busy(&mut stream);
    stream
}

fn make_busy(stream: &mut TcpStream) {
    let whole = framed(&query(1, ECHO, b""));
    stream.write_all(&[&whole, &whole[..5]].concat()).unwrap();
    assert_eq!(id(&crate::tcp::reply(stream)), 1);
}

#[test]
fn an_idle_connection_is_ended() {
    let serving = server(&["127.0.0.1:0"], Limits { idle: SHORT, ..Limits::default() });
    let mut fresh = tcp_client(serving.addresses()[0]);
    let mut used = tcp_client(serving.addresses()[0]);
    ask(&mut used, &query(1, ECHO, b""));
    assert!(ended(&mut fresh));
    assert!(ended(&mut used));
}

#[test]
fn queries_keep_a_connection_alive() {
    let serving = server(&["127.0.0.1:0"], Limits { idle: SHORT, ..Limits::default() });
    let mut stream = tcp_client(serving.addresses()[0]);
    let began = Instant::now();
    let mut n = 0;
    while began.elapsed() < SHORT * 4 {
        assert_eq!(id(&ask(&mut stream, &query(n, ECHO, b""))), n);
        n = n.wrapping_add(1);
    }
    assert!(ended(&mut stream));
}

#[test]
fn a_query_that_trickles_in_is_cut_off() {
    let serving = server(&["127.0.0.1:0"], Limits { message: SHORT, ..Limits::default() });
    let mut stream = tcp_client(serving.addresses()[0]);
    // The wait for a reply that cannot come paces the bytes.
    stream.set_read_timeout(Some(SHORT / 10)).unwrap();
    let began = Instant::now();
    for byte in framed(&query(1, ECHO, &[0; 5_000])) {
        let alive = stream.write_all(&[byte]).is_ok()
            && matches!(std::io::Read::read(&mut stream, &mut [0]), Err(e) if e.kind() == ErrorKind::WouldBlock);
        if !alive {
            break;
        }
    }
    let lasted = began.elapsed();
    assert!(lasted >= SHORT / 2 && lasted < PATIENCE, "{lasted:?}");
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let serving = server(&["127.0.0.1:0"], Limits { write: SHORT, ..Limits::default() });
    let mut stream = tcp_client(serving.addresses()[0]);
    let queries: Vec<u8> = (0..100).flat_map(|n| framed(&long(n, 65_000))).collect();
    let began = Instant::now();
    while stream.write_all(&queries).is_ok() {
        assert!(began.elapsed() < PATIENCE, "the server took everything");
    }
}

#[test]
fn a_client_that_reads_slowly_is_served_as_long_as_it_reads() {
    const REPLIES: u16 = 200;
    let write = SHORT * 4;
    let serving = server(&["127.0.0.1:0"], Limits { write, ..Limits::default() });
    let mut stream = tcp_client(serving.addresses()[0]);
    // What the client's system holds is not waited for.
    socket2::SockRef::from(&stream).set_recv_buffer_size(64 * 1024).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || {
        for n in 0..REPLIES {
            writer.write_all(&framed(&long(n, 65_000))).unwrap();
        }
    });
    // Nothing comes on this one: the wait for it is the pause between two reads.
    let mut pause = tcp_client(serving.addresses()[0]);
    pause.set_read_timeout(Some(write * 2 / u32::from(REPLIES))).unwrap();
    let began = Instant::now();
    for n in 0..REPLIES {
        assert_eq!(id(&crate::tcp::reply(&mut stream)), n);
        assert!(std::io::Read::read(&mut pause, &mut [0]).is_err());
    }
    assert!(began.elapsed() > write, "slower than one wait may last");
    writing.join().unwrap();
}

#[test]
fn one_client_has_so_many_connections_and_the_one_idle_longest_makes_room() {
    let serving = server(&["127.0.0.1:0"], Limits { per_client: 2, ..Limits::default() });
    let address = serving.addresses()[0];
    let mut first = tcp_client(address);
    ask(&mut first, &query(1, ECHO, b""));
    let mut second = tcp_client(address);
    ask(&mut second, &query(1, ECHO, b""));
    let mut elsewhere = tcp_client_from("127.0.0.9:0", address);
    ask(&mut elsewhere, &query(1, ECHO, b""));
    let mut third = tcp_client(address);
    ask(&mut third, &query(1, ECHO, b""));
    assert!(ended(&mut first), "the oldest of this client is gone");
    ask(&mut second, &query(2, ECHO, b""));
    ask(&mut third, &query(2, ECHO, b""));
    ask(&mut elsewhere, &query(2, ECHO, b""));
}

#[test]
fn a_connection_in_use_is_not_put_out() {
    let serving = server(&["127.0.0.1:0"], Limits { per_client: 2, ..Limits::default() });
    let address = serving.addresses()[0];
    let (mut first, mut second) = (busy(address), busy(address));
    let mut third = tcp_client(address);
    assert!(ended(&mut third), "there is no room");
    let rest = &framed(&query(1, ECHO, b""))[5..];
    for stream in [&mut first, &mut second] {
        stream.write_all(rest).unwrap();
        assert_eq!(id(&crate::tcp::reply(stream)), 1);
    }
}

#[test]
fn all_clients_together_have_so_many_connections() {
    let serving = server(&["127.0.0.1:0"], Limits { connections: 3, ..Limits::default() });
    let address = serving.addresses()[0];
    let mut streams: Vec<TcpStream> = (1..=3)
        .map(|n| {
            let mut stream = tcp_client_from(&format!("127.0.0.{n}:0"), address);
            ask(&mut stream, &query(1, ECHO, b""));
            stream
        })
        .collect();
    make_busy(&mut streams[0]);
    let mut fourth = tcp_client_from("127.0.0.4:0", address);
    ask(&mut fourth, &query(1, ECHO, b""));
    assert!(ended(&mut streams[1]), "idle longest");
    make_busy(&mut streams[2]);
    make_busy(&mut fourth);
    let mut fifth = tcp_client_from("127.0.0.5:0", address);
    ask(&mut fifth, &query(1, ECHO, b""));
    assert!(ended(&mut streams[0]), "of those that hold back a query, the first");
    assert_eq!(id(&ask(&mut fifth, &query(2, ECHO, b""))), 2);
}

#[test]
fn who_holds_every_place_with_one_byte_locks_nobody_out() {
    const CLIENTS: usize = 10;
    const EACH: usize = 20;
    let limits = Limits { connections: CLIENTS * EACH, per_client: EACH, message: PATIENCE * 2, ..Limits::default() };
    let serving = server(&["127.0.0.1:0"], limits);
    let address = serving.addresses()[0];
    let mut held: Vec<TcpStream> = (0..CLIENTS * EACH)
        .map(|n| {
            let mut stream = tcp_client_from(&format!("127.0.1.{}:0", 1 + n % CLIENTS), address);
            stream.write_all(&[0]).unwrap();
            stream
        })
        .collect();
    for n in 0..50 {
        let mut stream = tcp_client_from("127.0.0.2:0", address);
        assert_eq!(id(&ask(&mut stream, &query(n, ECHO, b""))), n);
    }
    let mut put_out = 0;
    for stream in &mut held {
        stream.set_nonblocking(true).unwrap();
        put_out += usize::from(ended(stream));
    }
    assert!(put_out > 0, "there was room for all");
}

#[test]
fn who_does_not_read_gives_up_the_place_to_others_before_the_time_is_over() {
    let write = PATIENCE / 2;
    let serving = server(&["127.0.0.1:0"], Limits { connections: 1, write, ..Limits::default() });
    let address = serving.addresses()[0];
    let mut deaf = tcp_client_from("127.0.0.2:0", address);
    deaf.set_write_timeout(Some(SHORT)).unwrap();
    let queries: Vec<u8> = (0..100).flat_map(|n| framed(&long(n, 65_000))).collect();
    while deaf.write_all(&queries).is_ok() {}
    let began = Instant::now();
    let wants_in = || {
        let mut stream = tcp_client_from("127.0.0.3:0", address);
        stream.write_all(&framed(&query(1, ECHO, b""))).is_ok() && !ended(&mut stream)
    };
    while !wants_in() {}
    assert!(began.elapsed() < write * 3 / 4, "{:?}", began.elapsed());
}

#[test]
fn a_place_is_free_once_its_connection_is_closed() {
    let serving = server(&["127.0.0.1:0"], Limits { connections: 1, ..Limits::default() });
    for n in 0..200 {
        let mut stream = tcp_client(serving.addresses()[0]);
        assert_eq!(id(&ask(&mut stream, &query(n, ECHO, b""))), n);
    }
}
