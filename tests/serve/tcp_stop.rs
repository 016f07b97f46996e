use std::io::Write;
use std::time::Duration;

use pharos::serve::{Limits, UdpOptions, bind};
use tokio::time::Instant;

use crate::fake::{ECHO, Fake, PATIENCE, framed, id, long, query, server, tcp_client};
use crate::tcp::{ask, ended, reply};

#[tokio::test]
async fn idle_connections_end_at_once() {
    let serving = server(&["127.0.0.1:0"], Limits { grace: PATIENCE * 2, ..Limits::default() });
    let mut stream = tcp_client(serving.addresses()[0]);
    ask(&mut stream, &query(1, ECHO, b""));
    let began = Instant::now();
    serving.stop().await.unwrap();
    assert!(began.elapsed() < PATIENCE, "it waited for the grace period");
    assert!(ended(&mut stream));
}

#[tokio::test]
async fn a_query_in_flight_is_answered() {
    let serving = server(&["127.0.0.1:0"], Limits::default());
    let mut stream = tcp_client(serving.addresses()[0]);
    let whole = framed(&query(1, ECHO, b""));
    stream.write_all(&[&whole, &whole[..5]].concat()).unwrap();
    reply(&mut stream);
    let mut other = tcp_client(serving.addresses()[0]);
    ask(&mut other, &query(1, ECHO, b""));
    let stopping = tokio::spawn(serving.stop());
    tokio::task::spawn_blocking(move || {
        assert!(ended(&mut other), "the stop has begun");
        // And what comes with its rest.
        let more: Vec<u8> = (2..5).flat_map(|n| framed(&query(n, ECHO, b""))).collect();
        stream.write_all(&[&whole[5..], &more].concat()).unwrap();
        for n in 1..5 {
            assert_eq!(id(&reply(&mut stream)), n);
        }
        assert!(ended(&mut stream), "and this connection ends after it");
    })
    .await
    .unwrap();
    stopping.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_waits_before_the_server_starts_is_answered_though_it_stops() {
    let bound = bind(&["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()], 1).unwrap();
    let mut streams = Vec::new();
    for address in bound.addresses() {
        for n in 0..20 {
            let mut stream = tcp_client(address);
            stream.write_all(&framed(&query(n, ECHO, b""))).unwrap();
            streams.push((n, stream));
        }
    }
    bound.serve(|_| Fake, UdpOptions::default(), Limits::default()).unwrap().stop().await.unwrap();
    for (n, stream) in &mut streams {
        assert_eq!(id(&reply(stream)), *n);
        assert!(ended(stream));
    }
}

#[tokio::test]
async fn a_client_that_hangs_does_not_hold_up_the_stop() {
    let grace = Duration::from_millis(200);
    let serving = server(&["127.0.0.1:0"], Limits { grace, ..Limits::default() });
    let mut stream = tcp_client(serving.addresses()[0]);
    for n in 0..200 {
        stream.write_all(&framed(&long(n, 65_000))).unwrap();
    }
    assert_eq!(id(&reply(&mut stream)), 0);
    let began = Instant::now();
    serving.stop().await.unwrap();
    let lasted = began.elapsed();
    assert!(lasted >= grace && lasted < PATIENCE, "{lasted:?}");
}
