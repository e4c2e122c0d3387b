//! What the columns of a file are, told by its header.

use super::csv_rows::{CsvRow, each_row};
use crate::parallel::LineBlock;
use crate::{AUDIO_FEATURES, DataError, Result};

/// Elements of the acoustic vector.
pub(super) const ACOUSTIC_DIMENSION: usize = 8;

const REMEDY: &str = "pass session logs (log_*.csv) and track features (tf_*.csv) of the Music Streaming Sessions \
                      Dataset, each with its header line";

/// Places of the columns of one file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Columns {
    /// A session log.
    Log(LogColumns),
    /// A table of track features.
    Features(FeatureColumns),
}

/// Places of the columns of a session log.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LogColumns {
    pub(super) count: usize,
    pub(super) session_id: usize,
    pub(super) position: usize,
    pub(super) length: usize,
    pub(super) track: usize,
    /// Absent in the second halves of test sessions (`log_input_*.csv`).
    pub(super) outcome: Option<OutcomeColumns>,
}

/// Places of responses and circumstances.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OutcomeColumns {
    pub(super) skips: [usize; 3],
    pub(super) not_skipped: usize,
    pub(super) shuffle: usize,
    pub(super) hour: usize,
    pub(super) date: usize,
    pub(super) premium: usize,
    pub(super) context_type: usize,
}

/// Places of the columns of a table of track features.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FeatureColumns {
    pub(super) count: usize,
    pub(super) track: usize,
    pub(super) duration: usize,
    pub(super) release_year: usize,
    /// In the order of [`AUDIO_FEATURES`].
    pub(super) audio: [usize; AUDIO_FEATURES.len()],
    pub(super) acoustic: [usize; ACOUSTIC_DIMENSION],
}

/// Names of [`OutcomeColumns`]: a log has all of them or none.
const OUTCOME: [&str; 9] = [
    "skip_1",
    "skip_2",
    "skip_3",
    "not_skipped",
    "hist_user_behavior_is_shuffle",
    "hour_of_day",
    "date",
    "premium",
    "context_type",
];

/// Takes the header off the first block of a file.
pub(super) fn take_header(file: &str, block: &mut LineBlock) -> Result<Columns> {
    let end = memchr::memchr(b'\n', &block.text).map_or(block.text.len(), |end| end + 1);
    let rest = block.text.split_off(end);
    let line = std::mem::replace(&mut block.text, rest);
    block.first_line += 1;
    let mut line = LineBlock { text: line, first_line: 1 };
    let mut names = Vec::new();
    each_row(&mut line, |row| {
        names = names_of(row);
        Ok::<(), DataError>(())
    })?;
    columns(file, &names)
}

fn names_of(row: &CsvRow<'_>) -> Vec<String> {
    let name = |place| String::from_utf8_lossy(row.cell(place)).trim().trim_start_matches('\u{feff}').to_owned();
    (0..row.len()).map(name).collect()
}

fn columns(file: &str, names: &[String]) -> Result<Columns> {
    let find = |wanted: &str| names.iter().position(|name| name == wanted);
    let need = |wanted: &str| find(wanted).ok_or_else(|| missing(file, wanted, names));
    let count = names.len();
    let is_log = ["session_id", "session_position", "track_id_clean"].iter().any(|name| find(name).is_some());
    if is_log {
        let session_id = need("session_id")?;
        let (position, length) = (need("session_position")?, need("session_length")?);
        let track = need("track_id_clean")?;
        let outcome = if OUTCOME.iter().any(|name| find(name).is_some()) {
            let mut places = [0; OUTCOME.len()];
            for (place, name) in places.iter_mut().zip(OUTCOME) {
                *place = need(name)?;
            }
            let [skip_1, skip_2, skip_3, not_skipped, shuffle, hour, date, premium, context_type] = places;
            let skips = [skip_1, skip_2, skip_3];
            Some(OutcomeColumns { skips, not_skipped, shuffle, hour, date, premium, context_type })
        } else {
            None
        };
        return Ok(Columns::Log(LogColumns { count, session_id, position, length, track, outcome }));
    }
    let (mut audio, mut acoustic) = ([0; AUDIO_FEATURES.len()], [0; ACOUSTIC_DIMENSION]);
    let track = need("track_id")?;
    let (duration, release_year) = (need("duration")?, need("release_year")?);
    for (place, name) in audio.iter_mut().zip(AUDIO_FEATURES) {
        *place = need(name)?;
    }
    for (element, place) in acoustic.iter_mut().enumerate() {
        *place = need(&format!("acoustic_vector_{element}"))?;
    }
    Ok(Columns::Features(FeatureColumns { count, track, duration, release_year, audio, acoustic }))
}

fn missing(file: &str, wanted: &str, names: &[String]) -> DataError {
    let nearest = names.iter().min_by_key(|name| strsim::damerau_levenshtein(name, wanted));
    let nearest = match nearest.filter(|name| !name.is_empty() && name.len() <= 80) {
        Some(nearest) => format!("its nearest is `{nearest}`"),
        None => "its first line is no header".to_owned(),
    };
    DataError::bad_file(file, format!("has no column `{wanted}` ({nearest})"), REMEDY)
}
