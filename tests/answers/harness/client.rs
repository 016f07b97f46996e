//! Asks over UDP and TCP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use super::question::Question;

/// One socket of each kind, towards one server.
pub(crate) struct Client {
    address: SocketAddr,
    udp: UdpSocket,
    tcp: Option<TcpStream>,
    id: u16,
    patience: Duration,
    /// Answered by every server under test; shows that what came before it was not.
    follower: Question,
}

impl Client {
    /// `patience` is how long a reply may take.
    pub(crate) fn new(address: SocketAddr, patience: Duration) -> Self {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect(address).unwrap();
        udp.set_read_timeout(Some(patience)).unwrap();
        let follower = Question::parse("www.sem.test. A").unwrap();
        Self { address, udp, tcp: None, id: 0, patience, follower }
    }

    /// The reply, if there is one. Where none is expected, a second question shows it without a wait.
    pub(crate) fn ask(&mut self, question: &Question, transport: &str, expect_silence: bool) -> Option<Vec<u8>> {
        self.id = self.id % 60_000 + 1;
        let id = self.id;
        let mut messages = vec![message(id, &question.body)];
        if expect_silence {
            messages.push(message(id + 1, &self.follower.body));
            self.id += 1;
        }
        match transport {
            "TCP" => self.over_tcp(&messages, id).or_else(|| {
                // The server may have closed an idle connection.
                let fresh = self.tcp.take().is_none() && !expect_silence;
                if fresh { self.over_tcp(&messages, id) } else { None }
            }),
            _ => self.over_udp(&messages, id),
        }
    }

    /// Whether the server answers for a zone.
    #[allow(dead_code, reason = "only peers are waited for")]
    pub(crate) fn serves(&mut self, origin: &str) -> bool {
        let question = Question::parse(&format!("{origin}. SOA")).unwrap();
        let reply = self.ask(&question, "UDP", false);
        reply.is_some_and(|bytes| bytes.get(2..4).is_some_and(|bits| bits[0] & 4 != 0 && bits[1] & 15 == 0))
    }

    fn over_udp(&mut self, messages: &[Vec<u8>], id: u16) -> Option<Vec<u8>> {
        for message in messages {
            self.udp.send(message).ok()?;
        }
        let mut buffer = vec![0; 65_535];
        loop {
            let len = self.udp.recv(&mut buffer).ok()?;
            let got = u16::from_be_bytes([buffer[0], buffer[1]]);
            if got == id {
                buffer.truncate(len);
                return Some(buffer);
            }
            if got == id + 1 {
                return None;
            }
        }
    }

    fn over_tcp(&mut self, messages: &[Vec<u8>], id: u16) -> Option<Vec<u8>> {
        if self.tcp.is_none() {
            let stream = TcpStream::connect(self.address).ok()?;
            stream.set_read_timeout(Some(self.patience)).ok()?;
            stream.set_nodelay(true).ok()?;
            self.tcp = Some(stream);
        }
        let found = exchange(self.tcp.as_mut()?, messages, id);
        if found.is_none() {
            self.tcp = None;
        }
        found
    }
}

fn exchange(stream: &mut TcpStream, messages: &[Vec<u8>], id: u16) -> Option<Vec<u8>> {
    for message in messages {
        let len = u16::try_from(message.len()).ok()?;
        stream.write_all(&[&len.to_be_bytes()[..], message].concat()).ok()?;
    }
    loop {
        let mut len = [0; 2];
        stream.read_exact(&mut len).ok()?;
        let mut reply = vec![0; usize::from(u16::from_be_bytes(len))];
        stream.read_exact(&mut reply).ok()?;
        let got = u16::from_be_bytes([*reply.first()?, *reply.get(1)?]);
        if got == id {
            return Some(reply);
        }
        if got == id + 1 {
            return None;
        }
    }
}

fn message(id: u16, body: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[..], body].concat()
}
