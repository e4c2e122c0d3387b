//! Everything that is counted in an import of extended histories.

use serde::Serialize;

use crate::ResponseShares;
use crate::importers::report::{DroppedRows, ImportCounts, Remark};

/// What became of the rows of Spotify exports. Always `rows_read` = `rows_kept` + `rows_bad` + those of `dropped`.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct SpotifyCounts {
    /// JSON files read.
    pub(super) files: u64,
    /// Rows read.
    pub(super) rows_read: u64,
    /// Rows that became plays.
    pub(super) rows_kept: u64,
    /// Bad rows skipped; never above 0 unless lenient.
    pub(super) rows_bad: u64,
    /// Bad lines of the table of audio features that were skipped; never above 0 unless lenient.
    pub(super) feature_rows_bad: u64,
    /// Files that end too early, of which the rows before the cut were kept; never above 0 unless lenient.
    pub(super) files_cut: u64,
    /// Rows left out, by reason.
    pub(super) dropped: Vec<DroppedRows>,
    /// Kept plays whose end reason was blank or unknown and was told by the next row's start reason.
    pub(super) end_reasons_repaired: u64,
    /// Kept plays whose end reason stays blank or unknown.
    pub(super) end_reasons_unknown: u64,
    /// Kept plays that were placed by the time of the offline play rather than by that of its arrival.
    pub(super) placed_by_offline_time: u64,
    /// Kept plays that began well before the play before them had ended, as on two devices at once.
    pub(super) overlapping: u64,
    /// Kept plays that were followed by the same track from its start: not skips.
    pub(super) restarts: u64,
    /// Listeners.
    pub(super) users: u64,
    /// Tracks with at least one play.
    pub(super) tracks: u64,
    /// Sessions.
    pub(super) sessions: u64,
    /// Tracks whose duration was given, by the table of features or by a local file's name.
    pub(super) durations_given: u64,
    /// Tracks whose duration was estimated from plays that ran to their end.
    pub(super) durations_estimated: u64,
    /// Tracks of unknown duration.
    pub(super) durations_unknown: u64,
    /// Tracks found in the table of audio features.
    pub(super) audio_features_matched: u64,
    /// Shares of the responses.
    pub(super) responses: ResponseShares,
    /// Reasons that this version does not know, with their counts; treated as unknown.
    pub(super) unfamiliar_reasons: std::collections::BTreeMap<String, u64>,
}

impl From<SpotifyCounts> for ImportCounts {
    fn from(counts: SpotifyCounts) -> Self {
        let mut remarks = vec![
            Remark::new("files that end too early, read up to there", counts.files_cut),
            Remark::new("bad lines of track features", counts.feature_rows_bad),
            Remark::new("end reason told by the next row", counts.end_reasons_repaired),
            Remark::new("end reason unknown", counts.end_reasons_unknown),
            Remark::new("placed by the time of the offline play", counts.placed_by_offline_time),
            Remark::new("overlapping the play before", counts.overlapping),
            Remark::new("restarts of the same track", counts.restarts),
        ];
        for (reason, rows) in counts.unfamiliar_reasons {
            remarks.push(Remark::new(format!("reason `{reason}`, which this version does not know"), rows));
        }
        Self {
            files: counts.files,
            rows_read: counts.rows_read,
            rows_kept: counts.rows_kept,
            rows_bad: counts.rows_bad,
            dropped: counts.dropped,
            durations_given: counts.durations_given,
            durations_estimated: counts.durations_estimated,
            durations_unknown: counts.durations_unknown,
            audio_features: counts.audio_features_matched,
            remarks,
        }
    }
}
