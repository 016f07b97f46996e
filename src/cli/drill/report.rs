//! The report of a drill.

use crate::cli::paint::Mood;
use crate::cli::shape::{Drill, DrillPool, Millis, Text};
use crate::cli::view::words::{length, list, measured};
use crate::cli::view::{Cell, Screen};

/// What was measured, for each pool and each resolver, and whether the target was met.
pub(super) fn report(screen: Screen, drill: &Drill) -> String {
    let (result, mood) = verdict(drill);
    let heading = format!("drill {} of region {}: ", drill.id, drill.region);
    let mut text = format!("{}{}\n", screen.mark(Mood::Strong, &heading), screen.mark(mood, result));
    if let Some(note) = &drill.note {
        text.push_str(&format!("{note}\n"));
    }
    let who = drill.scheduled.as_ref().map_or_else(|| drill.author.to_string(), |name| format!("schedule {name}"));
    let time = humantime::format_rfc3339_seconds(drill.begun.0).to_string().replace('T', " ");
    text.push_str(&format!("begun {time} for {} by {who}: \"{}\"\n\n", length(drill.for_ms.0), drill.reason));
    let mut rows = Vec::new();
    let mut row = |what: &str, time: Option<Millis>, note: String| {
        rows.push(vec![Cell::plain(what), Cell::new(Mood::Strong, took(time)), Cell::plain(note)]);
    };
    row("detected", drill.detect_ms, "to the first verdict that turned".into());
    row("answer moved", drill.answer_ms, "to the first answer without the region".into());
    let target = match (drill.rto_ms, drill.met) {
        (Some(rto), Some(true)) => format!("; the target of {} was met", length(rto.0)),
        (Some(rto), Some(false)) => format!("; the target of {} was MISSED", length(rto.0)),
        (Some(rto), None) => format!("; the target is {}", length(rto.0)),
        (None, _) => String::new(),
    };
    let (total, ttl) = match &drill.recovery {
        Some(recovery) => (Some(recovery.total_ms), format!(", {} of it", length(recovery.ttl_ms.0))),
        None => (None, String::new()),
    };
    row("recovered", total, format!("until the TTL of the old answer was over too{ttl}{target}"));
    row("restored", drill.restored_ms, "to the end of the failure".into());
    row("failed back", drill.failback_ms, "from there to the answers of before".into());
    text.push_str(&screen.table(2, &["WHAT", "AFTER", ""], rows));
    if !drill.pools.is_empty() {
        let heading = ["NAME", "TYPE", "DETECTED", "MOVED", "FAILED BACK", "BEFORE", "DURING", "AFTER"];
        text.push_str(&format!("\n{}", screen.table(2, &heading, drill.pools.iter().map(pool).collect())));
    }
    if !drill.resolvers.is_empty() {
        let rows = drill.resolvers.iter().map(|resolver| {
            let seen = match (&resolver.seen_ms, &resolver.error) {
                (Some(time), _) => Cell::plain(measured(time.0)),
                (None, Some(error)) => Cell::new(Mood::Odd, &**error),
                (None, None) => Cell::new(Mood::Odd, "not seen"),
            };
            vec![Cell::plain(&*resolver.address), seen]
        });
        text.push_str(&format!("\n{}", screen.table(2, &["RESOLVER", "SAW IT AFTER"], rows.collect())));
    }
    if let Some(queries) = &drill.queries {
        let mood = if queries.bad > 0 || queries.answered < queries.sent { Mood::Bad } else { Mood::Good };
        let lost = queries.sent.saturating_sub(queries.answered);
        // What is lost counts as bad, too.
        let wrong = queries.bad.saturating_sub(lost);
        let said = format!("{lost} lost, {wrong} answered wrongly");
        text.push_str(&format!("\n  asked meanwhile: {} queries, {}\n", queries.sent, screen.mark(mood, &said)));
    }
    text
}

/// How it ended, in a word.
pub(super) fn verdict(drill: &Drill) -> (&'static str, Mood) {
    match (&*drill.state, drill.met) {
        ("running", _) => ("running", Mood::Odd),
        ("restoring", _) => ("restoring", Mood::Odd),
        ("aborted", _) => ("cut short", Mood::Bad),
        (_, Some(true)) => ("met", Mood::Good),
        (_, Some(false)) => ("MISSED", Mood::Bad),
        (_, None) => ("done", Mood::Good),
    }
}

fn pool(pool: &DrillPool) -> Vec<Cell> {
    let DrillPool { name, rtype, detect_ms, answer_ms, failback_ms, before, during, after } = pool;
    let addresses = |all: &[Text]| match all {
        [] => "-".to_owned(),
        _ => list(&all.iter().map(ToString::to_string).collect::<Vec<_>>()),
    };
    vec![
        Cell::new(Mood::Strong, &**name),
        Cell::plain(&**rtype),
        Cell::plain(took(*detect_ms)),
        Cell::plain(took(*answer_ms)),
        Cell::plain(took(*failback_ms)),
        Cell::plain(addresses(before)),
        Cell::plain(addresses(during)),
        Cell::plain(addresses(after)),
    ]
}

fn took(time: Option<Millis>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| measured(time.0))
}

#[cfg(test)]
pub(super) const DRILL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/drill.json"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_what_was_measured() {
        let shown = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/drill.txt"));
        let text = report(Screen::plain(), &serde_json::from_str(DRILL).expect("a drill"));
        assert_eq!(text, shown, "it says\n{text}");
    }

    #[test]
    fn a_query_that_is_lost_was_not_answered_wrongly() {
        let mut drill: Drill = serde_json::from_str(DRILL).expect("a drill");
        let queries = drill.queries.as_mut().expect("it counts");
        (queries.sent, queries.answered, queries.bad) = (10, 7, 5);
        assert!(report(Screen::plain(), &drill).contains("10 queries, 3 lost, 2 answered wrongly"));
    }
}
