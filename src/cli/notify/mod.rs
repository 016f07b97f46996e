//! `pharos notify`.

mod list;
mod test;

use clap::Subcommand;

use super::{Exit, ended};

const EXAMPLES: &str = "\
For example:
  pharos notify list
  pharos notify test ops";

/// Show where events are sent, and try it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Test(test::Args),
}

pub(crate) fn run(args: &Args) -> Exit {
    ended(match &args.command {
        Command::List(args) => list::run(args),
        Command::Test(args) => test::run(args),
    })
}
