//! Track features: duration, year, audio features and the acoustic vector.

use std::ops::Range;

use super::cells::{number, problem};
use super::csv_rows::{CsvRow, each_row};
use super::header::{ACOUSTIC_DIMENSION, FeatureColumns};
use crate::importers::ids::Ids;
use crate::importers::row_problem::RowProblem;
use crate::parallel::LineBlock;
use crate::{AUDIO_FEATURES, AudioFeatures, DatasetWriter, Result, Track};

/// A table of features that is being read.
pub(super) struct FeatureFile {
    pub(super) label: String,
    pub(super) columns: FeatureColumns,
    pub(super) lenient: bool,
}

struct FeatureRow {
    track_hash: u64,
    track: Range<usize>,
    duration_ms: Option<u32>,
    release_year: Option<u16>,
    audio: Option<AudioFeatures>,
    acoustic: Option<[f32; ACOUSTIC_DIMENSION]>,
}

/// The rows of a block.
#[derive(Default)]
pub(super) struct FeatureRows {
    text: Vec<u8>,
    rows: Vec<FeatureRow>,
    bad: u64,
}

impl FeatureRows {
    /// Parses a block, without its header.
    pub(super) fn parse(file: &FeatureFile, mut block: LineBlock) -> Result<Self> {
        let mut parsed = Self::default();
        each_row(&mut block, |row| {
            match parse_row(&file.columns, row) {
                Ok(row) => parsed.rows.push(row),
                Err(_) if file.lenient => parsed.bad += 1,
                Err(problem) => return Err(problem.at(&file.label, row.line - 1)),
            }
            Ok(())
        })?;
        parsed.text = block.text;
        Ok(parsed)
    }
}

type Parsed<T> = std::result::Result<T, RowProblem>;

const ACOUSTIC: [&str; ACOUSTIC_DIMENSION] = [
    "acoustic_vector_0",
    "acoustic_vector_1",
    "acoustic_vector_2",
    "acoustic_vector_3",
    "acoustic_vector_4",
    "acoustic_vector_5",
    "acoustic_vector_6",
    "acoustic_vector_7",
];

fn parse_row(columns: &FeatureColumns, row: &CsvRow<'_>) -> Parsed<FeatureRow> {
    if row.len() != columns.count {
        let expected = format!("{} cells, as in the header", columns.count);
        return Err(RowProblem::new("(whole line)", expected, row.len().to_string()));
    }
    let track = row.cell(columns.track);
    if track.is_empty() || std::str::from_utf8(track).is_err() {
        return Err(problem("track_id", "an identifier of UTF-8 text", track));
    }
    let most_s = f64::from(i32::MAX) / 1000.0;
    let duration_s = bounded("duration", row.cell(columns.duration), most_s, "seconds")?;
    let release_year = bounded("release_year", row.cell(columns.release_year), 9999.0, "a year")?;
    Ok(FeatureRow {
        track_hash: Ids::hash(track),
        track: row.range(columns.track),
        // 0 stands for unknown.
        duration_ms: duration_s.map(|seconds| (seconds * 1000.0).round() as u32).filter(|&ms| ms > 0),
        release_year: release_year.map(|year| year as u16).filter(|&year| year > 0),
        audio: all(row, &AUDIO_FEATURES, &columns.audio)?,
        acoustic: all(row, &ACOUSTIC, &columns.acoustic)?,
    })
}

fn bounded(field: &'static str, cell: &[u8], most: f64, what: &str) -> Parsed<Option<f64>> {
    match number(field, cell)? {
        Some(value) if !(0.0..=most).contains(&value) => Err(problem(field, format!("{what} from 0 to {most}"), cell)),
        value => Ok(value),
    }
}

/// The numbers of several cells; nothing unless all are given.
fn all<const N: usize>(row: &CsvRow<'_>, names: &[&'static str; N], places: &[usize; N]) -> Parsed<Option<[f32; N]>> {
    let (mut values, mut known) = ([0.0; N], true);
    for ((value, name), &place) in values.iter_mut().zip(names).zip(places) {
        let cell = row.cell(place);
        match number(name, cell)? {
            None => known = false,
            Some(number) => *value = number as f32,
        }
        if !value.is_finite() {
            return Err(problem(name, "a number of single precision", cell));
        }
    }
    Ok(known.then_some(values))
}

/// What became of the rows of features.
#[derive(Default)]
pub(super) struct FeatureCounts {
    pub(super) rows: u64,
    pub(super) bad: u64,
    pub(super) never_played: u64,
    pub(super) repeated: u64,
}

/// Gives the tracks that were played their features.
pub(super) struct TrackDetails<'a> {
    pub(super) writer: &'a mut DatasetWriter,
    pub(super) ids: &'a Ids,
    pub(super) catalog: &'a mut [Track],
    /// By track: whether its features were met.
    pub(super) met: Vec<bool>,
    pub(super) counts: FeatureCounts,
}

impl TrackDetails<'_> {
    /// Takes in the rows of the next block.
    pub(super) fn push(&mut self, block: &FeatureRows) -> Result<()> {
        self.counts.rows += block.rows.len() as u64 + block.bad;
        self.counts.bad += block.bad;
        for row in &block.rows {
            let Some(number) = self.ids.find_hashed(&block.text[row.track.clone()], row.track_hash) else {
                self.counts.never_played += 1;
                continue;
            };
            if std::mem::replace(&mut self.met[number as usize], true) {
                self.counts.repeated += 1;
                continue;
            }
            let track = &mut self.catalog[number as usize];
            track.duration_ms = row.duration_ms;
            track.release_year = row.release_year;
            track.audio_features = row.audio;
            if let Some(acoustic) = &row.acoustic {
                self.writer.write_audio_vector(number, acoustic)?;
            }
        }
        Ok(())
    }
}
