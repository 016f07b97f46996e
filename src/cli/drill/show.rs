//! `pharos drill show ID`.

use super::report::report;
use crate::cli::client::{Client, Fault, NodeArgs, escaped};
use crate::cli::view::Screen;
use crate::cli::{Exit, print};

const EXAMPLES: &str = "\
For example:
  pharos drill show 20261121T053819Z-us-east --markdown > report.md";

/// Show the report of a drill
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// As `pharos drill list` shows it, or the beginning of it
    id: String,
    /// As Markdown, with what was answered over time
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) fn run(args: &Args) -> Result<Exit, Fault> {
    let client = Client::new(&args.node)?;
    let id = super::stop::id(&client, &args.id)?;
    let path = format!("/v1/drills/{}", escaped(&id));
    if args.markdown {
        let text = client.get(&format!("{path}?format=markdown"))?.body;
        return Ok(print(&text.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")));
    }
    let reply = client.get(&path)?;
    if args.node.json {
        return Ok(print(&reply.raw()));
    }
    Ok(print(&report(Screen::stdout(), &reply.parse()?)))
}
