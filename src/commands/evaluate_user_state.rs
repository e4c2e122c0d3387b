//! `sim evaluate-user-state`.

mod analyses;
mod horizon;
mod next_track;
mod sessions;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use listening_data::{Progress, write_atomically};
use listening_models::user_state::{Foreteller, Watched};
use serde::Serialize;

use super::train_user_state::CommonOptions;
use crate::config::{Config, UserStateModel};
use crate::failure::UsageError;
use crate::output;
use crate::pipeline::ListeningHistories;

/// Compare user states and their baselines on held-out listening
///
/// Measures each model on the test sessions, after training with each seed; what is not trained yet is trained. Tables
/// show means over seeds with their spread, and differences paired by listener with 95 % intervals. The results go to
/// --out as JSON too. What is measured: docs/models/.
#[derive(Args)]
#[command(after_help = "Example:
  sim evaluate-user-state --dataset datasets/mine --out results/user-states
  sim evaluate-user-state --task next-track --model fs-vae,average,popularity --seeds 5 --out results/fs-vae
  sim evaluate-user-state --task sessions --seeds 5 --out results/cosernn
  sim evaluate-user-state --task analyses --out results/analyses")]
pub struct Options {
    /// What is measured
    #[arg(long, value_enum, default_value_t = Task::NextTrack)]
    task: Task,
    /// The models, separated by commas, the one to compare the others with first; else all of the task
    #[arg(long, value_enum, value_delimiter = ',')]
    model: Vec<UserStateModel>,
    /// Number of seeds, counted from --seed on
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Folder for the results
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    #[command(flatten)]
    common: CommonOptions,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Task {
    /// The next track: distance of the vector foretold, and the track's rank among all (FS-VAE)
    NextTrack,
    /// Rankings of sessions and of tracks at the start of a session, by context (CoSeRNN)
    Sessions,
    /// Precision of retrieval over the next plays, near and far (taste vectors)
    Horizon,
    /// What the vectors look like: pictures in one HTML page (CoSeRNN, FS-VAE)
    Analyses,
}

/// Measures, prints, and writes the results.
pub fn run(options: &Options, progress: &dyn Progress) -> anyhow::Result<()> {
    let mixed = |model: &&UserStateModel| model.foretells_sessions() != (options.task == Task::Sessions);
    if let Some(model) = options.model.iter().find(mixed).filter(|_| options.task != Task::Analyses) {
        let kind =
            if model.foretells_sessions() { "sessions, and the task plays" } else { "plays, and the task sessions" };
        let problem = format!("--model: {} foretells {kind}; choose other models or another --task", model.name());
        return Err(UsageError(problem).into());
    }
    let config = options.common.load()?;
    let mut notes = Vec::new();
    let histories = ListeningHistories::open(&config, &mut notes, progress)?;
    fs::create_dir_all(&options.out).with_context(|| format!("cannot create {}", options.out.display()))?;
    let seeds = (config.seed..config.seed + options.seeds).collect();
    let bench = Bench { config: &config, histories: &histories, seeds, out: &options.out, progress };
    let models = |all: &[UserStateModel]| if options.model.is_empty() { all.to_vec() } else { options.model.clone() };
    let text = match options.task {
        Task::NextTrack => next_track::run(&bench, &models(next_track::MODELS))?,
        Task::Sessions => sessions::run(&bench, &models(sessions::MODELS))?,
        Task::Horizon => horizon::run(&bench, &models(horizon::MODELS))?,
        Task::Analyses => analyses::run(&bench, &models(analyses::MODELS))?,
    };
    output::print(&format!("{text}The results lie in {}\n", options.out.display()))
}

/// What the tasks measure with.
struct Bench<'a> {
    config: &'a Config,
    histories: &'a ListeningHistories,
    seeds: Vec<u64>,
    /// Folder for the results.
    out: &'a Path,
    progress: &'a dyn Progress,
}

impl Bench<'_> {
    /// Measures a model after training with a seed.
    fn measure<R>(
        &self,
        model: UserStateModel,
        seed: u64,
        measure: impl FnOnce(&dyn Foreteller) -> anyhow::Result<R>,
    ) -> anyhow::Result<R> {
        let (histories, progress) = (self.histories, self.progress);
        let name = match model.depends_on_seed() {
            true => format!("{} (seed {seed})", model.name()),
            false => model.name(),
        };
        histories.with_foreteller(self.config, model, seed, &mut Vec::new(), progress, |foreteller| {
            measure(&Watched {
                foreteller,
                name: &name,
                over_sessions: model.foretells_sessions(),
                histories: &histories.histories,
                vectors: histories.vectors(),
                progress,
            })
        })
    }

    /// Measures a model after training with each seed; but once where seeds change nothing.
    fn measure_each_seed<R: Clone>(
        &self,
        model: UserStateModel,
        mut measure: impl FnMut(&dyn Foreteller) -> anyhow::Result<R>,
    ) -> anyhow::Result<Vec<R>> {
        if let Some(&seed) = self.seeds.first().filter(|_| !model.depends_on_seed()) {
            return Ok(vec![self.measure(model, seed, measure)?; self.seeds.len()]);
        }
        self.seeds.iter().map(|&seed| self.measure(model, seed, &mut measure)).collect()
    }

    /// Writes a result as JSON.
    fn write_json(&self, name: &str, result: &impl Serialize) -> anyhow::Result<()> {
        Ok(write_atomically(self.out.join(name), serde_json::to_string_pretty(result)?.as_bytes())?)
    }
}

/// Mean over seeds, with the standard deviation where there are several.
fn over_seeds(values: impl Iterator<Item = f64>, digits: usize) -> String {
    let values: Vec<f64> = values.collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count.max(1.0);
    if values.len() < 2 {
        return format!("{mean:.digits$}");
    }
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    format!("{mean:.digits$} ({:.digits$})", variance.sqrt())
}
