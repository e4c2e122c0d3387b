//! What a dataset says of itself.

use serde::{Deserialize, Serialize};

/// Version of the dataset's format. Readers refuse any other.
pub const FORMAT_VERSION: u32 = 1;

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
    /// Tracks in the catalog.
    pub tracks: u64,
    /// Listeners.
    pub users: u64,
    /// Sessions.
    pub sessions: u64,
    /// Plays.
    pub plays: u64,
    /// SHA-256 over the tables: equal data have equal fingerprints.
    pub fingerprint: String,
    /// Where the data come from.
    pub source: SourceInfo,
}
