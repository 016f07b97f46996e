//! `pharos drill list`.

use std::time::SystemTime;

use super::report::verdict;
use crate::cli::client::{Client, Fault, NodeArgs};
use crate::cli::paint::Mood;
use crate::cli::shape::Drill;
use crate::cli::view::words::{clock, length, measured};
use crate::cli::view::{Cell, Screen};
use crate::cli::{Exit, print};

const EXAMPLES: &str = "\
For example:
  pharos drill list";

/// List the drills that were made, the newest first
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) fn run(args: &Args) -> Result<Exit, Fault> {
    let client = Client::new(&args.node)?;
    let reply = client.get("/v1/drills")?;
    if args.node.json {
        return Ok(print(&reply.raw()));
    }
    let drills: Vec<Drill> = reply.parse()?;
    Ok(print(&table(Screen::stdout(), &drills, SystemTime::now())))
}

fn table(screen: Screen, drills: &[Drill], now: SystemTime) -> String {
    if drills.is_empty() {
        return "no drill was made yet: pharos drill --region REGION\n".to_owned();
    }
    let heading = ["ID", "REGION", "BEGUN (UTC)", "FOR", "DETECTED", "ANSWER MOVED", "TARGET", "RESULT", "BY"];
    let rows = drills.iter().map(|drill| {
        let took =
            |time: Option<crate::cli::shape::Millis>| time.map_or_else(|| "-".to_owned(), |time| measured(time.0));
        let (result, mood) = verdict(drill);
        vec![
            Cell::new(Mood::Strong, &*drill.id),
            Cell::plain(&*drill.region),
            Cell::plain(clock(drill.begun.0, now)),
            Cell::plain(length(drill.for_ms.0)),
            Cell::plain(took(drill.detect_ms)),
            Cell::plain(took(drill.answer_ms)),
            Cell::plain(drill.rto_ms.map_or_else(|| "-".to_owned(), |rto| length(rto.0))),
            Cell::new(mood, result),
            Cell::plain(match &drill.scheduled {
                Some(name) => format!("schedule {name}"),
                None => drill.author.to_string(),
            }),
        ]
    });
    screen.table(0, &heading, rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drills_are_listed_with_how_they_ended() {
        let one: Drill = serde_json::from_str(super::super::report::DRILL).expect("a drill");
        let now = humantime::parse_rfc3339("2026-11-21T08:00:00Z").expect("a time");
        assert_eq!(
            table(Screen::plain(), &[one], now),
            "ID                        REGION   BEGUN (UTC)  FOR  DETECTED  ANSWER MOVED  TARGET  RESULT  BY\n\
             20261121T053819Z-us-east  us-east  05:38:19     2m   410 ms    415 ms        1m      met     alice@ops1\n"
        );
    }
}
