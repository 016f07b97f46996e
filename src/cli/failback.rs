//! `pharos failback POOL`.

use http::Method;
use serde::{Deserialize, Serialize};

use super::author::{self, AuthorArg, Signed};
use super::client::{Client, Fault, NodeArgs};
use super::shape::Status;
use super::target::Known;
use super::view::{self, Screen, words::count};
use super::{Exit, ended, print};

const EXAMPLES: &str = "\
For example:
  pharos failback app";

/// Let the endpoints of a pool return that came back and are held
///
/// A pool with failback = "manual" stays on the survivor until this; one with a hold returns without waiting for
/// its end.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// app.example.com/app, or app where that is unique
    pool: String,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "by command", value_parser = author::reason)]
    reason: String,
    #[command(flatten)]
    author: AuthorArg,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Serialize)]
struct Order<'a> {
    pool: &'a str,
    #[serde(flatten)]
    signed: Signed,
}

#[derive(Deserialize)]
struct Released {
    released: usize,
}

pub(crate) fn run(args: &Args) -> Exit {
    ended(release(args))
}

fn release(args: &Args) -> Result<Exit, Fault> {
    let client = Client::new(&args.node)?;
    let before: Status = client.get("/v1/status")?.parse()?;
    let id = Known::of(&before).pool(&args.pool)?;
    let order = Order { pool: &id, signed: args.author.sign(&args.reason) };
    let reply = client.write(Method::POST, "/v1/failback", &order)?;
    if args.node.json {
        let printed = print(&reply.raw());
        return reply.good().map(|_| printed);
    }
    let Released { released } = reply.good()?.parse()?;
    let mut text = match released {
        0 => format!("nothing was held back in {id}\n"),
        _ => format!("{} of {id} may be answered again\n", count(released, "held endpoint")),
    };
    let after: Status = client.get("/v1/status")?.parse()?;
    let pools = after.pools().filter(|(zone, pool)| zone.id(pool) == id);
    text.extend(pools.map(|(zone, pool)| view::line(Screen::stdout(), &zone.id(pool), pool)));
    Ok(print(&text))
}
