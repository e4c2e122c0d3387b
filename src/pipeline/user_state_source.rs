//! Where the user states of simulated worlds come from.

use std::path::PathBuf;
use std::sync::Arc;

use listening_data::{Dataset, Progress};
use listening_models::track_embeddings::TrackVectors;
use listening_models::user_state::{RecencyWeightedMean, UserStates};
use listening_models::{EncodedStates, MeanStates, SessionStates, TimeSplit};

use super::ListeningHistories;
use super::stage::StageNote;
use crate::config::{Config, UserStateModel};

/// The user state that a config asks for.
pub enum UserStateSource {
    /// The recency-weighted mean alone, with its settings as text: it needs neither histories nor training.
    Mean(String),
    /// Trained encoders, and what they were trained on.
    Trained {
        /// The histories.
        histories: Box<ListeningHistories>,
        /// The encoders.
        encoders: UserStates,
        /// The fingerprint of what they depend on.
        mark: String,
    },
}

impl UserStateSource {
    /// Trains what is missing.
    pub fn open(
        config: &Config,
        dataset: &Dataset,
        split: &TimeSplit,
        embeddings: &(PathBuf, String),
        notes: &mut Vec<StageNote>,
        progress: &dyn Progress,
    ) -> anyhow::Result<Self> {
        if config.user_state.encoders == [UserStateModel::RecencyWeightedMean] {
            return Ok(Self::Mean(serde_json::to_string(&config.user_state.recency_weighted_mean)?));
        }
        let histories = Box::new(ListeningHistories::of(config, dataset, split, embeddings, notes, progress)?);
        let (encoders, mark) = histories.encoders(config, notes, progress)?;
        Ok(Self::Trained { histories, encoders, mark })
    }

    /// What depends on the user states depends on this.
    pub fn mark(&self) -> &str {
        match self {
            Self::Mean(mark) | Self::Trained { mark, .. } => mark,
        }
    }

    /// The user states at the starts of sessions.
    pub fn session_states(
        &self,
        config: &Config,
        vectors: &Arc<TrackVectors>,
    ) -> anyhow::Result<Box<dyn SessionStates + '_>> {
        let vectors = Arc::clone(vectors);
        Ok(match self {
            Self::Mean(_) => {
                let settings = config.user_state.recency_weighted_mean;
                Box::new(MeanStates::new(RecencyWeightedMean::new(vectors, settings)?))
            }
            Self::Trained { histories, encoders, .. } => {
                Box::new(EncodedStates::new(encoders.another(), &histories.histories, vectors)?)
            }
        })
    }
}
