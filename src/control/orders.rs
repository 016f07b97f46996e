//! What people order: overrides and failback.

use std::sync::Arc;
use std::time::Duration;

use super::event::{By, Kind, OverrideChange};
use super::targets::Place;
use super::world::{Effects, PoolState, Save, World};
use crate::health::{Force, Override, Scope, TooMany};
use crate::model::pool::{Pool, PoolId};
use crate::model::time::Moment;

/// What lasts longer lasts until it is cleared: about a hundred years.
const LASTS_MAX: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Why an override was not set or cleared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverrideRefused {
    /// Nothing has this name.
    #[error("there is no {0}")]
    Nothing(Scope),
    /// No override of this scope is in force.
    #[error("{0} is not overridden")]
    NotSet(Scope),
    /// Too many are in force.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopped,
}

/// An order to set an override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What it is about.
    pub scope: Scope,
    /// What holds.
    pub force: Force,
    /// Why.
    pub reason: Arc<str>,
    /// Who says so.
    pub author: Arc<str>,
    /// For how long; none: until cleared.
    pub lasts: Option<Duration>,
}

/// An order to take an override back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clear {
    /// Of what.
    pub scope: Scope,
    /// Why.
    pub reason: Arc<str>,
    /// Who says so.
    pub author: Arc<str>,
}

/// An order that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    /// What it is about.
    pub scope: Scope,
    /// The override that was set, or taken back.
    pub order: Override,
    /// Whether a restart will know of it. If not, the state folder cannot be written.
    pub saved: bool,
}

/// When an order expires that was given now; none for one without an end.
pub(super) fn expiry(now: Moment, lasts: Duration) -> Option<Moment> {
    let lasts = Some(lasts).filter(|lasts| *lasts <= LASTS_MAX)?;
    Some(Moment { mono: now.mono.checked_add(lasts)?, wall: now.wall.checked_add(lasts)? })
}

impl World {
    /// Sets an override.
    pub(super) fn set_override(
        &mut self,
        order: Order,
        now: Moment,
        effects: &mut Effects,
    ) -> Result<(Scope, Override), OverrideRefused> {
        let Order { scope, force, reason, author, lasts } = order;
        if self.places(&scope).is_empty() {
            return Err(OverrideRefused::Nothing(scope));
        }
        let expires = lasts.and_then(|lasts| expiry(now, lasts));
        let order = Override { force, reason, author, set: now.wall, expires };
        self.overrides.set(scope.clone(), order.clone())?;
        effects.save = Save::Now;
        let told = Kind::Override { scope: scope.clone(), order: order.clone(), change: OverrideChange::Set, by: None };
        effects.events.push(told);
        self.refresh_scope(&scope, now, effects);
        Ok((scope, order))
    }

    /// Takes an override back.
    pub(super) fn clear_override(
        &mut self,
        clear: &Clear,
        now: Moment,
        effects: &mut Effects,
    ) -> Result<(Scope, Override), OverrideRefused> {
        let Clear { scope, reason, author } = clear;
        let order = self.overrides.clear(scope).ok_or_else(|| OverrideRefused::NotSet(scope.clone()))?;
        effects.save = Save::Now;
        let by = Some(By { author: Arc::clone(author), reason: Arc::clone(reason) });
        let told = Kind::Override { scope: scope.clone(), order: order.clone(), change: OverrideChange::Cleared, by };
        effects.events.push(told);
        self.refresh_scope(scope, now, effects);
        Ok((scope.clone(), order))
    }

    /// Ends the holds of a pool; says how many. None where there is no such pool.
    pub(super) fn failback(&mut self, id: &PoolId, by: &By, now: Moment, effects: &mut Effects) -> Option<usize> {
        let place = self.place(id)?;
        let pool = &mut self.zones[place.zone].pools[place.pool];
        let changes = pool.memory.release();
        let count = changes.len();
        if let Some(drill) = &mut self.drill {
            drill.release(id);
        }
        effects.save = Save::Now;
        effects.events.push(Kind::Failback { pool: id.clone(), by: by.clone(), released: count });
        effects.events.extend(changes.into_iter().map(|change| Kind::Hold { pool: id.clone(), change }));
        self.refresh(place, now, effects);
        Some(count)
    }

    fn place(&self, id: &PoolId) -> Option<Place> {
        self.pools().find(|(_, _, state)| state.id == *id).map(|(place, ..)| place)
    }

    /// The pools that an override is about.
    fn places(&self, scope: &Scope) -> Vec<Place> {
        let covers = |pool: &Pool, state: &PoolState| match scope {
            Scope::Pool(id) => state.id == *id,
            Scope::Endpoint { pool: id, endpoint } => {
                state.id == *id && pool.endpoints.iter().any(|e| e.name == *endpoint)
            }
            Scope::Region(region) => pool.endpoints.iter().any(|e| e.region.as_ref() == Some(region)),
        };
        self.pools().filter(|(_, pool, state)| covers(pool, state)).map(|(place, ..)| place).collect()
    }

    pub(super) fn refresh_scope(&mut self, scope: &Scope, now: Moment, effects: &mut Effects) {
        for place in self.places(scope) {
            self.refresh(place, now, effects);
        }
    }
}
