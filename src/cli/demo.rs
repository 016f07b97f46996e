//! `pharos demo`.

use std::net::SocketAddr;

use super::serve::explain;
use super::{Exit, complain};
use crate::demo::{self, DemoError, Options};
use crate::telemetry::log::{self, Filter, Format};

/// Try it: two regions, a zone and DNS on loopback, nothing to prepare
///
/// Two small web servers play the regions, and the node that answers for them is the real one. Fail
/// a region and see how long the answer takes to move, asked over UDP.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Fail a region and restore it without being asked, then end: 0 if the answer moved in time
    #[arg(long)]
    script: bool,
    /// Where DNS listens
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:5300")]
    listen: SocketAddr,
    /// What the node logs to standard error: error, warn, info, debug, trace, or a filter
    #[arg(long, value_name = "LEVEL", env = "PHAROS_LOG", default_value = "off", value_parser = super::log::filter)]
    log_level: Filter,
}

pub(crate) fn run(args: &Args) -> Exit {
    let log = log::start(Format::Text, &args.log_level);
    match demo::run(&Options { script: args.script, listen: args.listen }) {
        Ok(demo::Outcome::Done) => Exit::Done,
        Ok(demo::Outcome::Late) => Exit::No,
        Err(DemoError::Node(error)) => {
            explain(&error, &log);
            Exit::No
        }
        Err(error) => {
            complain(&error.to_string());
            Exit::No
        }
    }
}
