//! Asks a nameserver over UDP, as a resolver would: what the demo shows is what it was answered.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::dns::{Class, HEADER_LEN, Name, Rtype};

/// A nameserver on loopback that takes longer is not answering.
const PATIENCE: Duration = Duration::from_millis(500);

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The first address.
    pub(super) ip: IpAddr,
    /// Its TTL in seconds.
    pub(super) ttl: u32,
}

/// One nameserver.
pub(super) struct Resolver {
    socket: UdpSocket,
    next: u16,
}

impl Resolver {
    /// Talks to this nameserver from a port of its own.
    pub(super) async fn new(server: SocketAddr) -> io::Result<Self> {
        let any: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0; 16], 0).into() };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(server).await?;
        Ok(Self { socket, next: 1 })
    }

    /// The first A record at the name, `Some(None)` where there is none; `None` where no reply came.
    pub(super) async fn ask(&mut self, name: &Name) -> io::Result<Option<Option<Answer>>> {
        self.next = self.next.wrapping_add(1);
        let id = self.next.to_be_bytes();
        self.socket.send(&encode(id, name)).await?;
        let mut buffer = [0; 1232];
        let reply = timeout(PATIENCE, async {
            loop {
                let length = self.socket.recv(&mut buffer).await?;
                if buffer[..length].starts_with(&id) {
                    return io::Result::Ok(length);
                }
            }
        });
        match reply.await {
            Ok(length) => Ok(Some(decode(&buffer[..length?]))),
            Err(_) => Ok(None),
        }
    }
}

fn encode(id: [u8; 2], name: &Name) -> Vec<u8> {
    let mut query = Vec::with_capacity(HEADER_LEN + name.as_wire().len() + 4);
    query.extend_from_slice(&id);
    query.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    query.extend_from_slice(name.as_wire());
    query.extend_from_slice(&Rtype::A.0.to_be_bytes());
    query.extend_from_slice(&Class::IN.0.to_be_bytes());
    query
}

/// The first A record of a reply (RFC 1035, 4.1).
fn decode(reply: &[u8]) -> Option<Answer> {
    let answers = u16::from_be_bytes([*reply.get(6)?, *reply.get(7)?]);
    let mut at = skip_name(reply, HEADER_LEN)? + 4;
    for _ in 0..answers {
        at = skip_name(reply, at)?;
        let fixed = reply.get(at..at + 10)?;
        let length = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        let data = reply.get(at + 10..at + 10 + length)?;
        if u16::from_be_bytes([fixed[0], fixed[1]]) == Rtype::A.0 {
            let ttl = u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
            return Some(Answer { ip: Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).into(), ttl });
        }
        at += 10 + length;
    }
    None
}

fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length if length >= 0xc0 => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{Message, MessageType, Query};
    use hickory_proto::rr::rdata::{A, CNAME};
    use hickory_proto::rr::{Name as HickoryName, RData, Record, RecordType};

    use super::*;

    #[test]
    fn a_query_is_what_others_read() {
        let query = Message::from_vec(&encode([1, 2], &Name::parse("app.example.com.").unwrap())).unwrap();
        assert_eq!(query.queries[0].name().to_ascii(), "app.example.com.");
        assert_eq!(query.queries[0].query_type(), RecordType::A);
    }

    #[test]
    fn the_address_is_found_behind_an_alias() {
        let name = HickoryName::from_ascii("www.example.com.").unwrap();
        let target = HickoryName::from_ascii("app.example.com.").unwrap();
        let mut reply = Message::new(7, MessageType::Response, hickory_proto::op::OpCode::Query);
        reply.add_query(Query::query(name.clone(), RecordType::A));
        reply.add_answer(Record::from_rdata(name, 60, RData::CNAME(CNAME(target.clone()))));
        reply.add_answer(Record::from_rdata(target, 5, RData::A(A::new(127, 0, 0, 2))));
        let bytes = reply.to_vec().unwrap();
        assert_eq!(decode(&bytes), Some(Answer { ip: [127, 0, 0, 2].into(), ttl: 5 }));
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), None);
        }
    }
}
