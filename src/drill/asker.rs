//! Asks nameservers the same questions over UDP again and again, each in its turn, and hears what comes.
//!
//! A query that is lost delays no other: the next one goes out in its time, as those of clients do.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

use super::sight::{Question, Sight};

/// After this, no reply will be taken for one: stub resolvers ask again after a second or more.
const PATIENCE: Duration = Duration::from_secs(1);
/// Replies are to queries without EDNS, and so at most 512 bytes (RFC 1035, 4.2.1); servers that send
/// more are read, too.
const REPLY_BYTES_MAX: usize = 4096;

/// Whom to ask what.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) server: SocketAddr,
    pub(super) question: Question,
}

/// What was heard of one query.
#[derive(Debug)]
pub(super) struct Heard {
    /// The place of its slot.
    pub(super) slot: usize,
    /// When; for silence, when the query was sent.
    pub(super) at: Instant,
    pub(super) sight: Sight,
}

/// Asks each slot in its turn.
pub(super) struct Asker {
    /// Each with the place of its socket, or why it has none.
    slots: Vec<(Slot, Result<usize, Arc<io::Error>>)>,
    /// Places of the slots that can be asked.
    turns: Vec<usize>,
    sockets: Vec<UdpSocket>,
    recursive: bool,
    tick: Interval,
    turn: usize,
    id: u16,
    /// Queries without a reply yet, the oldest first; bounded by the pace and [`PATIENCE`].
    pending: VecDeque<Pending>,
}

struct Pending {
    id: u16,
    slot: usize,
    sent: Instant,
}

impl Asker {
    /// One query every `gap`. `recursive`: they are resolvers. Those to which there is no way are not asked:
    /// see [`Asker::unasked`].
    pub(super) async fn new(slots: Vec<Slot>, gap: Duration, recursive: bool) -> Self {
        let mut servers: Vec<(SocketAddr, Result<usize, Arc<io::Error>>)> = Vec::new();
        let mut sockets = Vec::new();
        let mut placed = Vec::with_capacity(slots.len());
        for slot in slots {
            let known = servers.iter().find(|(server, _)| *server == slot.server).map(|(_, place)| place.clone());
            let place = match known {
                Some(place) => place,
                None => {
                    let place = connect(slot.server).await.map_err(Arc::new).map(|socket| {
                        sockets.push(socket);
                        sockets.len() - 1
                    });
                    servers.push((slot.server, place.clone()));
                    place
                }
            };
            placed.push((slot, place));
        }
        let turns = placed.iter().enumerate().filter(|(_, (_, place))| place.is_ok()).map(|(turn, _)| turn).collect();
        let mut tick = interval(gap);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { slots: placed, turns, sockets, recursive, tick, turn: 0, id: 0, pending: VecDeque::new() }
    }

    /// The places of slots that are not asked, whom they would ask, and why they do not.
    pub(super) fn unasked(&self) -> impl Iterator<Item = (usize, SocketAddr, &io::Error)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(place, (slot, socket))| Some((place, slot.server, &**socket.as_ref().err()?)))
    }

    /// Whether nobody is asked.
    pub(super) fn is_idle(&self) -> bool {
        self.turns.is_empty()
    }

    /// The next thing that is heard; never, where nobody is asked. Dropped, it loses nothing.
    pub(super) async fn next(&mut self) -> Heard {
        if self.is_idle() {
            return std::future::pending().await;
        }
        loop {
            let oldest = self.pending.front().map(|pending| pending.sent + PATIENCE);
            tokio::select! {
                biased;
                (socket, reply) = receive(&self.sockets) => {
                    if let Some(heard) = self.hear(socket, &reply) {
                        return heard;
                    }
                }
                () = until(oldest) => {
                    if let Some(Pending { slot, sent, .. }) = self.pending.pop_front() {
                        return Heard { slot, at: sent, sight: Sight::Silence };
                    }
                }
                _ = self.tick.tick() => self.ask(),
            }
        }
    }

    /// Asks the next slot. What the system does not send is a query without a reply.
    fn ask(&mut self) {
        self.turn = (self.turn + 1) % self.turns.len();
        self.id = self.id.wrapping_add(1);
        let place = self.turns[self.turn];
        let (slot, Ok(socket)) = &self.slots[place] else { return };
        let query = slot.question.encode(self.id, self.recursive);
        if let Err(error) = self.sockets[*socket].try_send(&query) {
            tracing::debug!(%error, server = %slot.server, "a query of the drill was not sent");
        }
        self.pending.push_back(Pending { id: self.id, slot: place, sent: Instant::now() });
    }

    /// The query that a datagram replies to, if it is a reply to one.
    fn hear(&mut self, socket: usize, reply: &[u8]) -> Option<Heard> {
        let id = u16::from_be_bytes([*reply.first()?, *reply.get(1)?]);
        let place = self
            .pending
            .iter()
            .position(|p| p.id == id && matches!(&self.slots[p.slot].1, Ok(place) if *place == socket))?;
        let slot = self.pending[place].slot;
        let sight = self.slots[slot].0.question.decode(reply)?;
        self.pending.remove(place);
        Some(Heard { slot, at: Instant::now(), sight })
    }
}

/// A socket that can be sent to without waiting.
async fn connect(server: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.writable().await?;
    Ok(socket)
}

/// The next datagram of any socket. An error (an ICMP message, mostly) is no reply.
async fn receive(sockets: &[UdpSocket]) -> (usize, Vec<u8>) {
    let mut buffer = [0; REPLY_BYTES_MAX];
    poll_fn(|context| {
        for (place, socket) in sockets.iter().enumerate() {
            loop {
                let mut read = ReadBuf::new(&mut buffer);
                match socket.poll_recv(context, &mut read) {
                    Poll::Ready(Ok(())) => return Poll::Ready((place, read.filled().to_vec())),
                    Poll::Ready(Err(_)) => {}
                    Poll::Pending => break,
                }
            }
        }
        Poll::Pending
    })
    .await
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{Name, Rtype};

    fn slot(server: SocketAddr, name: &str) -> Slot {
        Slot { server, question: Question { name: Name::parse(name).unwrap(), rtype: Rtype::A } }
    }

    /// Replies to what it is asked, or not, until it is dropped.
    async fn server(answers: bool) -> (SocketAddr, tokio::task::JoinHandle<()>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let run = async move {
            let mut buffer = [0; 512];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                buffer[2] |= 0x80;
                if answers {
                    // Somebody else's first.
                    let mut other = buffer;
                    other[0] ^= 1;
                    socket.send_to(&other[..length], from).await.unwrap();
                    socket.send_to(&buffer[..length], from).await.unwrap();
                }
            }
        };
        (address, tokio::spawn(run))
    }

    #[tokio::test]
    async fn each_slot_has_its_turn_and_silence_holds_up_nobody() {
        let ((one, _one), (two, _two)) = (server(true).await, server(false).await);
        let slots = vec![slot(one, "a.example"), slot(two, "a.example"), slot(one, "b.example")];
        let mut asker = Asker::new(slots, Duration::from_millis(5), false).await;
        let (mut replies, mut silent) = ([0; 3], 0);
        let began = Instant::now();
        while silent < 2 {
            assert!(began.elapsed() < Duration::from_secs(20));
            let heard = asker.next().await;
            match heard.sight {
                Sight::Silence => silent += 1,
                Sight::Reply { .. } => replies[heard.slot] += 1,
            }
        }
        assert!(replies[0] > 10 && replies[1] == 0 && replies[2] > 10, "{replies:?}");
    }

    #[tokio::test]
    async fn who_cannot_be_reached_holds_up_nobody() {
        let (one, _one) = server(true).await;
        // A socket without the right to broadcast is not connected to this address.
        let nowhere = SocketAddr::from((Ipv4Addr::BROADCAST, 53));
        let slots = vec![slot(nowhere, "a.example"), slot(one, "b.example"), slot(nowhere, "c.example")];
        let mut asker = Asker::new(slots, Duration::from_millis(5), true).await;
        let unasked: Vec<_> = asker.unasked().map(|(place, server, _)| (place, server)).collect();
        assert_eq!(unasked, [(0, nowhere), (2, nowhere)]);
        for _ in 0..3 {
            let heard = asker.next().await;
            assert_eq!((heard.slot, heard.sight != Sight::Silence), (1, true));
        }
        let asker = Asker::new(vec![slot(nowhere, "a.example")], Duration::from_millis(5), true).await;
        assert!(asker.is_idle());
    }
}
