//! What a pool comes to.

use std::net::IpAddr;
use std::sync::Arc;

use super::selector::{Steered, Steering};
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

    /// 0 or 1, for tables of both.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::V4 => 0,
            Self::V6 => 1,
        }
    }
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

impl Mode {
    /// As the key `all_down` has it; `healthy`, and `absent` without an address of the family.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::LastGood => "last-good",
            Self::All => "all",
            Self::Static => "static",
            Self::Nodata => "nodata",
            Self::Absent => "absent",
        }
    }
}

/// How one family of a pool came to its steering.
#[derive(Debug)]
pub struct Plan {
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
    /// What is answered.
    pub steered: Arc<Steered>,
    /// How A came to it.
    pub a: Plan,
    /// How AAAA came to it.
    pub aaaa: Plan,
}

impl Compiled {
    /// How a family came to its steering.
    #[must_use]
    pub fn plan(&self, family: Family) -> &Plan {
        match family {
            Family::V4 => &self.a,
            Family::V6 => &self.aaaa,
        }
    }

    /// What a family is answered with.
    #[must_use]
    pub fn steering(&self, family: Family) -> &Steering {
        match family {
            Family::V4 => &self.steered.a,
            Family::V6 => &self.steered.aaaa,
        }
    }

    /// Whether both give the same answers.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Family::ALL.iter().all(|family| self.steering(*family).is_same(other.steering(*family)))
    }

    /// Whether an endpoint is healthy, in either family.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.a.mode == Mode::Healthy || self.aaaa.mode == Mode::Healthy
    }
}
