//! `[drill.NAME]` of `pharos.toml`.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};

use super::node::{distinct, socket};
use super::text;
use crate::config::toml::{Cell, Given, Key, Table};
use crate::model::drill::{LASTS_MAX, LASTS_MIN, RESOLVERS_MAX};

/// A planned drill.
pub(crate) struct DrillSpec {
    pub(crate) name: Given<String>,
    pub(crate) region: Key<String>,
    pub(crate) cron: Key<Cron>,
    pub(crate) lasts: Key<Duration>,
    pub(crate) rto: Key<Duration>,
    pub(crate) resolvers: Key<Vec<SocketAddr>>,
    pub(crate) reason: Key<String>,
}

/// Of `rto`. Below, no check would see a failure; above, it is no target.
const RTO: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(86_400);
/// Of `cron`.
const FIELDS: RangeInclusive<usize> = 5..=6;
/// The longest `reason`, in characters: what the API takes.
const REASON_LEN_MAX: usize = 500;

/// Reads one.
pub(crate) fn read_drill(name: Given<String>, mut table: Table<'_>) -> DrillSpec {
    if let Some(fault) = text::label_fault(&name.value) {
        let message = format!("drill \"{}\" {fault}", name.value);
        table.file.push(table.file.error("bad-label", name.at.clone(), message));
    }
    let spec = DrillSpec {
        name,
        region: table.require("region", text::label),
        cron: table.require("cron", cron),
        lasts: table.take("for", |cell| cell.duration(&(LASTS_MIN..=LASTS_MAX))),
        rto: table.take("rto", |cell| cell.duration(&RTO)),
        resolvers: table.take("resolvers", resolvers),
        reason: table.take("reason", reason),
    };
    table.hint("schedule", "write cron = \"0 4 * * 1\", in UTC");
    table.hint("duration", "write for = \"2m\"");
    table.finish();
    spec
}

fn cron(cell: &Cell<'_>) -> Option<Cron> {
    const HELP: &str =
        "minute, hour, day of the month, month and day of the week, in UTC: \"0 4 * * 1\" is Mondays at 04:00";
    let text = cell.full_text()?;
    let fields = text.split_whitespace().count();
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let fault = match parser.parse(text) {
        _ if !FIELDS.contains(&fields) => format!("it has {fields} fields, not 5, or 6 with seconds first"),
        Ok(cron) if comes(&cron) => return Some(cron),
        Ok(_) => "it is never due".to_owned(),
        Err(fault) => said(&fault),
    };
    let message = format!("\"{}\": \"{text}\" is not a time: {fault}", cell.key);
    cell.fail(cell.error("bad-cron", message).help(HELP))
}

/// What the reader of the expression says, as a part of a sentence.
fn said(fault: &CronError) -> String {
    let text = fault.to_string();
    let text = text.split_once(": ").map_or(text.as_str(), |(_, rest)| rest).trim_end_matches('.');
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// Whether it is ever due: the 30th of February is not.
fn comes(cron: &Cron) -> bool {
    cron.find_next_occurrence(&chrono::DateTime::UNIX_EPOCH, false).is_ok()
}

fn resolvers(cell: &Cell<'_>) -> Option<Vec<SocketAddr>> {
    let list = distinct(cell, cell.list(|cell| socket(cell, 53))?)?;
    if list.len() > RESOLVERS_MAX {
        let message = format!("\"{}\" names {} resolvers", cell.key, list.len());
        return cell.fail(cell.error("out-of-range", message).label(format!("at most {RESOLVERS_MAX}")));
    }
    Some(list)
}

fn reason(cell: &Cell<'_>) -> Option<String> {
    let text = cell.full_text()?;
    if text.chars().count() <= REASON_LEN_MAX {
        return Some(text.to_owned());
    }
    let message = format!("\"{}\" is longer than {REASON_LEN_MAX} characters", cell.key);
    cell.fail(cell.error("out-of-range", message))
}
