//! The config's section of track embeddings.

use std::path::PathBuf;

use listening_models::track_embeddings::{AlsSettings, CbowSettings, ColdTrackSettings, IndexSettings};
use serde::{Deserialize, Serialize};

use crate::failure::UsageError;

/// Track embeddings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmbeddingsConfig {
    /// How vectors are learnt.
    pub method: EmbeddingMethod,
    /// Datasets, of playlists or of other sessions, whose sequences CBOW learns from too; tracks are matched by id.
    pub playlists: Vec<PathBuf>,
    /// Continuous bag of words.
    pub cbow: CbowSettings,
    /// Implicit matrix factorisation.
    pub als: AlsSettings,
    /// Vectors for tracks that were played too seldom to have one of their own.
    pub cold_tracks: ColdTrackSettings,
    /// The index of nearest neighbours.
    pub index: IndexSettings,
}

/// Ways to learn track vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum EmbeddingMethod {
    /// Continuous bag of words: tracks heard near each other in sessions lie near each other
    #[default]
    Cbow,
    /// Implicit alternating least squares: tracks heard by the same listeners lie near each other
    Als,
}

impl EmbeddingsConfig {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> anyhow::Result<()> {
        if self.method == EmbeddingMethod::Als && !self.playlists.is_empty() {
            let problem = "embeddings.playlists: ALS learns from who listened to what, and playlists tell no listeners; \
                           leave it empty, or set embeddings.method to `cbow`";
            return Err(UsageError(problem.into()).into());
        }
        self.cbow.validate()?;
        self.als.validate()?;
        self.cold_tracks.validate()?;
        Ok(self.index.validate()?)
    }
}
