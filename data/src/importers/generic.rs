//! Anybody's log, as CSV, TSV or Parquet, by a mapping of its columns: `docs/formats/generic.md`.
//!
//! Rows are read on all cores (`row`, `csv_log`, `parquet_log`), numbered in the order of the files and sorted by
//! user and time outside the memory (`build`). Only tracks and users stay in memory.

mod build;
mod csv_log;
mod field;
mod mapping;
mod parquet_log;
mod pools;
mod record_blocks;
mod row;

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;

use self::build::Gathering;
use self::csv_log::CsvFormat;
use self::field::Field;
use self::mapping::{Mapping, TimeUnit};
use self::pools::{PoolTable, Pools};
use self::record_blocks::Dialect;
use self::row::{RowReader, Rows};
use super::inputs::{BytesRead, Contents, file_name, find_files, is_archive, open_each, total_bytes};
use super::options::ImportOptions;
use super::parquet_columns::ParquetFile;
use super::report::{ImportCounts, ImportReport, Remark, holds_no};
use super::track_features::add_track_features;
use crate::external_sort::RUN_RECORDS;
use crate::{DatasetWriter, Progress, Result, SourceInfo};

/// Settings of a generic import.
#[derive(Clone, Debug, Serialize)]
pub struct GenericOptions {
    /// A TOML file that says which column is which field.
    pub mapping: PathBuf,
    /// A table of the candidate pools that sessions were chosen from: the log's columns of session and track.
    pub pools: Option<PathBuf>,
}

const REMEDY: &str = "pass a log as CSV, TSV or Parquet, or a folder of such files";

fn is_log(name: &str) -> bool {
    let name = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(name);
    [".csv", ".tsv", ".parquet"].iter().any(|end| name.ends_with(end))
}

fn is_wanted(name: &str) -> bool {
    is_log(name) || is_archive(name)
}

/// Imports logs into a new dataset at `out`, by a mapping of their columns.
///
/// Each input is a file or a folder of files: CSV or TSV with a header line (plain, or packed as gzip, Zstandard, tar
/// or zip), or Parquet. All have the mapped columns. Rows may come in any order.
pub fn import_generic(
    inputs: &[PathBuf],
    out: &Path,
    options: &ImportOptions,
    generic: &GenericOptions,
    progress: &dyn Progress,
) -> Result<ImportReport> {
    import(inputs, out, options, generic, progress, RUN_RECORDS)
}

fn import(
    inputs: &[PathBuf],
    out: &Path,
    options: &ImportOptions,
    generic: &GenericOptions,
    progress: &dyn Progress,
    run_records: usize,
) -> Result<ImportReport> {
    options.validate()?;
    let mapping = Mapping::read(&generic.mapping)?;
    let files = find_files(inputs, is_wanted, REMEDY)?;
    let table = generic.pools.as_ref().map(|path| PoolTable::open(path, &mapping)).transpose()?;
    let mut writer = DatasetWriter::create(out)?;
    let mut reading = Reading {
        gathering: Gathering::new(writer.temporary_folder(), run_records),
        options,
        mapping: &mapping,
        counts: ImportCounts::default(),
        files_cut: 0,
    };
    let bytes = BytesRead::default();
    progress.begin("reading plays", total_bytes(&files)?, "bytes");
    for file in &files {
        reading.read(file, &bytes, progress)?;
    }
    progress.end();
    let Reading { mut gathering, mut counts, files_cut, .. } = reading;
    counts.rows_kept = gathering.kept();
    if counts.rows_kept == 0 {
        return Err(holds_no("plays", counts.rows_read, inputs, REMEDY));
    }
    // Those given in the table win over those of the log.
    let Gathering { tracks, track_ids, .. } = &mut gathering;
    let to = (writer.temporary_folder(), run_records);
    let mut pools = match table {
        Some(table) => Some(Pools::read(table, options.lenient, (&mut *track_ids, &mut *tracks), to, progress)?),
        None => None,
    };
    let feature_rows_bad = add_track_features(tracks, |id| track_ids.find(id.as_bytes()), options)?;
    let end_times = mapping.columns.contains_key(&Field::End);
    let catalog = gathering.write(&mut writer, &options.rules, end_times, pools.as_mut(), progress)?;
    counts.count_tracks(&catalog);
    let pool_rows_bad = pools.as_ref().map_or(0, |pools| pools.bad);
    let left_out = pools.map(|pools| pools.write(&mut writer)).transpose()?.unwrap_or_default();
    counts.remarks = vec![
        Remark::new("files that end too early, read up to there", files_cut),
        Remark::new("bad lines of track features", feature_rows_bad),
        Remark::new("bad lines of candidate pools", pool_rows_bad),
        Remark::new("candidate pools of sessions that are not in the log", left_out.without_session),
        Remark::new(
            "candidate pools of sessions in pieces, or of a name that several sessions have",
            left_out.of_pieces,
        ),
    ];
    let columns = serde_json::to_value(&mapping.columns).unwrap_or_default();
    let details = serde_json::json!({
        "settings": options, "generic": generic, "columns": columns, "counts": counts
    });
    let manifest = writer.finish(&catalog, &[], &SourceInfo { format: "generic".to_owned(), details })?;
    Ok(ImportReport { manifest, counts })
}

/// Reads files into plays.
struct Reading<'a> {
    gathering: Gathering,
    options: &'a ImportOptions,
    mapping: &'a Mapping,
    counts: ImportCounts,
    files_cut: u64,
}

impl Reading<'_> {
    fn read(&mut self, file: &Path, bytes: &BytesRead, progress: &dyn Progress) -> Result<()> {
        if parquet_log::is_parquet(file)? {
            let parquet = ParquetFile::open(file)?;
            self.take_file(parquet.label(), |rows, take| {
                parquet_log::read_parquet(&parquet, rows, take)?;
                Ok(false)
            })?;
            bytes.add(total_bytes(&[file.to_owned()])?);
            progress.advance(bytes.get());
            return Ok(());
        }
        open_each(file, bytes, &is_log, &mut |label, contents| self.read_csv(label, contents, bytes, progress))
    }

    fn read_csv(
        &mut self,
        label: &str,
        contents: Contents<'_>,
        bytes: &BytesRead,
        progress: &dyn Progress,
    ) -> Result<()> {
        let tabs = file_name(Path::new(label)).to_lowercase().contains(".tsv");
        let delimiter = self.mapping.delimiter.unwrap_or(if tabs { b'\t' } else { b',' });
        let dialect = Dialect { delimiter, quotes: self.mapping.quotes };
        let format = CsvFormat::new(dialect, self.options.lenient);
        let contents = Watched { contents, bytes, progress };
        self.take_file(label, |rows, take| csv_log::read_csv(label, contents, format, rows, take))
    }

    /// Takes the rows that `read` finds in one file; it answers whether the file breaks off.
    fn take_file(
        &mut self,
        label: &str,
        read: impl FnOnce(&RowReader<'_>, &mut TakeRows<'_>) -> Result<bool>,
    ) -> Result<()> {
        let lenient = self.options.lenient;
        let (gathering, counts) = (&mut self.gathering, &mut self.counts);
        let reader = RowReader {
            mapping: self.mapping,
            time_unit: self.mapping.time_unit,
            utc_offset_ms: self.options.utc_offset_ms(),
        };
        let before = counts.rows_read;
        let cut = read(&reader, &mut |rows: Rows| {
            if let Some((place, problem)) = rows.bad.first().filter(|_| !lenient) {
                let row = counts.rows_read - before + u64::from(*place) + 1;
                return Err(problem.clone().at(label, row));
            }
            counts.rows_read += u64::from(rows.count);
            counts.rows_bad += rows.bad.len() as u64;
            gathering.add(&rows)
        })?;
        self.counts.files += 1;
        self.files_cut += u64::from(cut);
        Ok(())
    }
}

/// Takes the rows of one piece of a file.
type TakeRows<'a> = dyn FnMut(Rows) -> Result<()> + Send + 'a;

/// The contents of a file that tell the progress of their reading.
struct Watched<'a> {
    contents: Contents<'a>,
    bytes: &'a BytesRead,
    progress: &'a dyn Progress,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.progress.advance(self.bytes.get());
        self.contents.read(buffer)
    }
}

/// Parses bytes as a mapping.
pub(crate) fn fuzz_mapping(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        // Any result will do but a panic.
        let _ = Mapping::parse(text);
    }
}

/// Parses bytes as a CSV log with a column for every field, strictly and leniently.
pub(crate) fn fuzz_csv(bytes: &[u8]) {
    let left_out = [Field::End, Field::SecondsPlayed, Field::PlayedRatio, Field::DurationSeconds];
    let columns = Field::ALL.iter().filter(|field| !left_out.contains(field));
    let mapping = Mapping { columns: columns.map(|&f| (f, f.name().to_owned())).collect(), ..Mapping::default() };
    let reader = RowReader { mapping: &mapping, time_unit: TimeUnit::default(), utc_offset_ms: 0 };
    for lenient in [false, true] {
        let format =
            CsvFormat { block_bytes: 64, ..CsvFormat::new(Dialect { delimiter: b',', quotes: true }, lenient) };
        // Any result will do but a panic.
        let _ = csv_log::read_csv("fuzz.csv", bytes, format, &reader, |_| Ok(()));
    }
}

#[cfg(test)]
mod tests;
