//! The fast path: one plain thread for each socket, which receives a batch of datagrams with one
//! system call, answers them, and sends the replies with another.
//!
//! Nothing is allocated and no lock is taken once the loop runs. There is no tokio here.
//!
//! Replies leave from the address that was asked. A socket bound to one address does that by itself;
//! one bound to all of them is told with each datagram which it was, and says it back. The system call
//! takes one such word for all its messages, so the replies of a batch are sent by groups, of which
//! there is nearly always one.
//!
//! A datagram longer than [`QUERY_BYTES_MAX`] is cut there and answered like any other: its question
//! stands at the front, and what is missing makes it a format error, which the client can act on.

use std::array;
use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollTimeout, poll, ppoll};
use nix::sys::socket::{MsgFlags, MultiHeaders, RecvMsg, recvmmsg};
use nix::sys::time::TimeSpec;
use socket2::Socket;

use super::Answers;
use super::entropy::Entropy;
use super::family::Family;
use super::limits::UdpOptions;
use super::outbox::Outbox;
use super::tally::{Counts, Tally};
use crate::answer::{Client, Transport};

/// Datagrams to receive at once. Beyond this the share of the system call is not to be seen any more.
pub(super) const BATCH: usize = 64;

/// Room for one query. No query over UDP comes near it: keys, cookies and options take a few hundred bytes.
const QUERY_BYTES_MAX: usize = 4096;

/// Room for one reply: the most that goes over any path in one piece (DNS flag day 2020).
const REPLY_BYTES_MAX: usize = 1232;

/// Distance between two query buffers. One cache line more than the buffer, because the fronts of
/// buffers a page apart would all compete for the same lines of the first-level cache.
const QUERY_STRIDE: usize = QUERY_BYTES_MAX + 64;

/// Distance between two reply buffers: whole cache lines.
const REPLY_STRIDE: usize = REPLY_BYTES_MAX.next_multiple_of(64);

/// Batches answered after the stop, so that what had been received is answered even under load.
const LAST_BATCHES: usize = 1024;

/// Failures to receive in a row after which the socket is given up.
const FAILURES_MAX: u32 = 100;

/// Pause after a failure to receive, so that a lasting one does not spin.
const FAILURE_PAUSE_MS: u8 = 10;

/// A batch up to this size is small: [`listen.coalesce`](crate::model::node::Node::coalesce) rests after it.
const SMALL_BATCH: u64 = BATCH as u64 / 4;

/// Serves one socket until `stop`; the socket's receive time-out says how soon that is noticed.
///
/// # Errors
/// When the socket cannot be received from any more.
pub(super) fn run<F: Family>(
    socket: &Socket,
    wildcard: bool,
    answers: impl Answers,
    tally: &Tally,
    options: UdpOptions,
    stop: &AtomicBool,
) -> Result<(), Errno> {
    if wildcard {
        run_lane(Lane::<F, true>::new(socket, options.gso), answers, tally, options.coalesce, stop)
    } else {
        run_lane(Lane::<F, false>::new(socket, options.gso), answers, tally, options.coalesce, stop)
    }
}

/// Serves the socket of a lane.
fn run_lane<F: Family, const WILDCARD: bool>(
    mut lane: Lane<F, WILDCARD>,
    mut answers: impl Answers,
    tally: &Tally,
    coalesce: Duration,
    stop: &AtomicBool,
) -> Result<(), Errno> {
    let rest = (!coalesce.is_zero()).then(|| TimeSpec::from(coalesce));
    let mut failures = 0;
    while !stop.load(Ordering::Relaxed) {
        tally.turn();
        match lane.turn(&mut answers, MsgFlags::MSG_WAITFORONE) {
            Ok(counts) => {
                failures = 0;
                tally.add(counts);
                // Replies are on their way, so that a query by itself is not held up.
                if rest.is_some() && counts.queries <= SMALL_BATCH {
                    let _ = ppoll(&mut [], rest, None);
                }
            }
            // The time-out: a good moment to let go of a snapshot that is no longer the newest.
            Err(Errno::EAGAIN) => answers.renew(),
            Err(Errno::EINTR) => {}
            Err(error) => {
                failures += 1;
                if failures >= FAILURES_MAX {
                    return Err(error);
                }
                tracing::warn!(%error, "cannot receive");
                let _ = poll(&mut [], PollTimeout::from(FAILURE_PAUSE_MS));
            }
        }
    }
    for _ in 0..LAST_BATCHES {
        match lane.turn(&mut answers, MsgFlags::MSG_DONTWAIT) {
            Ok(counts) => tally.add(counts),
            Err(_) => break,
        }
    }
    Ok(())
}

/// A socket and what its loop reuses from batch to batch. `WILDCARD`: it is bound to all addresses.
struct Lane<F: Family, const WILDCARD: bool> {
    socket: RawFd,
    entropy: Entropy,
    queries: Box<[u8]>,
    replies: Box<[u8]>,
    incoming: MultiHeaders<F::Address>,
    outbox: Outbox<F>,
    peers: [Option<F::Address>; BATCH],
    locals: [Option<F::Local>; BATCH],
}

impl<F: Family, const WILDCARD: bool> Lane<F, WILDCARD> {
    fn new(socket: &Socket, gso: bool) -> Self {
        Self {
            socket: socket.as_raw_fd(),
            entropy: Entropy::from_system(),
            queries: vec![0; BATCH * QUERY_STRIDE].into(),
            replies: vec![0; BATCH * REPLY_STRIDE].into(),
            incoming: Self::headers(),
            outbox: Outbox::new(socket, WILDCARD, gso),
            peers: [None; BATCH],
            locals: [None; BATCH],
        }
    }

    fn headers() -> MultiHeaders<F::Address> {
        MultiHeaders::preallocate(BATCH, WILDCARD.then(F::control_space))
    }

    /// One batch: received, answered, sent.
    fn turn(&mut self, answers: &mut impl Answers, flags: MsgFlags) -> Result<Counts, Errno> {
        let mut counts = Counts::default();
        let mut count = 0;
        let mut addressless = false;
        let mut reply_buffers = self.replies.chunks_exact_mut(REPLY_STRIDE);
        let mut replies: [&[u8]; BATCH] = [&[]; BATCH];
        {
            let mut query_buffers = self.queries.chunks_exact_mut(QUERY_STRIDE);
            let mut room: [[IoSliceMut<'_>; 1]; BATCH] = array::from_fn(|_| {
                let buffer = query_buffers.next().and_then(|b| b.get_mut(..QUERY_BYTES_MAX));
                [IoSliceMut::new(buffer.unwrap_or_default())]
            });
            let received = recvmmsg(self.socket, &mut self.incoming, room.iter_mut(), flags, None)?;
            answers.renew();
            for message in received {
                counts.queries += 1;
                let Some(peer) = message.address else { continue };
                let local = if WILDCARD { local_of::<F>(&message) } else { None };
                let known = !WILDCARD || local.is_some();
                addressless |= !known;
                let (ip, port) = F::peer(&peer);
                let (Some(query), Some(buffer)) = (message.iovs().next(), reply_buffers.next()) else { continue };
                // Nobody listens on port 0; the source is forged.
                if port == 0 || !known {
                    continue;
                }
                let client = Client { ip, transport: Transport::Udp };
                let length = answers.answer(query, client, self.entropy.draw(), &mut buffer[..REPLY_BYTES_MAX]);
                let Some(reply @ [_, ..]) = buffer.get(..length) else { continue };
                replies[count] = reply;
                self.peers[count] = Some(peer);
                if WILDCARD {
                    self.locals[count] = local;
                }
                count += 1;
            }
        }
        let (replies, peers) = (&replies[..count], &self.peers[..count]);
        self.outbox.begin();
        counts.replies = if WILDCARD {
            send_by_local(&mut self.outbox, replies, peers, &mut self.locals[..count])
        } else {
            self.outbox.send(replies, peers, None)
        };
        counts.unanswered = counts.queries - count as u64;
        counts.unsent = count as u64 - counts.replies;
        if addressless {
            // The headers keep the length of the last control message; an empty one would stay empty.
            self.incoming = Self::headers();
        }
        Ok(counts)
    }
}

/// The address of ours that the datagram was sent to.
#[inline]
fn local_of<F: Family>(message: &RecvMsg<'_, '_, F::Address>) -> Option<F::Local> {
    message.cmsgs().ok()?.find_map(|control| F::local(&control))
}

/// Sends the replies of each local address together; returns how many were sent.
fn send_by_local<F: Family>(
    outbox: &mut Outbox<F>,
    replies: &[&[u8]],
    peers: &[Option<F::Address>],
    locals: &mut [Option<F::Local>],
) -> u64 {
    let mut sent = 0;
    while let Some(local) = locals.iter().find_map(|local| *local) {
        let mut group: [&[u8]; BATCH] = [&[]; BATCH];
        let mut group_peers = [None; BATCH];
        let mut count = 0;
        for ((reply, peer), ours) in replies.iter().zip(peers).zip(locals.iter_mut()) {
            if ours.take_if(|ours| F::same(ours, &local)).is_some() {
                group[count] = reply;
                group_peers[count] = *peer;
                count += 1;
            }
        }
        sent += outbox.send(&group[..count], &group_peers[..count], Some(&local));
    }
    sent
}
