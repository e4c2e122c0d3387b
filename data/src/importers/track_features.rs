//! A table of audio features and durations, keyed by track.

use std::path::Path;

use super::options::ImportOptions;
use crate::{AUDIO_FEATURES, AudioFeatures, DataError, Result, Track};

/// One line of the table.
pub(super) struct TrackFeatures {
    pub(super) track_id: String,
    pub(super) duration_ms: Option<u32>,
    pub(super) audio_features: Option<AudioFeatures>,
}

const REMEDY: &str = "pass a CSV file with a header line that names `uri` and the audio features of Spotify's API";

/// Adds the durations and audio features of the table, if one is given, to the tracks that `find` knows by their
/// identifier; answers how many bad lines were skipped.
pub(super) fn add_track_features(
    catalog: &mut [Track],
    find: impl Fn(&str) -> Option<u32>,
    options: &ImportOptions,
) -> Result<u64> {
    let Some(path) = &options.track_features else { return Ok(0) };
    read_track_features(path, options.lenient, |features| {
        if let Some(track) = find(&features.track_id).and_then(|number| catalog.get_mut(number as usize)) {
            track.duration_ms = features.duration_ms.or(track.duration_ms);
            track.audio_features = features.audio_features.or(track.audio_features);
        }
    })
}

/// Reads a CSV file with the columns `uri`, the audio features by name and, optionally, `duration_ms`; other columns
/// are ignored and empty cells are missing values. Gives each line to `take`; answers how many bad lines were skipped,
/// which happens only when `lenient`.
pub(super) fn read_track_features(path: &Path, lenient: bool, mut take: impl FnMut(TrackFeatures)) -> Result<u64> {
    let open = csv::ReaderBuilder::new().flexible(true).from_path(path);
    let mut table = open.map_err(|e| csv_error(path, e, REMEDY))?;
    let headers = table.headers().map_err(|e| csv_error(path, e, REMEDY))?.clone();
    let column = |name: &str| {
        let place = headers.iter().position(|header| header.trim().trim_start_matches('\u{feff}') == name);
        place.ok_or_else(|| DataError::bad_file(path, format!("has no column `{name}`"), REMEDY))
    };
    let uri = column("uri")?;
    let features = AUDIO_FEATURES.iter().map(|name| column(name)).collect::<Result<Vec<_>>>()?;
    let duration = column("duration_ms").ok();
    let mut skipped = 0;
    for (index, line) in table.records().enumerate() {
        let line = match line {
            Ok(line) => parse_line(&line, uri, &features, duration),
            Err(error) if error.is_io_error() => return Err(csv_error(path, error, REMEDY)),
            Err(error) => Err(("(whole line)", "UTF-8 text with as many cells as the header", error.to_string())),
        };
        match line {
            Ok(line) => take(line),
            Err(_) if lenient => skipped += 1,
            Err((field, expected, found)) => {
                let (field, expected) = (field.to_owned(), expected.to_owned());
                let (file, row) = (path.display().to_string(), index as u64 + 1);
                return Err(DataError::BadRow { file, row, field, expected, found });
            }
        }
    }
    Ok(skipped)
}

/// Field, what was expected and what was found.
type Problem = (&'static str, &'static str, String);

fn parse_line(
    line: &csv::StringRecord,
    uri: usize,
    features: &[usize],
    duration: Option<usize>,
) -> std::result::Result<TrackFeatures, Problem> {
    let cell = |place: usize| line.get(place).unwrap_or("").trim();
    if cell(uri).is_empty() {
        return Err(("uri", "a track's uri", "nothing".to_owned()));
    }
    let mut audio = [0.0; AUDIO_FEATURES.len()];
    let mut known = true;
    for ((name, &place), value) in AUDIO_FEATURES.iter().zip(features).zip(&mut audio) {
        match cell(place) {
            "" => known = false,
            text => match text.parse::<f32>() {
                Ok(number) if number.is_finite() => *value = number,
                _ => return Err((*name, "a number", format!("{text:?}"))),
            },
        }
    }
    let duration_ms = match duration.map(cell).unwrap_or("") {
        "" => None,
        text => match text.parse::<f64>() {
            // A table may hold 0 where it does not know.
            Ok(ms) if (0.0..=f64::from(i32::MAX)).contains(&ms) => (ms >= 1.0).then_some(ms as u32),
            _ => return Err(("duration_ms", "milliseconds", format!("{text:?}"))),
        },
    };
    Ok(TrackFeatures { track_id: cell(uri).to_owned(), duration_ms, audio_features: known.then_some(audio) })
}

/// What went wrong in reading a CSV file; `remedy` is for files that are none.
pub(super) fn csv_error(path: &Path, error: csv::Error, remedy: &str) -> DataError {
    let problem = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(source) => DataError::file("read", path, source),
        _ => DataError::bad_file(path, problem, remedy),
    }
}
