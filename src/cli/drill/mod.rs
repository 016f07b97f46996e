//! `pharos drill`.

mod begin;
mod list;
mod report;
mod show;
mod stop;

use clap::Subcommand;

use super::{Exit, ended};

const EXAMPLES: &str = "\
For example:
  pharos drill --region us-east --for 2m --rto 60s --reason \"monthly drill\"";

/// Fail a region on purpose, measure how fast the answers move, and restore it
///
/// The checks of the region are made to fail in the node; the application is not touched. Ctrl-C restores the
/// region at once. Ends with 0 when the target was met or none was given, with 1 when it was missed or the
/// drill was cut short.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    begin: begin::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Show(show::Args),
    Stop(stop::Args),
}

pub(crate) fn run(args: &Args) -> Exit {
    ended(match &args.command {
        Some(Command::List(args)) => list::run(args),
        Some(Command::Show(args)) => show::run(args),
        Some(Command::Stop(args)) => stop::run(args),
        None => begin::run(&args.begin),
    })
}
