//! `pharos completions SHELL`.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::{Cli, Exit, print};

/// Print the completions of a shell
///
/// For example: pharos completions bash > /etc/bash_completion.d/pharos
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Which shell
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Exit {
    let mut text = Vec::new();
    generate(args.shell, &mut Cli::command(), "pharos", &mut text);
    print(&String::from_utf8_lossy(&text))
}
