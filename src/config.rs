//! The config: what a run is made from. One TOML file holds all of it; every key has a default.
//!
//! To add a section, add its field below; the compiler then asks for its default and its check. Sections hold no
//! `Option`: TOML cannot say "none", and an absent key could not be told from an unknown one. Use an empty text or 0.

mod arguments;
mod embeddings;
mod keys;
mod load;
mod sections;
mod user_states;

use std::path::PathBuf;

use listening_models::{PrepareSettings, SplitShares};
use playlist_agents::{AgentSettings, EvaluateSettings, TrainSettings};
use playlist_envs::WorldSettings;
use serde::{Deserialize, Serialize};

pub use self::arguments::{ConfigArguments, RunArguments};
pub use self::embeddings::{EmbeddingMethod, EmbeddingsConfig};
pub use self::load::Override;
pub use self::sections::{DataConfig, DataSource, UserModelConfig, UserModelKind};
pub use self::user_states::{UserStateConfig, UserStateModel};
use crate::failure::UsageError;

/// The effective config of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Name of the run: its results lie in `<runs>/<name>`.
    pub name: String,
    /// Seed of every random draw: the same config and seed give the same run.
    pub seed: u64,
    /// Where networks run: auto, cpu, cuda or cuda:NUMBER.
    pub device: String,
    /// Threads; 0 for as many as there are cores. Changes the speed, never the results.
    pub threads: usize,
    /// Where the folders of runs lie.
    pub runs: PathBuf,
    /// Where datasets and models made on the way lie; they are reused by their fingerprints.
    pub artifacts: PathBuf,
    /// The listening data.
    pub data: DataConfig,
    /// Which sessions are held out.
    pub splits: SplitShares,
    /// Track embeddings.
    pub embeddings: EmbeddingsConfig,
    /// User states.
    pub user_state: UserStateConfig,
    /// Session starts and candidates that are kept.
    pub features: PrepareSettings,
    /// The user-response model.
    pub user_model: UserModelConfig,
    /// The simulated world.
    pub world: WorldSettings,
    /// The agent.
    pub agent: AgentSettings,
    /// Its training.
    pub train: TrainSettings,
    /// The comparison of policies.
    pub evaluate: EvaluateSettings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "run".into(),
            seed: 1,
            device: "auto".into(),
            threads: 0,
            runs: "runs".into(),
            artifacts: "artifacts".into(),
            data: DataConfig::default(),
            splits: SplitShares::default(),
            embeddings: EmbeddingsConfig::default(),
            user_state: UserStateConfig::default(),
            features: PrepareSettings::default(),
            user_model: UserModelConfig::default(),
            world: WorldSettings::default(),
            agent: AgentSettings::default(),
            train: TrainSettings::default(),
            evaluate: EvaluateSettings::default(),
        }
    }
}

impl Config {
    /// Refuses settings that make no sense, each by the full name of its key.
    pub fn validate(&self) -> anyhow::Result<()> {
        // Taken apart by name, so that no section can be forgotten.
        let Self {
            name,
            seed,
            device,
            threads: _,
            runs: _,
            artifacts: _,
            data,
            splits,
            embeddings,
            user_state,
            features,
            user_model,
            world,
            agent,
            train,
            evaluate,
        } = self;
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\']) {
            let problem = format!("name: must be usable as the name of a folder, found `{name}`");
            return Err(UsageError(problem).into());
        }
        if i64::try_from(*seed).is_err() {
            // TOML's integers have 63 bits and a sign.
            return Err(UsageError(format!("seed: must be at most {}, found {seed}", i64::MAX)).into());
        }
        let cuda_number = device.strip_prefix("cuda:").and_then(|number| number.parse::<u8>().ok());
        if !matches!(device.as_str(), "auto" | "cpu" | "cuda") && cuda_number.is_none() {
            let problem = format!("device: expected auto, cpu, cuda or cuda:<number>, found `{device}`");
            return Err(UsageError(problem).into());
        }
        data.validate()?;
        splits.validate()?;
        embeddings.validate()?;
        user_state.validate()?;
        features.validate()?;
        user_model.validate()?;
        world.validate()?;
        let candidates = listening_models::SOURCES.len() * features.candidates_per_source;
        if world.pool.max_size > candidates {
            let found = world.pool.max_size;
            return Err(UsageError(format!(
                "world.pool.max_size: a session start has {candidates} candidates, found {found}; raise \
                 features.candidates_per_source"
            ))
            .into());
        }
        if *seed == evaluate.seed {
            let problem = format!(
                "evaluate.seed: must differ from seed ({seed}), or policies are compared on sessions trained on"
            );
            return Err(UsageError(problem).into());
        }
        agent.validate()?;
        if train.env_steps < agent.learning_starts as u64 {
            let (steps, starts) = (train.env_steps, agent.learning_starts);
            let problem = format!("agent.learning_starts: must not be above train.env_steps ({steps}), found {starts}");
            return Err(UsageError(problem).into());
        }
        train.validate()?;
        evaluate.validate()?;
        Ok(())
    }

    /// The whole config as TOML; reading it back gives the same config.
    pub fn to_toml(&self) -> anyhow::Result<String> {
        Ok(toml::to_string(self)?)
    }
}

#[cfg(test)]
mod tests;
