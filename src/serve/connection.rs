//! One TCP connection: queries in, replies out, in order (RFC 7766 section 6.2.1.1 allows any order;
//! answers here never wait for each other).
//!
//! A connection owns memory only while a query has come in part or a client does not read. All else
//! passes through buffers that the connections of the thread share: nothing is awaited while they are
//! in use.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use super::Answers;
use super::entropy::Entropy;
use super::framing::{self, End, OUTPUT_BYTES, PREFIX_BYTES};
use super::roster::{Seat, Waiting};
use super::tally::{Counts, Tally};
use crate::answer::Client;

/// Bytes to read at once: some hundred queries, the most that one connection has in flight.
const READ_BYTES: usize = 16 * 1024;

/// A buffer of a connection up to this size is kept for the next query.
const KEPT_BYTES: usize = 512;

/// What the connections of a thread share.
pub(super) struct Desk<A> {
    /// Set when connections shall end once they have no query in flight.
    pub(super) stopping: Cell<bool>,
    tally: Arc<Tally>,
    input: RefCell<Box<[u8]>>,
    output: RefCell<Output<A>>,
}

struct Output<A> {
    answers: A,
    entropy: Entropy,
    bytes: Box<[u8]>,
}

impl<A: Answers> Desk<A> {
    pub(super) fn new(answers: A, tally: Arc<Tally>) -> Self {
        let output = Output { answers, entropy: Entropy::from_system(), bytes: vec![0; OUTPUT_BYTES].into() };
        Self {
            stopping: Cell::new(false),
            tally,
            input: RefCell::new(vec![0; READ_BYTES].into()),
            output: RefCell::new(output),
        }
    }

    /// See [`Answers::renew`].
    pub(super) fn renew(&self) {
        self.output.borrow_mut().answers.renew();
    }
}

/// A connection.
pub(super) struct Connection<A> {
    stream: TcpStream,
    client: Client,
    seat: Seat,
    desk: Rc<Desk<A>>,
    /// Input not yet answered: the first `held` bytes of it. Empty, or the front of a message, or what
    /// was left when replies had to wait.
    kept: Vec<u8>,
    held: usize,
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

impl<A: Answers> Connection<A> {
    pub(super) fn new(stream: TcpStream, client: Client, seat: Seat, desk: Rc<Desk<A>>) -> Self {
        Self { stream, client, seat, desk, kept: Vec::new(), held: 0 }
    }

    /// Serves until the client closes its side, or one of both must stop.
    pub(super) async fn run(mut self) -> io::Result<()> {
        loop {
            let fresh = self.kept.is_empty();
            let size = poll_fn(|cx| self.poll_read(cx)).await?;
            if size == 0 {
                // All whole queries before the end are answered by now.
                return Ok(());
            }
            let mut next = if fresh { self.answer_fresh(size)? } else { self.answer_kept(size)? };
            loop {
                match next {
                    Next::Read => break,
                    Next::Close => return Ok(()),
                    Next::Send(replies) => {
                        self.seat.wait_for(Waiting::Room);
                        self.write(&replies).await?;
                        drop(replies);
                        next = self.answer_kept(0)?;
                    }
                }
            }
            let waiting = if self.held == 0 { Waiting::Query } else { Waiting::Rest };
            self.seat.wait_for(waiting);
            let drained = size < READ_BYTES;
            if drained && self.held == 0 && self.desk.stopping.get() {
                return Ok(());
            }
            if !drained {
                // More is likely there: let the others have a turn.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Reads into the shared buffer, or the rest of a message into the connection's own.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut shared;
        let room = if self.kept.is_empty() {
            shared = self.desk.input.borrow_mut();
            &mut shared[..]
        } else {
            let needed = framing::needed(&self.kept[..self.held]).unwrap_or(PREFIX_BYTES);
            self.kept.resize(needed, 0);
            &mut self.kept[self.held..]
        };
        let mut buffer = ReadBuf::new(room);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Answers the first `size` bytes of the shared buffer; what is left becomes the connection's own.
    fn answer_fresh(&mut self, size: usize) -> io::Result<Next> {
        let input = self.desk.input.borrow();
        let (consumed, next) = self.answer(&input[..size])?;
        self.kept.extend_from_slice(&input[consumed..size]);
        self.held = self.kept.len();
        Ok(next)
    }

    /// Answers the connection's own bytes, to which `more` were read.
    fn answer_kept(&mut self, more: usize) -> io::Result<Next> {
        let held = self.held + more;
        let (consumed, next) = self.answer(&self.kept[..held])?;
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
    fn answer(&self, input: &[u8]) -> io::Result<(usize, Next)> {
        let mut output = self.desk.output.borrow_mut();
        let Output { answers, entropy, bytes } = &mut *output;
        answers.renew();
        let mut consumed = 0;
        loop {
            let pass = framing::pass(&input[consumed..], bytes, |query, reply| {
                answers.answer(query, self.client, entropy.draw(), reply)
            });
            consumed += pass.consumed;
            self.desk.tally.add(Counts { queries: pass.queries, replies: pass.replies, unsent: 0 });
            let replies = &bytes[..pass.written];
            let sent = if replies.is_empty() { 0 } else { self.try_write(replies)? };
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

    /// Sends what had to wait, and tells of each part that the client takes.
    async fn write(&mut self, mut replies: &[u8]) -> io::Result<()> {
        while !replies.is_empty() {
            let sent = self.stream.write(replies).await?;
            if sent == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            replies = &replies[sent..];
            self.seat.moved();
        }
        Ok(())
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.stream.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }
}
