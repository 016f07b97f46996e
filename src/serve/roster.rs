//! Who is connected, since when, and who must leave.
//!
//! All TCP connections live on one thread, so this needs no lock. Time is read once for each sweep;
//! a bound may therefore be kept a sweep early or late.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use slab::Slab;
use tokio::time::Instant;

use super::limits::Limits;
use super::tally::Connections;

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
pub(super) struct Standing {
    waiting: Waiting,
    since: Instant,
    /// When it began to wait, or the client last took some of the replies.
    moved: Instant,
}

impl Standing {
    fn new(waiting: Waiting, now: Instant) -> Self {
        Self { waiting, since: now, moved: now }
    }

    /// Says what the connection waits for from now on. Waiting for the rest of a query goes on counting
    /// from where it began, however many bytes of it come.
    #[inline]
    pub(super) fn wait_for(&mut self, what: Waiting, now: Instant) {
        if what != Waiting::Rest || self.waiting != Waiting::Rest {
            *self = Self::new(what, now);
        }
    }

    /// Says that the client has taken some of the replies. This does not lengthen its time for all of them.
    pub(super) fn moved(&mut self, now: Instant) {
        self.moved = now;
    }
}

/// The connections of a thread, which are of the type `C`. One that is made to leave is dropped.
#[derive(Debug)]
pub(super) struct Roster<C> {
    limits: Limits,
    now: Instant,
    places: Slab<Place<C>>,
    clients: HashMap<IpAddr, usize>,
    /// The last of the numbers that say who came first.
    last: u64,
    counts: Connections,
}

#[derive(Debug)]
struct Place<C> {
    client: IpAddr,
    number: u64,
    standing: Standing,
    connection: C,
}

impl<C> Roster<C> {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            now: Instant::now(),
            places: Slab::new(),
            clients: HashMap::new(),
            last: 0,
            counts: Connections::default(),
        }
    }

    /// Gives the connection of this client a seat, if need be that of another. A client that has its share
    /// gets one of its own that waits for a query; where all places are taken, [`Waiting`] says whose.
    /// `None`: there is none, and the connection is dropped.
    pub(super) fn admit(&mut self, ip: IpAddr, connection: C) -> Option<usize> {
        let client = network(ip);
        self.counts.refused += 1;
        if self.clients.get(&client).is_some_and(|&n| n >= self.limits.per_client) {
            self.evict(|place| place.client == client && place.standing.waiting == Waiting::Query)?;
        }
        if self.places.len() >= self.limits.connections {
            self.evict(self.dispensable())?;
        }
        self.counts.refused -= 1;
        self.counts.accepted += 1;
        self.last += 1;
        *self.clients.entry(client).or_default() += 1;
        let standing = Standing::new(Waiting::Query, self.now);
        Some(self.places.insert(Place { client, number: self.last, standing, connection }))
    }

    /// The connection in that seat and where it stands.
    #[inline]
    pub(super) fn get_mut(&mut self, seat: usize) -> Option<(&mut C, &mut Standing)> {
        self.places.get_mut(seat).map(|place| (&mut place.connection, &mut place.standing))
    }

    /// The time of the last sweep.
    #[inline]
    pub(super) fn now(&self) -> Instant {
        self.now
    }

    /// Drops the connection in that seat.
    pub(super) fn leave(&mut self, seat: usize) {
        let Some(place) = self.places.try_remove(seat) else { return };
        if let Some(count) = self.clients.get_mut(&place.client) {
            *count -= 1;
            if *count == 0 {
                self.clients.remove(&place.client);
            }
        }
    }

    /// Ends the connections whose time is over.
    pub(super) fn sweep(&mut self) {
        let Limits { idle, message, write, .. } = self.limits;
        self.end_after(|waiting| match waiting {
            Waiting::Query => idle,
            Waiting::Rest => message,
            Waiting::Room => write,
        });
    }

    /// The connections that wait for a query.
    pub(super) fn idle(&self) -> Vec<usize> {
        let waits = |(seat, place): (usize, &Place<C>)| (place.standing.waiting == Waiting::Query).then_some(seat);
        self.places.iter().filter_map(waits).collect()
    }

    fn end_after(&mut self, limit: impl Fn(Waiting) -> Duration) {
        let now = Instant::now();
        self.now = now;
        let over = |place: &Place<C>| now.duration_since(place.standing.since) >= limit(place.standing.waiting);
        let ended: Vec<usize> = self.places.iter().filter(|(_, place)| over(place)).map(|(seat, _)| seat).collect();
        self.counts.timed_out += ended.len() as u64;
        for seat in ended {
            self.leave(seat);
        }
    }

    /// Makes room by ending the connection that can best be spared, if one can.
    pub(super) fn make_room(&mut self) -> bool {
        self.evict(self.dispensable()).is_some()
    }

    /// Tells the connections that may leave for others: all except those whose replies are being taken.
    fn dispensable(&self) -> impl Fn(&Place<C>) -> bool + use<C> {
        let (now, stall) = (self.now, self.limits.stall());
        move |place| {
            let Standing { waiting, moved, .. } = place.standing;
            waiting != Waiting::Room || now.duration_since(moved) >= stall
        }
    }

    fn evict(&mut self, may_leave: impl Fn(&Place<C>) -> bool) -> Option<()> {
        let candidates = self.places.iter().filter(|(_, place)| may_leave(place));
        let (seat, _) =
            candidates.min_by_key(|(_, Place { standing, number, .. })| (standing.waiting, standing.since, *number))?;
        self.leave(seat);
        self.counts.evicted += 1;
        Some(())
    }

    /// What became of connections so far, and how many there are.
    pub(super) fn counts(&self) -> Connections {
        Connections { open: self.places.len() as u64, ..self.counts }
    }

    /// Whether nobody is connected.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
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

    /// A connection from the last part of an address, that waits for something; it is called by that part.
    fn admit(roster: &mut Roster<u8>, host: u8, waiting: Waiting) -> Option<usize> {
        let seat = roster.admit([192, 0, 2, host].into(), host)?;
        let now = roster.now();
        roster.get_mut(seat).unwrap().1.wait_for(waiting, now);
        Some(seat)
    }

    fn seated(roster: &Roster<u8>) -> Vec<u8> {
        let mut hosts: Vec<u8> = roster.places.iter().map(|(_, place)| place.connection).collect();
        hosts.sort_unstable();
        hosts
    }

    #[tokio::test(start_paused = true)]
    async fn the_idle_leave_first_then_who_holds_back_a_query_then_who_does_not_read() {
        let limits = Limits { connections: 6, ..Limits::default() };
        let mut roster = Roster::new(limits);
        for (host, waiting) in
            (1..).zip([Waiting::Room, Waiting::Room, Waiting::Rest, Waiting::Rest, Waiting::Query, Waiting::Query])
        {
            admit(&mut roster, host, waiting).unwrap();
            tokio::time::advance(limits.sweep()).await;
            roster.sweep();
        }
        tokio::time::advance(limits.stall()).await;
        roster.sweep();
        let mut left = vec![1, 2, 3, 4, 5, 6];
        for (host, leaves) in (7..).zip([5, 6, 3, 4, 1, 2]) {
            left.retain(|&host| host != leaves);
            left.push(host);
            admit(&mut roster, host, Waiting::Room).unwrap();
            assert_eq!(seated(&roster), left);
        }
        assert!(admit(&mut roster, 13, Waiting::Query).is_none(), "none has stalled yet");
        assert!(!roster.make_room());
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_replies_however_slowly_does_not_leave() {
        let limits = Limits { connections: 1, ..Limits::default() };
        let mut roster = Roster::new(limits);
        let slow = admit(&mut roster, 1, Waiting::Room).unwrap();
        let began = Instant::now();
        while began.elapsed() + limits.stall() * 2 < limits.write {
            tokio::time::advance(limits.stall() / 2).await;
            roster.sweep();
            let now = roster.now();
            roster.get_mut(slow).unwrap().1.moved(now);
            assert!(admit(&mut roster, 2, Waiting::Query).is_none());
        }
        tokio::time::advance(limits.stall()).await;
        roster.sweep();
        assert!(admit(&mut roster, 2, Waiting::Query).is_some(), "it has stopped");
    }

    #[test]
    fn a_client_with_its_share_puts_out_none_that_is_busy() {
        let mut roster = Roster::new(Limits { per_client: 1, ..Limits::default() });
        let busy = admit(&mut roster, 1, Waiting::Rest).unwrap();
        assert!(admit(&mut roster, 1, Waiting::Query).is_none());
        let now = roster.now();
        roster.get_mut(busy).unwrap().1.wait_for(Waiting::Query, now);
        assert!(admit(&mut roster, 1, Waiting::Query).is_some());
    }

    #[test]
    fn a_place_is_free_again_when_its_connection_has_left() {
        let mut roster = Roster::new(Limits { connections: 1, per_client: 1, ..Limits::default() });
        for host in [1, 1, 2] {
            let seat = admit(&mut roster, host, Waiting::Room).unwrap();
            roster.leave(seat);
        }
        assert!(roster.is_empty());
        assert!(roster.clients.is_empty());
    }
}
