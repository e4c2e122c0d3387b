//! Spotify's extended streaming history. The format, its traps and what is made of them are documented in
//! `docs/formats/spotify-extended.md`.
//!
//! Rows stream from the files into records that are sorted outside the memory (`record`), are cleaned and understood
//! in the order of time (`clean`, `reasons`), and become sessions (`build`). Only tracks and users stay in memory.

mod build;
mod clean;
mod counts;
mod dictionary;
mod durations;
mod platform;
mod reading;
mod reasons;
mod record;
mod row;

use std::path::{Path, PathBuf};

use self::build::SessionBuilder;
use self::clean::Cleaner;
use self::counts::SpotifyCounts;
use self::durations::DurationEstimate;
use self::reading::Reading;
use self::reasons::Outcome;
use self::record::Listen;
use super::options::ImportOptions;
use super::report::{DroppedRows, ImportReport, holds_no};
use super::spotify_archive::{Export, Sources};
use super::spotify_rows::INCOMPLETE;
use crate::external_sort::RUN_RECORDS;
use crate::{DatasetWriter, ExternalSort, Manifest, Progress, Result, SourceInfo, Track};

/// Imports Spotify extended streaming histories into a new dataset at `out`.
///
/// Each input is the zip of an export, a folder, or a JSON file. A zip is one listener, called by its file name; the
/// JSON files in a folder are one listener, called by the folder's name; a folder of zips holds one listener per zip.
/// Rows that carry a `username` (exports before 2022) belong to that user wherever they lie.
pub fn import_spotify_extended(
    inputs: &[PathBuf],
    out: &Path,
    options: &ImportOptions,
    progress: &dyn Progress,
) -> Result<ImportReport> {
    let (manifest, counts) = import(inputs, out, options, progress, RUN_RECORDS)?;
    Ok(ImportReport { manifest, counts: counts.into() })
}

fn import(
    inputs: &[PathBuf],
    out: &Path,
    options: &ImportOptions,
    progress: &dyn Progress,
    run_records: usize,
) -> Result<(Manifest, SpotifyCounts)> {
    options.validate()?;
    let sources = Sources::find(Export::Extended, inputs)?;
    let mut writer = DatasetWriter::create(out)?;
    let folder = writer.temporary_folder().to_owned();

    let mut reading = Reading::new(options, ExternalSort::with_run_records(&folder, run_records));
    reading.read_all(&sources, progress)?;
    let Reading { records, mut tracks, mut users, mut counts, left_out, .. } = reading;

    let mut estimate = DurationEstimate::new(&folder, tracks.tracks.len(), run_records);
    let mut listens = ExternalSort::with_run_records(&folder, run_records);
    let mut cleaner = Cleaner::new(&options.rules, |listen: Listen| {
        if Outcome::from_code(listen.outcome) == Outcome::Finished {
            estimate.push(listen.track, listen.ms_played)?;
        }
        listens.push(listen)
    });
    records.take_sorted("cleaning plays", "rows", progress, |record| cleaner.push(record))?;
    let dropped = cleaner.finish()?;
    counts.dropped = vec![
        DroppedRows { reason: "exact duplicate", rows: dropped.exact_duplicate },
        DroppedRows { reason: "sent again", rows: dropped.sent_again },
        DroppedRows { reason: "arrived late without its time", rows: dropped.arrived_late },
        DroppedRows { reason: "nothing played", rows: dropped.nothing_played },
        DroppedRows { reason: "podcast", rows: left_out.podcast },
        DroppedRows { reason: "audiobook", rows: left_out.audiobook },
        DroppedRows { reason: "no track uri", rows: left_out.no_track_uri },
    ];

    counts.feature_rows_bad = tracks.add_features(options)?;
    let durations = durations(&mut tracks.tracks, estimate)?;
    let mut builder = SessionBuilder::new(&options.rules, &mut writer, &durations, users.users.len(), &mut counts);
    listens.take_sorted("writing sessions", "plays", progress, |listen| builder.push(&listen))?;
    let (track_numbers, user_numbers) = builder.finish()?;
    if counts.rows_kept == 0 {
        return Err(holds_no("plays of tracks", counts.rows_read, inputs, INCOMPLETE));
    }

    let catalog = track_numbers.pick(&mut tracks.tracks);
    let listeners = user_numbers.pick(&mut users.users);
    count_tracks(&catalog, &mut counts);
    let details = serde_json::json!({ "settings": options, "counts": counts });
    let source = SourceInfo { format: "spotify-extended".to_owned(), details };
    let manifest = writer.finish(&catalog, &listeners, &source)?;
    Ok((manifest, counts))
}

/// The durations by track: given where they are, else estimated.
fn durations(tracks: &mut [Track], estimate: DurationEstimate) -> Result<Vec<Option<u32>>> {
    for (track, estimate) in tracks.iter_mut().zip(estimate.finish()?) {
        track.duration_estimated = track.duration_ms.is_none() && estimate.is_some();
        track.duration_ms = track.duration_ms.or(estimate);
    }
    Ok(tracks.iter().map(|track| track.duration_ms).collect())
}

fn count_tracks(catalog: &[Track], counts: &mut SpotifyCounts) {
    let count = |wanted: fn(&Track) -> bool| catalog.iter().filter(|track| wanted(track)).count() as u64;
    counts.durations_estimated = count(|track| track.duration_estimated);
    counts.durations_unknown = count(|track| track.duration_ms.is_none());
    counts.durations_given = counts.tracks - counts.durations_estimated - counts.durations_unknown;
    counts.audio_features_matched = count(|track| track.audio_features.is_some());
}

/// Parses bytes as a file of extended history, strictly and leniently.
pub(crate) fn fuzz(bytes: &[u8]) {
    super::spotify_rows::fuzz(bytes, &|text| row::Row::parse(text).map(|_| ()));
}

#[cfg(test)]
mod tests;
