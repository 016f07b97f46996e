use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use pharos::serve::Limits;

use crate::fake::{ECHO, LENGTH, NO_REPLY, WHO, framed, id, long, query, server, tcp_client, text};

pub(crate) fn reply(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).unwrap();
    message
}

pub(crate) fn ask(stream: &mut TcpStream, query: &[u8]) -> Vec<u8> {
    stream.write_all(&framed(query)).unwrap();
    reply(stream)
}

/// Whether the other side has ended the connection; waits for that or for data.
pub(crate) fn ended(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 1]) {
        Ok(size) => size == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn a_connection_serves_query_after_query_on_both_families() {
    let serving = server(&["127.0.0.1:0", "[::1]:0", "[::]:0"], Limits::default());
    let wildcard = format!("[::1]:{}", serving.addresses()[2].port()).parse().unwrap();
    for (address, who) in
        [(serving.addresses()[0], "127.0.0.1 TCP"), (serving.addresses()[1], "::1 TCP"), (wildcard, "::1 TCP")]
    {
        let mut stream = tcp_client(address);
        for n in 0..50 {
            assert_eq!(id(&ask(&mut stream, &query(n, ECHO, b""))), n);
        }
        assert_eq!(text(&ask(&mut stream, &query(51, WHO, b""))), who);
    }
}

#[test]
fn queries_in_one_write_are_answered_in_order() {
    let serving = server(&["127.0.0.1:0"], Limits::default());
    let mut stream = tcp_client(serving.addresses()[0]);
    let queries: Vec<u8> = (0..100).flat_map(|n| framed(&query(n, ECHO, &n.to_be_bytes()))).collect();
    stream.write_all(&queries).unwrap();
    for n in 0..100_u16 {
        let got = reply(&mut stream);
        assert_eq!((id(&got), &got[13..]), (n, &n.to_be_bytes()[..]));
    }
}

#[test]
fn a_query_may_be_cut_anywhere() {
    let serving = server(&["127.0.0.1:0"], Limits::default());
    let mut stream = tcp_client(serving.addresses()[0]);
    let first = framed(&query(1, ECHO, b"first"));
    let second = framed(&query(2, ECHO, b"second"));
    for cut in 0..=second.len() {
        // The reply to the first says that what came with it has been read.
        stream.write_all(&[&first, &second[..cut]].concat()).unwrap();
        assert_eq!(text(&reply(&mut stream)), "first", "cut at {cut}");
        stream.write_all(&[&second[cut..], &first[..]].concat()).unwrap();
        assert_eq!(text(&reply(&mut stream)), "second", "cut at {cut}");
        assert_eq!(text(&reply(&mut stream)), "first", "cut at {cut}");
    }
}

#[test]
fn a_query_may_come_byte_by_byte() {
    let serving = server(&["127.0.0.1:0"], Limits::default());
    let mut stream = tcp_client(serving.addresses()[0]);
    for byte in framed(&query(7, ECHO, b"slowly")) {
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(text(&reply(&mut stream)), "slowly");
}

#[test]
fn messages_reach_their_longest() {
    let serving = server(&["127.0.0.1:0"], Limits::default());
    let mut stream = tcp_client(serving.addresses()[0]);
    let got = ask(&mut stream, &query(1, LENGTH, &vec![0; 65_535 - 13]));
    assert_eq!(text(&got), "65535");
    assert_eq!(ask(&mut stream, &long(2, 65_535)).len(), 65_535);
    assert_eq!(ask(&mut stream, &query(3, ECHO, &vec![1; 65_535 - 13])).len(), 65_535);
}

#[test]
fn a_client_that_reads_late_gets_everything_and_holds_up_nobody() {
    const QUERIES: u16 = 400;
    let serving = server(&["127.0.0.1:0"], Limits::default());
    let address = serving.addresses()[0];
    let mut late = tcp_client(address);
    let mut writer = late.try_clone().unwrap();
    let writing = thread::spawn(move || {
        for n in 0..QUERIES {
            writer.write_all(&framed(&long(n, 40_000 + n))).unwrap();
        }
    });
    // 16 MB of replies are more than the system buffers. The others are served meanwhile.
    let mut other = tcp_client(address);
    for n in 0..100 {
        assert_eq!(id(&ask(&mut other, &query(n, ECHO, b""))), n);
    }
    for n in 0..QUERIES {
        let got = reply(&mut late);
        assert_eq!((id(&got), got.len()), (n, 40_000 + usize::from(n)));
    }
    writing.join().unwrap();
}

#[test]
fn a_client_that_has_closed_its_side_still_gets_the_replies() {
    let serving = server(&["127.0.0.1:0"], Limits::default());
    let mut stream = tcp_client(serving.addresses()[0]);
    let mut bytes: Vec<u8> = (0..60).flat_map(|n| framed(&long(n, 30_000))).collect();
    bytes.extend_from_slice(&[0, 50, 1, 2]);
    stream.write_all(&bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    for n in 0..60 {
        assert_eq!(id(&reply(&mut stream)), n);
    }
    assert!(ended(&mut stream));
}

#[test]
fn a_query_without_reply_keeps_the_connection() {
    let serving = server(&["127.0.0.1:0"], Limits::default());
    let mut stream = tcp_client(serving.addresses()[0]);
    stream.write_all(&framed(&query(1, NO_REPLY, b""))).unwrap();
    assert_eq!(id(&ask(&mut stream, &query(2, ECHO, b""))), 2);
}

#[test]
fn a_length_that_no_message_has_ends_the_connection_after_what_came_before() {
    let serving = server(&["127.0.0.1:0"], Limits::default());
    for length in [0_u8, 1, 11] {
        let mut stream = tcp_client(serving.addresses()[0]);
        let mut bytes = framed(&query(9, ECHO, b""));
        bytes.extend_from_slice(&[0, length]);
        stream.write_all(&bytes).unwrap();
        assert_eq!(id(&reply(&mut stream)), 9);
        assert!(ended(&mut stream), "length {length}");
    }
}

#[test]
fn many_connections_at_once_are_all_served() {
    let serving = server(&["127.0.0.1:0"], Limits::default());
    let mut streams: Vec<TcpStream> = (0..100).map(|_| tcp_client(serving.addresses()[0])).collect();
    for round in 0..5 {
        for stream in &mut streams {
            stream.write_all(&framed(&query(round, ECHO, b""))).unwrap();
        }
        for stream in &mut streams {
            assert_eq!(id(&reply(stream)), round);
        }
    }
}
