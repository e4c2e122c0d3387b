//! The config's section of user states.

use listening_models::user_state::taste::{TasteRnnSettings, TermSettings, WeightedSumSettings};
use listening_models::user_state::{RecencyWeightedMeanSettings, TrainingSettings};
use serde::{Deserialize, Serialize};

/// User states, their baselines and their training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserStateConfig {
    /// The models whose vectors, one after another, are the user state of the simulated world.
    pub encoders: Vec<UserStateModel>,
    /// Training of networks over plays.
    pub training: TrainingSettings,
    /// Recency-weighted mean.
    pub recency_weighted_mean: RecencyWeightedMeanSettings,
    /// Taste vectors: how far ahead they look.
    pub terms: TermSettings,
    /// Taste vectors by networks.
    pub taste_rnn: TasteRnnSettings,
    /// Taste vectors by learnt weights of past plays.
    pub weighted_sum: WeightedSumSettings,
    /// Discount per play of the discounted average.
    pub discount: f32,
    /// Vanilla RNN.
    pub vanilla_rnn: VanillaRnnConfig,
}

/// Settings of the Vanilla RNN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VanillaRnnConfig {
    /// Hidden units.
    pub units: usize,
}

impl Default for VanillaRnnConfig {
    fn default() -> Self {
        Self { units: 128 }
    }
}

impl Default for UserStateConfig {
    fn default() -> Self {
        Self {
            encoders: vec![UserStateModel::RecencyWeightedMean],
            training: TrainingSettings::default(),
            recency_weighted_mean: RecencyWeightedMeanSettings::default(),
            terms: TermSettings::default(),
            taste_rnn: TasteRnnSettings::default(),
            weighted_sum: WeightedSumSettings::default(),
            // Ours: a tenth of the weight lies more than about fifty plays back.
            discount: 0.95,
            vanilla_rnn: VanillaRnnConfig::default(),
        }
    }
}

impl UserStateConfig {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> anyhow::Result<()> {
        self.training.validate()?;
        self.recency_weighted_mean.validate()?;
        self.terms.validate()?;
        Ok(self.taste_rnn.validate()?)
    }
}

/// User states and the baselines that they are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum UserStateModel {
    /// Recency-weighted mean of the vectors of the tracks heard
    RecencyWeightedMean,
    /// One layer of tanh units over the tracks heard
    VanillaRnn,
    /// Taste vector, network over sessions as playlists, short term
    Rpst,
    /// Taste vector, network over sessions as playlists, long term
    Rplt,
    /// Taste vector, network over histories, short term
    Rhst,
    /// Taste vector, network over histories, long term
    Rhlt,
    /// Taste vector, learnt weights of past plays, short term
    Bwst,
    /// Taste vector, learnt weights of past plays, long term
    Bwlt,
    /// Discounted average of the tracks heard
    DiscountedAverage,
}
