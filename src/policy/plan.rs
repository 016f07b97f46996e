//! What a pool comes to.

use std::net::IpAddr;

use super::selector::Selector;
use super::trace::{Seat, Step};
use crate::dns::Rtype;

/// The two families of addresses; each is planned by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4, answered to A.
    V4,
    /// IPv6, answered to AAAA.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The family of an address.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The record type that asks for it.
    #[must_use]
    pub fn rtype(self) -> Rtype {
        match self {
            Self::V4 => Rtype::A,
            Self::V6 => Rtype::AAAA,
        }
    }

    pub(super) fn index(self) -> usize {
        match self {
            Self::V4 => 0,
            Self::V6 => 1,
        }
    }
}

/// What a name of the pool is answered with.
#[derive(Debug)]
pub enum Steering {
    /// Addresses, drawn per query.
    Pick(Selector),
    /// The records of the master file at that name; NODATA where it has none.
    Static,
    /// No address: NODATA.
    Nodata,
}

impl Steering {
    /// Whether both give the same answers.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pick(one), Self::Pick(two)) => one.spec() == two.spec(),
            (Self::Static, Self::Static) | (Self::Nodata, Self::Nodata) => true,
            _ => false,
        }
    }

    /// Every address that an answer may hold.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let choices = match self {
            Self::Pick(selector) => selector.spec().choices.as_slice(),
            Self::Static | Self::Nodata => &[],
        };
        choices.iter().flat_map(|choice| choice.addresses.iter().copied())
    }

    /// The TTL in seconds, where it is the pool's and not the master file's.
    #[must_use]
    pub fn ttl(&self) -> Option<u32> {
        match self {
            Self::Pick(selector) => Some(selector.spec().ttl),
            Self::Static | Self::Nodata => None,
        }
    }
}

/// In which state of affairs a pool answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Somebody is healthy.
    Healthy,
    /// Nobody is: the last good answer.
    LastGood,
    /// Nobody is: all, as if they were.
    All,
    /// Nobody is: the master file's records.
    Static,
    /// Nobody is, and nothing is answered.
    Nodata,
    /// The pool has no address of this family.
    Absent,
}

/// What one family of a pool comes to.
#[derive(Debug)]
pub struct Plan {
    /// What is answered.
    pub steering: Steering,
    /// In which state of affairs.
    pub mode: Mode,
    /// Whether a change may be near, so that `ttl_suspect` holds.
    pub suspect: bool,
    /// The addresses in use: those that an answer may hold.
    pub in_use: Vec<Seat>,
    /// Why.
    pub steps: Vec<Step>,
}

/// What a pool comes to.
#[derive(Debug)]
pub struct Compiled {
    /// What A is answered with.
    pub a: Plan,
    /// What AAAA is answered with.
    pub aaaa: Plan,
}

impl Compiled {
    /// The plan of a family.
    #[must_use]
    pub fn plan(&self, family: Family) -> &Plan {
        match family {
            Family::V4 => &self.a,
            Family::V6 => &self.aaaa,
        }
    }

    /// Whether both give the same answers.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.a.steering.is_same(&other.a.steering) && self.aaaa.steering.is_same(&other.aaaa.steering)
    }

    /// Whether an endpoint is healthy, in either family.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.a.mode == Mode::Healthy || self.aaaa.mode == Mode::Healthy
    }
}
