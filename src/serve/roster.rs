//! Who is connected, since when, and who must leave.
//!
//! All TCP connections live on one thread, so this needs no lock. Time is read once for each sweep;
//! a bound may therefore be kept a sweep early or late.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::limits::Limits;

/// What a connection is waiting for, and so how long it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// A query. Such a connection may be closed to make room.
    Query,
    /// The rest of a query.
    Rest,
    /// Room for replies on the client's side.
    Room,
}

/// The connections of a thread.
#[derive(Debug)]
pub(super) struct Roster {
    limits: Limits,
    now: Cell<Instant>,
    inner: RefCell<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<u64, Entry>,
    clients: HashMap<IpAddr, usize>,
    last: u64,
}

#[derive(Debug)]
struct Entry {
    client: IpAddr,
    state: Rc<Cell<(Waiting, Instant)>>,
    task: Option<AbortHandle>,
}

/// A connection's place in the roster, left when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    id: u64,
    state: Rc<Cell<(Waiting, Instant)>>,
    roster: Rc<Roster>,
}

impl Seat {
    /// Says what the connection waits for from now on. Waiting for the rest of a query goes on counting
    /// from where it began, however many bytes of it come.
    #[inline]
    pub(super) fn wait_for(&self, what: Waiting) {
        if what != Waiting::Rest || self.state.get().0 != Waiting::Rest {
            self.state.set((what, self.roster.now.get()));
        }
    }

    /// The seat's number.
    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.roster.inner.borrow_mut().remove(self.id);
    }
}

impl Roster {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, now: Cell::new(Instant::now()), inner: RefCell::default() }
    }

    /// A seat for a connection of this client, if need be that of the connection which has waited
    /// longest for a query. `None`: all are busy.
    pub(super) fn admit(self: &Rc<Self>, ip: IpAddr) -> Option<Seat> {
        let client = network(ip);
        let mut inner = self.inner.borrow_mut();
        if inner.clients.get(&client).is_some_and(|&n| n >= self.limits.per_client) {
            inner.evict(|entry| entry.client == client)?;
        }
        if inner.entries.len() >= self.limits.connections {
            inner.evict(|_| true)?;
        }
        inner.last += 1;
        let id = inner.last;
        let state = Rc::new(Cell::new((Waiting::Query, self.now.get())));
        inner.entries.insert(id, Entry { client, state: state.clone(), task: None });
        *inner.clients.entry(client).or_default() += 1;
        Some(Seat { id, state, roster: self.clone() })
    }

    /// Says which task to end when the connection of that seat must leave.
    pub(super) fn attach(&self, id: u64, task: AbortHandle) {
        if let Some(entry) = self.inner.borrow_mut().entries.get_mut(&id) {
            entry.task = Some(task);
        }
    }

    /// Ends the connections whose time is over.
    pub(super) fn sweep(&self) {
        let Limits { idle, message, write, .. } = self.limits;
        self.end_after(|waiting| match waiting {
            Waiting::Query => idle,
            Waiting::Rest => message,
            Waiting::Room => write,
        });
    }

    /// Ends the connections that wait for a query.
    pub(super) fn end_idle(&self) {
        self.end_after(|waiting| if waiting == Waiting::Query { Duration::ZERO } else { Duration::MAX });
    }

    fn end_after(&self, limit: impl Fn(Waiting) -> Duration) {
        let now = Instant::now();
        self.now.set(now);
        let mut inner = self.inner.borrow_mut();
        let over = |entry: &Entry| {
            let (waiting, since) = entry.state.get();
            now.duration_since(since) >= limit(waiting)
        };
        let ended: Vec<u64> = inner.entries.iter().filter(|(_, entry)| over(entry)).map(|(&id, _)| id).collect();
        for id in ended {
            inner.end(id);
        }
    }

    /// Makes room by ending the connection that has waited longest for a query, if there is one.
    pub(super) fn make_room(&self) -> bool {
        self.inner.borrow_mut().evict(|_| true).is_some()
    }

    /// Connections at this time.
    pub(super) fn len(&self) -> usize {
        self.inner.borrow().entries.len()
    }
}

impl Inner {
    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        if let Some(count) = self.clients.get_mut(&entry.client) {
            *count -= 1;
            if *count == 0 {
                self.clients.remove(&entry.client);
            }
        }
        Some(entry)
    }

    fn end(&mut self, id: u64) {
        if let Some(Entry { task: Some(task), .. }) = self.remove(id) {
            task.abort();
        }
    }

    fn evict(&mut self, among: impl Fn(&Entry) -> bool) -> Option<()> {
        let idle = |entry: &Entry| entry.task.is_some() && entry.state.get().0 == Waiting::Query && among(entry);
        let (&id, _) = self
            .entries
            .iter()
            .filter(|(_, entry)| idle(entry))
            .min_by_key(|&(&id, entry)| (entry.state.get().1, id))?;
        self.end(id);
        Some(())
    }
}

/// What counts as one client: an IPv4 address, or the IPv6 /64 that one host owns as a whole.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_cannot_hide_behind_the_addresses_of_its_network() {
        let net = |s: &str| network(s.parse().unwrap());
        assert_eq!(net("2001:db8::1"), net("2001:db8::ffff:2"));
        assert_ne!(net("2001:db8::1"), net("2001:db8:0:1::1"));
        assert_ne!(net("192.0.2.1"), net("192.0.2.2"));
    }

    #[test]
    fn a_busy_connection_is_not_put_out_and_a_seat_is_free_again_when_dropped() {
        let limits = Limits { connections: 2, per_client: 1, ..Limits::default() };
        let roster = Rc::new(Roster::new(limits));
        let [a, b, c] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|s| s.parse::<IpAddr>().unwrap());
        let first = roster.admit(a).unwrap();
        first.wait_for(Waiting::Room);
        assert!(roster.admit(a).is_none(), "one per client");
        let second = roster.admit(b).unwrap();
        second.wait_for(Waiting::Rest);
        assert!(roster.admit(c).is_none(), "two in all");
        drop(first);
        assert!(roster.admit(c).is_some());
        assert_eq!(roster.len(), 1);
    }
}
