//! `sim inspect`.

use std::path::PathBuf;

use clap::Args;
use listening_data::{Dataset, Progress, inspect};

use crate::output;

/// Say what a dataset looks like
///
/// Counts and dates, sessions per user, session lengths, response shares overall, by position and by context, repeats,
/// popularity and skip streaks.
///
/// Example:
///   sim inspect datasets/demo
///   sim inspect datasets/demo --json > demo.json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    /// Folder of a dataset that `sim import` or `sim synthesize` has made
    dataset: PathBuf,
    /// Print JSON, with more groups than the tables show
    #[arg(long)]
    json: bool,
}

/// Reads the dataset once and describes it.
pub fn run(options: &Options, progress: &dyn Progress) -> anyhow::Result<()> {
    let dataset = Dataset::open(&options.dataset)?;
    let summary = inspect(&dataset, progress)?;
    output::print(&serde_json::to_string_pretty(&summary)?)
}
