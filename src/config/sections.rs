//! Sections of the config that join or rename settings of the libraries.

use std::path::PathBuf;

use listening_data::{DataError, SessionRules, SyntheticConfig};
use listening_models::network::Precision;
use listening_models::user_response::{
    ContextualSettings, SequentialSettings, TrainingPlays, TransformerSettings, UserShare,
};
use serde::{Deserialize, Serialize};

use crate::failure::UsageError;

/// Where the listening data come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// The kind of source.
    pub source: DataSource,
    /// The exports (zips, folders or JSON files), or the one dataset's folder; none for synthetic listeners.
    pub paths: Vec<PathBuf>,
    /// Whether bad rows are skipped and counted instead of refused.
    pub lenient: bool,
    /// Minutes between UTC and the listeners' local time, e.g. 60 for UTC+1; exports tell no time zone.
    pub utc_offset_minutes: i32,
    /// A CSV file of audio features and durations, keyed by `uri`; empty for none.
    pub track_features: PathBuf,
    /// Definitions of session and responses.
    pub rules: SessionRules,
    /// The synthetic listeners.
    pub synthetic: SyntheticConfig,
}

/// Kinds of listening data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataSource {
    /// Listeners made up by `data.synthetic`.
    #[default]
    Synthetic,
    /// Spotify's extended streaming histories at `data.paths`.
    SpotifyExtended,
    /// A dataset that `sim import` or `sim synthesize` has made.
    Dataset,
}

impl DataConfig {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> anyhow::Result<()> {
        let wrong = |problem: String| Err(UsageError(problem).into());
        let paths = self.paths.len();
        match self.source {
            DataSource::Synthetic if paths > 0 => {
                return wrong(format!(
                    "data.paths: synthetic listeners need no paths, found {paths}; set data.source to \
                     `spotify-extended` or `dataset` to use them"
                ));
            }
            DataSource::SpotifyExtended if paths == 0 => {
                return wrong("data.paths: name at least one export, e.g. [\"my_spotify_data.zip\"]".into());
            }
            DataSource::Dataset if paths != 1 => {
                return wrong(format!("data.paths: name the one dataset's folder, found {paths} paths"));
            }
            _ => {}
        }
        if self.utc_offset_minutes.abs() > 24 * 60 {
            return wrong(format!(
                "data.utc_offset_minutes: must be in -1440..=1440, found {}",
                self.utc_offset_minutes
            ));
        }
        under("data.rules", self.rules.validate())?;
        under("data.synthetic", self.synthetic.validate())
    }
}

/// Gives a setting's name its place in the config.
fn under(section: &str, outcome: listening_data::Result<()>) -> anyhow::Result<()> {
    outcome.map_err(|error| match error {
        DataError::Setting { setting, problem } => UsageError(format!("{section}.{setting}: {problem}")).into(),
        other => other.into(),
    })
}

/// The user-response model and its training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserModelConfig {
    /// The model by which the listeners of the simulated world answer.
    pub kind: UserModelKind,
    /// Whose plays it is trained on; a half leaves the other to an independent world.
    pub users: UserShare,
    /// Which plays it learns from: all, those whose propensity is known, or these weighted by its inverse.
    pub plays: TrainingPlays,
    /// Models that answer together, trained with different seeds.
    pub members: u64,
    /// Precision in which SWM's answers are computed in simulation on the CPU.
    pub precision: Precision,
    /// Widths of CWM's hidden layers.
    pub hidden: Vec<usize>,
    /// Step size of Adam at the beginning; it falls evenly to 0 at the end of the last epoch.
    pub learning_rate: f64,
    /// Decoupled weight decay of Adam.
    pub weight_decay: f64,
    /// Share of the outputs of CWM's hidden layers that is left out in training.
    pub dropout: f64,
    /// Share of CWM's inputs that is left out in training.
    pub input_dropout: f64,
    /// Plays per gradient step.
    pub batch: usize,
    /// Largest number of passes over the training plays.
    pub max_epochs: usize,
    /// Validations per pass: small logs are overfitted within one.
    pub validations_per_epoch: usize,
    /// Validations without a better loss after which training stops.
    pub patience: usize,
    /// SWM and its training.
    pub sequential: SequentialSettings,
    /// The Transformer and its training.
    pub transformer: TransformerSettings,
}

/// User-response models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum UserModelKind {
    /// Contextual: responses from listener, context and track
    #[default]
    Cwm,
    /// Sequential: responses also from what happened in the session so far
    Swm,
    /// As swm, by attention to the plays of the session
    Transformer,
}

impl UserModelKind {
    /// Its name in the config, in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cwm => "cwm",
            Self::Swm => "swm",
            Self::Transformer => "transformer",
        }
    }
}

impl std::fmt::Display for UserModelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Default for UserModelConfig {
    fn default() -> Self {
        let settings = ContextualSettings::default();
        Self {
            kind: UserModelKind::default(),
            users: UserShare::default(),
            plays: TrainingPlays::default(),
            members: 1,
            precision: Precision::default(),
            hidden: settings.hidden,
            learning_rate: settings.learning_rate,
            weight_decay: settings.weight_decay,
            dropout: settings.dropout,
            input_dropout: settings.input_dropout,
            batch: settings.batch,
            max_epochs: settings.max_epochs,
            validations_per_epoch: settings.validations_per_epoch,
            patience: settings.patience,
            sequential: SequentialSettings::default(),
            transformer: TransformerSettings::default(),
        }
    }
}

impl From<&UserModelConfig> for ContextualSettings {
    fn from(config: &UserModelConfig) -> Self {
        Self {
            hidden: config.hidden.clone(),
            learning_rate: config.learning_rate,
            weight_decay: config.weight_decay,
            dropout: config.dropout,
            input_dropout: config.input_dropout,
            batch: config.batch,
            max_epochs: config.max_epochs,
            validations_per_epoch: config.validations_per_epoch,
            patience: config.patience,
        }
    }
}

impl UserModelConfig {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> anyhow::Result<()> {
        if !(1..=100).contains(&self.members) {
            return Err(UsageError(format!("user_model.members: must be in 1..=100, found {}", self.members)).into());
        }
        self.precision.check("user_model.precision")?;
        ContextualSettings::from(self).validate()?;
        self.sequential.validate()?;
        Ok(self.transformer.validate()?)
    }
}
