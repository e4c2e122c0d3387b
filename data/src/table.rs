//! Parquet tables as plain columns: write and read row groups of named, optionally missing values.

mod chunk;
mod differences;
mod early_file;
mod texts;
mod values;

use std::fs::File;
use std::io::{BufWriter, IntoInnerError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, Type as PhysicalType};
use parquet::column::reader::{ColumnReader, get_typed_column_reader};
use parquet::column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer, get_typed_column_writer_mut};
use parquet::data_type::{BoolType, ByteArrayType, DataType, FloatType, Int32Type, Int64Type};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor, TypePtr};
use sha2::{Digest, Sha256};

use self::chunk::Chunk;
use self::early_file::EarlyFile;
pub(crate) use self::texts::Texts;
pub(crate) use self::values::{ColumnValues, Values};
use crate::files::hexadecimal;
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

/// How the values of a column are stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Storage {
    /// By a dictionary where that is smaller.
    Dictionary,
    Differences,
    /// By differences, with the smallest and the largest told in the footer.
    Ascending,
    /// By what each text adds to the one before.
    Distinct,
}

/// How the columns of a table are laid out: schema and encodings.
pub(crate) struct TableLayout {
    schema: TypePtr,
    columns: SchemaDescriptor,
    storage: Vec<Storage>,
    properties: WriterPropertiesPtr,
}

impl TableLayout {
    /// `schema` is a Parquet message type. Integers of the columns in `ascending` and `differences` are stored by their
    /// differences, texts of those in `distinct` by what they do not share with the text before, all uncompressed;
    /// yes and no take a bit. All other columns are stored by a dictionary where that is smaller, and compressed.
    pub(crate) fn new(
        schema: &str,
        ascending: &[&str],
        differences: &[&str],
        distinct: &[&str],
    ) -> parquet::errors::Result<Arc<Self>> {
        let schema = Arc::new(parse_message_type(schema)?);
        // Statistics serve those who read a dataset elsewhere and filter, by user or time above all; per chunk is enough.
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true);
        let columns = SchemaDescriptor::new(Arc::clone(&schema));
        let of_column = |column: &ColumnDescPtr| match column.name() {
            name if ascending.contains(&name) => Storage::Ascending,
            name if differences.contains(&name) => Storage::Differences,
            name if distinct.contains(&name) => Storage::Distinct,
            _ => Storage::Dictionary,
        };
        let storage = columns.columns().iter().map(of_column).collect();
        Ok(Arc::new(Self { schema, columns, storage, properties: Arc::new(properties.build()) }))
    }

    /// Encodes one row group in memory; the columns stand in the schema's order.
    pub(crate) fn encode(&self, columns: &[ColumnValues]) -> parquet::errors::Result<EncodedGroup> {
        let mut hash = Sha256::new();
        let mut encoded = Vec::with_capacity(columns.len());
        for (position, values) in columns.iter().enumerate() {
            let (bytes, close) = match self.chunk(position, values) {
                Some(chunk) => chunk.finish()?,
                None => self.encode_by_library(position, values)?,
            };
            hash.update(&bytes);
            encoded.push((bytes, close));
        }
        Ok(EncodedGroup { columns: encoded, digest: hash.finalize().into() })
    }

    /// The values of a column that is simple to encode.
    fn chunk(&self, position: usize, values: &ColumnValues) -> Option<Chunk> {
        let column = self.columns.column(position);
        let (rows, known) = values.rows_and_known();
        let chunk = match (values, self.storage[position]) {
            _ if rows == 0 => return None,
            _ if known == 0 => Chunk::missing(column, rows),
            (ColumnValues::Bool(values), _) => Chunk::bools(column, values),
            (ColumnValues::Int(values), Storage::Differences) => Chunk::differences(column, values),
            (ColumnValues::Long(values), Storage::Differences) => Chunk::differences(column, values),
            (ColumnValues::Int(values), Storage::Ascending) => Chunk::differences(column, values).with_range(values),
            (ColumnValues::Long(values), Storage::Ascending) => Chunk::differences(column, values).with_range(values),
            (ColumnValues::Text(texts), storage) => match texts.only() {
                Some(text) => Chunk::same_text(column, rows, text),
                None if storage == Storage::Distinct => Chunk::texts(column, texts),
                None => return None,
            },
            (ColumnValues::Names(places, names), _) => Chunk::names(column, places, names),
            _ => return None,
        };
        Some(chunk)
    }

    fn encode_by_library(
        &self,
        position: usize,
        values: &ColumnValues,
    ) -> parquet::errors::Result<(bytes::Bytes, ColumnCloseResult)> {
        let mut sink = TrackedWrite::new(Vec::new());
        let pages = Box::new(SerializedPageWriter::new(&mut sink));
        let mut writer = get_column_writer(self.columns.column(position), Arc::clone(&self.properties), pages);
        match values {
            ColumnValues::Bool(values) => write_values::<BoolType>(&mut writer, values)?,
            ColumnValues::Int(values) => write_values::<Int32Type>(&mut writer, values)?,
            ColumnValues::Long(values) => write_values::<Int64Type>(&mut writer, values)?,
            ColumnValues::Float(values) => write_values::<FloatType>(&mut writer, values)?,
            ColumnValues::Text(texts) => {
                write_values::<ByteArrayType>(&mut writer, &Values::all(texts.arrays()))?;
            }
            // Never asked of the library: a chunk of their own, unless there are no rows.
            ColumnValues::Missing(_) | ColumnValues::Names(..) => {}
        }
        let close = writer.close()?;
        Ok((sink.into_inner()?.into(), close))
    }
}

fn write_values<T: DataType>(writer: &mut ColumnWriter<'_>, values: &Values<T::T>) -> parquet::errors::Result<()> {
    let writer = get_typed_column_writer_mut::<T>(writer);
    let levels = (writer.get_descriptor().max_def_level() > 0).then(|| values.levels());
    writer.write_batch(&values.present(), levels.as_deref(), None)?;
    Ok(())
}

/// A row group as it will lie in the file.
pub(crate) struct EncodedGroup {
    columns: Vec<(bytes::Bytes, ColumnCloseResult)>,
    /// SHA-256 of its bytes.
    digest: [u8; 32],
}

/// Bytes handed to the system at once.
const WRITE_BYTES: usize = 1 << 18;

/// Writes one Parquet file, row group by row group.
pub(crate) struct TableWriter {
    path: PathBuf,
    layout: Arc<TableLayout>,
    writer: SerializedFileWriter<BufWriter<EarlyFile>>,
    hash: Sha256,
}

impl TableWriter {
    pub(crate) fn create(path: &Path, layout: Arc<TableLayout>) -> Result<Self> {
        let file = File::create(path).map_err(|e| DataError::file("create", path, e))?;
        let (schema, properties) = (Arc::clone(&layout.schema), Arc::clone(&layout.properties));
        let file = BufWriter::with_capacity(WRITE_BYTES, EarlyFile::new(file));
        let writer = SerializedFileWriter::new(file, schema, properties).map_err(DataError::parquet(path))?;
        Ok(Self { path: path.to_owned(), layout, writer, hash: Sha256::new() })
    }

    /// Encodes and writes one row group.
    pub(crate) fn write(&mut self, columns: &[ColumnValues]) -> Result<()> {
        let group = self.layout.encode(columns).map_err(DataError::parquet(&self.path))?;
        self.append(group)
    }

    /// Writes a row group that was encoded before.
    pub(crate) fn append(&mut self, encoded: EncodedGroup) -> Result<()> {
        self.hash.update(encoded.digest);
        let writer = &mut self.writer;
        let append = || {
            let mut group = writer.next_row_group()?;
            for (bytes, close) in encoded.columns {
                group.append_column(&bytes, close)?;
            }
            group.close().map(|_| ())
        };
        append().map_err(DataError::parquet(&self.path))
    }

    /// Writes the footer and flushes the file to the disk; answers the fingerprint of the contents.
    pub(crate) fn close(self) -> Result<String> {
        let file = self.writer.into_inner().map_err(DataError::parquet(&self.path))?;
        let written = file.into_inner().map_err(IntoInnerError::into_error).and_then(EarlyFile::finish);
        written.map_err(|e| DataError::file("write", &self.path, e))?;
        Ok(hexadecimal(&self.hash.finalize()))
    }
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

#[cfg(test)]
mod tests;
