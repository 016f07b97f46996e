//! Asks a nameserver over UDP, as a resolver would: what the demo shows is what it was answered.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::dns::{Name, Rtype};
use crate::drill::sight::{Question, Sight};

/// A nameserver on loopback that takes longer is not answering.
const PATIENCE: Duration = Duration::from_millis(500);

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The first address.
    pub(super) ip: IpAddr,
    /// Its TTL.
    pub(super) ttl: Duration,
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
        let question = Question { name: name.clone(), rtype: Rtype::A };
        self.socket.send(&question.encode(self.next, false)).await?;
        let id = self.next.to_be_bytes();
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
            Ok(length) => Ok(Some(question.decode(&buffer[..length?]).and_then(|sight| first(&sight)))),
            Err(_) => Ok(None),
        }
    }
}

fn first(sight: &Sight) -> Option<Answer> {
    match sight {
        Sight::Reply { addresses, ttl, .. } => addresses.first().map(|ip| Answer { ip: *ip, ttl: *ttl }),
        Sight::Silence => None,
    }
}
