//! Commands, one per file. Each returns how it ended; nothing here exits by itself.

mod author;
mod check;
mod client;
mod completions;
mod demo;
mod drill;
mod events;
mod explain;
mod failback;
mod length;
mod log;
mod notify;
mod override_;
mod paint;
mod reload;
mod serve;
mod shape;
mod status;
mod target;
mod view;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("PHAROS_TARGET"), ")");

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  the answer is no: errors were found, the node refused or could not start, a drill missed its target
  2  the command line is wrong
  3  the node cannot be reached";

/// An authoritative DNS server that answers with a healthy region.
///
/// It probes the endpoints of each region all the time and answers A and AAAA with one that works.
/// Begin with `pharos demo`: it needs no files and no rights.
#[derive(Debug, Parser)]
#[command(name = "pharos", version = VERSION, after_help = AFTER_HELP, max_term_width = 100)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Check(check::Args),
    Status(status::Args),
    Explain(explain::Args),
    Override(override_::Args),
    Failback(failback::Args),
    Reload(reload::Args),
    Events(events::Args),
    Drill(drill::Args),
    Notify(notify::Args),
    Demo(demo::Args),
    Completions(completions::Args),
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was told.
    Done,
    /// The answer is no.
    No,
    /// The command line is wrong, which showed only later.
    Usage,
    /// The node cannot be reached.
    Unreachable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
        })
    }
}

/// Reads the command line and does what it says. A wrong one ends the process with 2.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Override(args) => override_::run(&args),
        Command::Failback(args) => failback::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Events(args) => events::run(&args),
        Command::Drill(args) => drill::run(&args),
        Command::Notify(args) => notify::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Completions(args) => completions::run(&args),
    }
    .into()
}

/// How a command that talks to a node ended, told where it could not be done.
fn ended(result: Result<Exit, client::Fault>) -> Exit {
    result.unwrap_or_else(|fault| {
        complain(&fault.to_string());
        fault.exit()
    })
}

/// Writes to standard output. A reader that went away (`pharos check | head`) is no failure.
pub(crate) fn print(text: &str) -> Exit {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!("cannot write to standard output: {error}"));
            Exit::No
        }
        _ => Exit::Done,
    }
}

/// Writes one complaint to standard error, where nothing can be done if that fails.
pub(crate) fn complain(text: &str) {
    complain_raw(&format!("pharos: {text}\n"));
}

/// Writes text to standard error as it is.
pub(crate) fn complain_raw(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
