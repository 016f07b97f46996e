//! The listeners: DNS over UDP and TCP. Bytes come in, [`Answers`] makes of them bytes that go out.
//!
//! UDP is the fast path, with a plain thread for each socket; TCP has one thread of its own. Neither
//! takes a lock, nor allocates for a query, but for one that comes over TCP in parts or from a client
//! that does not read. What a query means is not known here.

mod bind;
mod connection;
mod entropy;
mod family;
mod framing;
mod ledger;
mod limits;
mod outbox;
mod page;
mod roster;
mod tally;
mod tcp;
mod udp;

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::errno::Errno;
use rustix::event::{EventfdFlags, eventfd};
use thiserror::Error;
use tokio::sync::mpsc;

pub use bind::{BindError, Bound, bind};
pub use ledger::{Answered, Ledger, Queries};
pub use limits::{Limits, UdpOptions};
pub use tally::{Connections, Counts};

use crate::answer::{Client, Transport, answer_with};
use crate::dns::LookupName;
use crate::snapshot::{Reader, Store};
use page::Clerk;
use tally::{Tally, Visits};

/// What makes replies. Each thread has one of its own.
pub trait Answers: Send + 'static {
    /// Writes the reply to `query` and returns its length; 0 sends nothing. `out` holds 65,535 bytes
    /// for a query over TCP, 1,232 over UDP.
    fn answer(&mut self, query: &[u8], client: Client, entropy: u64, out: &mut [u8]) -> usize;

    /// Takes up what has changed. Called before each batch of queries, and now and then while there
    /// are none, so that nothing outdated is held for long.
    fn renew(&mut self);
}

/// Answers from the snapshot in force.
pub struct FromStore {
    reader: Reader,
    name: LookupName,
    clerk: Clerk,
}

impl FromStore {
    /// Of what is published to `store`, for queries that come this way; what is answered can be read in
    /// `ledger`.
    #[must_use]
    pub fn new(store: &Store, transport: Transport, ledger: &Ledger) -> Self {
        let reader = store.reader();
        let clerk = Clerk::new(transport, reader.current().roll());
        ledger.add(Arc::clone(clerk.shelf()));
        Self { reader, name: LookupName::ROOT, clerk }
    }
}

impl Answers for FromStore {
    // A call costs less than what the loop around it would lose in registers.
    #[inline(never)]
    fn answer(&mut self, query: &[u8], client: Client, entropy: u64, out: &mut [u8]) -> usize {
        let Self { reader, name, clerk } = self;
        clerk.begin();
        let len = answer_with(name, clerk, reader.current(), query, client, entropy, out);
        clerk.end(&out[..len]);
        len
    }

    #[inline]
    fn renew(&mut self) {
        if self.reader.renew() {
            self.clerk.follow(self.reader.current().roll());
        }
    }
}

/// Why a thread of the server ended by itself. The process must end with it: its supervisor starts
/// it anew, while a server without this thread would leave queries without answer.
#[derive(Debug, Error)]
pub enum ServeError {
    /// A thread did not start.
    #[error("cannot start a thread")]
    Start(#[source] io::Error),
    /// A UDP socket cannot be received from.
    #[error("cannot receive on {address} (UDP)")]
    Receive {
        /// The address of the socket.
        address: SocketAddr,
        /// What the system said.
        source: Errno,
    },
    /// The event loop of TCP does not work.
    #[error("cannot serve TCP")]
    Tcp(#[source] io::Error),
    /// A thread panicked.
    #[error("the thread {0} panicked")]
    Panicked(String),
}

/// The running threads. Dropped, it tells them to stop and does not wait.
#[derive(Debug)]
pub struct Serving {
    addresses: Vec<SocketAddr>,
    meter: Meter,
    threads: usize,
    ended: mpsc::Receiver<Result<(), ServeError>>,
    stop_udp: Arc<AtomicBool>,
    /// Can be read once TCP shall stop.
    stop_tcp: Arc<OwnedFd>,
}

/// Tells what was received and sent; clones tell the same.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    /// One for each thread.
    tallies: Vec<(Transport, String, Arc<Tally>)>,
    visits: Arc<Visits>,
}

impl Meter {
    fn tally(&mut self, transport: Transport, thread: &str) -> Arc<Tally> {
        let tally = Arc::new(Tally::default());
        self.tallies.push((transport, thread.to_owned(), Arc::clone(&tally)));
        tally
    }

    /// Messages since the start that came this way.
    #[must_use]
    pub fn counts(&self, transport: Transport) -> Counts {
        let those = self.tallies.iter().filter(|(of, ..)| *of == transport);
        those.map(|(.., tally)| tally.read()).fold(Counts::default(), |sum, one| sum + one)
    }

    /// Turns that the loop of each thread has taken, by its name: each takes several a second, busy or not.
    #[must_use]
    pub fn turns(&self) -> Vec<(String, u64)> {
        self.tallies.iter().map(|(_, thread, tally)| (thread.clone(), tally.turns())).collect()
    }

    /// TCP connections.
    #[must_use]
    pub fn connections(&self) -> Connections {
        self.visits.read()
    }
}

impl Bound {
    /// Starts the threads; `answers` is called once for each, with how its queries come. In production it
    /// makes a [`FromStore`].
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn serve<A: Answers>(
        self,
        answers: impl Fn(Transport) -> A,
        udp: UdpOptions,
        limits: Limits,
    ) -> Result<Serving, ServeError> {
        let addresses = self.addresses();
        let threads = 1 + self.listeners.iter().map(|l| l.udp.len()).sum::<usize>();
        let (ends, ended) = mpsc::channel(threads);
        let stop_tcp = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let stop_tcp = Arc::new(stop_tcp.map_err(|error| ServeError::Tcp(error.into()))?);
        let stop_udp = Arc::new(AtomicBool::new(false));
        let mut meter = Meter::default();
        let mut streams = Vec::new();
        for listener in self.listeners {
            streams.push(listener.tcp);
            let address = listener.address;
            for (i, socket) in listener.udp.into_iter().enumerate() {
                let thread = format!("udp-{i} of {address}");
                let tally = meter.tally(Transport::Udp, &thread);
                let (answers, stop) = (answers(Transport::Udp), stop_udp.clone());
                start(format!("udp-{i}"), ends.clone(), move || {
                    let wildcard = address.ip().is_unspecified();
                    let ended = if address.is_ipv4() {
                        udp::run::<family::V4>(&socket, wildcard, answers, &tally, udp, &stop)
                    } else {
                        udp::run::<family::V6>(&socket, wildcard, answers, &tally, udp, &stop)
                    };
                    ended.map_err(|source| ServeError::Receive { address, source })
                })?;
            }
        }
        let (answers, tally, stop) = (answers(Transport::Tcp), meter.tally(Transport::Tcp, "tcp"), stop_tcp.clone());
        let visits = Arc::clone(&meter.visits);
        start("tcp".to_owned(), ends, move || {
            tcp::run(streams, answers, limits, tally, visits, &stop).map_err(ServeError::Tcp)
        })?;
        Ok(Serving { addresses, meter, threads, ended, stop_udp, stop_tcp })
    }
}

impl Serving {
    /// Where it listens, in the order asked for.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What was received and sent so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Transport::ALL.iter().fold(Counts::default(), |sum, transport| sum + self.meter.counts(*transport))
    }

    /// What tells the same by transport, for as long as somebody wants to know.
    #[must_use]
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// Waits until a thread ends by itself, which is always a fault.
    pub async fn failed(&mut self) -> ServeError {
        loop {
            match self.ended.recv().await {
                Some(Err(error)) => return error,
                Some(Ok(())) => self.threads -= 1,
                None => std::future::pending().await,
            }
        }
    }

    /// Stops: queries that have been received are answered, over TCP within [`Limits::grace`].
    /// Returns what was received and sent in all.
    ///
    /// # Errors
    /// When a thread had ended by itself before.
    pub async fn stop(mut self) -> Result<Counts, ServeError> {
        self.tell();
        while self.threads > 0 {
            match self.ended.recv().await {
                Some(Ok(())) => self.threads -= 1,
                Some(Err(error)) => return Err(error),
                None => break,
            }
        }
        Ok(self.counts())
    }

    fn tell(&self) {
        self.stop_udp.store(true, Ordering::Relaxed);
        // It fails only where it was said very often before.
        let _ = rustix::io::write(&self.stop_tcp, &1_u64.to_ne_bytes());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.tell();
    }
}

/// Starts a thread that says how it ended, even by a panic.
fn start(
    name: String,
    ends: mpsc::Sender<Result<(), ServeError>>,
    work: impl FnOnce() -> Result<(), ServeError> + Send + 'static,
) -> Result<(), ServeError> {
    /// Says it when dropped, which a panic does too.
    struct Last {
        ends: mpsc::Sender<Result<(), ServeError>>,
        how: Option<Result<(), ServeError>>,
    }
    impl Drop for Last {
        fn drop(&mut self) {
            if let Some(how) = self.how.take() {
                // There is room for each thread; without a receiver nobody wants to know.
                let _ = self.ends.try_send(how);
            }
        }
    }
    let panicked = ServeError::Panicked(name.clone());
    let body = move || {
        let mut last = Last { ends, how: Some(Err(panicked)) };
        last.how = Some(work());
    };
    thread::Builder::new().name(name).spawn(body).map(drop).map_err(ServeError::Start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Snapshot;

    #[test]
    fn an_idle_thread_lets_go_of_an_old_snapshot() {
        let old = Arc::new(Snapshot::new(1, "ns1".into(), Vec::new()));
        let store = Store::new(old.clone());
        let mut answers = FromStore::new(&store, Transport::Udp, &Ledger::default());
        let client = Client { ip: [127, 0, 0, 1].into(), transport: Transport::Udp };
        let query = [&[0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x04test\0\0\x01\0\x01"].concat();
        let mut out = [0; 1232];
        assert_eq!(answers.answer(&query, client, 0, &mut out), query.len(), "refused: no zone");
        store.publish(Arc::new(Snapshot::new(2, "ns1".into(), Vec::new())));
        answers.renew();
        assert_eq!(Arc::strong_count(&old), 1);
    }
}
