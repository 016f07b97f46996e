//! A report for people: one page that can be put into a ticket.

use std::fmt::Write;
use std::net::IpAddr;
use std::time::Duration;

use super::report::{PoolReport, Recovery, Report, State};

/// The page. What operators wrote stays on its line.
pub(super) fn of(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut page, report);
    page
}

fn write(page: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(page, "# Drill {}: {}\n", report.id, verdict(report))?;
    writeln!(page, "{}\n", summary(report))?;
    if let Some(note) = &report.note {
        writeln!(page, "Note: {}\n", line(note))?;
    }
    writeln!(page, "| | |\n|---|---|")?;
    writeln!(page, "| region | {} |", report.region)?;
    writeln!(page, "| ordered by | {}: {} |", line(&report.author), line(&report.reason))?;
    if let Some(plan) = &report.scheduled {
        writeln!(page, "| planned as | {} |", line(plan))?;
    }
    writeln!(page, "| begun | {} |", humantime::format_rfc3339_millis(report.begun))?;
    let ended = report.ended.map(|ended| humantime::format_rfc3339_millis(ended).to_string());
    writeln!(page, "| ended | {} |", ended.as_deref().unwrap_or("-"))?;
    writeln!(page, "| was to last | {} |", time(Some(report.lasts)))?;
    writeln!(page, "| time to detect | {} |", time(report.detect))?;
    writeln!(page, "| time to the first changed answer | {} |", time(report.answer))?;
    writeln!(page, "| recovery time | {} |", recovery(report.recovery.as_ref()))?;
    writeln!(page, "| its target | {} |", time(report.rto))?;
    writeln!(page, "| time to fail back | {} |", time(report.failback))?;
    let queries = report.queries;
    writeln!(page, "| queries | {} sent, {} answered, {} bad |", queries.sent, queries.answered, queries.bad)?;
    if !report.pools.is_empty() {
        writeln!(page, "\n## Pools\n\n| pool | asked | detected | changed | TTL | back | before | during | after |")?;
        writeln!(page, "|---|---|---|---|---|---|---|---|---|")?;
    }
    for pool in &report.pools {
        let PoolReport { pool, name, rtype, detect, answer, failback, ttl, before, during, after, seen: _ } = pool;
        let (detect, answer, ttl, failback) = (time(*detect), time(*answer), time(*ttl), time(*failback));
        let (before, during, after) = (list(before), list(during), list(after));
        writeln!(
            page,
            "| {pool} | {name} {rtype} | {detect} | {answer} | {ttl} | {failback} | {before} | {during} | {after} |"
        )?;
    }
    if !report.resolvers.is_empty() {
        writeln!(page, "\n## Resolvers\n\n| resolver | saw the change after |\n|---|---|")?;
    }
    for resolver in &report.resolvers {
        let seen = match (&resolver.seen, &resolver.error) {
            (Some(seen), _) => time(Some(*seen)),
            (None, Some(error)) => line(error),
            (None, None) => "-".to_owned(),
        };
        writeln!(page, "| {} | {seen} |", resolver.address)?;
    }
    for pool in report.pools.iter().filter(|pool| !pool.seen.is_empty()) {
        writeln!(page, "\n## What clients of {} {} saw\n\n| after | answer |\n|---|---|", pool.name, pool.rtype)?;
        for seen in &pool.seen {
            let answer = if seen.rcode == "NOERROR" { list(&seen.addresses) } else { seen.rcode.clone() };
            writeln!(page, "| {} | {answer} |", time(Some(seen.at)))?;
        }
    }
    Ok(())
}

fn verdict(report: &Report) -> &'static str {
    match (report.state, report.met) {
        (State::Running, _) => "running",
        (State::Restoring, _) => "waiting for the answers of before",
        (State::Aborted, _) => "cut short",
        (State::Done, Some(true)) => "target met",
        (State::Done, Some(false)) => "target missed",
        (State::Done, None) => "done",
    }
}

/// Two sentences that say it all.
fn summary(report: &Report) -> String {
    let moved = match (report.answer, &report.recovery) {
        (Some(answer), Some(recovery)) => {
            let (answer, total) = (time(Some(answer)), time(Some(recovery.total)));
            format!("The first answer changed after {answer}, and clients were off the region after {total} at worst.")
        }
        _ if report.pools.iter().any(|pool| pool.ttl.is_some()) => {
            "Not every answer changed while the region failed.".to_owned()
        }
        _ => "No answer had an address of the region, so none changed.".to_owned(),
    };
    let bad = report.queries.bad;
    let seen =
        if bad == 0 { "Every query got an address.".to_owned() } else { format!("{bad} queries got no address.") };
    format!("{moved} {seen}")
}

fn recovery(recovery: Option<&Recovery>) -> String {
    recovery.map_or_else(
        || "-".to_owned(),
        |Recovery { answer, ttl, total }| {
            let part = |duration: &Duration| time(Some(*duration));
            format!("{}: {} to the changed answer, and a TTL of {}", part(total), part(answer), part(ttl))
        },
    )
}

fn list(addresses: &[IpAddr]) -> String {
    let all: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(" ") }
}

/// To the millisecond below a minute, to the second above.
fn time(duration: Option<Duration>) -> String {
    let Some(duration) = duration else { return "-".to_owned() };
    if duration >= Duration::from_secs(60) {
        return humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string();
    }
    let millis = duration.as_micros().div_ceil(1000);
    match millis {
        0..1000 => format!("{millis} ms"),
        _ if millis % 1000 == 0 => format!("{} s", millis / 1000),
        _ => format!("{}.{:03} s", millis / 1000, millis % 1000),
    }
}

/// Free text as a cell of a table: no line ends, no bars, no HTML.
fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '<' | '>' | '`' | '*' | '_' | '[' | ']' | '#' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::report::ResolverReport;
    use super::super::report::tests::{pool, report};
    use super::*;

    #[test]
    fn a_report_reads_as_people_say_it() {
        let mut report = report(Some(60_000), vec![pool(Some(410), Some(10_000), Some(900))]);
        report.reason = "before the sale\n| and <b>more</b>".into();
        report.resolvers = vec![
            ResolverReport {
                address: ([192, 0, 2, 9], 53).into(),
                seen: Some(Duration::from_millis(8230)),
                error: None,
            },
            ResolverReport { address: ([192, 0, 2, 8], 53).into(), seen: None, error: Some("no reply".into()) },
        ];
        let expected = "\
# Drill 20261121T053819Z-us-east: target met

The first answer changed after 410 ms, and clients were off the region after 10.410 s at worst. Every query got an address.

| | |
|---|---|
| region | us-east |
| ordered by | ann: before the sale \\| and \\<b\\>more\\</b\\> |
| begun | 2026-11-21T05:38:19.123Z |
| ended | 2026-11-21T05:38:21.123Z |
| was to last | 2 s |
| time to detect | 405 ms |
| time to the first changed answer | 410 ms |
| recovery time | 10.410 s: 410 ms to the changed answer, and a TTL of 10 s |
| its target | 1m |
| time to fail back | 900 ms |
| queries | 150 sent, 150 answered, 0 bad |

## Pools

| pool | asked | detected | changed | TTL | back | before | during | after |
|---|---|---|---|---|---|---|---|---|
| app.example.com/app | app.example.com. A | 405 ms | 410 ms | 10 s | 900 ms | 192.0.2.1 | 192.0.2.2 | 192.0.2.1 |

## Resolvers

| resolver | saw the change after |
|---|---|
| 192.0.2.9:53 | 8.230 s |
| 192.0.2.8:53 | no reply |

## What clients of app.example.com. A saw

| after | answer |
|---|---|
| 0 ms | 192.0.2.1 |
| 410 ms | 192.0.2.2 |
";
        assert_eq!(of(&report), expected);
    }

    #[test]
    fn what_did_not_happen_is_said() {
        let mut aborted = report(None, vec![pool(None, Some(10_000), None)]);
        (aborted.state, aborted.note, aborted.ended) = (State::Aborted, Some("cut short by a restart".into()), None);
        let page = of(&aborted);
        assert!(page.starts_with("# Drill 20261121T053819Z-us-east: cut short\n"), "{page}");
        assert!(
            page.contains("Not every answer changed") && page.contains("\nNote: cut short by a restart\n"),
            "{page}"
        );
        assert!(of(&report(None, vec![])).contains("none changed"));
    }
}
