//! `sim calibrate-listeners`.

mod report;

use std::path::PathBuf;

use clap::Args;
use listening_data::{
    CalibrationSettings, CalibrationTarget, Dataset, Progress, calibrate_listeners, synthetic_marginals,
    write_atomically,
};

use self::report::{Check, fitted_config};
use crate::config::ConfigArguments;
use crate::failure::UsageError;
use crate::output;

/// Fit synthetic listeners to a real log
///
/// Measures how long the sessions of a log are, how often and where in them listeners skip, how skips cling together, what
/// is played again and how plays spread over tracks; then tries settings of the synthetic listeners in small worlds, until
/// these resemble the log. What a log does not tell is not fitted.
///
/// Prints real and synthetic figures side by side, with the distance of each marginal before and after: total variation
/// (TV), or Kolmogorov-Smirnov (KS) where values have an order; 0 is equal, 1 is disjoint. They are those of a world of
/// the config's size whose seed the fit has not seen. The column `chance` is the distance of two such worlds that differ by
/// their seed alone. The fitted settings go to --out, as a config.
#[derive(Args)]
#[command(after_help = "Example:
  sim calibrate-listeners --dataset datasets/mine --out mine.toml
  sim calibrate-listeners --mssd-marginals mssd-marginals --out mssd.toml --evaluations 1000
  sim synthesize --config mine.toml --out datasets/like-mine")]
pub struct Options {
    #[command(flatten)]
    target: Target,
    /// File for the fitted config, which must not exist yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Listeners in the worlds that are tried
    #[arg(long, default_value_t = CalibrationSettings::default().users, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    users: u32,
    /// Days in the worlds that are tried
    #[arg(long, default_value_t = CalibrationSettings::default().days, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    days: u32,
    /// Worlds that are tried at most
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    evaluations: u32,
    #[command(flatten)]
    config: ConfigArguments,
}

/// The real log.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// Folder of a dataset of real listeners, as `sim import` makes it
    #[arg(long, value_name = "DATASET")]
    dataset: Option<PathBuf>,
    /// Folder of counts of the Music Streaming Sessions Dataset, `value count` per line: session_lengths.txt,
    /// reason_end.txt, track_counts.txt, track_skips.txt, or some of them
    #[arg(long, value_name = "FOLDER")]
    mssd_marginals: Option<PathBuf>,
}

impl Target {
    fn read(&self, progress: &dyn Progress) -> anyhow::Result<CalibrationTarget> {
        Ok(match (&self.dataset, &self.mssd_marginals) {
            (Some(dataset), _) => CalibrationTarget::of_dataset(&Dataset::open(dataset)?, progress)?,
            (None, Some(folder)) => CalibrationTarget::of_mssd_counts(folder)?,
            // The parser asks for one of them.
            (None, None) => return Err(UsageError("name --dataset or --mssd-marginals".into()).into()),
        })
    }
}

/// Measures, fits, checks in a larger world, and writes the config.
pub fn run(options: &Options, progress: &dyn Progress) -> anyhow::Result<()> {
    let out = options.out.display();
    if options.out.exists() {
        return Err(UsageError(format!("--out: {out} exists already; remove it, or name another file")).into());
    }
    let config = options.config.load()?;
    let target = options.target.read(progress)?;
    let settings = CalibrationSettings {
        users: options.users,
        days: options.days,
        evaluations: options.evaluations as usize,
        seed: config.seed,
    };
    let (start, rules) = (&config.data.synthetic, &config.data.rules);
    let fit = calibrate_listeners(start, rules, &target, &settings, progress)?;
    // No seed of the check is that of the fit.
    let check =
        |config, step| synthetic_marginals(config, rules, target.protocol, settings.seed.wrapping_add(step), progress);
    let check = Check {
        real: &target.marginals,
        start: check(start, 1)?,
        fitted: check(&fit.config, 1)?,
        again: check(&fit.config, 2)?,
    };
    let text = fitted_config(&options.out, &fit, &check)?;
    write_atomically(&options.out, text.as_bytes())?;
    output::print(&format!(
        "{check}{}Worlds of {} listeners over {} days with seed {}; the fit had {} over {} days with seed {}.\n\
         The config lies in {out}. Use it: sim synthesize --config {out} --out DATASET",
        report::parameters(&fit),
        start.size.users,
        start.size.days,
        settings.seed.wrapping_add(1),
        settings.users,
        settings.days,
        settings.seed,
    ))
}
