//! `sim synthesize`.

use std::path::PathBuf;

use clap::Args;
use listening_data::{Progress, synthesize};

use crate::config::ConfigArguments;
use crate::output;
use crate::tables::{Pairs, count};

/// Make a dataset of synthetic listeners
///
/// Their catalog, tastes and responses follow known laws (docs/synthetic-listeners.md), so that what is learnt from
/// their log can be compared with how they really respond. The same settings and seed give the same dataset. The
/// defaults make 1,500 listeners and about 330,000 plays; the keys lie under `data.synthetic`.
///
/// The dataset lies in the folder --out, which must not exist yet.
#[derive(Args)]
#[command(after_help = "Example:
  sim synthesize --out datasets/demo
  sim synthesize --out datasets/small --set data.synthetic.size.users=300 --seed 7")]
pub struct Options {
    /// Folder of the new dataset
    #[arg(long, value_name = "DATASET")]
    out: PathBuf,
    #[command(flatten)]
    config: ConfigArguments,
}

/// Writes the dataset and says what it holds.
pub fn run(options: &Options, progress: &dyn Progress) -> anyhow::Result<()> {
    let config = options.config.load()?;
    let manifest = synthesize(&config.data.synthetic, &config.data.rules, config.seed, &options.out, progress)?;
    let mut pairs = Pairs::new();
    pairs.add("users", count(manifest.users));
    pairs.add("tracks", count(manifest.tracks));
    pairs.add("sessions", count(manifest.sessions));
    pairs.add("plays", count(manifest.plays));
    pairs.add("seed", config.seed.to_string());
    pairs.add("fingerprint", manifest.fingerprint);
    let path = options.out.display();
    output::print(&format!("{pairs}\n\nThe dataset lies in {path}. Look at it: sim inspect {path}"))
}
