//! The values of a column, and how they are read.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parquet::column::page::PageReader;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::ColumnDescPtr;

/// Values that the lists of one range may have together: some hundred times what files made in earnest come to.
pub(super) const MOST_LIST_VALUES: usize = 1 << 25;

const DAY_MS: i64 = 86_400_000;

/// Values of a column; at the place of a missing one stands 0, false or nothing.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::importers) enum Cells {
    Bool(Vec<bool>),
    /// Whole numbers, and timestamps in milliseconds. Those above `i64::MAX` are `i64::MAX`.
    Int(Vec<i64>),
    /// Whole numbers of 32 bits, as they lie in the file: with or without sign.
    Int32 {
        bits: Vec<u32>,
        signed: bool,
    },
    Float(Vec<f64>),
    Text(Vec<ByteArray>),
}

/// A column of some rows.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::importers) struct Column {
    pub(in crate::importers) cells: Cells,
    /// Which cells are there; `None` where all are.
    present: Option<Vec<bool>>,
    /// Of lists: where the cells of each row end.
    ends: Option<Vec<usize>>,
}

impl Column {
    /// Whole numbers or timestamps; empty for other columns.
    pub(in crate::importers) fn ints(&self) -> &[i64] {
        if let Cells::Int(values) = &self.cells { values } else { &[] }
    }

    /// A whole number, of any width; 0 in other columns.
    pub(in crate::importers) fn int(&self, place: usize) -> i64 {
        match &self.cells {
            Cells::Int(values) => values[place],
            Cells::Int32 { bits, signed: true } => i64::from(bits[place] as i32),
            Cells::Int32 { bits, signed: false } => i64::from(bits[place]),
            _ => 0,
        }
    }

    /// All numbers of a column of 32 bits, where none is missing, negative or above `most`.
    pub(in crate::importers) fn all_up_to(&self, most: u32) -> Option<&[u32]> {
        let Cells::Int32 { bits, signed } = &self.cells else { return None };
        let most = if *signed { most.min(i32::MAX as u32) } else { most };
        let fit = most == u32::MAX || bits.iter().fold(true, |fit, &value| fit & (value <= most));
        (self.present.is_none() && fit).then_some(bits)
    }

    /// Numbers; empty for other columns.
    pub(in crate::importers) fn floats(&self) -> &[f64] {
        if let Cells::Float(values) = &self.cells { values } else { &[] }
    }

    /// The bytes of a text cell; none where it is missing, and for other columns.
    pub(in crate::importers) fn text(&self, place: usize) -> &[u8] {
        match &self.cells {
            Cells::Text(values) if !self.is_missing(place) => values[place].data(),
            _ => &[],
        }
    }

    /// Whether a cell is missing.
    pub(in crate::importers) fn is_missing(&self, place: usize) -> bool {
        self.present.as_ref().is_some_and(|present| !present[place])
    }

    /// The places of the cells of a row.
    pub(in crate::importers) fn places(&self, row: usize) -> Range<usize> {
        match &self.ends {
            None => row..row + 1,
            Some(ends) => (if row == 0 { 0 } else { ends[row - 1] })..ends[row],
        }
    }
}

/// How the values of a file become those asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    None,
    /// The bits of an integer without sign.
    Unsigned,
    /// Integers of 32 bits as they lie in the file.
    Bits {
        signed: bool,
    },
    IntToFloat,
    UnsignedToFloat,
    FloatToInt,
    BoolToInt,
    /// Days to milliseconds.
    Days,
    /// So many parts make a millisecond.
    Parts(i64),
}

impl Conversion {
    /// `unsigned` is the same bits read without a sign.
    fn of_int(self, value: i64, unsigned: u64) -> i64 {
        match self {
            Self::Unsigned => i64::try_from(unsigned).unwrap_or(i64::MAX),
            Self::Days => value.saturating_mul(DAY_MS),
            Self::Parts(parts) => value.div_euclid(parts),
            _ => value,
        }
    }

    fn ints<T: Copy>(self, values: &[T], wide: impl Fn(T) -> (i64, u64)) -> Cells {
        match self {
            // The common case in a loop of its own, which the compiler turns into one of wide registers.
            Self::None => Cells::Int(values.iter().map(|&value| wide(value).0).collect()),
            Self::IntToFloat => Cells::Float(values.iter().map(|&value| wide(value).0 as f64).collect()),
            Self::UnsignedToFloat => Cells::Float(values.iter().map(|&value| wide(value).1 as f64).collect()),
            _ => {
                let convert = |&value: &T| {
                    let (signed, unsigned) = wide(value);
                    self.of_int(signed, unsigned)
                };
                Cells::Int(values.iter().map(convert).collect())
            }
        }
    }

    fn floats(self, values: Vec<f64>) -> Cells {
        if self == Self::FloatToInt {
            Cells::Int(values.into_iter().map(whole).collect())
        } else {
            Cells::Float(values)
        }
    }
}

/// A number without a fraction as such; `i64::MIN` for others.
fn whole(value: f64) -> i64 {
    if value.fract() == 0.0 { value as i64 } else { i64::MIN }
}

/// Reads the cells of one column of one row group.
pub(super) struct CellReader {
    reader: ColumnReader,
    conversion: Conversion,
    levels: Levels,
    loaded: Arc<AtomicUsize>,
}

/// What the levels of a column mean.
#[derive(Clone, Copy)]
struct Levels {
    /// The definition level of a value that is there.
    value: i16,
    /// Of lists: the definition level from which on there is a cell, if only a missing one.
    cell: Option<i16>,
}

impl CellReader {
    pub(super) fn new(
        descriptor: ColumnDescPtr,
        pages: Box<dyn PageReader>,
        loaded: Arc<AtomicUsize>,
        conversion: Conversion,
    ) -> Result<Self> {
        let value = descriptor.max_def_level();
        let element_optional = i16::from(descriptor.self_type().is_optional());
        let cell = (descriptor.max_rep_level() > 0).then_some(value - element_optional);
        Ok(Self { reader: get_column_reader(descriptor, pages), conversion, levels: Levels { value, cell }, loaded })
    }

    pub(super) fn skip(&mut self, rows: usize) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        self.loaded.store(0, Ordering::Relaxed);
        let skipped = match &mut self.reader {
            ColumnReader::BoolColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::Int32ColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::Int64ColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::Int96ColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::FloatColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::DoubleColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::ByteArrayColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => reader.skip_records(rows),
        };
        if skipped? == rows { Ok(()) } else { Err(too_few()) }
    }

    /// The cells of the next rows.
    pub(super) fn read(&mut self, rows: usize) -> Result<Column> {
        self.loaded.store(0, Ordering::Relaxed);
        let (levels, conversion) = (self.levels, self.conversion);
        match &mut self.reader {
            ColumnReader::BoolColumnReader(reader) => column(reader, rows, levels, |values: Vec<bool>| {
                if conversion == Conversion::BoolToInt {
                    Cells::Int(values.into_iter().map(i64::from).collect())
                } else {
                    Cells::Bool(values)
                }
            }),
            ColumnReader::Int32ColumnReader(reader) => column(reader, rows, levels, |values: Vec<i32>| {
                if let Conversion::Bits { signed } = conversion {
                    return Cells::Int32 { bits: bytemuck::cast_vec(values), signed };
                }
                conversion.ints(&values, |value| (i64::from(value), u64::from(value as u32)))
            }),
            ColumnReader::Int64ColumnReader(reader) => column(reader, rows, levels, |values: Vec<i64>| {
                if conversion == Conversion::None {
                    return Cells::Int(values);
                }
                conversion.ints(&values, |value| (value, value as u64))
            }),
            ColumnReader::Int96ColumnReader(reader) => column(reader, rows, levels, |values| {
                Cells::Int(values.iter().map(parquet::data_type::Int96::to_millis).collect())
            }),
            ColumnReader::FloatColumnReader(reader) => column(reader, rows, levels, |values: Vec<f32>| {
                conversion.floats(values.into_iter().map(f64::from).collect())
            }),
            ColumnReader::DoubleColumnReader(reader) => {
                column(reader, rows, levels, |values: Vec<f64>| conversion.floats(values))
            }
            ColumnReader::ByteArrayColumnReader(reader) => column(reader, rows, levels, Cells::Text),
            ColumnReader::FixedLenByteArrayColumnReader(_) => {
                Err(ParquetError::NYI("values of a fixed number of bytes".into()))
            }
        }
    }
}

fn too_few() -> ParquetError {
    ParquetError::EOF("fewer values than its footer promises".into())
}

fn column<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    levels: Levels,
    cells: impl FnOnce(Vec<T::T>) -> Cells,
) -> Result<Column> {
    // The rows of a range are few. The values of lists may be many more, or fewer: they take their memory as they come.
    let mut values = Vec::with_capacity(if levels.cell.is_none() { rows } else { 0 });
    let (mut definitions, mut repetitions) = (Vec::new(), Vec::new());
    let (read, ..) = reader.read_records(rows, Some(&mut definitions), Some(&mut repetitions), &mut values)?;
    if read != rows {
        return Err(too_few());
    }
    if levels.value == 0 {
        return Ok(Column { cells: cells(values), present: None, ends: None });
    }
    let mut ends = None;
    if let Some(cell) = levels.cell {
        let mut row_ends = Vec::with_capacity(rows);
        let mut count = 0;
        for (place, (&definition, &repetition)) in definitions.iter().zip(&repetitions).enumerate() {
            if repetition == 0 && place > 0 {
                row_ends.push(count);
            }
            count += usize::from(definition >= cell);
        }
        row_ends.push(count);
        if row_ends.len() != rows {
            return Err(too_few());
        }
        ends = Some(row_ends);
        // What stands for a list without cells is none.
        definitions.retain(|&definition| definition >= cell);
    }
    if values.len() == definitions.len() {
        return Ok(Column { cells: cells(values), present: None, ends });
    }
    let present: Vec<bool> = definitions.iter().map(|&definition| definition == levels.value).collect();
    let mut values = values.into_iter();
    let spread = |&present: &bool| if present { values.next().unwrap_or_default() } else { T::T::default() };
    let spread: Vec<T::T> = present.iter().map(spread).collect();
    Ok(Column { cells: cells(spread), present: Some(present), ends })
}
