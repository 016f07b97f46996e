//! Sends the replies of a batch with as little work for the system as can be.
//!
//! Replies of one length to one socket of one client leave together: the system routes and queues them
//! as one and parts them at the end (UDP generic segmentation offload, Linux 4.18). A load balancer, a
//! forwarder or a busy resolver asks from few sockets, and its share of a flood is answered at a
//! fraction of the cost. On the wire nothing differs. Where the system refuses it for a client, whose path
//! may be narrow, each of its replies goes by itself; where it refuses all, it is asked again now and then.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::sockopt::UdpGsoSegment;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, getsockopt, sendmmsg};

use super::family::Family;
use super::udp::BATCH;

/// What leaves as one must fit the longest datagram (RFC 768), headers included.
const BUNDLE_BYTES_MAX: usize = 65_000;

/// Bundles refused one after the other after which none is tried for a while.
const REFUSALS_MAX: u32 = 16;

/// Batches for which none is tried then.
const PAUSE_BATCHES: u32 = 1024;

/// What sending reuses from batch to batch.
pub(super) struct Outbox<F: Family> {
    socket: RawFd,
    /// Headers for replies that go by themselves.
    single: MultiHeaders<F::Address>,
    /// Headers for bundles, which carry the length of each part.
    bundled: MultiHeaders<F::Address>,
    /// Whether to send bundles.
    bundles: bool,
    /// Bundles refused since the last that went.
    refusals: u32,
    /// Batches left without bundles.
    pause: u32,
    /// The device took nothing more of this batch.
    stuck: bool,
}

/// What one system call sends: messages of one part or several, each to its peer.
struct Post<'a, F: Family> {
    messages: [&'a [IoSlice<'a>]; BATCH],
    peers: [Option<F::Address>; BATCH],
    count: usize,
}

impl<'a, F: Family> Post<'a, F> {
    fn new() -> Self {
        Self { messages: [&[]; BATCH], peers: [None; BATCH], count: 0 }
    }

    #[inline]
    fn push(&mut self, message: &'a [IoSlice<'a>], peer: Option<F::Address>) {
        self.messages[self.count] = message;
        self.peers[self.count] = peer;
        self.count += 1;
    }
}

impl<F: Family> Outbox<F> {
    /// Of a socket; `wildcard` where it is bound to all addresses. A system that does not know of bundles
    /// is not sent any: it would not refuse them, but send them as they are.
    pub(super) fn new<S: AsFd + AsRawFd>(socket: &S, wildcard: bool, bundles: bool) -> Self {
        Self {
            socket: socket.as_raw_fd(),
            single: MultiHeaders::preallocate(BATCH, wildcard.then(F::control_space)),
            bundled: MultiHeaders::preallocate(BATCH, Some(F::bundle_control_space(wildcard))),
            bundles: bundles && getsockopt(socket, UdpGsoSegment).is_ok(),
            refusals: 0,
            pause: 0,
            stuck: false,
        }
    }

    /// Begins a batch.
    pub(super) fn begin(&mut self) {
        self.stuck = false;
        self.pause = self.pause.saturating_sub(1);
    }

    /// Sends at most [`BATCH`] replies, each to the peer at its place, all from the address `local` of
    /// ours or from that of the socket. Leaves out those that the system refuses; returns how many went.
    pub(super) fn send(&mut self, replies: &[&[u8]], peers: &[Option<F::Address>], local: Option<&F::Local>) -> u64 {
        let bundling = self.bundles && self.pause == 0;
        let mut keys = [0; BATCH];
        let keys = &mut keys[..replies.len()];
        for (index, (key, (reply, peer))) in keys.iter_mut().zip(replies.iter().zip(peers)).enumerate() {
            *key = key_of::<F>(reply.len(), peer.as_ref(), index);
        }
        if bundling {
            keys.sort_unstable();
        }
        let mut parts = [IoSlice::new(&[]); BATCH];
        for (part, key) in parts.iter_mut().zip(&*keys) {
            *part = IoSlice::new(replies[index_in(*key)]);
        }
        let (mut sent, mut at) = (0, 0);
        let (mut singles, mut bundles) = (Post::<F>::new(), Post::<F>::new());
        while at < keys.len() {
            let (length, peer) = (parts[at].len(), peers[index_in(keys[at])]);
            let most = if bundling { BUNDLE_BYTES_MAX / length.max(1) } else { 1 };
            let alike = |place: &usize| parts[*place].len() == length && peers[index_in(keys[*place])] == peer;
            let end = at + (at..keys.len()).take(most).take_while(alike).count();
            let post = if end - at > 1 { &mut bundles } else { &mut singles };
            post.push(&parts[at..end], peer);
            at = end;
            if bundles.count > 0 && parts[..keys.len()].get(at).is_none_or(|next| next.len() != length) {
                sent += self.send_bundles(&bundles, length, local);
                bundles.count = 0;
            }
        }
        sent + self.send_singles(&singles, local)
    }

    fn send_singles(&mut self, post: &Post<'_, F>, local: Option<&F::Local>) -> u64 {
        let control = local.map(F::control);
        deliver(self.socket, &mut self.single, post, control.as_slice(), &mut self.stuck, |_, error| {
            // No route, a firewall, an address that is gone.
            tracing::debug!(%error, "cannot send a reply");
        })
    }

    /// Sends bundles whose parts have one length.
    fn send_bundles(&mut self, post: &Post<'_, F>, length: usize, local: Option<&F::Local>) -> u64 {
        // A reply over UDP is far shorter than that.
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        let segments = ControlMessage::UdpGsoSegments(&length);
        let controls = [segments, local.map_or(segments, F::control)];
        let controls = if local.is_some() { &controls[..] } else { &controls[..1] };
        let mut alone = Post::<F>::new();
        let mut refusals = 0;
        let sent = deliver(self.socket, &mut self.bundled, post, controls, &mut self.stuck, |refused, error| {
            tracing::debug!(%error, "cannot send several replies as one");
            refusals += 1;
            for part in post.messages[refused] {
                alone.push(std::slice::from_ref(part), post.peers[refused]);
            }
        });
        self.refusals = if sent > 0 { 0 } else { self.refusals + refusals };
        if self.refusals >= REFUSALS_MAX {
            (self.refusals, self.pause) = (0, PAUSE_BATCHES);
        }
        sent + self.send_singles(&alone, local)
    }
}

/// Sends all messages of the post; `refused` is told the place of each that the system does not take.
/// Returns how many parts went. Nothing is tried once the device is `stuck`.
fn deliver<F: Family>(
    socket: RawFd,
    headers: &mut MultiHeaders<F::Address>,
    post: &Post<'_, F>,
    control: &[ControlMessage<'_>],
    stuck: &mut bool,
    mut refused: impl FnMut(usize, Errno),
) -> u64 {
    let (mut sent, mut at) = (0, 0);
    while at < post.count && !*stuck {
        let (messages, peers) = (&post.messages[at..post.count], &post.peers[at..post.count]);
        match sendmmsg(socket, headers, messages, peers, control, MsgFlags::empty()) {
            Ok(results) => {
                let some = results.count();
                sent += messages.iter().take(some).map(|parts| parts.len() as u64).sum::<u64>();
                at += some.max(1);
            }
            Err(Errno::EINTR) => {}
            // The send time-out: the device is stuck, and would be for each further one.
            Err(Errno::EAGAIN) => *stuck = true,
            // The first of them is refused: leave it out.
            Err(error) => {
                refused(at, error);
                at += 1;
            }
        }
    }
    sent
}

/// Orders replies by length, then by peer as far as its hash tells, then as they came.
#[inline]
fn key_of<F: Family>(length: usize, peer: Option<&F::Address>, index: usize) -> u64 {
    let hash = peer.map_or(0, F::hash) >> 17;
    (length as u64) << 53 | hash << 6 | index as u64
}

/// The place of the reply that a key was made for.
#[inline]
fn index_in(key: u64) -> usize {
    #[allow(clippy::cast_possible_truncation)] // below BATCH
    let index = key as usize % BATCH;
    index
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, UdpSocket};
    use std::time::Duration;

    use nix::sys::socket::{SockaddrIn, SockaddrIn6};

    use super::super::family::{V4, V6};
    use super::*;

    fn socket(ip: IpAddr) -> UdpSocket {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket
    }

    fn address(socket: &UdpSocket) -> SocketAddr {
        socket.local_addr().unwrap()
    }

    fn v4(client: &UdpSocket) -> SockaddrIn {
        let SocketAddr::V4(address) = address(client) else { panic!("not IPv4") };
        address.into()
    }

    fn v6(client: &UdpSocket) -> SockaddrIn6 {
        let SocketAddr::V6(address) = address(client) else { panic!("not IPv6") };
        address.into()
    }

    /// Replies of a few lengths to three clients in turn; all must come, each where it belongs, whole,
    /// and those of one length in order.
    fn deal<F: Family>(ip: IpAddr, to: fn(&UdpSocket) -> F::Address, bundles: bool) {
        let (server, clients) = (socket(ip), [socket(ip), socket(ip), socket(ip)]);
        let mut outbox = Outbox::<F>::new(&server, false, bundles);
        for round in 0..3_u8 {
            let replies: Vec<Vec<u8>> =
                (0..64).map(|n| vec![n; [40, 52, 52, 52, 1232][usize::from(n + round) % 5]]).collect();
            let letters: Vec<&[u8]> = replies.iter().map(Vec::as_slice).collect();
            let peers: Vec<Option<F::Address>> = (0..64).map(|n| Some(to(&clients[n % 3]))).collect();
            assert_eq!(outbox.send(&letters, &peers, None), 64);
            for (which, client) in clients.iter().enumerate() {
                let mut got: Vec<Vec<u8>> = Vec::new();
                for _ in (which..64).step_by(3) {
                    let mut buffer = [0; 2048];
                    let (len, from) = client.recv_from(&mut buffer).unwrap();
                    assert_eq!(from, address(&server));
                    got.push(buffer[..len].to_vec());
                }
                let mut expected: Vec<Vec<u8>> = replies.iter().skip(which).step_by(3).cloned().collect();
                // Stable: within one length as they were answered.
                expected.sort_by_key(Vec::len);
                got.sort_by_key(Vec::len);
                assert_eq!(got, expected);
            }
        }
        assert_eq!((outbox.bundles, outbox.refusals), (bundles, 0), "the system refuses bundles");
    }

    #[test]
    fn every_reply_comes_to_its_client_whole_and_in_order() {
        for bundles in [true, false] {
            deal::<V4>(Ipv4Addr::LOCALHOST.into(), v4, bundles);
            deal::<V6>(Ipv6Addr::LOCALHOST.into(), v6, bundles);
        }
    }

    #[test]
    fn a_full_batch_of_the_longest_replies_fits() {
        let (server, client) = (socket(Ipv4Addr::LOCALHOST.into()), socket(Ipv4Addr::LOCALHOST.into()));
        let mut outbox = Outbox::<V4>::new(&server, false, true);
        let reply = [7; 1232];
        assert_eq!(outbox.send(&[&reply[..]; BATCH], &[Some(v4(&client)); BATCH], None), BATCH as u64);
        for _ in 0..BATCH {
            assert_eq!(client.recv(&mut [0; 2048]).unwrap(), 1232);
        }
        assert_eq!(outbox.refusals, 0);
    }

    /// Sends to each of these ports of the machine, or for 0 to an address that the system refuses.
    fn send_to(ports: &[u16], bundles: bool) -> u64 {
        let server = socket(Ipv4Addr::LOCALHOST.into());
        let mut outbox = Outbox::<V4>::new(&server, false, bundles);
        let peers: Vec<Option<SockaddrIn>> = ports
            .iter()
            .map(|&port| match port {
                // Without SO_BROADCAST this is EACCES.
                0 => Some(SocketAddrV4::new([255; 4].into(), 53).into()),
                port => Some(SocketAddrV4::new([127, 0, 0, 1].into(), port).into()),
            })
            .collect();
        let numbers: Vec<[u8; 1]> = (0..).take(ports.len()).map(|n| [n]).collect();
        let replies: Vec<&[u8]> = numbers.iter().map(<[u8; 1]>::as_slice).collect();
        outbox.send(&replies, &peers, None)
    }

    #[test]
    fn a_reply_that_is_refused_is_left_out_and_the_others_are_sent() {
        let client = socket(Ipv4Addr::LOCALHOST.into());
        let port = address(&client).port();
        for bundles in [true, false] {
            assert_eq!(send_to(&[0, port, 0, 0, port, port, 0], bundles), 3);
            for expected in [1, 4, 5] {
                let mut buffer = [0; 16];
                assert_eq!(client.recv(&mut buffer).unwrap(), 1);
                assert_eq!(buffer[0], expected);
            }
            assert_eq!(send_to(&[0, 0, 0], bundles), 0);
            assert_eq!(send_to(&[], bundles), 0);
        }
    }

    #[test]
    fn refused_bundles_pause_all_of_them_only_where_none_goes() {
        let (server, client) = (socket(Ipv4Addr::LOCALHOST.into()), socket(Ipv4Addr::LOCALHOST.into()));
        let mut outbox = Outbox::<V4>::new(&server, false, true);
        let refused: Option<SockaddrIn> = Some(SocketAddrV4::new([255; 4].into(), 53).into());
        for _ in 0..3 * REFUSALS_MAX {
            outbox.begin();
            assert_eq!(
                outbox.send(
                    &[b"ab", b"cd", b"ef", b"gh"],
                    &[refused, Some(v4(&client)), refused, Some(v4(&client))],
                    None
                ),
                2
            );
            (0..2).for_each(|_| assert_eq!(client.recv(&mut [0; 16]).unwrap(), 2));
            assert_eq!(outbox.pause, 0);
        }
        for n in 1..=REFUSALS_MAX {
            assert_eq!((outbox.send(&[b"ab", b"cd"], &[refused; 2], None), outbox.pause > 0), (0, n == REFUSALS_MAX));
        }
        assert_eq!(outbox.send(&[b"ab", b"cd"], &[Some(v4(&client)); 2], None), 2);
        for _ in 0..PAUSE_BATCHES {
            outbox.begin();
        }
        assert_eq!(outbox.pause, 0);
    }

    #[test]
    fn bundles_leave_from_the_address_they_are_told() {
        let (server, client) = (socket(Ipv4Addr::UNSPECIFIED.into()), socket(Ipv4Addr::LOCALHOST.into()));
        let mut outbox = Outbox::<V4>::new(&server, true, true);
        let ours = Ipv4Addr::new(127, 0, 0, 3);
        let local = nix::libc::in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: nix::libc::in_addr { s_addr: u32::from(ours).to_be() },
            ipi_addr: nix::libc::in_addr { s_addr: 0 },
        };
        assert_eq!(outbox.send(&[b"ab", b"cd", b"efg"], &[Some(v4(&client)); 3], Some(&local)), 3);
        assert_eq!(outbox.refusals, 0);
        for _ in 0..3 {
            assert_eq!(client.recv_from(&mut [0; 16]).unwrap().1.ip(), IpAddr::from(ours));
        }
    }
}
