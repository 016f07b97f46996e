//! `pharos notify list`.

use std::time::SystemTime;

use crate::cli::client::{Client, Fault, NodeArgs};
use crate::cli::paint::Mood;
use crate::cli::shape::Sink;
use crate::cli::view::{Cell, Screen, words::ago};
use crate::cli::{Exit, print};

const EXAMPLES: &str = "\
For example:
  pharos notify list";

/// List the notifications of the node, and how they fare
///
/// A breaker that is open lets nothing through for a while after many failures; events wait on disk meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) fn run(args: &Args) -> Result<Exit, Fault> {
    let client = Client::new(&args.node)?;
    let reply = client.get("/v1/sinks")?;
    if args.node.json {
        return Ok(print(&reply.raw()));
    }
    let sinks: Vec<Sink> = reply.parse()?;
    Ok(print(&table(Screen::stdout(), &sinks, SystemTime::now())))
}

fn table(screen: Screen, sinks: &[Sink], now: SystemTime) -> String {
    if sinks.is_empty() {
        return "no notifications: [notify.NAME] in pharos.toml adds one\n".to_owned();
    }
    let heading = ["NAME", "TYPE", "STATE", "WAITING", "DELIVERED", "FAILED", "LAST DELIVERED (UTC)", "LAST ERROR"];
    let rows = sinks.iter().map(|sink| {
        let Sink { name, kind, state, pending, delivered, failed, last_error, last_delivered } = sink;
        let (state, mood) = match &**state {
            "ok" => ("ok", Mood::Good),
            "failing" => ("FAILING", Mood::Bad),
            "open" => ("BREAKER OPEN", Mood::Bad),
            other => (other, Mood::Plain),
        };
        vec![
            Cell::new(Mood::Strong, &**name),
            Cell::plain(&**kind),
            Cell::new(mood, state),
            Cell::plain(pending.to_string()),
            Cell::plain(delivered.to_string()),
            Cell::plain(failed.to_string()),
            Cell::plain(last_delivered.map_or_else(|| "never".to_owned(), |time| ago(time.0, now))),
            Cell::plain(last_error.as_deref().unwrap_or("-")),
        ]
    });
    screen.table(0, &heading, rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sinks_are_listed_with_what_is_wrong() {
        let sinks: Vec<Sink> = serde_json::from_str(
            r#"[{"name":"ops","type":"slack","state":"ok","pending":0,"delivered":12,"failed":0,"last_error":null,
                 "last_delivered":"2026-11-21T05:26:10.000Z"},
                {"name":"pager","type":"pagerduty","state":"open","pending":3,"delivered":0,"failed":9,
                 "last_error":"status 500","last_delivered":null}]"#,
        )
        .expect("sinks");
        let now = humantime::parse_rfc3339("2026-11-21T05:38:19Z").expect("a time");
        assert_eq!(
            table(Screen::plain(), &sinks, now),
            "NAME   TYPE       STATE         WAITING  DELIVERED  FAILED  LAST DELIVERED (UTC)  LAST ERROR\n\
             ops    slack      ok            0        12         0       12m (05:26:10)        -\n\
             pager  pagerduty  BREAKER OPEN  3        0          9       never                 status 500\n"
        );
        assert!(table(Screen::plain(), &[], now).contains("[notify.NAME]"));
    }
}
