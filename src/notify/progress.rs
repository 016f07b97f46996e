//! How far a sink is, and how it fares.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::Notify;

use super::State;
use super::selection::Selection;
use crate::control::{EventId, Record};
use crate::model::sink::Filter;

/// Of one sink; outlives its worker, so that a changed sink goes on where it was.
#[derive(Debug)]
pub(super) struct Progress {
    inner: Mutex<Inner>,
    /// Rung when the cursor has moved.
    moved: Arc<Notify>,
    /// Whose turn it is: a worker begins when the one before has ended.
    pub(super) turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
pub(super) struct Inner {
    /// The last event that was dealt with.
    pub(super) cursor: EventId,
    /// Its place in the history of this run; none where that forgot it before.
    pub(super) position: Option<u64>,
    pub(super) selection: Selection,
    pub(super) state: State,
    pub(super) delivered: u64,
    pub(super) failed: u64,
    pub(super) lost: u64,
    pub(super) last_error: Option<String>,
    pub(super) last_delivered: Option<SystemTime>,
}

impl Progress {
    pub(super) fn new(cursor: EventId, position: Option<u64>, selection: Selection, moved: Arc<Notify>) -> Self {
        let inner = Inner {
            cursor,
            position,
            selection,
            state: State::Ok,
            delivered: 0,
            failed: 0,
            lost: 0,
            last_error: None,
            last_delivered: None,
        };
        Self { inner: Mutex::new(inner), moved, turn: tokio::sync::Mutex::default() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that an event was dealt with: delivered, given up, or not wanted.
    pub(super) fn advance(&self, record: &Arc<Record>) {
        let mut inner = self.lock();
        inner.selection.advance(record);
        inner.cursor = record.id;
        inner.position = inner.position.map(|position| position + 1);
        drop(inner);
        self.moved.notify_one();
    }

    /// Notes a success.
    pub(super) fn succeed(&self, now: SystemTime) {
        let mut inner = self.lock();
        (inner.state, inner.last_error, inner.last_delivered) = (State::Ok, None, Some(now));
        inner.delivered += 1;
    }

    /// Notes a failure.
    pub(super) fn fail(&self, why: &str, state: State) {
        let mut inner = self.lock();
        (inner.state, inner.last_error) = (state, Some(why.to_owned()));
        inner.failed += 1;
    }

    /// Notes that it can be reached.
    pub(super) fn mend(&self) {
        let mut inner = self.lock();
        (inner.state, inner.last_error) = (State::Ok, None);
    }

    /// Chooses by another filter from now on; what was told and has not ended stays.
    pub(super) fn choose(&self, filter: Filter, alerts_only: bool) {
        self.lock().selection.choose(filter, alerts_only);
    }

    /// Notes an event that will never be delivered.
    pub(super) fn give_up(&self) {
        self.lock().lost += 1;
    }

    /// Notes events that the history has forgotten, and where it begins now.
    pub(super) fn lose(&self, count: u64, position: u64) {
        let mut inner = self.lock();
        inner.lost += count;
        inner.position = Some(position);
    }
}
