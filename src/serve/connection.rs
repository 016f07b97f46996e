//! One TCP connection: queries in, replies out, in order (RFC 7766 section 6.2.1.1 allows any order;
//! answers here never wait for each other).
//!
//! A connection owns memory only while a query has come in part or a client does not read. All else
//! passes through buffers that the connections of the thread share: nothing waits while they are in use.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::time::Instant;

use super::Answers;
use super::entropy::Entropy;
use super::framing::{self, End, OUTPUT_BYTES, PREFIX_BYTES};
use super::roster::{Standing, Waiting};
use super::tally::{Counts, Tally};
use crate::answer::Client;

/// Bytes to read at once: some hundred queries, the most that one connection has in flight.
const READ_BYTES: usize = 16 * 1024;

/// A buffer of a connection up to this size is kept for the next query.
const KEPT_BYTES: usize = 512;

/// What the connections of a thread share.
pub(super) struct Desk<A> {
    /// Set when connections shall end once they have no query in flight.
    pub(super) stopping: bool,
    input: Box<[u8]>,
    output: Output<A>,
}

struct Output<A> {
    answers: A,
    entropy: Entropy,
    tally: Arc<Tally>,
    bytes: Box<[u8]>,
}

impl<A: Answers> Desk<A> {
    pub(super) fn new(answers: A, tally: Arc<Tally>) -> Self {
        let output = Output { answers, entropy: Entropy::from_system(), tally, bytes: vec![0; OUTPUT_BYTES].into() };
        Self { stopping: false, input: vec![0; READ_BYTES].into(), output }
    }

    /// See [`Answers::renew`].
    pub(super) fn renew(&mut self) {
        self.output.answers.renew();
    }
}

/// A connection.
pub(super) struct Connection {
    socket: OwnedFd,
    client: Client,
    /// Input not yet answered: the first `held` bytes of it. Empty, or the front of a message, or what
    /// was left when replies had to wait.
    kept: Vec<u8>,
    held: usize,
    /// Replies for which the client has no room. While there are some, nothing is read.
    unsent: Vec<u8>,
    /// What the system was asked to tell of, if it was asked.
    watched: Option<EventFlags>,
}

/// What is to be done after the input at hand.
enum Next {
    /// Read on.
    Read,
    /// Send these first.
    Send(Vec<u8>),
    /// Nothing more: the input makes no sense.
    Close,
}

impl Connection {
    pub(super) fn new(socket: OwnedFd, client: Client) -> Self {
        Self { socket, client, kept: Vec::new(), held: 0, unsent: Vec::new(), watched: None }
    }

    /// Who is at the other end.
    pub(super) fn client(&self) -> Client {
        self.client
    }

    /// Does what can be done without waiting, but reads only once, so that the others have their turn.
    /// Says in `standing` what it waits for then. Returns whether the connection stays.
    ///
    /// # Errors
    /// When the connection is lost.
    pub(super) fn turn<A: Answers>(
        &mut self,
        desk: &mut Desk<A>,
        standing: &mut Standing,
        now: Instant,
    ) -> io::Result<bool> {
        let (next, drained) = if self.unsent.is_empty() {
            let Some(size) = self.read(&mut desk.input)? else {
                // At the stop, whoever has asked nothing more is let go.
                return Ok(!desk.stopping || self.held > 0);
            };
            if size == 0 {
                // All whole queries before the end are answered by now.
                return Ok(false);
            }
            let fresh = self.kept.is_empty();
            let next = if fresh { self.answer_fresh(desk, size)? } else { self.answer_kept(desk, size)? };
            // Only then is it known that no more is there.
            (next, fresh && size < READ_BYTES)
        } else {
            if self.send_on()? {
                standing.moved(now);
            }
            if !self.unsent.is_empty() {
                return Ok(true);
            }
            self.unsent = Vec::new();
            (self.answer_kept(desk, 0)?, false)
        };
        match next {
            Next::Read if self.held > 0 => standing.wait_for(Waiting::Rest, now),
            Next::Read if drained && desk.stopping => return Ok(false),
            Next::Read => standing.wait_for(Waiting::Query, now),
            Next::Send(replies) => {
                self.unsent = replies;
                standing.wait_for(Waiting::Room, now);
            }
            Next::Close => return Ok(false),
        }
        Ok(true)
    }

    /// Has `epoll` tell, under that name, of what the connection waits for now.
    ///
    /// # Errors
    /// When the system has no memory for that.
    pub(super) fn watch(&mut self, epoll: &OwnedFd, name: EventData) -> io::Result<()> {
        let wanted = if self.unsent.is_empty() { EventFlags::IN } else { EventFlags::OUT };
        match self.watched.replace(wanted) {
            None => epoll::add(epoll, &self.socket, name, wanted)?,
            Some(before) if before != wanted => epoll::modify(epoll, &self.socket, name, wanted)?,
            Some(_) => {}
        }
        Ok(())
    }

    /// Reads into the shared buffer, or the rest of a message into the connection's own. `None`: there
    /// is nothing to read.
    fn read(&mut self, shared: &mut [u8]) -> io::Result<Option<usize>> {
        let room = if self.kept.is_empty() {
            shared
        } else {
            let needed = framing::needed(&self.kept[..self.held]).unwrap_or(PREFIX_BYTES);
            self.kept.resize(needed, 0);
            &mut self.kept[self.held..]
        };
        match recv(&self.socket, room, RecvFlags::empty()) {
            Ok((size, _)) => Ok(Some(size)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Answers the first `size` bytes of the shared buffer; what is left becomes the connection's own.
    fn answer_fresh<A: Answers>(&mut self, desk: &mut Desk<A>, size: usize) -> io::Result<Next> {
        let input = &desk.input[..size];
        let (consumed, next) = self.answer(&mut desk.output, input)?;
        self.kept.extend_from_slice(&input[consumed..]);
        self.held = self.kept.len();
        Ok(next)
    }

    /// Answers the connection's own bytes, to which `more` were read.
    fn answer_kept<A: Answers>(&mut self, desk: &mut Desk<A>, more: usize) -> io::Result<Next> {
        let held = self.held + more;
        let (consumed, next) = self.answer(&mut desk.output, &self.kept[..held])?;
        self.kept.truncate(held);
        self.kept.drain(..consumed);
        self.held = self.kept.len();
        if self.held == 0 && self.kept.capacity() > KEPT_BYTES {
            self.kept = Vec::new();
        }
        Ok(next)
    }

    /// Answers and sends until the input is used up or the client must make room. Returns the bytes
    /// of input done with.
    fn answer<A: Answers>(&self, output: &mut Output<A>, input: &[u8]) -> io::Result<(usize, Next)> {
        let Output { answers, entropy, tally, bytes } = output;
        answers.renew();
        let mut consumed = 0;
        loop {
            let pass = framing::pass(&input[consumed..], bytes, |query, reply| {
                answers.answer(query, self.client, entropy.draw(), reply)
            });
            consumed += pass.consumed;
            let (queries, replies) = (pass.queries, pass.replies);
            tally.add(Counts { queries, replies, unanswered: queries - replies, unsent: 0 });
            let replies = &bytes[..pass.written];
            let sent = if replies.is_empty() { 0 } else { self.send(replies)? };
            if sent < replies.len() {
                return Ok((consumed, Next::Send(replies[sent..].to_vec())));
            }
            match pass.end {
                End::Full => {}
                End::Starved => return Ok((consumed, Next::Read)),
                End::Malformed => return Ok((consumed, Next::Close)),
            }
        }
    }

    /// Sends of what had to wait as much as the client takes now. Returns whether it took something.
    fn send_on(&mut self) -> io::Result<bool> {
        let sent = self.send(&self.unsent)?;
        self.unsent.drain(..sent);
        Ok(sent > 0)
    }

    /// Returns the bytes that the client had room for.
    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        match send(&self.socket, bytes, SendFlags::NOSIGNAL) {
            Ok(sent) => Ok(sent),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}
