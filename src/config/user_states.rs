//! The config's section of user states.

use clap::ValueEnum;
use listening_models::user_state::baselines::{AggregateSequenceSettings, JodieSettings, VaeCfSettings};
use listening_models::user_state::taste::{TasteRnnSettings, TermSettings, WeightedSumSettings};
use listening_models::user_state::{
    CoSeRnnSettings, FsVaeSettings, RecencyWeightedMeanSettings, SessionInputs, SessionStreams, TrainingSettings,
};
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
    /// Training of networks over sessions.
    pub session_training: TrainingSettings,
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
    /// CoSeRNN.
    pub cosernn: CoSeRnnSettings,
    /// The plain RNN over sessions.
    pub plain_rnn: UnitsConfig,
    /// LatentCross over sessions.
    pub session_latent_cross: UnitsConfig,
    /// JODIE over sessions.
    pub session_jodie: JodieSettings,
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
            // Step size: CoSeRNN's official code. It takes 256 users at once; fewer suit smaller logs.
            session_training: TrainingSettings { learning_rate: 5e-4, ..TrainingSettings::default() },
            recency_weighted_mean: RecencyWeightedMeanSettings::default(),
            fs_vae: FsVaeSettings::default(),
            vanilla_rnn: UnitsConfig::default(),
            latent_cross: UnitsConfig::default(),
            jodie: JodieSettings::default(),
            vae_cf: VaeCfSettings::default(),
            aggregate_sequence: AggregateSequenceSettings::default(),
            cosernn: CoSeRnnSettings::default(),
            // As wide as CoSeRNN's LSTM.
            plain_rnn: UnitsConfig { units: 400 },
            session_latent_cross: UnitsConfig { units: 400 },
            session_jodie: JodieSettings::default(),
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
        if let Some(other) = self.encoders.iter().find(|model| !model.is_encoder()) {
            let encoders = UserStateModel::value_variants().iter().filter(|model| model.is_encoder());
            let names: Vec<String> = encoders.map(|model| model.name()).collect();
            let (other, names) = (other.name(), names.join(", "));
            let problem = format!("user_state.encoders: `{other}` is no encoder of user states; there are {names}");
            return Err(UsageError(problem).into());
        }
        self.training.validate()?;
        self.session_training.validate()?;
        self.cosernn.validate()?;
        self.session_jodie.validate()?;
        self.recency_weighted_mean.validate()?;
        self.fs_vae.validate()?;
        self.jodie.validate()?;
        self.vae_cf.validate()?;
        self.aggregate_sequence.validate()?;
        self.terms.validate()?;
        Ok(self.taste_rnn.validate()?)
    }
}

impl UserStateConfig {
    /// The settings of CoSeRNN or of one of its ablations; none for other models.
    pub fn cosernn_of(&self, model: UserStateModel) -> Option<CoSeRnnSettings> {
        let whole = self.cosernn;
        let inputs = whole.inputs;
        let with = |inputs| CoSeRnnSettings { inputs, ..whole };
        Some(match model {
            UserStateModel::Cosernn => whole,
            UserStateModel::CosernnNoContext => with(SessionInputs { context: false, ..inputs }),
            UserStateModel::CosernnNoPreviousSession => with(SessionInputs { previous_session: false, ..inputs }),
            UserStateModel::CosernnNoNumberOfTracks => with(SessionInputs { number_of_tracks: false, ..inputs }),
            UserStateModel::CosernnNoStreamSource => with(SessionInputs { stream_source: false, ..inputs }),
            UserStateModel::CosernnNoTimeSince => with(SessionInputs { time_since: false, ..inputs }),
            UserStateModel::CosernnNoLongTerm => CoSeRnnSettings { long_term: false, ..whole },
            UserStateModel::CosernnPlayed => CoSeRnnSettings { streams: SessionStreams::Played, ..whole },
            UserStateModel::CosernnUnion => CoSeRnnSettings { streams: SessionStreams::Union, ..whole },
            _ => return None,
        })
    }

    /// The settings of FS-VAE or of one of its ablations; none for other models.
    pub fn fs_vae_of(&self, model: UserStateModel) -> Option<FsVaeSettings> {
        let whole = self.fs_vae;
        Some(match model {
            UserStateModel::FsVae => whole,
            UserStateModel::FsVaeNoFast => FsVaeSettings { fast: false, ..whole },
            UserStateModel::FsVaeNoSlow => FsVaeSettings { slow: false, ..whole },
            UserStateModel::FsVaeNotProbabilistic => FsVaeSettings { probabilistic: false, ..whole },
            UserStateModel::FsVaeShuffled => FsVaeSettings { shuffled: true, ..whole },
            _ => return None,
        })
    }
}

impl UserStateModel {
    /// Whether it can be the user state of a simulated world. The others are baselines of their tables: they carry no
    /// vector from play to play.
    fn is_encoder(self) -> bool {
        use UserStateModel as M;
        let over_plays = matches!(self, M::FsVae | M::FsVaeNoFast | M::FsVaeNoSlow | M::FsVaeNotProbabilistic);
        let taste = matches!(self, M::Rpst | M::Rplt | M::Rhst | M::Rhlt);
        let over_sessions = UserStateConfig::default().cosernn_of(self).is_some();
        self == M::RecencyWeightedMean || over_plays || taste || over_sessions
    }

    /// Whether it foretells sessions, not plays.
    pub fn foretells_sessions(self) -> bool {
        use UserStateModel as M;
        matches!(
            self,
            M::Cosernn
                | M::CosernnNoContext
                | M::CosernnNoPreviousSession
                | M::CosernnNoNumberOfTracks
                | M::CosernnNoStreamSource
                | M::CosernnNoTimeSince
                | M::CosernnNoLongTerm
                | M::CosernnPlayed
                | M::CosernnUnion
                | M::LastSession
                | M::SessionAverage
                | M::LongTerm
                | M::PlainRnn
                | M::SessionLatentCross
                | M::SessionJodie
                | M::SessionHiddenState
        )
    }

    /// Whether training draws anything. The others are plain functions of the histories.
    pub fn depends_on_seed(self) -> bool {
        use UserStateModel as M;
        let averages =
            matches!(self, M::RecencyWeightedMean | M::DiscountedAverage | M::Average | M::AggregateSequence);
        let over_sessions = matches!(self, M::LastSession | M::SessionAverage | M::LongTerm);
        !(averages || over_sessions || self == M::Popularity || self.knows_hidden_state())
    }

    /// Whether it is no model but a measure of what models could reach.
    pub fn knows_hidden_state(self) -> bool {
        matches!(self, Self::HiddenState | Self::SessionHiddenState)
    }

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
    /// One vector per session, from context and past sessions
    Cosernn,
    /// CoSeRNN without weekday, hour and device
    CosernnNoContext,
    /// CoSeRNN without the previous session's vector
    CosernnNoPreviousSession,
    /// CoSeRNN without the previous session's number of tracks
    CosernnNoNumberOfTracks,
    /// CoSeRNN without the previous session's stream source
    CosernnNoStreamSource,
    /// CoSeRNN without the time since the previous session
    CosernnNoTimeSince,
    /// CoSeRNN without the long-term vector
    CosernnNoLongTerm,
    /// CoSeRNN over played tracks alone
    CosernnPlayed,
    /// CoSeRNN over played and skipped tracks in one stream
    CosernnUnion,
    /// Vector of the last session
    LastSession,
    /// Mean vector of all past sessions
    SessionAverage,
    /// Recency-weighted vector of past sessions
    LongTerm,
    /// Recurrent network over past sessions, without context
    PlainRnn,
    /// LatentCross over sessions
    SessionLatentCross,
    /// JODIE over sessions
    SessionJodie,
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
    /// What one would foretell who knew the hidden state of synthetic listeners; no model can do better
    HiddenState,
    /// What one would foretell of a session who knew the hidden state of synthetic listeners
    SessionHiddenState,
}
