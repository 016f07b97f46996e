//! `pharos notify test NAME`.

use http::{Method, StatusCode};

use crate::cli::author::{self, AuthorArg};
use crate::cli::client::{Client, Fault, NodeArgs, escaped};
use crate::cli::shape::{Delivery, Sink};
use crate::cli::view::words::measured;
use crate::cli::{Exit, complain, print};
use crate::config::diag::nearest;

const EXAMPLES: &str = "\
For example:
  pharos notify test ops";

/// Send a test event through one notification, and wait for what becomes of it
///
/// Ends with 0 when it was delivered, with 1 when not.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// As in [notify.NAME] of pharos.toml
    name: String,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "to see whether it arrives", value_parser = author::reason)]
    reason: String,
    #[command(flatten)]
    author: AuthorArg,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) fn run(args: &Args) -> Result<Exit, Fault> {
    let client = Client::new(&args.node)?;
    let path = format!("/v1/sinks/{}/test", escaped(&args.name));
    let reply = client.write(Method::POST, &path, &args.author.sign(&args.reason))?;
    let name = &args.name;
    if reply.status == StatusCode::NOT_FOUND && !args.node.json {
        let sinks: Vec<Sink> = client.get("/v1/sinks")?.parse()?;
        return Err(unknown(name, &sinks));
    }
    if args.node.json {
        let printed = print(&reply.raw());
        let delivery: Delivery = reply.good()?.parse()?;
        return Ok(if delivery.delivered { printed } else { Exit::No });
    }
    let Delivery { delivered, took_ms, error } = reply.good()?.parse()?;
    let took = took_ms.map(|took| format!(" after {}", measured(took.0))).unwrap_or_default();
    if delivered {
        return Ok(print(&format!("{name}: delivered{took}\n")));
    }
    let error = error.map_or_else(|| "no reason was told".to_owned(), |error| error.to_string());
    complain(&format!("{name}: not delivered{took}: {error}"));
    Ok(Exit::No)
}

fn unknown(name: &str, sinks: &[Sink]) -> Fault {
    let names: Vec<&str> = sinks.iter().map(|sink| &*sink.name).collect();
    let mut text = format!("no notification \"{name}\"");
    if let Some(near) = nearest(name, names.iter().copied()) {
        text.push_str(&format!("; did you mean \"{near}\"?"));
    }
    text.push_str(&match names.is_empty() {
        true => "; this node has none: [notify.NAME] in pharos.toml adds one".to_owned(),
        false => format!("\n  there is: {}", names.join(", ")),
    });
    Fault::Unknown(text)
}
