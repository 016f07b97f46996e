//! A zone's records until they are compiled, and what tells them from others after that.

use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use super::Zone;
use crate::dns::Name;

/// The static records of one zone with one steering. Once what is compiled of them is in force, they
/// are let go, and it is only known which they were.
pub struct Records {
    identity: Identity,
    /// None when they were let go.
    zone: Mutex<Option<Arc<Zone>>>,
}

/// Which records.
#[derive(Clone)]
struct Identity {
    origin: Name,
    nodes: usize,
    records: usize,
    size_bytes: usize,
    /// Of all bytes of the zone. No secret keys it: who may write zone files need not forge them.
    digest: u64,
}

impl Records {
    /// These records.
    #[must_use]
    pub fn new(zone: Zone) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(&zone.bytes);
        let identity = Identity {
            origin: zone.origin.clone(),
            nodes: zone.nodes,
            records: zone.records,
            size_bytes: zone.bytes.len(),
            digest: hasher.finish(),
        };
        Self { identity, zone: Mutex::new(Some(Arc::new(zone))) }
    }

    /// The same records for another steering, which must be compiled once more. None where they were
    /// let go.
    #[must_use]
    pub fn again(&self) -> Option<Self> {
        Some(Self { identity: self.identity.clone(), zone: Mutex::new(Some(self.zone()?)) })
    }

    /// The zone's name.
    #[must_use]
    pub fn origin(&self) -> &Name {
        &self.identity.origin
    }

    /// How many records there are.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.identity.records
    }

    /// Whether both are the same records in the same order, the case of the zone's name included.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let all = |id: &Identity| (id.nodes, id.records, id.size_bytes, id.digest);
        let (a, b) = (&self.identity, &other.identity);
        a.origin.as_wire() == b.origin.as_wire() && all(a) == all(b)
    }

    /// The records themselves; none where they were let go.
    #[must_use]
    pub fn zone(&self) -> Option<Arc<Zone>> {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets the records go. To free many takes its time, which is up to who drops them.
    pub fn let_go(&self) -> Option<Arc<Zone>> {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Records({}, {} records)", self.identity.origin, self.identity.records)
    }
}
