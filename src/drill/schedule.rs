//! When planned drills are due, and whether the node is fit for one. Time is an argument.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

use crate::control::{EndpointStatus, Status};
use crate::health::{Scope, Verdict};
use crate::model::Region;
use crate::model::drill::DrillPlan;

/// A time that was missed for longer (the machine slept, the clock was set) is let go: people have other
/// plans by then.
const LATE_MAX: Duration = Duration::from_secs(60);

/// What fired lies at most this far ahead of a clock that was set back. If it lies further, it was the clock
/// before that was wrong, and plans are not to rest until it is reached.
const SET_BACK_MAX: Duration = Duration::from_secs(86_400);

/// What was looked at, and what came of it.
#[derive(Debug)]
pub(super) struct Agenda {
    /// Up to when plans were looked at.
    looked: SystemTime,
    /// For which moment each plan fired last, by its name.
    fired: BTreeMap<Arc<str>, SystemTime>,
}

impl Agenda {
    /// Nothing before `now` is ever due.
    pub(super) fn new(now: SystemTime) -> Self {
        Self { looked: now, fired: BTreeMap::new() }
    }

    /// The next moment at which to look.
    pub(super) fn next(&self, plans: &[DrillPlan]) -> Option<SystemTime> {
        next(plans, self.looked)
    }

    /// The plans that became due since it was looked at last, up to `now`. None fires twice for one moment,
    /// wherever the clock is set.
    pub(super) fn due<'p>(&mut self, plans: &'p [DrillPlan], now: SystemTime) -> Vec<&'p DrillPlan> {
        let last = std::mem::replace(&mut self.looked, now);
        let horizon = now.checked_add(SET_BACK_MAX);
        self.fired.retain(|name, at| {
            plans.iter().any(|plan| plan.name == *name) && horizon.is_none_or(|horizon| *at <= horizon)
        });
        let from = now.checked_sub(LATE_MAX).map_or(last, |earliest| last.max(earliest));
        let mut due = Vec::new();
        for plan in plans {
            let from = self.fired.get(&plan.name).map_or(from, |fired| from.max(*fired));
            if let Some(next) = next_of(plan, from).filter(|next| *next <= now) {
                self.fired.insert(Arc::clone(&plan.name), next);
                due.push(plan);
            }
        }
        due
    }
}

/// The next moment at which any is due.
fn next(plans: &[DrillPlan], after: SystemTime) -> Option<SystemTime> {
    plans.iter().filter_map(|plan| next_of(plan, after)).min()
}

/// In UTC.
fn next_of(plan: &DrillPlan, after: SystemTime) -> Option<SystemTime> {
    let since = after.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let after = DateTime::<Utc>::from_timestamp(i64::try_from(since.as_secs()).ok()?, since.subsec_nanos())?;
    let next = plan.cron.find_next_occurrence(&after, false).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(next.timestamp()).ok()?))
}

/// Why no planned drill may begin; none where one may. It must find the node whole: what else fails would
/// make an outage of it.
pub(super) fn unfit(status: &Status, region: &Region) -> Option<String> {
    if let Some(running) = &status.drill {
        return Some(format!("the drill {} is running", running.order.id));
    }
    if let Some(family) = status.isolated.first() {
        return Some(format!("the node is cut off for {}", family.rtype()));
    }
    let concerns = |scope: &Scope| match scope {
        Scope::Region(other) => other == region,
        Scope::Pool(id) => status.pool(id).is_some_and(|pool| pool.endpoints.iter().any(|e| is_of(e, region))),
        Scope::Endpoint { pool, endpoint } => {
            status.pool(pool).is_some_and(|pool| pool.endpoints.iter().any(|e| e.name == *endpoint && is_of(e, region)))
        }
    };
    if let Some((scope, order)) = status.overrides.iter().find(|(scope, _)| concerns(scope)) {
        return Some(format!("{scope} is {} by order of {}", order.force, order.author));
    }
    for pool in status.pools() {
        for endpoint in pool.endpoints.iter().filter(|endpoint| !is_of(endpoint, region)) {
            let who = || format!("endpoint {} of {}", endpoint.name, pool.id);
            if let Some((_, order)) = &endpoint.order {
                return Some(format!("{} is {} by order of {}", who(), order.force, order.author));
            }
            for check in endpoint.addresses.iter().filter_map(|address| address.check.as_ref()) {
                if check.verdict != Verdict::Up {
                    return Some(format!("{} is {}", who(), check.verdict));
                }
                if check.stale {
                    return Some(format!("{} is not being observed", who()));
                }
            }
        }
    }
    None
}

fn is_of(endpoint: &EndpointStatus, region: &Region) -> bool {
    endpoint.region.as_ref() == Some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(name: &str, cron: &str) -> DrillPlan {
        DrillPlan {
            name: name.into(),
            region: Region::new("us"),
            cron: cron.parse().unwrap(),
            lasts: Duration::from_secs(120),
            rto: None,
            resolvers: vec![],
            reason: "x".into(),
        }
    }

    fn at(text: &str) -> SystemTime {
        humantime::parse_rfc3339_weak(text).unwrap()
    }

    #[track_caller]
    fn due_names(plans: &[DrillPlan], last: &str, now: &str) -> Vec<String> {
        names(&Agenda::new(at(last)).due(plans, at(now)))
    }

    fn names(plans: &[&DrillPlan]) -> Vec<String> {
        plans.iter().map(|plan| plan.name.to_string()).collect()
    }

    #[test]
    fn a_clock_that_is_set_back_fires_nothing_twice() {
        let plans = [plan("daily", "0 4 * * *")];
        let mut agenda = Agenda::new(at("2026-11-21 03:59:50"));
        let mut due = |now| agenda.due(&plans, at(now)).len();
        assert_eq!(due("2026-11-21 04:00:00"), 1);
        assert_eq!(due("2026-11-21 03:58:00"), 0, "set back by two minutes");
        assert_eq!(due("2026-11-21 03:59:59"), 0);
        assert_eq!(due("2026-11-21 04:00:00"), 0, "once more");
        assert_eq!((due("2026-11-22 03:59:59"), due("2026-11-22 04:00:00")), (0, 1), "the day after");
        assert_eq!((due("2026-11-19 03:59:59"), due("2026-11-19 04:00:00")), (0, 1), "the clock was wrong before");
    }

    #[test]
    fn what_fired_is_forgotten_with_its_plan() {
        let plans = [plan("daily", "0 4 * * *")];
        let mut agenda = Agenda::new(at("2026-11-21 03:59:59"));
        assert_eq!(names(&agenda.due(&plans, at("2026-11-21 04:00:00"))), ["daily"]);
        assert!(agenda.due(&[], at("2026-11-21 04:00:01")).is_empty());
        assert!(agenda.fired.is_empty());
    }

    #[test]
    fn a_new_plan_is_not_due_for_what_was_before_it() {
        let (before, after) = ([plan("a", "0 4 * * *")], [plan("a", "0 4 * * *"), plan("b", "0 4 * * *")]);
        let mut agenda = Agenda::new(at("2026-11-21 03:59:50"));
        // A reload comes before the timer.
        assert_eq!(names(&agenda.due(&before, at("2026-11-21 04:00:05"))), ["a"]);
        assert!(agenda.due(&after, at("2026-11-21 04:00:06")).is_empty());
        assert_eq!(agenda.next(&after), Some(at("2026-11-22 04:00:00")));
    }

    #[test]
    fn five_fields_are_minutes_in_utc() {
        let plans = [plan("weekly", "30 4 * * 1"), plan("monthly", "0 3 1 * *")];
        // 2026-11-23 is a Monday.
        assert_eq!(next(&plans, at("2026-11-21 05:38:19")), Some(at("2026-11-23 04:30:00")));
        assert_eq!(next(&plans, at("2026-11-23 04:30:00")), Some(at("2026-11-30 04:30:00")));
        assert_eq!(next(&plans, at("2026-11-30 04:30:00")), Some(at("2026-12-01 03:00:00")));
        assert_eq!(due_names(&plans, "2026-11-23 04:29:59", "2026-11-23 04:30:00"), ["weekly"]);
        assert!(due_names(&plans, "2026-11-23 04:30:00", "2026-11-23 04:30:01").is_empty(), "once");
        assert_eq!(next(&[], at("2026-11-23 04:30:00")), None);
    }

    #[test]
    fn a_sixth_field_is_seconds() {
        let plans = [plan("often", "*/2 * * * * *")];
        assert_eq!(next(&plans, at("2026-11-21 05:38:19")), Some(at("2026-11-21 05:38:20")));
        assert_eq!(next(&plans, at("2026-11-21 05:38:20")), Some(at("2026-11-21 05:38:22")));
    }

    #[test]
    fn what_was_missed_for_long_is_let_go() {
        let plans = [plan("daily", "0 4 * * *")];
        assert_eq!(due_names(&plans, "2026-11-21 03:00:00", "2026-11-21 04:00:50"), ["daily"]);
        assert!(due_names(&plans, "2026-11-21 03:00:00", "2026-11-21 04:01:10").is_empty());
        assert!(due_names(&plans, "2026-11-22 03:00:00", "2026-11-21 04:00:10").is_empty(), "the clock was set back");
    }

    #[test]
    fn both_are_due_at_once() {
        let plans = [plan("a", "0 4 * * *"), plan("b", "0 4 * * *"), plan("c", "1 4 * * *")];
        assert_eq!(due_names(&plans, "2026-11-21 03:59:59", "2026-11-21 04:00:00"), ["a", "b"]);
    }
}
