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
use self::dictionary::Tracks;
use self::durations::DurationEstimate;
use self::reading::Reading;
use self::reasons::Outcome;
use self::record::Listen;
use super::options::ImportOptions;
use super::report::{DroppedRows, ImportReport};
use super::spotify_archive::{Export, Sources};
use super::track_features::read_track_features;
use crate::external_sort::RUN_RECORDS;
use crate::{DataError, DatasetWriter, ExternalSort, Manifest, Progress, Result, SourceInfo, Track};

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
    let Reading { records, mut tracks, users, mut counts, left_out, .. } = reading;

    progress.begin("cleaning plays", counts.rows_read, "rows");
    let mut estimate = DurationEstimate::new(&folder, tracks.tracks.len(), run_records);
    let mut listens = ExternalSort::with_run_records(&folder, run_records);
    let mut cleaner = Cleaner::new(&options.rules, |listen: Listen| {
        if Outcome::from_code(listen.outcome) == Outcome::Finished {
            estimate.push(listen.track, listen.ms_played)?;
        }
        listens.push(listen)
    });
    for (done, record) in records.sorted()?.enumerate() {
        cleaner.push(record?)?;
        if done % 65_536 == 0 {
            progress.advance(done as u64);
        }
    }
    progress.advance(counts.rows_read);
    let dropped = cleaner.finish()?;
    progress.end();
    counts.dropped = vec![
        DroppedRows { reason: "exact duplicate", rows: dropped.exact_duplicate },
        DroppedRows { reason: "sent again", rows: dropped.sent_again },
        DroppedRows { reason: "arrived late without its time", rows: dropped.arrived_late },
        DroppedRows { reason: "nothing played", rows: dropped.nothing_played },
        DroppedRows { reason: "podcast", rows: left_out.podcast },
        DroppedRows { reason: "audiobook", rows: left_out.audiobook },
        DroppedRows { reason: "no track uri", rows: left_out.no_track_uri },
    ];

    add_features(&mut tracks, options, &mut counts)?;
    let durations = durations(&mut tracks.tracks, estimate)?;
    progress.begin("writing sessions", counts.rows_read, "plays");
    let mut builder = SessionBuilder::new(&options.rules, &mut writer, &durations, users.users.len(), &mut counts);
    for listen in listens.sorted()? {
        let listen = listen?;
        builder.push(&listen)?;
        if listen.place % 65_536 == 0 {
            progress.advance(listen.place);
        }
    }
    let (track_numbers, user_numbers) = builder.finish()?;
    progress.advance(counts.rows_kept);
    progress.end();
    if counts.rows_kept == 0 {
        let problem = format!("holds no plays of tracks ({} rows read)", counts.rows_read);
        return Err(DataError::bad_file(
            &inputs[0],
            problem,
            "check that the export is complete, or download it again",
        ));
    }

    let catalog: Vec<Track> =
        track_numbers.old.iter().map(|&track| std::mem::take(&mut tracks.tracks[track as usize])).collect();
    let listeners: Vec<_> = user_numbers.old.iter().map(|&user| users.users[user as usize].clone()).collect();
    count_tracks(&catalog, &mut counts);
    let details = serde_json::json!({ "settings": options, "counts": counts });
    let source = SourceInfo { format: "spotify-extended".to_owned(), details };
    let manifest = writer.finish(&catalog, &listeners, &source)?;
    Ok((manifest, counts))
}

/// Audio features and durations from the table, for tracks that were played.
fn add_features(tracks: &mut Tracks, options: &ImportOptions, counts: &mut SpotifyCounts) -> Result<()> {
    let Some(path) = &options.track_features else { return Ok(()) };
    counts.feature_rows_bad = read_track_features(path, options.lenient, |features| {
        if let Some(track) = tracks.by_uri(&features.track_id) {
            track.duration_ms = features.duration_ms.or(track.duration_ms);
            track.audio_features = features.audio_features.or(track.audio_features);
        }
    })?;
    Ok(())
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
