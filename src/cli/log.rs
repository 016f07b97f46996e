//! The options that say what is logged and how.

use clap::ValueEnum;

use crate::telemetry::log::{Filter, Format, Log};

#[derive(Debug, clap::Args)]
pub(crate) struct LogArgs {
    /// How log lines are written to standard error
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Shape::Text)]
    log_format: Shape,
    /// What is logged: error, warn, info, debug, trace, or a filter like info,pharos::probe=debug
    #[arg(long, value_name = "LEVEL", env = "PHAROS_LOG", default_value = "info", value_parser = filter)]
    log_level: Filter,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shape {
    /// For people and the journal
    Text,
    /// One JSON object per line
    Json,
}

pub(super) fn filter(text: &str) -> Result<Filter, String> {
    Filter::parse(text).map_err(|error| error.to_string())
}

impl LogArgs {
    /// Begins logging; the first call of the process wins.
    pub(crate) fn start(&self) -> Log {
        let format = match self.log_format {
            Shape::Text => Format::Text,
            Shape::Json => Format::Json,
        };
        crate::telemetry::log::start(format, &self.log_level)
    }

    /// Whether standard error is read by a program.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self.log_format, Shape::Json)
    }
}
