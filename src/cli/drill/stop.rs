//! `pharos drill stop`.

use http::Method;

use super::begin::follow_to_end;
use super::report::report;
use crate::cli::author::{self, AuthorArg};
use crate::cli::client::{Client, Fault, NodeArgs, escaped};
use crate::cli::shape::{Drill, Status};
use crate::cli::view::Screen;
use crate::cli::{Exit, print};
use crate::config::diag::nearest;

const EXAMPLES: &str = "\
For example:
  pharos drill stop --reason \"real trouble elsewhere\"";

/// End the drill that runs, whoever began it, and restore its region now
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "by command", value_parser = author::reason)]
    reason: String,
    #[command(flatten)]
    author: AuthorArg,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) fn run(args: &Args) -> Result<Exit, Fault> {
    let client = Client::new(&args.node)?;
    let status: Status = client.get("/v1/status")?.parse()?;
    let Some(drill) = status.drill else { return Err(Fault::Unknown("no drill is running".to_owned())) };
    let path = format!("/v1/drills/{}", escaped(&drill.id));
    client.write(Method::DELETE, &path, &args.author.sign(&args.reason))?.good()?;
    let (reply, drill) = client.block(follow_to_end(&client, &drill.id))?;
    Ok(print(&if args.node.json { reply.raw() } else { report(Screen::stdout(), &drill) }))
}

/// The drill whose id begins like this.
pub(super) fn id(client: &Client, text: &str) -> Result<String, Fault> {
    let drills: Vec<Drill> = client.get("/v1/drills")?.parse()?;
    let ids: Vec<&str> = drills.iter().map(|drill| &*drill.id).collect();
    if let Some(exact) = ids.iter().find(|id| **id == text) {
        return Ok((*exact).to_owned());
    }
    let found: Vec<_> = ids.iter().filter(|id| !text.is_empty() && id.starts_with(text)).collect();
    match &found[..] {
        [one] => Ok((**one).to_owned()),
        [] => {
            let near = nearest(text, ids.iter().copied());
            let near = near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
            Err(Fault::Unknown(format!("no drill \"{text}\"{near}; `pharos drill list` shows all")))
        }
        several => Err(Fault::Unknown(format!(
            "\"{text}\" is the beginning of {} drills; `pharos drill list` shows all",
            several.len()
        ))),
    }
}
