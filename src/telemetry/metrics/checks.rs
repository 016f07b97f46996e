//! Checks: how they ended, how long they took, and how late they began.

use super::OTHER;
use super::pools::{as_str, is_own, labels, seats};
use super::text::Text;
use crate::control::{BOUNDS, Figures, Results, Status};
use crate::snapshot::Roll;

pub(super) fn write(text: &mut Text, status: &Status, figures: &Figures, roll: &Roll) {
    write_results(text, status, figures, roll);
    let help = "How long checks took by their type: in all, and each phase by itself.";
    let mut family = text.histogram("pharos_check_duration_seconds", help);
    for ((kind, phase), histogram) in &figures.durations {
        let labels = [("type", *kind), ("phase", phase.word())];
        family.buckets(&labels, &BOUNDS, &histogram.counts, histogram.sum.as_secs_f64());
    }
    let help = "How long after their time checks began; much of it says that the node has too much to do.";
    let mut family = text.histogram("pharos_check_lateness_seconds", help);
    for (kind, histogram) in &figures.lateness {
        family.buckets(&[("type", kind)], &BOUNDS, &histogram.counts, histogram.sum.as_secs_f64());
    }
}

/// By address: one that stands in two pools is probed once, and counted for both.
fn write_results(text: &mut Text, status: &Status, figures: &Figures, roll: &Roll) {
    let mut family = text.counter("pharos_check_results_total", "Checks of an address by their result.");
    for seat in seats(status) {
        let Some(check) = &seat.2.check else { continue };
        if !is_own(&seat, roll) {
            continue;
        }
        let Results { passed, failed } = figures.checks.get(&check.watch).copied().unwrap_or_default();
        let own = labels(&seat);
        let [zone, pool, endpoint, address, region] = as_str(&own);
        for (result, count) in [("pass", passed), ("fail", failed)] {
            let check = ("check", check.name.as_str());
            family.sample(&[zone, pool, endpoint, address, region, check, ("result", result)], count);
        }
    }
    let Results { passed, failed } = figures.other;
    if passed + failed > 0 || roll.members.without() > 0 {
        for (result, count) in [("pass", passed), ("fail", failed)] {
            let [a, b, c, d, e, f] =
                ["zone", "pool", "endpoint", "address", "region", "check"].map(|name| (name, OTHER));
            family.sample(&[a, b, c, d, e, f, ("result", result)], count);
        }
    }
}
