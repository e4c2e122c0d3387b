//! What a dataset says of itself.

use serde::{Deserialize, Serialize};

use crate::ResponseShares;

/// Version of the dataset's format. Readers refuse any other.
pub const FORMAT_VERSION: u32 = 2;

/// What the sequences of a dataset are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// Listening sessions: tracks in the order in which they were played.
    #[default]
    Sessions,
    /// Playlists: tracks in the order of the list. Nobody need have played them, and times are those of their making.
    Playlists,
}

/// Where a dataset comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceInfo {
    /// The importer's or generator's name, e.g. `spotify-extended`.
    pub format: String,
    /// The settings it ran with, and its counts of rows read, kept and dropped.
    pub details: serde_json::Value,
}

impl SourceInfo {
    /// A source with no details.
    pub fn new(format: &str) -> Self {
        Self { format: format.to_owned(), details: serde_json::Value::Null }
    }
}

/// The contents of `dataset.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always [`FORMAT_VERSION`].
    pub format_version: u32,
    /// What the sequences are.
    pub content: Content,
    /// Tracks in the catalog.
    pub tracks: u64,
    /// Listeners.
    pub users: u64,
    /// Sessions.
    pub sessions: u64,
    /// Plays.
    pub plays: u64,
    /// Likes, dislikes and the like.
    pub feedback: u64,
    /// Sessions whose candidate pool was recorded; none in datasets written before pools were.
    #[serde(default)]
    pub pools: u64,
    /// Length of the vectors that the source gives for tracks; 0 where it gives none.
    pub audio_vector_dimension: u64,
    /// Shares of the responses among all plays.
    pub responses: ResponseShares,
    /// SHA-256 over the tables: equal data have equal fingerprints.
    pub fingerprint: String,
    /// Where the data come from.
    pub source: SourceInfo,
}
