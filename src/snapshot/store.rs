//! The snapshot that is in force.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::Snapshot;

/// Holds the current snapshot; reading takes no lock.
pub struct Store(Arc<ArcSwap<Snapshot>>);

/// One thread's view of a [`Store`].
pub struct Reader {
    store: Arc<ArcSwap<Snapshot>>,
    current: Arc<Snapshot>,
}

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

    /// Puts `next` in force; returns what was. Only `control` calls this.
    pub fn publish(&self, next: Arc<Snapshot>) -> Arc<Snapshot> {
        self.0.swap(next)
    }

    /// A view for one thread.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader { store: Arc::clone(&self.0), current: self.current() }
    }
}

impl Reader {
    /// Takes what is in force now, and lets go of what was before. Says whether it is another.
    #[inline]
    pub fn renew(&mut self) -> bool {
        let newest = self.store.load();
        let other = !Arc::ptr_eq(&newest, &self.current);
        if other {
            self.current = Guard::into_inner(newest);
        }
        other
    }

    /// What was in force at the last [`Reader::renew`].
    #[must_use]
    #[inline]
    pub fn current(&self) -> &Snapshot {
        &self.current
    }
}
