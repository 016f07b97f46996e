//! `pharos status [POOL]`.

use super::client::{Client, Fault, NodeArgs};
use super::shape::Status;
use super::target::Known;
use super::view::{self, Screen};
use super::{Exit, ended, print};

const EXAMPLES: &str = "\
For example:
  pharos status
  pharos status app
  pharos status --check || page-somebody";

/// Show what is answered now, why, and since when
///
/// What is broken stands first. All times are UTC. Ends with 0 whenever the node replies.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only this pool: app.example.com/app, or app where that is unique
    #[arg(value_name = "POOL")]
    pool: Option<String>,
    /// For monitoring: end with 1 where a pool has nothing healthy, or the node is not ready
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    node: NodeArgs,
}

pub(crate) fn run(args: &Args) -> Exit {
    ended(show(args))
}

fn show(args: &Args) -> Result<Exit, Fault> {
    let client = Client::new(&args.node)?;
    let reply = client.get("/v1/status")?;
    let status: Status = reply.parse()?;
    let only = args.pool.as_deref().map(|text| Known::of(&status).pool(text)).transpose()?;
    let text = match (args.node.json, &only) {
        (false, only) => view::node(Screen::stdout(), &status, only.as_deref()),
        (true, None) => reply.raw(),
        (true, Some(id)) => client.get(&pool_path(id))?.raw(),
    };
    let printed = print(&text);
    Ok(if args.check && !is_well(&status, only.as_deref()) { Exit::No } else { printed })
}

/// Where the API has a pool: its zone and its name are one segment each.
pub(crate) fn pool_path(id: &str) -> String {
    let (zone, pool) = id.rsplit_once('/').unwrap_or(("", id));
    format!("/v1/pools/{}/{}", super::client::escaped(zone), super::client::escaped(pool))
}

fn is_well(status: &Status, only: Option<&str>) -> bool {
    let pools = status.pools().filter(|(zone, pool)| only.is_none_or(|only| only == zone.id(pool)));
    status.ready && pools.map(|(_, pool)| &pool.answers).all(|answers| !answers.a.is_down() && !answers.aaaa.is_down())
}
