//! `sim`: the command line of the playlist simulator. One file per command, in `commands/`; no algorithms here.

mod commands;
mod config;
mod failure;
mod interrupt;
mod output;
mod pipeline;
mod progress;
mod tables;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::progress::TerminalProgress;

/// From listening logs to a trained and evaluated playlist policy.
///
/// `sim train-agent` goes the whole way: from logs, or from made-up listeners, to a trained agent. `sim evaluate-policy`
/// compares it with other policies, `sim generate-playlist` shows what it plays. `sim import` and `sim synthesize` make
/// a dataset alone, `sim inspect` shows what is in it, `sim calibrate-listeners` makes made-up listeners resemble it, and
/// `sim train-embeddings` learns track vectors from it.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage or config, 130 interrupted.
#[derive(Parser)]
#[command(
    name = "sim",
    version,
    max_term_width = 100,
    after_help = "Example:
  sim train-agent --config configs/demo.toml
  sim evaluate-policy --run runs/demo"
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
    CalibrateListeners(commands::calibrate_listeners::Options),
    TrainEmbeddings(commands::train_embeddings::Options),
    TrainUserState(commands::train_user_state::Options),
    EvaluateUserState(commands::evaluate_user_state::Options),
    TrainUserModel(commands::train_user_model::Options),
    EvaluateUserModel(commands::evaluate_user_model::Options),
    TrainAgent(commands::train_agent::Options),
    EvaluatePolicy(commands::evaluate_policy::Options),
    ValidateSimulator(commands::validate_simulator::Options),
    EvaluateEstimators(commands::evaluate_estimators::Options),
    GeneratePlaylist(commands::generate_playlist::Options),
    Bench(commands::bench::Options),
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
        Command::CalibrateListeners(options) => commands::calibrate_listeners::run(options, &progress),
        Command::TrainEmbeddings(options) => commands::train_embeddings::run(options, &progress),
        Command::TrainUserState(options) => commands::train_user_state::run(options, &progress),
        Command::EvaluateUserState(options) => commands::evaluate_user_state::run(options, &progress),
        Command::TrainUserModel(options) => commands::train_user_model::run(options, &progress),
        Command::EvaluateUserModel(options) => commands::evaluate_user_model::run(options, &progress),
        Command::TrainAgent(options) => commands::train_agent::run(options, &progress),
        Command::EvaluatePolicy(options) => commands::evaluate_policy::run(options, &progress),
        Command::EvaluateEstimators(options) => commands::evaluate_estimators::run(options, &progress),
        Command::ValidateSimulator(options) => commands::validate_simulator::run(options, &progress),
        Command::GeneratePlaylist(options) => commands::generate_playlist::run(options, &progress),
        Command::Bench(options) => commands::bench::run(options, &progress),
        Command::ShowConfig(options) => commands::show_config::run(options),
        Command::Completions(options) => commands::completions::run::<Cli>(options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
