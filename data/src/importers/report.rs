//! What an import did with every row it read.

use serde::Serialize;

use crate::{Manifest, ResponseShares};

/// Rows left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DroppedRows {
    /// The reason, from a fixed list in a fixed order.
    pub reason: &'static str,
    /// Rows left out; often 0.
    pub rows: u64,
}

/// Result of [`crate::import_spotify_extended`].
#[derive(Clone, Debug, Serialize)]
pub struct ImportReport {
    /// The dataset's manifest; its `source.details` hold the settings and the counts too.
    pub manifest: Manifest,
    /// What became of the rows.
    pub counts: SpotifyCounts,
}

/// What became of the rows of Spotify exports. Always `rows_read` = `rows_kept` + `rows_bad` + those of `dropped`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SpotifyCounts {
    /// JSON files read.
    pub files: u64,
    /// Rows read.
    pub rows_read: u64,
    /// Rows that became plays.
    pub rows_kept: u64,
    /// Bad rows skipped; never above 0 unless lenient.
    pub rows_bad: u64,
    /// Bad lines of the table of audio features that were skipped; never above 0 unless lenient.
    pub feature_rows_bad: u64,
    /// Files that end too early, of which the rows before the cut were kept; never above 0 unless lenient.
    pub files_cut: u64,
    /// Rows left out, by reason.
    pub dropped: Vec<DroppedRows>,
    /// Kept plays whose end reason was blank or unknown and was told by the next row's start reason.
    pub end_reasons_repaired: u64,
    /// Kept plays whose end reason stays blank or unknown.
    pub end_reasons_unknown: u64,
    /// Kept plays that were placed by the time of the offline play rather than by that of its arrival.
    pub placed_by_offline_time: u64,
    /// Kept plays that began well before the play before them had ended, as on two devices at once.
    pub overlapping: u64,
    /// Kept plays that were followed by the same track from its start: not skips.
    pub restarts: u64,
    /// Listeners.
    pub users: u64,
    /// Tracks with at least one play.
    pub tracks: u64,
    /// Sessions.
    pub sessions: u64,
    /// Tracks whose duration was given, by the table of features or by a local file's name.
    pub durations_given: u64,
    /// Tracks whose duration was estimated from plays that ran to their end.
    pub durations_estimated: u64,
    /// Tracks of unknown duration.
    pub durations_unknown: u64,
    /// Tracks found in the table of audio features.
    pub audio_features_matched: u64,
    /// Shares of the responses.
    pub responses: ResponseShares,
    /// Reasons that this version does not know, with their counts; treated as unknown.
    pub unfamiliar_reasons: std::collections::BTreeMap<String, u64>,
}
