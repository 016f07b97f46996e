//! DNS over TCP (RFC 7766): one thread for all addresses, on which every connection is a task.
//!
//! One thread is enough for the small share of queries that come this way, and being one it needs no
//! lock, shares its buffers and wakes nobody. It is not the runtime of the rest of the server either:
//! a check or a page that takes its time delays no answer.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use socket2::Socket;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::Answers;
use super::connection::{Connection, Desk};
use super::limits::Limits;
use super::roster::Roster;
use super::tally::Tally;
use crate::answer::{Client, Transport};

/// Pause after the system had no file or memory for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections taken at the stop of those that the system had completed before.
const LAST_CONNECTIONS: usize = 1024;

/// Time between two looks at the connections while they end.
const STOP_SWEEP: Duration = Duration::from_millis(10);

/// Serves the listeners until told to stop, then what is in flight.
///
/// # Errors
/// When the thread cannot set up its event loop.
pub(super) fn run<A: Answers>(
    listeners: Vec<Socket>,
    answers: A,
    limits: Limits,
    tally: Arc<Tally>,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        // A task like the connections, it has its turn after those that were woken before it: none is
        // ended as idle for which a query is there.
        spawn_local(serve(listeners, answers, limits, tally, stop)).await?
    })
}

async fn serve<A: Answers>(
    listeners: Vec<Socket>,
    answers: A,
    limits: Limits,
    tally: Arc<Tally>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let door = Rc::new(Door { roster: Rc::new(Roster::new(limits)), desk: Rc::new(Desk::new(answers, tally)) });
    let mut accepting = Vec::new();
    for socket in &listeners {
        let listener = TcpListener::from_std(socket.try_clone()?.into())?;
        accepting.push(spawn_local(accept(listener, door.clone())));
    }
    let mut ticks = interval(limits.sweep());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // An error means that nobody is left to say it.
            _ = stop.wait_for(|&stop| stop) => break,
            _ = ticks.tick() => {
                door.roster.sweep();
                door.desk.renew();
            }
        }
    }
    for task in accepting {
        task.abort();
    }
    for listener in listeners {
        accept_last(&listener, &door);
    }
    door.desk.stopping.set(true);
    // Past the grace period the tasks that are left end with this thread.
    let _ = timeout(limits.grace, async {
        sleep(STOP_SWEEP).await;
        while door.roster.len() > 0 {
            sleep(STOP_SWEEP).await;
            door.roster.end_idle();
        }
    })
    .await;
    Ok(())
}

/// What a new connection is given.
struct Door<A> {
    roster: Rc<Roster>,
    desk: Rc<Desk<A>>,
}

impl<A: Answers> Door<A> {
    /// Serves the connection, or closes it when there is no room.
    fn enter(&self, stream: TcpStream, peer: SocketAddr) {
        let ip = peer.ip();
        let Some(seat) = self.roster.admit(ip) else {
            tracing::debug!(%peer, "connection refused: the limit is reached");
            return;
        };
        let id = seat.id();
        let client = Client { ip, transport: Transport::Tcp };
        let connection = Connection::new(stream, client, seat, self.desk.clone());
        let task = spawn_local(async move {
            if let Err(error) = connection.run().await {
                tracing::debug!(%peer, %error, "connection lost");
            }
        });
        self.roster.attach(id, task.abort_handle());
    }
}

async fn accept<A: Answers>(listener: TcpListener, door: Rc<Door<A>>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => door.enter(stream, peer),
            Err(error) => match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => {
                    let made_room = door.roster.make_room();
                    tracing::warn!(%error, made_room, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
                // The connection was gone before it was taken.
                _ => tracing::debug!(%error, "cannot accept a connection"),
            },
        }
    }
}

/// Takes the connections that are there now, without waiting for more.
fn accept_last<A: Answers>(listener: &Socket, door: &Door<A>) {
    for _ in 0..LAST_CONNECTIONS {
        let Ok((socket, peer)) = listener.accept() else { break };
        let stream = socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket.into()));
        if let (Ok(stream), Some(peer)) = (stream, peer.as_socket()) {
            door.enter(stream, peer);
        }
    }
}
