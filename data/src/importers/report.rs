//! What an import did with every row it read.

use std::path::PathBuf;

use serde::Serialize;

use super::options::ImportOptions;
use crate::{DataError, DatasetWriter, Manifest, Result, SourceInfo, Track};

/// Rows left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DroppedRows {
    /// The reason, from a fixed list in a fixed order.
    pub reason: &'static str,
    /// Rows left out; often 0.
    pub rows: u64,
}

/// A count that is worth knowing and drops nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// What was counted, e.g. "end reason told by the next row".
    pub what: String,
    /// How often.
    pub count: u64,
}

impl Remark {
    pub(super) fn new(what: impl Into<String>, count: u64) -> Self {
        Self { what: what.into(), count }
    }
}

/// Result of an import.
#[derive(Clone, Debug, Serialize)]
pub struct ImportReport {
    /// The dataset's manifest; its `source.details` hold the settings and the counts too.
    pub manifest: Manifest,
    /// What became of the rows.
    pub counts: ImportCounts,
}

impl ImportReport {
    /// Counts what is known of the tracks, and finishes a dataset of a format without settings of its own.
    pub(super) fn finish(
        format: &str,
        options: &ImportOptions,
        mut counts: ImportCounts,
        writer: DatasetWriter,
        catalog: &[Track],
    ) -> Result<Self> {
        counts.count_tracks(catalog);
        let details = serde_json::json!({ "settings": options, "counts": counts });
        let manifest = writer.finish(catalog, &[], &SourceInfo { format: format.to_owned(), details })?;
        Ok(Self { manifest, counts })
    }
}

/// The error of inputs that hold none of what is imported.
pub(super) fn holds_no(what: &str, rows_read: u64, inputs: &[PathBuf], remedy: &str) -> DataError {
    DataError::bad_file(&inputs[0], format!("holds no {what} ({rows_read} rows read)"), remedy)
}

/// What became of the rows of a log. Always `rows_read` = `rows_kept` + `rows_bad` + those of `dropped`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportCounts {
    /// Files read.
    pub files: u64,
    /// Rows read.
    pub rows_read: u64,
    /// Rows that became plays (or feedback).
    pub rows_kept: u64,
    /// Bad rows skipped; never above 0 unless lenient.
    pub rows_bad: u64,
    /// Rows left out, by reason.
    pub dropped: Vec<DroppedRows>,
    /// Tracks whose duration was given.
    pub durations_given: u64,
    /// Tracks whose duration was estimated.
    pub durations_estimated: u64,
    /// Tracks of unknown duration.
    pub durations_unknown: u64,
    /// Tracks with audio features.
    pub audio_features: u64,
    /// What else was counted, in a fixed order.
    pub remarks: Vec<Remark>,
}

impl ImportCounts {
    /// Counts what is known of the tracks.
    pub(super) fn count_tracks(&mut self, catalog: &[Track]) {
        let count = |wanted: fn(&Track) -> bool| catalog.iter().filter(|track| wanted(track)).count() as u64;
        self.durations_estimated = count(|track| track.duration_estimated);
        self.durations_unknown = count(|track| track.duration_ms.is_none());
        self.durations_given = catalog.len() as u64 - self.durations_estimated - self.durations_unknown;
        self.audio_features = count(|track| track.audio_features.is_some());
    }
}
