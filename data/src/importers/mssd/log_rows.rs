//! Rows of a session log, parsed block by block on all cores.

use std::ops::Range;

use super::cells::{boolean, date, problem, whole};
use super::csv_rows::{CsvRow, each_row};
use super::header::{LogColumns, OutcomeColumns};
use super::marks::Marks;
use crate::importers::ids::Ids;
use crate::importers::row_problem::RowProblem;
use crate::parallel::LineBlock;
use crate::{Result, Source};

/// Longest session id; those of the set have 38 or 39 bytes.
pub(super) const SESSION_ID_BYTES: usize = 48;
/// Longest track id; those of the set have 38 bytes.
const TRACK_ID_BYTES: usize = 255;
/// Most rows of a session; those of the set have 10 to 20.
pub(super) const SESSION_ROWS: usize = 255;
/// The start of a row whose file tells no time.
pub(super) const NO_TIME: i64 = i64::MIN;
const HOUR_MS: i64 = 3_600_000;

/// A session log that is being read.
pub(super) struct LogFile {
    /// Its name, with the archive it lies in.
    pub(super) label: String,
    pub(super) columns: LogColumns,
    pub(super) lenient: bool,
    /// Added to all times.
    pub(super) offset_ms: i64,
}

/// One row; the track's id lies in the text of its block.
pub(super) struct LogRow {
    pub(super) track_hash: u64,
    /// Begin of the row's hour, or [`NO_TIME`].
    pub(super) start_ms: i64,
    track_start: u32,
    track_bytes: u8,
    pub(super) position: u8,
    pub(super) length: u8,
    pub(super) marks: Marks,
}

/// The rows of a block, in runs of one session id each.
#[derive(Default)]
pub(super) struct LogRows {
    text: Vec<u8>,
    pub(super) rows: Vec<LogRow>,
    runs: Vec<(Range<usize>, usize)>,
    /// Bad rows, skipped.
    pub(super) bad: u64,
    /// Rows whose context type is none of the published ones.
    pub(super) unfamiliar_contexts: u64,
}

impl LogRows {
    /// Parses a block, without its header.
    pub(super) fn parse(file: &LogFile, mut block: LineBlock) -> Result<Self> {
        let mut parsed = Self { rows: Vec::with_capacity(block.text.len() / 150), ..Self::default() };
        let ascii = block.text.is_ascii();
        let mut parser = RowParser { file, ascii, day: (Vec::new(), 0) };
        let mut last_session = 0..0;
        each_row(&mut block, |row| {
            match parser.parse(row, &mut parsed.unfamiliar_contexts) {
                Ok(parsed_row) => {
                    let session = row.range(file.columns.session_id);
                    if parsed.rows.is_empty() || row.text_at(session.clone()) != row.text_at(last_session.clone()) {
                        parsed.runs.push((session.clone(), parsed.rows.len()));
                    }
                    last_session = session;
                    parsed.rows.push(parsed_row);
                }
                Err(_) if file.lenient => parsed.bad += 1,
                Err(problem) => return Err(problem.at(&file.label, row.line - 1)),
            }
            Ok(())
        })?;
        parsed.text = block.text;
        Ok(parsed)
    }

    /// Session ids with their rows, in order.
    pub(super) fn runs(&self) -> impl Iterator<Item = (&[u8], &[LogRow])> {
        let ends = self.runs.iter().skip(1).map(|(_, first)| *first).chain([self.rows.len()]);
        self.runs.iter().zip(ends).map(|((id, first), end)| (&self.text[id.clone()], &self.rows[*first..end]))
    }

    /// The id of a row's track.
    pub(super) fn track_id(&self, row: &LogRow) -> &[u8] {
        &self.text[row.track_start as usize..][..usize::from(row.track_bytes)]
    }
}

struct RowParser<'a> {
    file: &'a LogFile,
    /// Whether the whole block is ASCII, so that no id needs to be looked at for its encoding.
    ascii: bool,
    /// The date met last, and its days since 1970: neighbouring rows share it.
    day: (Vec<u8>, i64),
}

impl RowParser<'_> {
    fn parse(&mut self, row: &CsvRow<'_>, unfamiliar_contexts: &mut u64) -> std::result::Result<LogRow, RowProblem> {
        let columns = &self.file.columns;
        if row.len() != columns.count {
            let expected = format!("{} cells, as in the header", columns.count);
            return Err(RowProblem::new("(whole line)", expected, row.len().to_string()));
        }
        self.id(row, "session_id", columns.session_id, SESSION_ID_BYTES)?;
        self.id(row, "track_id_clean", columns.track, TRACK_ID_BYTES)?;
        let length = whole("session_length", row.cell(columns.length), 1, SESSION_ROWS as u32)?;
        let position = whole("session_position", row.cell(columns.position), 1, length)?;
        let (mut marks, mut start_ms) = (Marks::UNLABELLED, NO_TIME);
        if let Some(outcome) = &columns.outcome {
            marks = parse_marks(row, outcome, unfamiliar_contexts)?;
            let hour = whole("hour_of_day", row.cell(outcome.hour), 0, 23)?;
            start_ms = self.day(row.cell(outcome.date))? * 24 * HOUR_MS + i64::from(hour) * HOUR_MS;
            start_ms += self.file.offset_ms;
        }
        let track = row.range(columns.track);
        Ok(LogRow {
            track_hash: Ids::hash(row.cell(columns.track)),
            start_ms,
            track_start: track.start as u32,
            track_bytes: track.len() as u8,
            position: position as u8,
            length: length as u8,
            marks,
        })
    }

    fn id(
        &self,
        row: &CsvRow<'_>,
        field: &'static str,
        place: usize,
        bytes: usize,
    ) -> std::result::Result<(), RowProblem> {
        let id = row.cell(place);
        if id.is_empty() || id.len() > bytes || !(self.ascii || std::str::from_utf8(id).is_ok()) {
            return Err(problem(field, format!("an identifier of 1 to {bytes} bytes of UTF-8 text"), id));
        }
        Ok(())
    }

    fn day(&mut self, cell: &[u8]) -> std::result::Result<i64, RowProblem> {
        if self.day.0 != cell {
            self.day = (cell.to_vec(), date("date", cell)?);
        }
        Ok(self.day.1)
    }
}

fn parse_marks(
    row: &CsvRow<'_>,
    columns: &OutcomeColumns,
    unfamiliar_contexts: &mut u64,
) -> std::result::Result<Marks, RowProblem> {
    let skips = [
        boolean("skip_1", row.cell(columns.skips[0]))?,
        boolean("skip_2", row.cell(columns.skips[1]))?,
        boolean("skip_3", row.cell(columns.skips[2]))?,
    ];
    let not_skipped = boolean("not_skipped", row.cell(columns.not_skipped))?;
    let shuffle = boolean("hist_user_behavior_is_shuffle", row.cell(columns.shuffle))?;
    let premium = boolean("premium", row.cell(columns.premium))?;
    let source = match row.cell(columns.context_type) {
        b"user_collection" => Some(Source::Collection),
        b"catalog" => Some(Source::Catalog),
        b"editorial_playlist" | b"charts" => Some(Source::Editorial),
        b"radio" => Some(Source::Radio),
        b"personalized_playlist" => Some(Source::Personalised),
        _ => {
            *unfamiliar_contexts += 1;
            None
        }
    };
    Ok(Marks::new(not_skipped, skips, shuffle, premium, source))
}
