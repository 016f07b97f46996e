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

/// What a connection is waiting for, and so how long it may. Where all places are taken, those that
/// stand first here leave first, and of these the one that has waited longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Waiting {
    /// A query: nobody loses anything.
    Query,
    /// The rest of a query. It is nearly always there with the first byte; whoever holds it back may
    /// hold every place so.
    Rest,
    /// Room for replies on the client's side. One that takes them, however slowly, does not leave.
    Room,
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy)]
struct Standing {
    waiting: Waiting,
    since: Instant,
    /// When it began to wait, or the client last took some of the replies.
    moved: Instant,
}

impl Standing {
    fn new(waiting: Waiting, now: Instant) -> Self {
        Self { waiting, since: now, moved: now }
    }
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
    standing: Rc<Cell<Standing>>,
    task: Option<AbortHandle>,
}

/// A connection's place in the roster, left when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    id: u64,
    standing: Rc<Cell<Standing>>,
    roster: Rc<Roster>,
}

impl Seat {
    /// Says what the connection waits for from now on. Waiting for the rest of a query goes on counting
    /// from where it began, however many bytes of it come.
    #[inline]
    pub(super) fn wait_for(&self, what: Waiting) {
        if what != Waiting::Rest || self.standing.get().waiting != Waiting::Rest {
            self.standing.set(Standing::new(what, self.roster.now.get()));
        }
    }

    /// Says that the client has taken some of the replies. This does not lengthen its time for all of them.
    pub(super) fn moved(&self) {
        self.standing.set(Standing { moved: self.roster.now.get(), ..self.standing.get() });
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

    /// A seat for a connection of this client, if need be that of another connection. A client that has
    /// its share gets one of its own that waits for a query; where all places are taken, [`Waiting`]
    /// says whose. `None`: there is none.
    pub(super) fn admit(self: &Rc<Self>, ip: IpAddr) -> Option<Seat> {
        let client = network(ip);
        let mut inner = self.inner.borrow_mut();
        if inner.clients.get(&client).is_some_and(|&n| n >= self.limits.per_client) {
            inner.evict(|entry, standing| entry.client == client && standing.waiting == Waiting::Query)?;
        }
        if inner.entries.len() >= self.limits.connections {
            inner.evict(self.dispensable())?;
        }
        inner.last += 1;
        let id = inner.last;
        let standing = Rc::new(Cell::new(Standing::new(Waiting::Query, self.now.get())));
        inner.entries.insert(id, Entry { client, standing: standing.clone(), task: None });
        *inner.clients.entry(client).or_default() += 1;
        Some(Seat { id, standing, roster: self.clone() })
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
            let Standing { waiting, since, .. } = entry.standing.get();
            now.duration_since(since) >= limit(waiting)
        };
        let ended: Vec<u64> = inner.entries.iter().filter(|(_, entry)| over(entry)).map(|(&id, _)| id).collect();
        for id in ended {
            inner.end(id);
        }
    }

    /// Makes room by ending the connection that can best be spared, if one can.
    pub(super) fn make_room(&self) -> bool {
        self.inner.borrow_mut().evict(self.dispensable()).is_some()
    }

    /// Tells the connections that may leave for others: all except those whose replies are being taken.
    fn dispensable(&self) -> impl Fn(&Entry, Standing) -> bool {
        let (now, stall) = (self.now.get(), self.limits.stall());
        move |_, standing| standing.waiting != Waiting::Room || now.duration_since(standing.moved) >= stall
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

    fn evict(&mut self, may_leave: impl Fn(&Entry, Standing) -> bool) -> Option<()> {
        let candidates = self.entries.iter().filter_map(|(&id, entry)| {
            let standing = entry.standing.get();
            let leaves = entry.task.is_some() && may_leave(entry, standing);
            leaves.then_some((standing.waiting, standing.since, id))
        });
        let (_, _, id) = candidates.min()?;
        self.end(id);
        Some(())
    }
}

/// The part of an IPv6 address that tells clients apart: sites are given a /56 (RFC 6177), all of which
/// is theirs to use.
const IPV6_CLIENT: u128 = u128::MAX << (128 - 56);

/// What counts as one client: an IPv4 address, or an IPv6 /56.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & IPV6_CLIENT).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_cannot_hide_behind_the_addresses_of_its_network() {
        let net = |s: &str| network(s.parse().unwrap());
        assert_eq!(net("2001:db8::1"), net("2001:db8::ffff:2"));
        assert_eq!(net("2001:db8::1"), net("2001:db8:0:ff::1"));
        assert_ne!(net("2001:db8::1"), net("2001:db8:0:100::1"));
        assert_ne!(net("192.0.2.1"), net("192.0.2.2"));
    }

    /// A connection from the last part of an address, that waits for something.
    fn seat(roster: &Rc<Roster>, host: u8, waiting: Waiting) -> Option<Seat> {
        let seat = roster.admit([192, 0, 2, host].into())?;
        roster.attach(seat.id(), tokio::spawn(std::future::pending::<()>()).abort_handle());
        seat.wait_for(waiting);
        Some(seat)
    }

    fn seated(roster: &Roster) -> Vec<u64> {
        let mut ids: Vec<u64> = roster.inner.borrow().entries.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    #[tokio::test(start_paused = true)]
    async fn the_idle_leave_first_then_who_holds_back_a_query_then_who_does_not_read() {
        let limits = Limits { connections: 6, ..Limits::default() };
        let roster = Rc::new(Roster::new(limits));
        let mut seats = Vec::new();
        for (host, waiting) in
            (1..).zip([Waiting::Room, Waiting::Room, Waiting::Rest, Waiting::Rest, Waiting::Query, Waiting::Query])
        {
            seats.push(seat(&roster, host, waiting).unwrap());
            tokio::time::advance(limits.sweep()).await;
            roster.sweep();
        }
        tokio::time::advance(limits.stall()).await;
        roster.sweep();
        let mut left = vec![1, 2, 3, 4, 5, 6];
        for (host, leaves) in (7..).zip([5, 6, 3, 4, 1, 2]) {
            left.retain(|&id| id != leaves);
            left.push(u64::from(host));
            seats.push(seat(&roster, host, Waiting::Room).unwrap());
            assert_eq!(seated(&roster), left);
        }
        assert!(seat(&roster, 13, Waiting::Query).is_none(), "none has stalled yet");
        assert!(!roster.make_room());
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_replies_however_slowly_does_not_leave() {
        let limits = Limits { connections: 1, ..Limits::default() };
        let roster = Rc::new(Roster::new(limits));
        let slow = seat(&roster, 1, Waiting::Room).unwrap();
        let began = Instant::now();
        while began.elapsed() + limits.stall() * 2 < limits.write {
            tokio::time::advance(limits.stall() / 2).await;
            roster.sweep();
            slow.moved();
            assert!(seat(&roster, 2, Waiting::Query).is_none());
        }
        tokio::time::advance(limits.stall()).await;
        roster.sweep();
        assert!(seat(&roster, 2, Waiting::Query).is_some(), "it has stopped");
    }

    #[tokio::test]
    async fn a_client_with_its_share_puts_out_none_that_is_busy() {
        let roster = Rc::new(Roster::new(Limits { per_client: 1, ..Limits::default() }));
        let busy = seat(&roster, 1, Waiting::Rest).unwrap();
        assert!(seat(&roster, 1, Waiting::Query).is_none());
        busy.wait_for(Waiting::Query);
        assert!(seat(&roster, 1, Waiting::Query).is_some());
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_its_seat_is_dropped() {
        let roster = Rc::new(Roster::new(Limits { connections: 1, per_client: 1, ..Limits::default() }));
        for host in [1, 1, 2] {
            assert!(seat(&roster, host, Waiting::Room).is_some());
        }
        assert_eq!(roster.len(), 0);
    }
}
