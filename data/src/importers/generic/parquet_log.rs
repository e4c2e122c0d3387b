//! Logs as Parquet: cells become text, so that the rules are those of CSV.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::csv_log::places;
use super::field::Field;
use super::mapping::TimeUnit;
use super::row::{RowReader, Rows};
use crate::importers::parquet_columns::{Cells, Column, ColumnKind, ParquetFile, RowRange, Selection, Wanted};
use crate::parallel::in_order;
use crate::{DataError, Result};

/// Rows of one piece of work.
const RANGE_ROWS: usize = 1 << 14;

/// Whether a file is Parquet, by its first bytes.
pub(super) fn is_parquet(path: &Path) -> Result<bool> {
    let mut magic = Vec::new();
    let file = File::open(path).map_err(|e| DataError::file("open", path, e))?;
    file.take(4).read_to_end(&mut magic).map_err(|e| DataError::file("read", path, e))?;
    Ok(magic == *b"PAR1")
}

/// Reads a Parquet file; gives its rows to `take`, in order. A column of timestamps is a time whatever unit the mapping
/// names.
pub(super) fn read_parquet(
    file: &ParquetFile,
    rows: &RowReader<'_>,
    take: impl FnMut(Rows) -> Result<()> + Send,
) -> Result<()> {
    let names: Vec<&str> = file.columns().iter().map(|column| column.name.as_str()).collect();
    let places = places(file.label(), &names, rows.mapping)?;
    let (mut wanted, mut place_of_field) = (Vec::new(), vec![None; Field::ALL.len()]);
    let mut time_unit = rows.time_unit;
    for &field in Field::ALL {
        let Some(place) = places[field.code()] else { continue };
        let column = &file.columns()[place];
        if column.list {
            let problem = format!("column `{}` holds lists", column.name);
            return Err(DataError::bad_file(file.label(), problem, "write one row per play"));
        }
        if matches!(field, Field::Start | Field::End) && column.kind == ColumnKind::Timestamp {
            time_unit = TimeUnit::Milliseconds;
        }
        place_of_field[field.code()] = Some(wanted.len());
        wanted.push(Wanted { name: &column.name, kind: column.kind, list: false });
    }
    let selection = file.select(&wanted)?;
    let reader = RowReader { time_unit, ..*rows };
    let mut ranges = selection.ranges(RANGE_ROWS);
    in_order(|| Ok(ranges.next()), |range| read_range(&selection, range, &place_of_field, &reader), take)
}

fn read_range(
    selection: &Selection,
    range: RowRange,
    place_of_field: &[Option<usize>],
    reader: &RowReader<'_>,
) -> Result<Rows> {
    let columns: Vec<TextColumn> = selection.read(range)?.into_iter().map(TextColumn::new).collect();
    let mut rows = Rows::default();
    for row in 0..range.rows {
        rows.push(reader, |field| place_of_field[field.code()].map(|place| columns[place].cell(row)));
    }
    Ok(rows)
}

/// A column whose cells are text.
enum TextColumn {
    Text(Column),
    /// The cells one after the other, and where each ends.
    Written {
        text: String,
        ends: Vec<usize>,
    },
}

impl TextColumn {
    fn new(column: Column) -> Self {
        match &column.cells {
            Cells::Text(_) => Self::Text(column),
            Cells::Bool(values) => Self::written(&column, values),
            Cells::Int(values) => Self::written(&column, values),
            Cells::Int32 { bits, .. } => {
                let values: Vec<i64> = (0..bits.len()).map(|place| column.int(place)).collect();
                Self::written(&column, &values)
            }
            Cells::Float(values) => Self::written(&column, values),
        }
    }

    fn written<T: std::fmt::Display>(column: &Column, values: &[T]) -> Self {
        let (mut text, mut ends) = (String::new(), Vec::with_capacity(values.len()));
        for (place, value) in values.iter().enumerate() {
            if !column.is_missing(place) {
                // Writing to memory cannot fail.
                let _ = write!(text, "{value}");
            }
            ends.push(text.len());
        }
        Self::Written { text, ends }
    }

    fn cell(&self, row: usize) -> &[u8] {
        match self {
            Self::Text(column) => column.text(row),
            Self::Written { text, ends } => {
                let begin = if row == 0 { 0 } else { ends[row - 1] };
                &text.as_bytes()[begin..ends[row]]
            }
        }
    }
}
