//! The snapshot that is in force.

use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use super::Snapshot;

/// Holds the current snapshot; reading takes no lock.
pub struct Store(Arc<ArcSwap<Snapshot>>);

/// One thread's view of a [`Store`]: looks for a newer snapshot at the cost of one load.
pub struct Reader(Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>);

impl Store {
    /// Begins with `first`.
    #[must_use]
    pub fn new(first: Arc<Snapshot>) -> Arc<Self> {
        Arc::new(Self(Arc::new(ArcSwap::new(first))))
    }

    /// What is in force.
    #[must_use]
    pub fn current(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Puts `next` in force. Only `control` calls this.
    pub fn publish(&self, next: Arc<Snapshot>) {
        self.0.store(next);
    }

    /// A view for one thread.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader(Cache::new(Arc::clone(&self.0)))
    }
}

impl Reader {
    /// What is in force now; stays valid while it is borrowed, whatever is published.
    #[inline]
    pub fn current(&mut self) -> &Arc<Snapshot> {
        self.0.load()
    }
}
