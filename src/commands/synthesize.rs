//! `sim synthesize`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use listening_data::{Progress, SyntheticFormat, synthesize, synthesize_log};

use crate::config::{Config, ConfigArguments};
use crate::output;
use crate::tables::{Pairs, count};

/// Make a dataset, or a log in another format, of synthetic listeners
///
/// Their catalog, tastes and responses follow known laws (docs/synthetic-listeners.md), so that what is learnt from
/// their log can be compared with how they really respond. The same settings and seed give the same dataset. The
/// defaults make 1,500 listeners and about 330,000 plays; the keys lie under `data.synthetic`.
///
/// The dataset lies in the folder --out, which must not exist yet. With --format the folder holds the files of that
/// format instead, as `sim import` reads them: for tests of speed and memory, and to see what a format can carry.
#[derive(Args)]
#[command(after_help = "Example:
  sim synthesize --out datasets/demo
  sim synthesize --out datasets/small --set data.synthetic.size.users=300 --seed 7
  sim synthesize --format mssd --config configs/mssd-listeners.toml --out logs/mssd")]
pub struct Options {
    /// Folder of the new dataset
    #[arg(long, value_name = "DATASET")]
    out: PathBuf,
    /// Format of the log, instead of a dataset
    #[arg(long, value_name = "FORMAT", value_parser = format_of())]
    format: Option<String>,
    #[command(flatten)]
    config: ConfigArguments,
}

fn format_of() -> PossibleValuesParser {
    PossibleValuesParser::new(SyntheticFormat::ALL.iter().map(|format| format.name()))
}

/// Writes the dataset and says what it holds.
pub fn run(options: &Options, progress: &dyn Progress) -> anyhow::Result<()> {
    let config = options.config.load()?;
    if let Some(format) = options.format.as_deref().and_then(SyntheticFormat::from_name) {
        return log(options, &config, format, progress);
    }
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

/// Writes a log in one of the formats that `sim import` reads.
fn log(options: &Options, config: &Config, format: SyntheticFormat, progress: &dyn Progress) -> anyhow::Result<()> {
    let data = &config.data;
    let log = synthesize_log(format, &data.synthetic, &data.rules, config.seed, &options.out, progress)?;
    let mut pairs = Pairs::new();
    pairs.add("users", count(log.users));
    pairs.add("sessions", count(log.sessions));
    pairs.add("plays", count(log.plays));
    pairs.add("seed", config.seed.to_string());
    let (path, name) = (options.out.display(), format.name());
    output::print(&format!("{pairs}\n\nThe log lies in {path}. Import it: sim import {name} {path} --out DATASET"))
}
