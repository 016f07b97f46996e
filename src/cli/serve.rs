//! `pharos serve`.

use std::path::PathBuf;

use super::Exit;
use super::log::LogArgs;
use super::paint::Paint;
use crate::app::{self, AppError};
use crate::telemetry::log::Log;

/// Run the node
///
/// Loads the zones, checks every endpoint once, and then answers. SIGHUP or a changed file loads the
/// zones again, all or nothing; SIGTERM ends the node once what was asked is answered.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    log: LogArgs,
}

/// Where the configuration is.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArg {
    /// The node's file; its zones lie in the folder it names
    #[arg(
        long = "config",
        short = 'c',
        value_name = "FILE",
        env = "PHAROS_CONFIG",
        default_value = "/etc/pharos/pharos.toml"
    )]
    pub(crate) path: PathBuf,
}

pub(crate) fn run(args: &Args) -> Exit {
    let log = args.log.start();
    match app::run(&args.config.path) {
        Ok(()) => Exit::Done,
        Err(error) if args.log.is_json() => {
            app::log_error(&error);
            Exit::No
        }
        Err(error) => {
            explain(&error, &log);
            Exit::No
        }
    }
}

/// Says why a node did not start, or ended: diagnostics as `pharos check` prints them.
pub(crate) fn explain(error: &AppError, log: &Log) {
    let mut text = match error {
        AppError::Config(diagnostics) => super::check::listing(diagnostics, Paint::stderr()),
        _ => String::new(),
    };
    text.push_str(&format!("pharos: {}\n", error.chain()));
    log.last_words(&text);
}
