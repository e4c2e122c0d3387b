//! Column chunks of one page, made without the Parquet library's own column writer.
//!
//! That writer looks at every value and level several times, also where there is nothing to be seen: in the tables of
//! sessions and plays it took most of the time. What is simple to encode is encoded here: integers by their differences,
//! yes and no, names from a short list, texts that hardly repeat, and columns with one text or none at all.

use parquet::basic::Encoding;
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::differences::{self, Integer};
use super::texts::Texts;
use super::values::Values;

/// A chunk in the making: its one page, and its dictionary, if it has any.
pub(super) struct Chunk {
    column: ColumnDescPtr,
    rows: usize,
    /// How many texts there are, and their bytes.
    dictionary: Option<(usize, Vec<u8>)>,
    body: Vec<u8>,
    encoding: Encoding,
    statistics: Option<Statistics>,
}

impl Chunk {
    /// A page with the levels of the values, if the column has any, and room for so many bytes after them.
    fn begin<T: Clone + Default>(column: ColumnDescPtr, values: &Values<T>, room: usize) -> Self {
        let rows = values.rows();
        let mut body = Vec::with_capacity(room + rows / 8 + 64);
        if column.max_def_level() > 0 {
            let known = values.known();
            put_levels(&mut body, |out| match known {
                known if known == rows => put_run(rows, 1, out),
                _ => put_bits_run(values.has_value(), out),
            });
        }
        Self { column, rows, dictionary: None, body, encoding: Encoding::PLAIN, statistics: None }
    }

    /// A column none of whose rows has a value.
    pub(super) fn missing(column: ColumnDescPtr, rows: usize) -> Self {
        let mut body = Vec::new();
        put_levels(&mut body, |out| put_run(rows, 0, out));
        Self { column, rows, dictionary: None, body, encoding: Encoding::PLAIN, statistics: None }
    }

    /// One text in all rows of a column without missing values.
    pub(super) fn same_text(column: ColumnDescPtr, rows: usize, text: &[u8]) -> Self {
        // The dictionary's first value, as a number of one bit, so many times.
        let mut body = vec![1];
        put_run(rows, 0, &mut body);
        let encoding = Encoding::RLE_DICTIONARY;
        Self { column, rows, dictionary: Some(dictionary([text])), body, encoding, statistics: None }
    }

    /// Texts of a short list, by their places in it.
    pub(super) fn names(column: ColumnDescPtr, places: &Values<u8>, names: &[&str]) -> Self {
        let width = (usize::BITS - names.len().saturating_sub(1).leading_zeros()).max(1) as usize;
        let mut chunk = Self::begin(column, places, places.rows());
        let places = places.present();
        chunk.body.push(width as u8);
        differences::put_varint((places.len().div_ceil(8) as u64) << 1 | 1, &mut chunk.body);
        for places in places.chunks(8) {
            let packed = places.iter().rev().fold(0, |packed, &place| packed << width | u64::from(place));
            chunk.body.extend_from_slice(&packed.to_le_bytes()[..width]);
        }
        chunk.dictionary = Some(dictionary(names.iter().map(|name| name.as_bytes())));
        chunk.encoding = Encoding::RLE_DICTIONARY;
        chunk
    }

    /// Yes or no, a bit each.
    pub(super) fn bools(column: ColumnDescPtr, values: &Values<bool>) -> Self {
        let mut chunk = Self::begin(column, values, values.rows() / 8);
        put_bits(&values.present(), &mut chunk.body);
        chunk
    }

    /// Integers by their differences.
    pub(super) fn differences<T: Integer>(column: ColumnDescPtr, values: &Values<T>) -> Self {
        let mut chunk = Self::begin(column, values, 4 * values.rows());
        differences::encode(&values.present(), &mut chunk.body);
        chunk.encoding = Encoding::DELTA_BINARY_PACKED;
        chunk
    }

    /// Texts that hardly repeat, of a column without missing values.
    pub(super) fn texts(column: ColumnDescPtr, texts: &Texts) -> Self {
        let mut body = Vec::new();
        texts.encode(&mut body);
        let encoding = Encoding::DELTA_BYTE_ARRAY;
        Self { column, rows: texts.rows(), dictionary: None, body, encoding, statistics: None }
    }

    /// Tells the smallest and the largest value. Numbers with and without sign are in the same order from 0 on; below it
    /// nothing is told.
    pub(super) fn with_range<T: Integer>(mut self, values: &Values<T>) -> Self {
        let present = values.present();
        let missing = Some((self.rows - present.len()) as u64);
        let first = present.first().copied().unwrap_or_default();
        let widen = |(smallest, largest): (T, T), &value: &T| (smallest.min(value), largest.max(value));
        let (smallest, largest) = present.iter().fold((first, first), widen);
        self.statistics =
            (!present.is_empty() && smallest >= T::default()).then(|| T::statistics(smallest, largest, missing));
        self
    }

    /// The chunk as it will lie in the file, and what the footer tells of it.
    pub(super) fn finish(self) -> Result<(bytes::Bytes, ColumnCloseResult)> {
        let mut sink = TrackedWrite::new(Vec::with_capacity(self.body.len() + 64));
        let mut pages = SerializedPageWriter::new(&mut sink);
        let mut write = |page: Page| {
            let size = page.buffer().len();
            pages.write_page(CompressedPage::new(page, size))
        };
        let dictionary = self.dictionary.map(|(texts, bytes)| {
            let (buf, num_values, encoding) = (bytes.into(), texts as u32, Encoding::PLAIN);
            write(Page::DictionaryPage { buf, num_values, encoding, is_sorted: false })
        });
        let dictionary = dictionary.transpose()?;
        let page = write(Page::DataPage {
            buf: self.body.into(),
            num_values: self.rows as u32,
            encoding: self.encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        })?;
        let pages = || dictionary.iter().chain([&page]);
        let mut encodings = vec![Encoding::RLE, self.encoding];
        encodings.extend(dictionary.is_some().then_some(Encoding::PLAIN));
        let mut metadata = ColumnChunkMetaData::builder(self.column)
            .set_encodings(encodings)
            .set_num_values(self.rows as i64)
            .set_total_compressed_size(pages().map(|page| page.compressed_size as i64).sum())
            .set_total_uncompressed_size(pages().map(|page| page.uncompressed_size as i64).sum())
            .set_dictionary_page_offset(dictionary.as_ref().map(|page| page.offset as i64))
            .set_data_page_offset(page.offset as i64);
        if let Some(statistics) = self.statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let close = ColumnCloseResult {
            bytes_written: pages().map(|page| page.bytes_written).sum(),
            rows_written: self.rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok((sink.into_inner()?.into(), close))
    }
}

/// How many texts there are, and how a dictionary holds them: each behind its length.
fn dictionary<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> (usize, Vec<u8>) {
    texts.into_iter().fold((0, Vec::new()), |(count, mut bytes), text| {
        bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
        bytes.extend_from_slice(text);
        (count + 1, bytes)
    })
}

/// Levels, behind their length.
fn put_levels(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(&[0; 4]);
    put(out);
    let length = out.len() as u32 - 4;
    out[..4].copy_from_slice(&length.to_le_bytes());
}

/// One level, so many times.
fn put_run(count: usize, level: u8, out: &mut Vec<u8>) {
    differences::put_varint((count as u64) << 1, out);
    out.push(level);
}

/// Levels of a bit each.
fn put_bits_run(levels: &[bool], out: &mut Vec<u8>) {
    differences::put_varint((levels.len().div_ceil(8) as u64) << 1 | 1, out);
    put_bits(levels, out);
}

/// Bits from the lowest to the highest of each byte; the last byte is filled up with zeros.
fn put_bits(bits: &[bool], out: &mut Vec<u8>) {
    let (whole, rest) = bits.as_chunks::<8>();
    // The product has the lowest bit of each byte in its highest byte, that of the first lowest.
    let byte = |bits: [bool; 8]| {
        let bytes = u64::from_le_bytes(bits.map(u8::from));
        (bytes.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
    };
    out.extend(whole.iter().map(|&bits| byte(bits)));
    if !rest.is_empty() {
        let mut last = [false; 8];
        last[..rest.len()].copy_from_slice(rest);
        out.push(byte(last));
    }
}
