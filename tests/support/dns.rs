//! Queries and their replies, decoded by hickory-proto.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};

static NEXT: AtomicU16 = AtomicU16::new(1);

pub fn query(name: &str, rtype: RecordType) -> Message {
    let mut message = Message::new(NEXT.fetch_add(1, Ordering::Relaxed), MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), rtype));
    message
}

pub fn edns(mut message: Message, payload: u16) -> Message {
    let mut edns = Edns::new();
    edns.set_max_payload(payload);
    message.set_edns(edns);
    message
}

/// A UDP client with one socket, so that many queries cost little.
pub struct Client {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Client {
    pub fn new(server: SocketAddr) -> Self {
        let any: IpAddr = if server.is_ipv4() { [127, 0, 0, 1].into() } else { "::1".parse().unwrap() };
        Self::from(any, server)
    }

    /// From this source address.
    pub fn from(source: IpAddr, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((source, 0)).unwrap();
        socket.connect(server).unwrap();
        Self { socket, server }
    }

    /// The reply to a message; none where none comes within a second or nobody listens.
    pub fn exchange(&self, message: &Message) -> Option<Message> {
        self.socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        self.socket.send(&message.to_vec().unwrap()).ok()?;
        let mut buffer = [0; 65_535];
        loop {
            let length = self.socket.recv(&mut buffer).ok()?;
            let reply = Message::from_vec(&buffer[..length]).expect("the reply decodes");
            if reply.metadata.id == message.metadata.id {
                return Some(reply);
            }
        }
    }

    #[track_caller]
    pub fn ask(&self, name: &str, rtype: RecordType) -> Message {
        let message = query(name, rtype);
        self.exchange(&message).unwrap_or_else(|| panic!("no reply from {} for {name} {rtype}", self.server))
    }

    /// The A records of a name, sorted; empty where there are none.
    #[track_caller]
    pub fn a(&self, name: &str) -> Vec<Ipv4Addr> {
        let mut found = addresses(&self.ask(name, RecordType::A));
        found.sort_unstable();
        found
    }

    /// The one A record of a name.
    #[track_caller]
    pub fn one(&self, name: &str) -> Ipv4Addr {
        let found = self.a(name);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        found[0]
    }
}

pub fn addresses(reply: &Message) -> Vec<Ipv4Addr> {
    let of = |record: &Record| match &record.data {
        RData::A(a) => Some(a.0),
        _ => None,
    };
    reply.answers.iter().filter_map(of).collect()
}

/// NOERROR, nothing in the answer, the zone's SOA in the authority (RFC 2308, 2.2).
#[track_caller]
pub fn assert_nodata(reply: &Message) {
    assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
    assert!(reply.answers.is_empty(), "{:?}", reply.answers);
    assert!(matches!(reply.authorities[..], [Record { data: RData::SOA(_), .. }]), "{:?}", reply.authorities);
    assert!(reply.metadata.authoritative);
}

/// One exchange over a TCP connection of its own.
pub fn tcp(server: SocketAddr, message: &Message) -> Message {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    exchange_tcp(&mut stream, message).expect("a reply over TCP")
}

/// One exchange over a TCP connection (RFC 7766, 8).
pub fn exchange_tcp(stream: &mut TcpStream, message: &Message) -> Option<Message> {
    let bytes = message.to_vec().unwrap();
    let mut framed = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    framed.extend_from_slice(&bytes);
    stream.write_all(&framed).ok()?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply).ok()?;
    Some(Message::from_vec(&reply).expect("the reply decodes"))
}
