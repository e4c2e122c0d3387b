//! `sim completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::output;

/// Print the completion script of a shell
#[derive(Args)]
#[command(after_help = "Example:
  sim completions bash > ~/.local/share/bash-completion/completions/sim")]
pub struct Options {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run<C: CommandFactory>(options: &Options) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut C::command(), "sim", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}
