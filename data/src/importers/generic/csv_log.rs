//! Logs as CSV or TSV: the header by the mapping, the rows on all cores.

use std::io::Read;

use super::field::Field;
use super::mapping::{Mapping, nearest};
use super::record_blocks::{BlocksError, Dialect, RecordBlocks, reader};
use super::row::{RowReader, Rows};
use crate::importers::row_problem::RowProblem;
use crate::importers::text_lines::cut_short;
use crate::parallel::in_order;
use crate::{DataError, Result};

/// Bytes of one piece of work.
const BLOCK_BYTES: usize = 1 << 20;

const REMEDY: &str = "pass a CSV file in UTF-8 whose first line names the columns";

/// How a CSV text is read.
#[derive(Clone, Copy)]
pub(super) struct CsvFormat {
    pub(super) dialect: Dialect,
    pub(super) block_bytes: usize,
    /// Whether a text that breaks off is read up to there.
    pub(super) lenient: bool,
}

impl CsvFormat {
    pub(super) fn new(dialect: Dialect, lenient: bool) -> Self {
        Self { dialect, block_bytes: BLOCK_BYTES, lenient }
    }
}

/// Reads a CSV text; gives the rows of each block to `take`, in order. Answers whether the text breaks off, which is
/// an error unless lenient.
pub(super) fn read_csv(
    label: &str,
    contents: impl Read,
    format: CsvFormat,
    rows: &RowReader<'_>,
    take: impl FnMut(Rows) -> Result<()> + Send,
) -> Result<bool> {
    let mut blocks = RecordBlocks::new(contents, format.dialect, format.block_bytes);
    let first = blocks.next_block().map_err(|error| broken_off(label, error))?;
    let Some(mut first) = first else {
        return Err(DataError::bad_file(label, "is empty", REMEDY));
    };
    if first.starts_with(b"\xEF\xBB\xBF") {
        first.drain(..3);
    }
    let (columns, begin) = header(label, &first, format.dialect, rows.mapping)?;
    first.drain(..begin);
    let (mut first, mut cut) = (Some(first), false);
    let next = || match first.take() {
        Some(first) => Ok(Some(first)),
        None if cut => Ok(None),
        None => match blocks.next_block() {
            Ok(block) => Ok(block),
            Err(_) if format.lenient => {
                cut = true;
                Ok(None)
            }
            Err(error) => Err(broken_off(label, error)),
        },
    };
    in_order(next, |block| Ok(columns.rows(&block, rows)), take)?;
    Ok(cut)
}

fn broken_off(label: &str, error: BlocksError) -> DataError {
    match error {
        BlocksError::Io(error) => cut_short(label, &error),
        BlocksError::EndlessRecord => {
            let remedy = "close the quote, or write quotes = false under [file] in the mapping if quotes mean nothing";
            DataError::bad_file(label, "holds a row of many megabytes: a quote seems never to end", remedy)
        }
    }
}

/// Where the mapped columns stand.
struct Columns {
    /// Place by the code of the field.
    places: Vec<Option<usize>>,
    count: usize,
    dialect: Dialect,
}

/// Reads the header at the begin of a text; answers the columns and where the header ends.
fn header(label: &str, text: &[u8], dialect: Dialect, mapping: &Mapping) -> Result<(Columns, usize)> {
    let mut reader = reader(text, dialect);
    let mut record = csv::ByteRecord::new();
    if !reader.read_byte_record(&mut record).unwrap_or(false) {
        return Err(DataError::bad_file(label, "has no header line", REMEDY));
    }
    let end = reader.position().byte() as usize;
    let names: Vec<String> = record.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let places = places(label, &known, mapping)?;
    Ok((Columns { places, count: names.len(), dialect }, end))
}

/// The place of each field's column among `names`.
pub(super) fn places(label: &str, names: &[&str], mapping: &Mapping) -> Result<Vec<Option<usize>>> {
    let mut places = vec![None; Field::ALL.len()];
    for (field, column) in &mapping.columns {
        let place = names.iter().position(|name| name == column);
        if place.is_none() {
            let problem = format!("has no column `{column}`, which the mapping names for `{}`", field.name());
            return Err(DataError::bad_file(label, problem, nearest(column, names)));
        }
        places[field.code()] = place;
    }
    Ok(places)
}

impl Columns {
    /// The rows of a block.
    fn rows(&self, block: &[u8], row_reader: &RowReader<'_>) -> Rows {
        let mut rows = Rows::default();
        let mut reader = reader(block, self.dialect);
        let mut record = csv::ByteRecord::new();
        // Reading from memory with any number of cells allowed cannot fail.
        while reader.read_byte_record(&mut record).unwrap_or(false) {
            if record.len() == self.count {
                rows.push(row_reader, |field| self.places[field.code()].and_then(|place| record.get(place)));
            } else {
                rows.push_bad(RowProblem::new(
                    "(whole row)",
                    "as many cells as the header",
                    format!("{} cells", record.len()),
                ));
            }
        }
        rows
    }
}
