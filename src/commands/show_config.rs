//! `sim show-config`.

use clap::Args;

use crate::config::RunArguments;
use crate::output;

/// Print the effective config: every key with its value
///
/// The keys come from the defaults, then the file, then --set. The result is a TOML file that can be given back with
/// --config.
#[derive(Args)]
#[command(after_help = "Example:
  sim show-config > my.toml
  sim show-config --config my.toml --set embeddings.cbow.dimension=32")]
pub struct Options {
    #[command(flatten)]
    arguments: RunArguments,
}

/// Prints the config.
pub fn run(options: &Options) -> anyhow::Result<()> {
    output::print(&options.arguments.load()?.to_toml()?)
}
