//! The config's section of user states.

use listening_models::user_state::baselines::{AggregateSequenceSettings, JodieSettings, VaeCfSettings};
use listening_models::user_state::taste::{TasteRnnSettings, TermSettings, WeightedSumSettings};
use listening_models::user_state::{FsVaeSettings, RecencyWeightedMeanSettings, TrainingSettings};
use serde::{Deserialize, Serialize};

use crate::failure::UsageError;

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
    /// FS-VAE.
    pub fs_vae: FsVaeSettings,
    /// Vanilla RNN.
    pub vanilla_rnn: UnitsConfig,
    /// LatentCross.
    pub latent_cross: UnitsConfig,
    /// JODIE.
    pub jodie: JodieSettings,
    /// VAE-CF.
    pub vae_cf: VaeCfSettings,
    /// Mean of the last plays.
    pub aggregate_sequence: AggregateSequenceSettings,
    /// Taste vectors: how far ahead they look.
    pub terms: TermSettings,
    /// Taste vectors by networks.
    pub taste_rnn: TasteRnnSettings,
    /// Taste vectors by learnt weights of past plays.
    pub weighted_sum: WeightedSumSettings,
    /// Discount per play of the discounted average.
    pub discount: f32,
}

/// Settings of networks of one recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UnitsConfig {
    /// Hidden units.
    pub units: usize,
}

impl Default for UnitsConfig {
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
            fs_vae: FsVaeSettings::default(),
            vanilla_rnn: UnitsConfig::default(),
            latent_cross: UnitsConfig::default(),
            jodie: JodieSettings::default(),
            vae_cf: VaeCfSettings::default(),
            aggregate_sequence: AggregateSequenceSettings::default(),
            terms: TermSettings::default(),
            taste_rnn: TasteRnnSettings::default(),
            weighted_sum: WeightedSumSettings::default(),
            // Ours: a tenth of the weight lies more than about fifty plays back.
            discount: 0.95,
        }
    }
}

impl UserStateConfig {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> anyhow::Result<()> {
        if self.encoders.is_empty() {
            return Err(UsageError("user_state.encoders: must name at least one encoder".into()).into());
        }
        if let Some(other) = self.encoders.iter().find(|model| !UserStateModel::ENCODERS.contains(model)) {
            let names: Vec<String> = UserStateModel::ENCODERS.iter().map(|model| model.name()).collect();
            let (other, names) = (other.name(), names.join(", "));
            let problem = format!("user_state.encoders: `{other}` is no encoder of user states; there are {names}");
            return Err(UsageError(problem).into());
        }
        self.training.validate()?;
        self.recency_weighted_mean.validate()?;
        self.fs_vae.validate()?;
        self.jodie.validate()?;
        self.vae_cf.validate()?;
        self.aggregate_sequence.validate()?;
        self.terms.validate()?;
        Ok(self.taste_rnn.validate()?)
    }
}

impl UserStateModel {
    /// The models that can be the user state of a simulated world. The others are baselines of their tables, which carry
    /// no vector from play to play.
    pub const ENCODERS: [Self; 9] = [
        Self::RecencyWeightedMean,
        Self::FsVae,
        Self::FsVaeNoFast,
        Self::FsVaeNoSlow,
        Self::FsVaeNotProbabilistic,
        Self::Rpst,
        Self::Rplt,
        Self::Rhst,
        Self::Rhlt,
    ];

    /// The name by which it is called on the command line and in configs.
    pub fn name(self) -> String {
        clap::ValueEnum::to_possible_value(&self).map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// User states and the baselines that they are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum UserStateModel {
    /// Recency-weighted mean of the vectors of the tracks heard
    RecencyWeightedMean,
    /// Variational autoencoder over the plays in order and the slow features
    FsVae,
    /// FS-VAE without the plays in order
    FsVaeNoFast,
    /// FS-VAE without slow features and context
    FsVaeNoSlow,
    /// FS-VAE as a plain autoencoder
    FsVaeNotProbabilistic,
    /// FS-VAE over plays in shuffled order
    FsVaeShuffled,
    /// One layer of tanh units over the tracks heard
    VanillaRnn,
    /// GRU with the context multiplied in
    LatentCross,
    /// Embeddings of users and tracks that change each other, projected into the future
    Jodie,
    /// Variational autoencoder of the bag of tracks heard
    VaeCf,
    /// Mean of all tracks heard
    Average,
    /// Mean of the last tracks heard
    AggregateSequence,
    /// The tracks that most listeners play
    Popularity,
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
