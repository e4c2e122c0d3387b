//! Parquet tables as plain columns: write and read row groups of named, optionally missing values.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, Type as PhysicalType};
use parquet::column::reader::{ColumnReader, get_typed_column_reader};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, FloatType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use crate::{DataError, Result};

/// The values of one column in one row group; `None` where missing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Column {
    Bool(Vec<Option<bool>>),
    Int(Vec<Option<i32>>),
    Long(Vec<Option<i64>>),
    Float(Vec<Option<f32>>),
    Text(Vec<Option<String>>),
}

/// Writes one Parquet file, row group by row group.
pub(crate) struct TableWriter {
    path: PathBuf,
    writer: SerializedFileWriter<File>,
}

impl TableWriter {
    /// `schema` is a Parquet message type.
    pub(crate) fn create(path: &Path, schema: &str) -> Result<Self> {
        let schema = parse_message_type(schema).map_err(DataError::parquet(path))?;
        let file = File::create(path).map_err(|e| DataError::file("create", path, e))?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))
            .map_err(DataError::parquet(path))?;
        Ok(Self { path: path.to_owned(), writer })
    }

    /// Writes one row group; the columns stand in the schema's order.
    pub(crate) fn write(&mut self, columns: &[Column]) -> Result<()> {
        let mut group = self.writer.next_row_group().map_err(DataError::parquet(&self.path))?;
        for column in columns {
            write_column(&mut group, column).map_err(DataError::parquet(&self.path))?;
        }
        group.close().map_err(DataError::parquet(&self.path))?;
        Ok(())
    }

    /// Writes the footer and flushes the file to the disk.
    pub(crate) fn close(self) -> Result<()> {
        let file = self.writer.into_inner().map_err(DataError::parquet(&self.path))?;
        file.sync_all().map_err(|e| DataError::file("write", &self.path, e))
    }
}

fn write_column(group: &mut SerializedRowGroupWriter<'_, File>, column: &Column) -> parquet::errors::Result<()> {
    match column {
        Column::Bool(values) => write_values::<BoolType>(group, values.iter().copied()),
        Column::Int(values) => write_values::<Int32Type>(group, values.iter().copied()),
        Column::Long(values) => write_values::<Int64Type>(group, values.iter().copied()),
        Column::Float(values) => write_values::<FloatType>(group, values.iter().copied()),
        Column::Text(values) => {
            let bytes = values.iter().map(|value| value.as_ref().map(|text| ByteArray::from(text.as_bytes().to_vec())));
            write_values::<ByteArrayType>(group, bytes)
        }
    }
}

fn write_values<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: impl Iterator<Item = Option<T::T>>,
) -> parquet::errors::Result<()> {
    let mut levels = Vec::with_capacity(values.size_hint().0);
    let mut present = Vec::with_capacity(values.size_hint().0);
    for value in values {
        levels.push(i16::from(value.is_some()));
        present.extend(value);
    }
    let mut writer = group
        .next_column()?
        .ok_or_else(|| parquet::errors::ParquetError::General("more columns than the schema has".into()))?;
    writer.typed::<T>().write_batch(&present, Some(&levels), None)?;
    writer.close()
}

/// Reads one Parquet file, row group by row group.
pub(crate) struct TableReader {
    path: PathBuf,
    reader: SerializedFileReader<File>,
}

impl TableReader {
    /// Opens the file and checks that its columns are those of `schema`.
    pub(crate) fn open(path: &Path, schema: &str) -> Result<Self> {
        let remedy = "import the logs again";
        let file = File::open(path).map_err(|e| DataError::file("open", path, e))?;
        let reader = SerializedFileReader::new(file)
            .map_err(|e| DataError::bad_file(path, format!("not a readable Parquet file ({e})"), remedy))?;
        let expected = parse_message_type(schema).map_err(DataError::parquet(path))?;
        let found = reader.metadata().file_metadata().schema_descr();
        let fields = expected.get_fields();
        for (position, field) in fields.iter().enumerate() {
            let matches = position < found.num_columns() && {
                let column = found.column(position);
                column.name() == field.name() && column.physical_type() == field.get_physical_type()
            };
            if !matches {
                let expected =
                    format!("expected `{}` ({}) as column {}", field.name(), field.get_physical_type(), position + 1);
                return Err(DataError::bad_file(path, expected, remedy));
            }
        }
        Ok(Self { path: path.to_owned(), reader })
    }

    pub(crate) fn row_groups(&self) -> usize {
        self.reader.num_row_groups()
    }

    /// Reads all columns of one row group.
    pub(crate) fn read(&self, group: usize) -> Result<Vec<Column>> {
        let read = || -> parquet::errors::Result<Vec<Column>> {
            let group = self.reader.get_row_group(group)?;
            let rows = group.metadata().num_rows() as usize;
            (0..group.num_columns())
                .map(|column| {
                    let descriptor = group.metadata().column(column).column_descr_ptr();
                    let optional = descriptor.max_def_level() > 0;
                    let reader = group.get_column_reader(column)?;
                    Ok(match descriptor.physical_type() {
                        PhysicalType::BOOLEAN => Column::Bool(read_values::<BoolType>(reader, rows, optional)?),
                        PhysicalType::INT32 => Column::Int(read_values::<Int32Type>(reader, rows, optional)?),
                        PhysicalType::INT64 => Column::Long(read_values::<Int64Type>(reader, rows, optional)?),
                        PhysicalType::FLOAT => Column::Float(read_values::<FloatType>(reader, rows, optional)?),
                        _ => Column::Text(
                            read_values::<ByteArrayType>(reader, rows, optional)?
                                .into_iter()
                                .map(|value| value.map(|bytes| String::from_utf8_lossy(bytes.data()).into_owned()))
                                .collect(),
                        ),
                    })
                })
                .collect()
        };
        read().map_err(DataError::parquet(&self.path))
    }

    /// Reads the whole table; for tables that fit in memory, such as the catalog.
    pub(crate) fn read_all(&self) -> Result<Vec<Vec<Column>>> {
        (0..self.row_groups()).map(|group| self.read(group)).collect()
    }
}

fn read_values<T: DataType>(
    reader: ColumnReader,
    rows: usize,
    optional: bool,
) -> parquet::errors::Result<Vec<Option<T::T>>> {
    let mut reader = get_typed_column_reader::<T>(reader);
    let mut levels = Vec::with_capacity(rows);
    let mut present = Vec::with_capacity(rows);
    reader.read_records(rows, Some(&mut levels), None, &mut present)?;
    if !optional {
        return Ok(present.into_iter().map(Some).collect());
    }
    let mut present = present.into_iter();
    Ok(levels.iter().map(|&level| if level > 0 { present.next() } else { None }).collect())
}
