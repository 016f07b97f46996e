//! DNS over TCP (RFC 7766): one thread for all addresses, which does what the system says is ready.
//!
//! One thread is enough for the small share of queries that come this way, and being one it needs no
//! lock, shares its buffers and wakes nobody. It is not the runtime of the rest of the server either:
//! a check or a page that takes its time delays no answer. Nor is it a runtime at all: most of what
//! a query over TCP costs is the system's, and three calls of it are enough (wait, receive, send). A
//! new connection is read at once, before the system is asked to tell of it, since its first query
//! came with it.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{SocketFlags, acceptfrom_with};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use socket2::Socket;
use tokio::time::Instant;

use super::Answers;
use super::connection::{Connection, Desk};
use super::limits::Limits;
use super::roster::Roster;
use super::tally::{Tally, Visits};
use crate::answer::{Client, Transport};

/// Pause after the system had no file or memory for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections taken at the stop of those that the system had completed before.
const LAST_CONNECTIONS: usize = 1024;

/// Time between two looks at the connections while they end.
const STOP_SWEEP: Duration = Duration::from_millis(10);

/// What an event is about: the stop, the clock, a listener or, below, the connection in that seat.
const STOP: usize = usize::MAX;
const CLOCK: usize = usize::MAX - 1;
const LISTENERS: usize = 1 << 30;

/// Serves the listeners until `stop` can be read, then what is in flight.
///
/// # Errors
/// When the system does not tell of events.
pub(super) fn run<A: Answers>(
    listeners: Vec<Socket>,
    answers: A,
    limits: Limits,
    tally: Arc<Tally>,
    visits: Arc<Visits>,
    stop: &OwnedFd,
) -> io::Result<()> {
    let desk = Desk::new(answers, Arc::clone(&tally));
    let mut service = Service::new(listeners, desk, tally, limits, visits)?;
    epoll::add(&service.epoll, stop, name(STOP), EventFlags::IN)?;
    while !service.turn()?.stop {}
    epoll::delete(&service.epoll, stop)?;
    service.finish(limits.grace)
}

fn name(source: usize) -> EventData {
    EventData::new_u64(source as u64)
}

struct Service<A> {
    tally: Arc<Tally>,
    epoll: OwnedFd,
    /// Room for an event of every kind, so that each connection has its turn after each wait.
    events: Vec<Event>,
    clock: OwnedFd,
    listeners: Vec<Socket>,
    /// Whether the listeners wait for the next tick.
    paused: bool,
    roster: Roster<Connection>,
    desk: Desk<A>,
    limits: Limits,
    visits: Arc<Visits>,
}

/// What was due besides connections.
#[derive(Default)]
struct Due {
    clock: bool,
    stop: bool,
}

impl<A: Answers> Service<A> {
    fn new(
        listeners: Vec<Socket>,
        desk: Desk<A>,
        tally: Arc<Tally>,
        limits: Limits,
        visits: Arc<Visits>,
    ) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let clock = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &clock, name(CLOCK), EventFlags::IN)?;
        for (source, listener) in (LISTENERS..).zip(&listeners) {
            epoll::add(&epoll, listener, name(source), EventFlags::IN)?;
        }
        let events = Vec::with_capacity(limits.connections.saturating_add(listeners.len() + 2));
        let roster = Roster::new(limits);
        let service = Self { epoll, events, clock, listeners, paused: false, roster, desk, limits, visits, tally };
        service.tick_after(limits.sweep(), limits.sweep())?;
        Ok(service)
    }

    /// Sets when the clock ticks next, and how often from then on. Armed once, it costs the many waits
    /// between two ticks nothing.
    fn tick_after(&self, first: Duration, then: Duration) -> io::Result<()> {
        let time = |duration| Timespec::try_from(duration).map_err(|_| Errno::INVAL);
        let times = Itimerspec { it_value: time(first)?, it_interval: time(then)? };
        timerfd_settime(&self.clock, TimerfdTimerFlags::empty(), &times)?;
        Ok(())
    }

    /// Waits until something is ready and does it. What the connections ask for comes first: none is
    /// ended as idle for which a query is there, and one that has ended makes room.
    fn turn(&mut self) -> io::Result<Due> {
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.tally.turn();
        let events = mem::take(&mut self.events);
        let sources = || events.iter().filter_map(|event| usize::try_from({ event.data }.u64()).ok());
        let mut due = Due::default();
        for source in sources() {
            match source {
                STOP => due.stop = true,
                CLOCK => due.clock = true,
                LISTENERS.. => {}
                seat => self.serve(seat),
            }
        }
        if due.clock {
            self.tick()?;
        }
        // Those who come have half of the turns, one at least: the system tells of the others again.
        let most = (events.len() / 2).max(1);
        for source in sources().filter(|source| (LISTENERS..CLOCK).contains(source)) {
            if !self.paused {
                self.accept(source - LISTENERS, most)?;
            }
        }
        self.events = events;
        self.visits.tell(self.roster.counts());
        Ok(due)
    }

    fn tick(&mut self) -> io::Result<()> {
        // Having been read, the clock is no longer ready.
        let _ = rustix::io::read(&self.clock, &mut [0; 8]);
        self.roster.sweep();
        self.desk.renew();
        if mem::take(&mut self.paused) {
            self.watch_listeners(EventFlags::IN)?;
        }
        Ok(())
    }

    /// Has the connection in that seat do what it can.
    fn serve(&mut self, seat: usize) {
        let now = self.roster.now();
        let Some((connection, standing)) = self.roster.get_mut(seat) else { return };
        let stays = match connection.turn(&mut self.desk, standing, now) {
            Ok(true) => connection.watch(&self.epoll, name(seat)).map(|()| true),
            other => other,
        };
        if let Err(error) = &stays {
            tracing::debug!(client = %connection.client().ip, %error, "connection lost");
        }
        if !matches!(stays, Ok(true)) {
            self.roster.leave(seat);
        }
    }

    /// Takes new connections, `most` at most.
    fn accept(&mut self, index: usize, most: usize) -> io::Result<()> {
        for _ in 0..most {
            match take(&self.listeners[index]) {
                Ok((socket, peer)) => self.enter(socket, peer),
                Err(Errno::AGAIN) => break,
                Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
                    if self.roster.make_room() {
                        tracing::debug!(%error, "a connection made room for another");
                        continue;
                    }
                    tracing::warn!(%error, "cannot accept a connection");
                    self.paused = true;
                    self.watch_listeners(EventFlags::empty())?;
                    return self.tick_after(ACCEPT_PAUSE, self.limits.sweep());
                }
                // The connection was gone before it was taken.
                Err(error) => tracing::debug!(%error, "cannot accept a connection"),
            }
        }
        Ok(())
    }

    fn watch_listeners(&self, events: EventFlags) -> io::Result<()> {
        for (source, listener) in (LISTENERS..).zip(&self.listeners) {
            epoll::modify(&self.epoll, listener, name(source), events)?;
        }
        Ok(())
    }

    /// Serves the connection, or closes it when there is no room.
    fn enter(&mut self, socket: OwnedFd, peer: SocketAddr) {
        let client = Client { ip: peer.ip(), transport: Transport::Tcp };
        match self.roster.admit(client.ip, Connection::new(socket, client)) {
            Some(seat) => self.serve(seat),
            None => tracing::debug!(%peer, "connection refused: the limit is reached"),
        }
    }

    /// Serves what is in flight, for as long as `grace` at most. Past it the connections that are left
    /// end with the service.
    fn finish(mut self, grace: Duration) -> io::Result<()> {
        self.desk.stopping = true;
        for index in 0..self.listeners.len() {
            self.accept(index, LAST_CONNECTIONS)?;
        }
        self.listeners.clear();
        self.tick_after(STOP_SWEEP, STOP_SWEEP)?;
        let began = Instant::now();
        while !self.roster.is_empty() && began.elapsed() < grace {
            if self.turn()?.clock {
                // Whoever seems to have asked nothing more has a last turn: it ends where that is so.
                for seat in self.roster.idle() {
                    self.serve(seat);
                }
            }
        }
        Ok(())
    }
}

/// Takes a connection that the system has completed.
fn take(listener: &Socket) -> Result<(OwnedFd, SocketAddr), Errno> {
    let (socket, peer) = acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    Ok((socket, peer.ok_or(Errno::NOTCONN)?.try_into()?))
}
