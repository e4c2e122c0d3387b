//! `sim train-user-state`.

use std::path::PathBuf;

use clap::Args;
use listening_data::Progress;
use listening_models::device_name;

use crate::config::{ConfigArguments, Override, UserStateModel};
use crate::output;
use crate::pipeline::{ListeningHistories, threads};
use crate::tables::{Columns, count, section};

/// Train models that say in one vector what a listener wants now
///
/// Trains each model with each seed on the training sessions of a dataset, until the loss on the validation sessions no
/// longer falls; makes what is missing on the way (dataset, track embeddings, histories). Results lie under artifacts/,
/// where `sim evaluate-user-state` and `sim train-agent` find them: weights as safetensors, losses in metrics.json and as
/// TensorBoard events. Ctrl-C keeps a checkpoint, and the same command goes on from it. What the models are:
/// docs/models/.
#[derive(Args)]
#[command(after_help = "Example:
  sim train-user-state --model fs-vae --dataset datasets/mine
  sim train-user-state --model fs-vae,vanilla-rnn --seeds 5 --config configs/demo.toml")]
pub struct Options {
    /// The models, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', required = true)]
    model: Vec<UserStateModel>,
    /// Number of seeds, counted from --seed on
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    #[command(flatten)]
    common: CommonOptions,
}

/// Options of the commands of user states.
#[derive(Args)]
pub struct CommonOptions {
    /// Dataset made by `sim import` or `sim synthesize` (key `data.paths`); else what the config says
    #[arg(long, value_name = "DATASET")]
    dataset: Option<PathBuf>,
    /// Where networks run: auto, cpu, cuda or cuda:NUMBER (key `device`)
    #[arg(long)]
    device: Option<String>,
    /// Threads; 0 for as many as there are cores (key `threads`)
    #[arg(long)]
    threads: Option<u32>,
    #[command(flatten)]
    config: ConfigArguments,
}

impl CommonOptions {
    /// The effective config, checked.
    pub fn load(&self) -> anyhow::Result<crate::config::Config> {
        let mut overrides = Vec::new();
        if let Some(dataset) = &self.dataset {
            overrides.push(Override::option("data.source", "dataset"));
            overrides.push(Override::option("data.paths", vec![dataset.to_string_lossy().into_owned()]));
        }
        overrides.extend(self.device.as_ref().map(|device| Override::option("device", device.as_str())));
        overrides.extend(self.threads.map(|threads| Override::option("threads", i64::from(threads))));
        self.config.load_with(&overrides)
    }
}

/// Trains, and says where the results lie.
pub fn run(options: &Options, progress: &dyn Progress) -> anyhow::Result<()> {
    let config = options.common.load()?;
    let mut notes = Vec::new();
    let histories = ListeningHistories::open(&config, &mut notes, progress)?;
    eprintln!("device: {}, threads: {}", device_name(histories.device), threads(&config));
    let mut table =
        Columns::new(["model", "seed", "parameters", "epochs", "training loss", "validation loss", "folder"]);
    for &model in &options.model {
        for seed in config.seed..config.seed + options.seeds {
            let Some(trained) = histories.train(&config, model, seed, &mut notes, progress)? else {
                eprintln!("{} has nothing to train", model.name());
                break;
            };
            let report = &trained.report;
            let best = report.best_epoch.max(1) - 1;
            let loss = |losses: &[f64]| losses.get(best).map_or_else(|| "-".to_owned(), |loss| format!("{loss:.4}"));
            table.add([
                model.name(),
                seed.to_string(),
                count(report.parameters),
                format!("{} of {}", report.best_epoch, report.validation_loss.len()),
                loss(&report.training_loss),
                loss(&report.validation_loss),
                trained.folder.display().to_string(),
            ]);
        }
    }
    output::print(&section("User states (losses at the epoch that was kept)", table))
}
