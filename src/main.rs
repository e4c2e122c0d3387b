//! `sim`: the command line of the playlist simulator. One file per command, in `commands/`; no algorithms here.

mod commands;
mod config;
mod failure;
mod interrupt;
mod output;
mod progress;
mod tables;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::progress::TerminalProgress;

/// From listening logs to a trained and evaluated playlist policy.
///
/// Make a dataset with `sim import` from your own streaming history, or with `sim synthesize` from made-up listeners,
/// and look at it with `sim inspect`.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage or config, 130 interrupted.
#[derive(Parser)]
#[command(
    name = "sim",
    version,
    max_term_width = 100,
    after_help = "Example:
  sim synthesize --out datasets/demo
  sim inspect datasets/demo"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Show no progress, only results and errors
    #[arg(long, short, global = true, display_order = 900)]
    quiet: bool,
}

/// The commands, in the order in which they are used. A new one is a file in `commands/`, a line here and one in
/// `main`.
#[derive(Subcommand)]
enum Command {
    #[command(subcommand)]
    Import(commands::import::Source),
    Synthesize(commands::synthesize::Options),
    Inspect(commands::inspect::Options),
    ShowConfig(commands::show_config::Options),
    Completions(commands::completions::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    interrupt::install();
    let progress = TerminalProgress::new(cli.quiet);
    let outcome = match &cli.command {
        Command::Import(source) => commands::import::run(source, &progress),
        Command::Synthesize(options) => commands::synthesize::run(options, &progress),
        Command::Inspect(options) => commands::inspect::run(options, &progress),
        Command::ShowConfig(options) => commands::show_config::run(options),
        Command::Completions(options) => commands::completions::run::<Cli>(options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
