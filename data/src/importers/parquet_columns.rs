//! Named columns of foreign Parquet files, as typed values in pieces of bounded size.
//!
//! A [`ParquetFile`] tells its columns; a [`Selection`] of them is read in [`RowRange`]s, by several threads at once
//! where wanted. Files come from anywhere: nothing that a file says of itself is believed before memory is taken for
//! it, and where the Parquet library panics on damage, that is an error of the file.

mod cells;
mod metadata;
mod source;

use std::fs::File;
use std::io::{Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use self::cells::{CellReader, Conversion};
pub(super) use self::cells::{Cells, Column};
use self::source::{LimitedPages, SharedSource};
use crate::{DataError, Result};

const REMEDY: &str = "copy or download it again";
/// Places in a row group kept open for the ranges that follow; more than there are threads at work.
const OPEN_CURSORS: usize = 16;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnKind {
    /// Yes or no.
    Bool,
    /// Whole numbers of any width, signed or not.
    Int,
    /// The same, of which those of 32 bits are wanted as they lie in the file: [`Cells::Int32`].
    Int32,
    /// Numbers of single or double precision.
    Float,
    /// Bytes, in most files UTF-8 text.
    Text,
    /// Moments, in milliseconds since 1970: timestamps of any unit, days, and the old 96-bit ones.
    Timestamp,
    /// Anything else: decimals, times of day, deeper nesting.
    Other,
}

impl ColumnKind {
    fn words(self) -> &'static str {
        match self {
            Self::Bool => "yes or no",
            Self::Int | Self::Int32 => "whole numbers",
            Self::Float => "numbers",
            Self::Text => "text",
            Self::Timestamp => "timestamps",
            Self::Other => "values that are not supported",
        }
    }
}

/// One column of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ColumnInfo {
    /// Its name; the parts of nested names are joined by dots, but for those that lists add.
    pub(super) name: String,
    pub(super) kind: ColumnKind,
    /// Whether each row holds a list of values.
    pub(super) list: bool,
}

/// A column to be read. Whole numbers are read from numbers and from yes and no too (1 and 0; a number with a fraction
/// becomes `i64::MIN`), numbers from whole numbers too.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) kind: ColumnKind,
    pub(super) list: bool,
}

/// Rows that are read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowRange {
    group: usize,
    /// First row within the row group.
    start: usize,
    pub(super) rows: usize,
    /// First row within the file, from 0.
    pub(super) first_row: u64,
}

/// An open Parquet file.
#[derive(Clone)]
pub(super) struct ParquetFile {
    label: String,
    reader: Arc<SerializedFileReader<SharedSource>>,
    columns: Vec<ColumnInfo>,
    rows: u64,
}

impl ParquetFile {
    /// Opens a file and reads its footer.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| DataError::file("open", path, e))?;
        Self::from_source(path.display().to_string(), file)
    }

    /// Reads the footer of what lies in `source`; `label` is the name shown to the user.
    pub(super) fn from_source(label: String, source: impl Read + Seek + Send + 'static) -> Result<Self> {
        let open = || {
            let source = SharedSource::new(source)?;
            source.check_footer()?;
            let reader = SerializedFileReader::new(source)?;
            let schema = reader.metadata().file_metadata().schema_descr();
            let columns = schema.columns().iter().map(|column| column_info(column)).collect();
            let mut rows = 0u64;
            for group in reader.metadata().row_groups() {
                let group_rows = u64::try_from(group.num_rows());
                let group_rows = group_rows.map_err(|_| ParquetError::General("negative number of rows".into()))?;
                rows = rows.saturating_add(group_rows);
            }
            Ok((Arc::new(reader), columns, rows))
        };
        let (reader, columns, rows) = unharmed(&label, open)?;
        Ok(Self { label, reader, columns, rows })
    }

    /// The name shown to the user.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Rows, as the footer has it.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// All columns in the file's order.
    pub(super) fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }

    /// Chooses columns; they are answered in the order of `wanted`.
    pub(super) fn select(&self, wanted: &[Wanted<'_>]) -> Result<Selection> {
        let places = wanted.iter().map(|wanted| self.place(wanted)).collect::<Result<Vec<_>>>()?;
        Ok(Selection { file: self.clone(), columns: places, cursors: Mutex::new(Vec::new()) })
    }

    fn place(&self, wanted: &Wanted<'_>) -> Result<(usize, Conversion)> {
        let bad = |problem: String| {
            let has: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
            DataError::bad_file(&self.label, problem, format!("its columns are: {}", has.join(", ")))
        };
        let place = self.columns.iter().position(|column| column.name == wanted.name);
        let place = place.ok_or_else(|| bad(format!("has no column `{}`", wanted.name)))?;
        let found = &self.columns[place];
        let descriptor = self.reader.metadata().file_metadata().schema_descr().column(place);
        match conversion(&descriptor, found.kind, wanted.kind) {
            Some(conversion) if found.list == wanted.list => Ok((place, conversion)),
            _ => {
                let words = |kind: ColumnKind, list| format!("{}{}", if list { "lists of " } else { "" }, kind.words());
                let (expected, found) = (words(wanted.kind, wanted.list), words(found.kind, found.list));
                Err(bad(format!("column `{}`: expected {expected}, found {found}", wanted.name)))
            }
        }
    }
}

/// Chosen columns of a file.
pub(super) struct Selection {
    file: ParquetFile,
    columns: Vec<(usize, Conversion)>,
    cursors: Mutex<Vec<Cursor>>,
}

/// Readers that stand at a row of a row group.
struct Cursor {
    group: usize,
    next_row: usize,
    readers: Vec<CellReader>,
}

impl Selection {
    /// All rows, in ranges of about `values` values per column, and of at least one row.
    pub(super) fn ranges(&self, values: usize) -> impl Iterator<Item = RowRange> + '_ {
        let mut first_row = 0;
        self.file.reader.metadata().row_groups().iter().enumerate().flat_map(move |(group, metadata)| {
            let group_rows = metadata.num_rows() as usize;
            let most = self.columns.iter().map(|&(place, _)| metadata.column(place).num_values()).max().unwrap_or(0);
            let per_row = (most.max(0) as usize / group_rows.max(1)).max(1);
            let rows = (values / per_row).max(1);
            let group_start = first_row;
            first_row += group_rows as u64;
            (0..group_rows).step_by(rows).map(move |start| RowRange {
                group,
                start,
                rows: rows.min(group_rows - start),
                first_row: group_start + start as u64,
            })
        })
    }

    /// Reads the rows of a range. Several threads may read at once; ranges that are asked for in order of their rows
    /// are read without looking at a page twice per thread.
    pub(super) fn read(&self, range: RowRange) -> Result<Vec<Column>> {
        unharmed(&self.file.label, || {
            let mut cursor = match self.take_cursor(range) {
                Some(cursor) => cursor,
                None => self.open_cursor(range.group)?,
            };
            let skipped = range.start - cursor.next_row;
            let columns: Vec<Column> = cursor
                .readers
                .iter_mut()
                .map(|reader| {
                    reader.skip(skipped)?;
                    reader.read(range.rows)
                })
                .collect::<parquet::errors::Result<_>>()?;
            cursor.next_row = range.start + range.rows;
            let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
            if cursors.len() == OPEN_CURSORS {
                cursors.remove(0);
            }
            cursors.push(cursor);
            Ok(columns)
        })
    }

    /// The open cursor that has the shortest way to the range.
    fn take_cursor(&self, range: RowRange) -> Option<Cursor> {
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        // Ranges are asked for in order: what stands in an earlier row group is done with.
        cursors.retain(|cursor| cursor.group + 1 >= range.group);
        let usable = |cursor: &Cursor| cursor.group == range.group && cursor.next_row <= range.start;
        let best =
            (0..cursors.len()).filter(|&place| usable(&cursors[place])).max_by_key(|&place| cursors[place].next_row);
        best.map(|place| cursors.remove(place))
    }

    fn open_cursor(&self, group: usize) -> parquet::errors::Result<Cursor> {
        let row_group = self.file.reader.get_row_group(group)?;
        let open = |&(place, conversion): &(usize, Conversion)| {
            let descriptor = row_group.metadata().column(place).column_descr_ptr();
            let limit = (descriptor.max_rep_level() > 0).then_some(cells::MOST_LIST_VALUES);
            let (pages, loaded) = LimitedPages::new(row_group.get_column_page_reader(place)?, limit);
            CellReader::new(descriptor, Box::new(pages), loaded, conversion)
        };
        let readers = self.columns.iter().map(open).collect::<parquet::errors::Result<_>>()?;
        Ok(Cursor { group, next_row: 0, readers })
    }
}

/// Runs the Parquet library on a file that may be damaged: whether it answers an error or panics, the file is named.
fn unharmed<T>(label: &str, work: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T> {
    let damaged = |reason: &str| {
        let path = PathBuf::from(label);
        DataError::bad_file(path, format!("is no Parquet file, or damaged, or cut short ({reason})"), REMEDY)
    };
    // What the work has touched is dropped, or holds plain values.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(damaged(&error.to_string())),
        Err(panic) => {
            let reason = panic.downcast_ref::<String>().map(String::as_str);
            let reason = reason.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(damaged(reason.unwrap_or("the Parquet library gave up")))
        }
    }
}

fn column_info(column: &ColumnDescriptor) -> ColumnInfo {
    let parts = column.path().parts();
    // A list is `name`, `name.array` or `name.list.element`, by age of the writer.
    let list = column.max_rep_level() == 1 && parts.len() <= 3;
    let kind = match column.max_rep_level() {
        0 => kind_of(column),
        1 if list => kind_of(column),
        _ => ColumnKind::Other,
    };
    let name = if list { parts[0].clone() } else { parts.join(".") };
    ColumnInfo { name, kind, list }
}

fn kind_of(column: &ColumnDescriptor) -> ColumnKind {
    use LogicalType as Logical;
    let logical = column.logical_type_ref();
    match (column.physical_type(), logical, column.converted_type()) {
        (_, Some(Logical::Decimal(_) | Logical::Time(_)), _) => ColumnKind::Other,
        (_, _, ConvertedType::DECIMAL | ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS) => ColumnKind::Other,
        (PhysicalType::BOOLEAN, ..) => ColumnKind::Bool,
        (PhysicalType::INT32 | PhysicalType::INT64, ..) if day_or_unit(column).is_some() => ColumnKind::Timestamp,
        (PhysicalType::INT32 | PhysicalType::INT64, ..) => ColumnKind::Int,
        (PhysicalType::INT96, ..) => ColumnKind::Timestamp,
        (PhysicalType::FLOAT | PhysicalType::DOUBLE, ..) => ColumnKind::Float,
        (PhysicalType::BYTE_ARRAY, ..) => ColumnKind::Text,
        (PhysicalType::FIXED_LEN_BYTE_ARRAY, ..) => ColumnKind::Other,
    }
}

/// How an integer column counts time, if it does.
fn day_or_unit(column: &ColumnDescriptor) -> Option<Conversion> {
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Date), _) | (_, ConvertedType::DATE) => Some(Conversion::Days),
        (Some(LogicalType::Timestamp(time)), _) => Some(match time.unit {
            TimeUnit::MILLIS => Conversion::None,
            TimeUnit::MICROS => Conversion::Parts(1_000),
            TimeUnit::NANOS => Conversion::Parts(1_000_000),
        }),
        (_, ConvertedType::TIMESTAMP_MILLIS) => Some(Conversion::None),
        (_, ConvertedType::TIMESTAMP_MICROS) => Some(Conversion::Parts(1_000)),
        _ => None,
    }
}

/// How values of a column become those wanted; `None` where they cannot.
fn conversion(column: &ColumnDescriptor, found: ColumnKind, wanted: ColumnKind) -> Option<Conversion> {
    use ColumnKind::{Bool, Float, Int, Int32, Text, Timestamp};
    match (found, wanted) {
        (_, Int32) => {
            let whole = conversion(column, found, Int)?;
            let narrow = found == Int && column.physical_type() == PhysicalType::INT32;
            Some(if narrow { Conversion::Bits { signed: whole == Conversion::None } } else { whole })
        }
        (Int, Int | Float) => {
            let unsigned = match column.logical_type_ref() {
                Some(LogicalType::Integer(integer)) => !integer.is_signed,
                _ => matches!(
                    column.converted_type(),
                    ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64
                ),
            };
            Some(match (wanted, unsigned) {
                (Int, false) => Conversion::None,
                (Int, true) => Conversion::Unsigned,
                (_, false) => Conversion::IntToFloat,
                (_, true) => Conversion::UnsignedToFloat,
            })
        }
        (Float, Int) => Some(Conversion::FloatToInt),
        (Bool, Int) => Some(Conversion::BoolToInt),
        (Timestamp, Timestamp) => Some(day_or_unit(column).unwrap_or(Conversion::None)),
        (Bool, Bool) | (Float, Float) | (Text, Text) => Some(Conversion::None),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
