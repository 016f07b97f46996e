//! `min_healthy`: a region, or a priority tier of endpoints without one, counts only while enough of
//! its endpoints are healthy.

use std::collections::{BTreeMap, BTreeSet};

use super::field::Field;
use super::trace::{Reason, Seat, Stage};
use crate::model::Region;
use crate::model::pool::Endpoint;

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Group<'a> {
    Region(&'a Region),
    Tier(u32),
}

fn group(endpoint: &Endpoint) -> Group<'_> {
    endpoint.region.as_ref().map_or(Group::Tier(endpoint.priority), Group::Region)
}

/// Lets the groups leave that have too few endpoints which count. Where no group has enough, all
/// stay: a healthy endpoint is better than none.
pub(super) fn apply(field: &mut Field<'_>, counts: impl Fn(&Field<'_>, Seat) -> bool) {
    let needed = field.pool.min_healthy;
    if needed <= 1 || field.seats.is_empty() {
        return; // whoever is left counts for itself
    }
    let mut endpoints: BTreeMap<Group<'_>, BTreeSet<usize>> = BTreeMap::new();
    for seat in field.everyone() {
        if counts(field, seat) {
            endpoints.entry(group(field.endpoint(seat))).or_default().insert(seat.endpoint);
        }
    }
    let healthy = |field: &Field<'_>, seat: Seat| endpoints.get(&group(field.endpoint(seat))).map_or(0, BTreeSet::len);
    if field.seats.iter().all(|seat| healthy(field, *seat) < needed) {
        field.note(Stage::MinHealthyIgnored);
        return;
    }
    field.drop_where(Stage::MinHealthy, |field, seat| {
        let healthy = healthy(field, seat);
        (healthy < needed).then_some(Reason::TooFewHealthy { healthy, needed })
    });
}
