//! Settings of the nearest-neighbour index.

use serde::{Deserialize, Serialize};

use crate::{ModelError, Result};

/// Settings of the index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IndexSettings {
    /// Links per track on the upper levels of the graph, half of those on the lowest (M of the HNSW paper).
    pub connectivity: usize,
    /// Candidates kept while a track is being linked (efConstruction).
    pub build_expansion: usize,
    /// Candidates kept by a query (ef); at least 21/20 of the neighbours asked for are kept in any case.
    pub expansion: usize,
    /// Tracks with a vector below which search is exact and no index is built.
    pub exact_below: usize,
}

impl Default for IndexSettings {
    /// M 16 is within the paper's 5..48 and its implementation's default; the others reach a recall of 0.95 among 100
    /// neighbours of 500 k tracks (`docs/models/nearest-tracks.md`).
    fn default() -> Self {
        Self { connectivity: 16, build_expansion: 128, expansion: 110, exact_below: 50_000 }
    }
}

impl IndexSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        if !(2..=256).contains(&self.connectivity) {
            return Err(ModelError::setting("embeddings.index.connectivity", "must be in 2..=256"));
        }
        if self.build_expansion < self.connectivity {
            return Err(ModelError::setting(
                "embeddings.index.build_expansion",
                "must be at least embeddings.index.connectivity",
            ));
        }
        if self.expansion == 0 {
            return Err(ModelError::setting("embeddings.index.expansion", "must be at least 1"));
        }
        Ok(())
    }
}
