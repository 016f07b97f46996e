//! A responder for tests: the byte after the header says what it does.

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use pharos::answer::{Client, Transport};
use pharos::serve::{Answers, Limits, Serving, UdpOptions, bind};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// A reply that has not come by then will not come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What a query asks of the responder.
pub(crate) const ECHO: u8 = b'e';
pub(crate) const NO_REPLY: u8 = b'n';
pub(crate) const WHO: u8 = b'w';
pub(crate) const LENGTH: u8 = b'l';
pub(crate) const LONG: u8 = b'L';
pub(crate) const PANIC: u8 = b'p';

#[derive(Clone, Copy)]
pub(crate) struct Fake;

impl Answers for Fake {
    fn renew(&mut self) {}

    fn answer(&mut self, query: &[u8], client: Client, _entropy: u64, out: &mut [u8]) -> usize {
        let Some(&what) = query.get(12) else { return 0 };
        out[..13].copy_from_slice(&query[..13]);
        out[2] |= 0x80;
        let text = match what {
            ECHO => query[13..].to_vec(),
            WHO => {
                let transport = if client.transport == Transport::Udp { "UDP" } else { "TCP" };
                format!("{} {transport}", client.ip).into_bytes()
            }
            LENGTH => query.len().to_string().into_bytes(),
            LONG => vec![7; usize::from(u16::from_be_bytes([query[13], query[14]])) - 13],
            PANIC => panic!("asked to"),
            _ => return 0,
        };
        out[13..13 + text.len()].copy_from_slice(&text);
        13 + text.len()
    }
}

/// A query that asks for `what`.
pub(crate) fn query(id: u16, what: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 12];
    bytes[..2].copy_from_slice(&id.to_be_bytes());
    bytes.push(what);
    bytes.extend_from_slice(rest);
    bytes
}

/// A query for a reply of so many bytes.
pub(crate) fn long(id: u16, bytes: u16) -> Vec<u8> {
    query(id, LONG, &bytes.to_be_bytes())
}

pub(crate) fn id(message: &[u8]) -> u16 {
    assert_eq!(message[2] & 0x80, 0x80, "a reply");
    u16::from_be_bytes([message[0], message[1]])
}

pub(crate) fn text(message: &[u8]) -> &str {
    std::str::from_utf8(&message[13..]).unwrap()
}

/// A server on free ports of these addresses.
pub(crate) fn server(addresses: &[&str], limits: Limits) -> Serving {
    let addresses: Vec<SocketAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
    bind(&addresses, 2).unwrap().serve(|_| Fake, UdpOptions::default(), limits).unwrap()
}

/// A UDP socket that hears only `server`, with room for many replies.
pub(crate) fn udp_client(server: SocketAddr) -> UdpSocket {
    let local: SocketAddr = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" }.parse().unwrap();
    let socket = Socket::new(Domain::for_address(server), Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_recv_buffer_size(4 << 20).unwrap();
    socket.bind(&local.into()).unwrap();
    socket.connect(&server.into()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.into()
}

pub(crate) fn tcp_client(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A TCP connection that comes from `local`.
pub(crate) fn tcp_client_from(local: &str, server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP)).unwrap();
    let local: SocketAddr = local.parse().unwrap();
    socket.bind(&SockAddr::from(local)).unwrap();
    socket.connect(&server.into()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.into()
}

pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}
