//! `sim inspect`.

mod report;

use std::path::PathBuf;

use clap::Args;
use listening_data::{Dataset, Manifest, Progress, inspect};

use crate::output;

/// Say what a dataset looks like
///
/// Counts and dates, sessions per user, session lengths, response shares overall, by position and by context, repeats,
/// popularity and skip streaks.
#[derive(Args)]
#[command(after_help = "Example:
  sim inspect datasets/demo
  sim inspect datasets/demo --json > demo.json")]
pub struct Options {
    /// Folder of a dataset that `sim import` or `sim synthesize` has made
    dataset: PathBuf,
    /// Print all of it as JSON, with every position and the dataset's origin
    #[arg(long)]
    json: bool,
}

/// Reads the dataset once and describes it.
pub fn run(options: &Options, progress: &dyn Progress) -> anyhow::Result<()> {
    let dataset = Dataset::open(&options.dataset)?;
    let summary = inspect(&dataset, progress)?;
    if !options.json {
        return output::print(&report::describe(dataset.manifest(), &summary));
    }
    let Manifest { fingerprint, source, .. } = dataset.manifest();
    let description = serde_json::json!({ "fingerprint": fingerprint, "source": source, "summary": summary });
    output::print(&serde_json::to_string_pretty(&description)?)
}
