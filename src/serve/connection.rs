//! One TCP connection: queries in, replies out, in order (RFC 7766 section 6.2.1.1 allows any order;
//! answers here never wait for each other).
//!
//! A connection owns memory only while a query has come in part or a client does not read. All else
//! passes through buffers that the connections of the thread share: nothing is awaited while they are
//! in use.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use super::entropy::Entropy;
use super::framing::{self, End, OUTPUT_BYTES, PREFIX_BYTES};
use super::roster::{Seat, Waiting};
use super::tally::{Counts, Tally};
use super::{Answers, Client, View};

/// Bytes to read at once: some hundred queries, the most that one connection has in flight.
const READ_BYTES: usize = 16 * 1024;

/// A buffer of a connection up to this size is kept for the next query.
const KEPT_BYTES: usize = 512;

/// What the connections of a thread share.
pub(super) struct Desk<A> {
    pub(super) answers: A,
    pub(super) stopping: std::cell::Cell<bool>,
    pub(super) tally: std::sync::Arc<Tally>,
    pub(super) scratch: RefCell<Scratch>,
}

/// Buffers in use between two waits only.
pub(super) struct Scratch {
    input: Box<[u8]>,
    output: Box<[u8]>,
    entropy: Entropy,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self {
            input: vec![0; READ_BYTES].into(),
            output: vec![0; OUTPUT_BYTES].into(),
            entropy: Entropy::from_system(),
        }
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
                        self.stream.write_all(&replies).await?;
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
        let mut scratch;
        let room = if self.kept.is_empty() {
            scratch = self.desk.scratch.borrow_mut();
            &mut scratch.input[..]
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
        let desk = self.desk.clone();
        let mut scratch = desk.scratch.borrow_mut();
        let Scratch { input, output, entropy } = &mut *scratch;
        let (consumed, next) = self.answer(&input[..size], output, entropy)?;
        self.kept.extend_from_slice(&input[consumed..size]);
        self.held = self.kept.len();
        Ok(next)
    }

    /// Answers the connection's own bytes, to which `more` were read.
    fn answer_kept(&mut self, more: usize) -> io::Result<Next> {
        let desk = self.desk.clone();
        let mut scratch = desk.scratch.borrow_mut();
        let Scratch { output, entropy, .. } = &mut *scratch;
        let mut kept = std::mem::take(&mut self.kept);
        let held = self.held + more;
        let (consumed, next) = self.answer(&kept[..held], output, entropy)?;
        kept.truncate(held);
        kept.drain(..consumed);
        if kept.is_empty() && kept.capacity() > KEPT_BYTES {
            kept = Vec::new();
        }
        self.held = kept.len();
        self.kept = kept;
        Ok(next)
    }

    /// Answers and sends until the input is used up or the client must make room. Returns the bytes
    /// of input done with.
    fn answer(&self, input: &[u8], output: &mut [u8], entropy: &mut Entropy) -> io::Result<(usize, Next)> {
        let view = self.desk.answers.view();
        let mut consumed = 0;
        loop {
            let pass = framing::pass(&input[consumed..], output, |query, reply| {
                view.answer(query, self.client, entropy.draw(), reply)
            });
            consumed += pass.consumed;
            self.desk.tally.add(Counts { queries: pass.queries, replies: pass.replies, unsent: 0 });
            let replies = &output[..pass.written];
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

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.stream.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }
}
