//! Parquet tables as plain columns: write and read row groups of named, optionally missing values.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, Type as PhysicalType};
use parquet::column::reader::{ColumnReader, get_typed_column_reader};
use parquet::column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer, get_typed_column_writer_mut};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, FloatType, Int32Type, Int64Type};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, SchemaDescriptor, TypePtr};
use sha2::{Digest, Sha256};

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

/// The values of one column as Parquet takes them: those that are there, and a level per row (1 where there is a
/// value) in columns that may have missing ones.
pub(crate) struct Values<T> {
    present: Vec<T>,
    levels: Option<Vec<i16>>,
}

impl<T> Values<T> {
    pub(crate) fn required(values: impl Iterator<Item = T>) -> Self {
        Self { present: values.collect(), levels: None }
    }

    pub(crate) fn optional(values: impl Iterator<Item = Option<T>>) -> Self {
        let mut all = Self::none_yet(values.size_hint().0);
        all.extend(values);
        all
    }

    /// Of a column that may have missing values, with room for so many.
    pub(crate) fn none_yet(rows: usize) -> Self {
        Self { present: Vec::with_capacity(rows), levels: Some(Vec::with_capacity(rows)) }
    }
}

impl<T> Extend<Option<T>> for Values<T> {
    fn extend<I: IntoIterator<Item = Option<T>>>(&mut self, values: I) {
        let Self { present, levels } = self;
        for value in values {
            if let Some(levels) = levels {
                levels.push(i16::from(value.is_some()));
            }
            present.extend(value);
        }
    }
}

/// A column to be written.
pub(crate) enum ColumnValues {
    Bool(Values<bool>),
    Int(Values<i32>),
    Long(Values<i64>),
    Float(Values<f32>),
    Text(Values<ByteArray>),
}

impl ColumnValues {
    /// A column of texts, none of which is missing.
    pub(crate) fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        Self::Text(Values::required(texts.map(ByteArray::from)))
    }

    /// A column of names from a fixed list.
    pub(crate) fn names(names: impl Iterator<Item = Option<&'static str>>) -> Self {
        let bytes = |name: &'static str| ByteArray::from(bytes::Bytes::from_static(name.as_bytes()));
        Self::Text(Values::optional(names.map(|name| name.map(bytes))))
    }
}

/// How the columns of a table are laid out: schema and encodings.
pub(crate) struct TableLayout {
    schema: TypePtr,
    columns: SchemaDescriptor,
    properties: WriterPropertiesPtr,
}

impl TableLayout {
    /// `schema` is a Parquet message type. Integers of the columns in `ascending` are stored by their differences;
    /// those of `plain` as they are; all other columns by a dictionary where that is smaller. Columns in `uncompressed`
    /// are not compressed after that: numbers in no order shrink by a third, and compressing them was the largest
    /// single cost of an import.
    pub(crate) fn new(
        schema: &str,
        ascending: &[&str],
        plain: &[&str],
        uncompressed: &[&str],
    ) -> parquet::errors::Result<Arc<Self>> {
        let schema = Arc::new(parse_message_type(schema)?);
        // Statistics serve those who read a dataset elsewhere and filter by user or time; per chunk is enough.
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true);
        for column in ascending {
            let path = ColumnPath::from(*column);
            properties = properties.set_column_dictionary_enabled(path.clone(), false);
            properties = properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
        for column in plain {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(*column), false);
        }
        for column in uncompressed {
            properties = properties.set_column_compression(ColumnPath::from(*column), Compression::UNCOMPRESSED);
        }
        let columns = SchemaDescriptor::new(Arc::clone(&schema));
        Ok(Arc::new(Self { schema, columns, properties: Arc::new(properties.build()) }))
    }

    /// Encodes one row group in memory; the columns stand in the schema's order.
    pub(crate) fn encode(&self, columns: &[ColumnValues]) -> parquet::errors::Result<EncodedGroup> {
        let mut hash = Sha256::new();
        let mut encoded = Vec::with_capacity(columns.len());
        for (position, values) in columns.iter().enumerate() {
            let mut sink = TrackedWrite::new(Vec::new());
            let pages = Box::new(SerializedPageWriter::new(&mut sink));
            let mut writer = get_column_writer(self.columns.column(position), Arc::clone(&self.properties), pages);
            match values {
                ColumnValues::Bool(values) => write_values::<BoolType>(&mut writer, values)?,
                ColumnValues::Int(values) => write_values::<Int32Type>(&mut writer, values)?,
                ColumnValues::Long(values) => write_values::<Int64Type>(&mut writer, values)?,
                ColumnValues::Float(values) => write_values::<FloatType>(&mut writer, values)?,
                ColumnValues::Text(values) => write_values::<ByteArrayType>(&mut writer, values)?,
            }
            let close = writer.close()?;
            let bytes = bytes::Bytes::from(sink.into_inner()?);
            hash.update(&bytes);
            encoded.push((bytes, close));
        }
        Ok(EncodedGroup { columns: encoded, digest: hash.finalize().into() })
    }
}

fn write_values<T: DataType>(writer: &mut ColumnWriter<'_>, values: &Values<T::T>) -> parquet::errors::Result<()> {
    let writer = get_typed_column_writer_mut::<T>(writer);
    writer.write_batch(&values.present, values.levels.as_deref(), None)?;
    Ok(())
}

/// A row group as it will lie in the file.
pub(crate) struct EncodedGroup {
    columns: Vec<(bytes::Bytes, ColumnCloseResult)>,
    /// SHA-256 of its bytes.
    digest: [u8; 32],
}

/// Writes one Parquet file, row group by row group.
pub(crate) struct TableWriter {
    path: PathBuf,
    layout: Arc<TableLayout>,
    writer: SerializedFileWriter<File>,
    hash: Sha256,
}

impl TableWriter {
    pub(crate) fn create(path: &Path, layout: Arc<TableLayout>) -> Result<Self> {
        let file = File::create(path).map_err(|e| DataError::file("create", path, e))?;
        let (schema, properties) = (Arc::clone(&layout.schema), Arc::clone(&layout.properties));
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
        file.sync_all().map_err(|e| DataError::file("write", &self.path, e))?;
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
