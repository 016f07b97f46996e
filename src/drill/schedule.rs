//! When planned drills are due, and whether the node is fit for one. Time is an argument.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

use crate::control::{EndpointStatus, Status};
use crate::health::{Scope, Verdict};
use crate::model::Region;
use crate::model::drill::DrillPlan;

/// A time that was missed for longer (the machine slept, the clock was set) is let go: people have other
/// plans by then.
const LATE_MAX: Duration = Duration::from_secs(60);

/// The plans that became due after `last`, up to `now`.
pub(super) fn due(plans: &[DrillPlan], last: SystemTime, now: SystemTime) -> impl Iterator<Item = &DrillPlan> {
    let from = now.checked_sub(LATE_MAX).map_or(last, |earliest| last.max(earliest));
    plans.iter().filter(move |plan| next_of(plan, from).is_some_and(|next| next <= now))
}

/// The next moment at which any is due.
pub(super) fn next(plans: &[DrillPlan], after: SystemTime) -> Option<SystemTime> {
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
        due(plans, at(last), at(now)).map(|plan| plan.name.to_string()).collect()
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
