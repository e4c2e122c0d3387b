//! The rows of Spotify's exports, one after the other: wrong ones are named, or skipped and counted where lenient.

use std::io::BufRead;

use super::json_rows::{JsonRows, RowsError};
use super::row_problem::RowProblem;
use super::spotify_archive::{Source, Sources};
use crate::{DataError, Progress, Result};

/// Bytes read between two reports of progress.
const PROGRESS_BYTES: u64 = 1 << 18;

/// What to do where an export holds no plays.
pub(super) const INCOMPLETE: &str = "check that the export is complete, or download it again";

/// What became of files and rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RowTally {
    /// Files read.
    pub(super) files: u64,
    /// Rows read, bad ones too.
    pub(super) rows_read: u64,
    /// Bad rows skipped; never above 0 unless lenient.
    pub(super) rows_bad: u64,
    /// Files that end too early, of which the rows before the cut were taken; never above 0 unless lenient.
    pub(super) files_cut: u64,
}

/// A row that is not used: it is wrong, or the whole import must end.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The row is wrong: an error, or skipped where lenient.
    Row(RowProblem),
    /// Nothing can be imported.
    Import(DataError),
}

impl From<RowProblem> for Refusal {
    fn from(problem: RowProblem) -> Self {
        Self::Row(problem)
    }
}

impl From<DataError> for Refusal {
    fn from(error: DataError) -> Self {
        Self::Import(error)
    }
}

/// Gives every row of the files to `take`: its text, its file, and its number among all rows, from 1.
pub(super) fn read_rows(
    sources: &Sources,
    lenient: bool,
    progress: &dyn Progress,
    mut take: impl FnMut(&[u8], &Source, u64) -> std::result::Result<(), Refusal>,
) -> Result<RowTally> {
    progress.begin("reading plays", sources.files.iter().map(|source| source.bytes).sum(), "bytes");
    let (mut tally, mut before) = (RowTally::default(), 0);
    for source in &sources.files {
        source.open(|reader| {
            let label = || source.label();
            let advance = |bytes| progress.advance(before + bytes);
            let take = &mut |text: &[u8], number| take(text, source, number);
            read_file(JsonRows::new(reader), &label, lenient, &mut tally, take, &advance)
        })?;
        before += source.bytes;
        progress.advance(before);
        tally.files += 1;
    }
    progress.end();
    Ok(tally)
}

/// Takes one row with its number among all.
type TakeRow<'a> = dyn FnMut(&[u8], u64) -> std::result::Result<(), Refusal> + 'a;

/// Gives every row of one file to `take`. `label` names the file in errors; `advance` hears of the bytes read.
pub(super) fn read_file(
    mut rows: JsonRows<impl BufRead>,
    label: &dyn Fn() -> String,
    lenient: bool,
    tally: &mut RowTally,
    take: &mut TakeRow<'_>,
    advance: &dyn Fn(u64),
) -> Result<()> {
    let (mut number, mut reported) = (0, 0);
    loop {
        number += 1;
        match rows.next_row() {
            Ok(None) => return Ok(()),
            Ok(Some(text)) => {
                tally.rows_read += 1;
                match take(text, tally.rows_read) {
                    Ok(()) => {}
                    Err(Refusal::Row(_)) if lenient => tally.rows_bad += 1,
                    Err(Refusal::Row(problem)) => return Err(problem.at(&label(), number)),
                    Err(Refusal::Import(error)) => return Err(error),
                }
            }
            Err(RowsError::NotAnArray) => {
                let remedy = "pass the files as Spotify sent them; each is a JSON list of plays, in UTF-8";
                return Err(DataError::bad_file(label(), "is not a JSON list", remedy));
            }
            Err(RowsError::Cut | RowsError::Io(_)) if lenient => {
                tally.files_cut += 1;
                return Ok(());
            }
            Err(RowsError::Cut) => return Err(cut(label(), number, "it ends there")),
            Err(RowsError::Io(error)) => return Err(cut(label(), number, &error.to_string())),
        }
        if rows.bytes() - reported >= PROGRESS_BYTES {
            reported = rows.bytes();
            advance(reported);
        }
    }
}

fn cut(file: String, row: u64, reason: &str) -> DataError {
    let problem = format!("is cut short or damaged at row {row} ({reason})");
    let remedy = format!("download the export again, or pass --lenient to keep the {} rows before", row - 1);
    DataError::bad_file(file, problem, remedy)
}

/// Reads bytes as a file of rows, strictly and leniently.
pub(super) fn fuzz(bytes: &[u8], parse: &dyn Fn(&[u8]) -> std::result::Result<(), RowProblem>) {
    for lenient in [false, true] {
        let mut tally = RowTally::default();
        let mut take = |text: &[u8], _| Ok(parse(text)?);
        // Any result will do but a panic.
        let _ = read_file(JsonRows::new(bytes), &String::new, lenient, &mut tally, &mut take, &|_| {});
    }
}
