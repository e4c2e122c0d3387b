//! `sim train-user-model`.

use clap::Args;
use listening_data::Progress;
use listening_models::device_name;

use super::train_user_state::CommonOptions;
use crate::config::UserModelKind;
use crate::output;
use crate::pipeline::{PreparedLogs, threads};
use crate::tables::{Columns, count, section};

/// Train models of how listeners respond to a track
///
/// A user model foretells the responses to a track: complete, skip, past the threshold, and whether the session ends. cwm
/// looks at listener, context and track; swm also at what happened in the session so far. They are trained on the training
/// sessions until the loss on the validation sessions no longer falls, and calibrated on these; what is missing on the way
/// is made. With user_model.members above 1 a model is an ensemble of as many that were trained apart: the loss shown is the
/// mean of theirs. Results lie under artifacts/, where `sim evaluate-user-model` and `sim train-agent` find them.
#[derive(Args)]
#[command(after_help = "Example:
  sim train-user-model --config configs/demo.toml
  sim train-user-model --model swm --seeds 5 --dataset datasets/mine")]
pub struct Options {
    /// The models, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [UserModelKind::Cwm, UserModelKind::Swm])]
    model: Vec<UserModelKind>,
    /// Number of seeds, counted from --seed on
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    #[command(flatten)]
    common: CommonOptions,
}

/// Trains, and says where the results lie.
pub fn run(options: &Options, progress: &dyn Progress) -> anyhow::Result<()> {
    let config = options.common.load()?;
    let logs = PreparedLogs::open(&config, &mut Vec::new(), progress)?;
    eprintln!("device: {}, threads: {}", device_name(logs.device), threads(&config));
    let models = logs.user_models(&config);
    let mut table = Columns::new(["model", "seed", "parameters", "plays", "validation loss", "folder"]);
    for &kind in &options.model {
        for seed in config.seed..config.seed + options.seeds {
            let trained = models.train(kind, config.user_model.users, seed, &mut Vec::new(), progress)?;
            let members = &trained.report.training;
            let losses: Option<Vec<f64>> = members
                .iter()
                .map(|report| report.validation_loss.get(report.best_validation.max(1) - 1).copied())
                .collect();
            let loss = losses.map(|losses| losses.iter().sum::<f64>() / losses.len() as f64);
            table.add([
                kind.name().to_owned(),
                seed.to_string(),
                count(members.iter().map(|report| report.parameters).sum()),
                count(members.first().map_or(0, |report| report.plays)),
                loss.map_or_else(|| "-".to_owned(), |loss| format!("{loss:.4}")),
                trained.folder.display().to_string(),
            ]);
        }
    }
    output::print(&section("User models (sum over the heads of the log loss on the validation sessions)", table))
}
