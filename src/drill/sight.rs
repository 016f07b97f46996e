//! One question to a nameserver and what came back, in the bytes of DNS (RFC 1035, 4.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::dns::{Class, HEADER_LEN, Name, Rtype};

/// A name and a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) name: Name,
    pub(crate) rtype: Rtype,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sight {
    /// A reply.
    Reply {
        /// RFC 1035, 4.1.1.
        rcode: u8,
        /// Sorted.
        addresses: Vec<IpAddr>,
        /// Of the first address.
        ttl: Duration,
    },
    /// Nothing in time.
    Silence,
}

impl Sight {
    /// The addresses; none without a reply.
    pub(crate) fn addresses(&self) -> &[IpAddr] {
        match self {
            Self::Reply { addresses, .. } => addresses,
            Self::Silence => &[],
        }
    }

    /// As people call it.
    pub(crate) fn rcode(&self) -> String {
        const WORDS: [&str; 6] = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
        match self {
            Self::Reply { rcode, .. } => {
                WORDS.get(usize::from(*rcode)).map_or_else(|| format!("RCODE{rcode}"), |word| (*word).to_owned())
            }
            Self::Silence => "TIMEOUT".to_owned(),
        }
    }

    /// Whether a client has something to connect to.
    pub(crate) fn is_good(&self) -> bool {
        matches!(self, Self::Reply { rcode: 0, addresses, .. } if !addresses.is_empty())
    }
}

impl Question {
    /// The query. `recursive`: it is a resolver that is asked.
    pub(crate) fn encode(&self, id: u16, recursive: bool) -> Vec<u8> {
        let mut query = Vec::with_capacity(HEADER_LEN + self.name.as_wire().len() + 4);
        query.extend_from_slice(&id.to_be_bytes());
        query.extend_from_slice(&[u8::from(recursive), 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        query.extend_from_slice(self.name.as_wire());
        query.extend_from_slice(&self.rtype.0.to_be_bytes());
        query.extend_from_slice(&Class::IN.0.to_be_bytes());
        query
    }

    /// What a reply says; none where it is not one, or is cut off. Aliases before the addresses are passed
    /// over.
    pub(crate) fn decode(&self, reply: &[u8]) -> Option<Sight> {
        let number = |at: usize| Some(u16::from_be_bytes([*reply.get(at)?, *reply.get(at + 1)?]));
        if reply.get(2)? & 0x80 == 0 {
            return None;
        }
        let rcode = reply.get(3)? & 0xf;
        let mut at = HEADER_LEN;
        for _ in 0..number(4)? {
            at = skip_name(reply, at)? + 4;
        }
        let (mut addresses, mut ttl) = (Vec::new(), Duration::ZERO);
        for _ in 0..number(6)? {
            at = skip_name(reply, at)?;
            let fixed = reply.get(at..at + 10)?;
            let data = reply.get(at + 10..at + 10 + usize::from(number(at + 8)?))?;
            if number(at)? == self.rtype.0 {
                if addresses.is_empty() {
                    ttl = Duration::from_secs(u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]).into());
                }
                addresses.push(match self.rtype {
                    Rtype::AAAA => Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).into(),
                    _ => Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).into(),
                });
            }
            at += 10 + data.len();
        }
        addresses.sort_unstable();
        Some(Sight::Reply { rcode, addresses, ttl })
    }
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
    use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
    use hickory_proto::rr::rdata::{A, AAAA, CNAME};
    use hickory_proto::rr::{Name as HickoryName, RData, Record, RecordType};

    use super::*;

    fn question(rtype: Rtype) -> Question {
        Question { name: Name::parse("app.example.com.").unwrap(), rtype }
    }

    #[test]
    fn a_query_is_what_others_read() {
        for recursive in [false, true] {
            let query = Message::from_vec(&question(Rtype::AAAA).encode(0x0102, recursive)).unwrap();
            assert_eq!((query.metadata.id, query.metadata.recursion_desired), (0x0102, recursive));
            assert_eq!(query.queries[0].name().to_ascii(), "app.example.com.");
            assert_eq!(query.queries[0].query_type(), RecordType::AAAA);
        }
    }

    #[test]
    fn addresses_are_found_behind_an_alias() {
        let name = HickoryName::from_ascii("www.example.com.").unwrap();
        let target = HickoryName::from_ascii("app.example.com.").unwrap();
        let mut reply = Message::new(7, MessageType::Response, OpCode::Query);
        reply.add_query(Query::query(name.clone(), RecordType::A));
        reply.add_answer(Record::from_rdata(name, 60, RData::CNAME(CNAME(target.clone()))));
        for last in [3, 2] {
            reply.add_answer(Record::from_rdata(target.clone(), 5, RData::A(A::new(127, 0, 0, last))));
        }
        let bytes = reply.to_vec().unwrap();
        let addresses = vec![[127, 0, 0, 2].into(), [127, 0, 0, 3].into()];
        let sight = Sight::Reply { rcode: 0, addresses, ttl: Duration::from_secs(5) };
        assert_eq!(question(Rtype::A).decode(&bytes), Some(sight.clone()));
        assert!(sight.is_good());
        for end in 0..bytes.len() {
            assert_eq!(question(Rtype::A).decode(&bytes[..end]), None);
        }
    }

    #[test]
    fn v6_and_errors_are_told_apart() {
        let name = HickoryName::from_ascii("app.example.com.").unwrap();
        let mut reply = Message::new(7, MessageType::Response, OpCode::Query);
        reply.add_answer(Record::from_rdata(name, 5, RData::AAAA(AAAA("::1".parse().unwrap()))));
        let sight = question(Rtype::AAAA).decode(&reply.to_vec().unwrap()).unwrap();
        assert_eq!(sight.addresses(), ["::1".parse::<IpAddr>().unwrap()]);
        let mut reply = Message::new(7, MessageType::Response, OpCode::Query);
        reply.metadata.response_code = ResponseCode::ServFail;
        let sight = question(Rtype::A).decode(&reply.to_vec().unwrap()).unwrap();
        assert_eq!((sight.rcode(), sight.is_good()), ("SERVFAIL".to_owned(), false));
        assert_eq!((Sight::Silence.rcode(), Sight::Silence.is_good()), ("TIMEOUT".to_owned(), false));
    }
}
