//! The Music Streaming Sessions Dataset (Brost, Mehrotra and Jehan, WWW 2019). The format, its traps and what is made
//! of them are documented in `docs/formats/mssd.md`.
//!
//! The logs are read first: blocks of lines are parsed on all cores (`log_rows`) and put together to sessions in order
//! (`sessions`). Then the tables of track features are read for the tracks that were played (`features`). Only tracks
//! stay in memory.

mod cells;
mod csv_rows;
mod features;
mod header;
mod log_rows;
mod marks;
mod sessions;

use std::path::{Path, PathBuf};

use self::features::{FeatureCounts, FeatureFile, FeatureRows, TrackDetails};
use self::header::{ACOUSTIC_DIMENSION, Columns, take_header};
use self::log_rows::{LogFile, LogRows};
use self::sessions::{SessionAssembly, SessionCounts};
use super::inputs::{BytesRead, Contents, find_files, is_archive, open_each, total_bytes};
use super::options::ImportOptions;
use super::report::{DroppedRows, ImportCounts, ImportReport, Remark, holds_no};
use super::text_lines::cut_short;
use super::track_features::add_track_features;
use crate::external_sort::RUN_RECORDS;
use crate::parallel::{LineBlock, LineBlocks, in_order};
use crate::{AUDIO_FEATURES, DataError, DatasetWriter, Progress, Result};

/// Bytes of a block: some thousand rows.
const BLOCK_BYTES: usize = 1 << 20;

const REMEDY: &str = "pass the folders or archives of the Music Streaming Sessions Dataset (training_set, test_set, \
                      track_features), or their files log_*.csv and tf_*.csv";

/// Imports session logs and track features of the Music Streaming Sessions Dataset into a new dataset at `out`.
///
/// Each input is a CSV file (plain, gzip or Zstandard), an archive (tar, zip) or a folder of these; which files are
/// logs and which are features is told by their headers. In folders and archives files named `log*` and `tf*` are
/// looked for. Every session is a listener of its own, called by the session's id: the set has no users.
pub fn import_mssd(
    inputs: &[PathBuf],
    out: &Path,
    options: &ImportOptions,
    progress: &dyn Progress,
) -> Result<ImportReport> {
    import(inputs, out, options, progress, RUN_RECORDS, BLOCK_BYTES)
}

fn import(
    inputs: &[PathBuf],
    out: &Path,
    options: &ImportOptions,
    progress: &dyn Progress,
    run_records: usize,
    block_bytes: usize,
) -> Result<ImportReport> {
    options.validate()?;
    let files = find_files(inputs, is_wanted, REMEDY)?;
    let mut writer = DatasetWriter::create(out)?;
    let mut counts = ImportCounts::default();

    let mut sessions = SessionAssembly::new(&mut writer, run_records);
    let mut reading = Reading { options, progress, block_bytes, bytes: BytesRead::default(), files_cut: 0 };
    let (feature_files, unfamiliar_contexts) = reading.logs(&files, &mut sessions, &mut counts)?;
    let (ids, kept) = sessions.finish(progress)?;
    if kept.plays == 0 {
        return Err(holds_no("plays", counts.rows_read, inputs, REMEDY));
    }

    let mut catalog = ids.catalog();
    let met = vec![false; catalog.len()];
    let mut details =
        TrackDetails { writer: &mut writer, ids: &ids, catalog: &mut catalog, met, counts: FeatureCounts::default() };
    reading.features(&feature_files, &mut details)?;
    let features = details.counts;
    // Durations and features of a table of the user's own go before those of the set.
    let table_bad = add_track_features(&mut catalog, |id| ids.find(id.as_bytes()), options)?;
    drop(ids);

    summarise(&mut counts, &kept, &features, unfamiliar_contexts, reading.files_cut, table_bad);
    ImportReport::finish("mssd", options, counts, writer, &catalog)
}

/// Whether a file of a folder or archive may belong to the set, by its name.
fn is_wanted(name: &str) -> bool {
    let table = [".csv", ".csv.gz", ".csv.zst"].iter().any(|end| name.ends_with(end));
    is_archive(name) || table && (name.starts_with("log") || name.starts_with("tf"))
}

/// Reads files block by block.
struct Reading<'a> {
    options: &'a ImportOptions,
    progress: &'a dyn Progress,
    block_bytes: usize,
    bytes: BytesRead,
    files_cut: u64,
}

impl Reading<'_> {
    /// Reads all logs; answers the inputs that hold track features, and how many rows have an unfamiliar context.
    fn logs(
        &mut self,
        files: &[PathBuf],
        sessions: &mut SessionAssembly<'_>,
        counts: &mut ImportCounts,
    ) -> Result<(Vec<PathBuf>, u64)> {
        let (mut feature_files, mut unfamiliar_contexts) = (Vec::new(), 0);
        self.progress.begin("reading plays", total_bytes(files)?, "bytes");
        for file in files {
            let mut has_features = false;
            self.each_table(file, &mut |reading, label, columns, blocks, first| {
                counts.files += 1;
                let Columns::Log(columns) = columns else {
                    has_features = true;
                    return Ok(());
                };
                let (lenient, offset_ms) = (reading.options.lenient, reading.options.utc_offset_ms());
                let log = LogFile { label: label.to_owned(), columns, lenient, offset_ms };
                let (progress, bytes) = (reading.progress, reading.bytes.clone());
                in_order(
                    reading.pieces(label, blocks, first),
                    |block| LogRows::parse(&log, block),
                    |rows: LogRows| {
                        counts.rows_read += rows.rows.len() as u64 + rows.bad;
                        counts.rows_bad += rows.bad;
                        unfamiliar_contexts += rows.unfamiliar_contexts;
                        progress.advance(bytes.get());
                        sessions.push(&rows)
                    },
                )
            })?;
            if has_features {
                feature_files.push(file.clone());
            }
        }
        self.progress.end();
        Ok((feature_files, unfamiliar_contexts))
    }

    fn features(&mut self, files: &[PathBuf], details: &mut TrackDetails<'_>) -> Result<()> {
        self.bytes = BytesRead::default();
        self.progress.begin("reading track features", total_bytes(files)?, "bytes");
        for file in files {
            self.each_table(file, &mut |reading, label, columns, blocks, first| {
                let Columns::Features(columns) = columns else { return Ok(()) };
                let table = FeatureFile { label: label.to_owned(), columns, lenient: reading.options.lenient };
                let (progress, bytes) = (reading.progress, reading.bytes.clone());
                in_order(
                    reading.pieces(label, blocks, first),
                    |block| FeatureRows::parse(&table, block),
                    |rows: FeatureRows| {
                        progress.advance(bytes.get());
                        details.push(&rows)
                    },
                )
            })?;
        }
        self.progress.end();
        Ok(())
    }

    /// Opens each table in a file and hands over its columns, its first block without the header, and the rest.
    fn each_table(&mut self, file: &Path, read: &mut ReadTable<'_, Self>) -> Result<()> {
        let bytes = self.bytes.clone();
        open_each(file, &bytes, &is_wanted, &mut |label, contents| {
            let mut blocks = LineBlocks::new(contents, self.block_bytes);
            let Some(mut first) = self.next_block(label, &mut blocks)? else {
                // Whatever was to be read of a damaged file is counted as cut by now.
                let empty = DataError::bad_file(label, "is empty", "copy or download it again");
                return if self.options.lenient { Ok(()) } else { Err(empty) };
            };
            let columns = take_header(label, &mut first)?;
            read(self, label, columns, &mut blocks, first)
        })
    }

    /// The blocks of a table, one after the other.
    fn pieces<'a>(
        &'a mut self,
        label: &'a str,
        blocks: &'a mut LineBlocks<Contents<'_>>,
        first: LineBlock,
    ) -> impl FnMut() -> Result<Option<LineBlock>> + 'a {
        let mut first = Some(first);
        move || match first.take() {
            Some(first) => Ok(Some(first)),
            None => self.next_block(label, blocks),
        }
    }

    fn next_block(&mut self, label: &str, blocks: &mut LineBlocks<Contents<'_>>) -> Result<Option<LineBlock>> {
        match blocks.next_block() {
            Ok(block) => Ok(block),
            Err(_) if self.options.lenient => {
                self.files_cut += 1;
                Ok(None)
            }
            Err(error) => Err(cut_short(label, &error)),
        }
    }
}

/// Reads one table: gets its name, its columns, its blocks and the first block.
type ReadTable<'a, R> = dyn FnMut(&mut R, &str, Columns, &mut LineBlocks<Contents<'_>>, LineBlock) -> Result<()> + 'a;

fn summarise(
    counts: &mut ImportCounts,
    kept: &SessionCounts,
    features: &FeatureCounts,
    unfamiliar_contexts: u64,
    files_cut: u64,
    table_bad: u64,
) {
    counts.rows_kept = kept.plays;
    counts.dropped = vec![
        DroppedRows { reason: "position met before in its session", rows: kept.repeated },
        DroppedRows { reason: "second half without its first half", rows: kept.without_first_half },
    ];
    counts.remarks = vec![
        Remark::new("files cut short", files_cut),
        Remark::new("plays without labels (second halves of test sessions)", kept.unlabelled),
        Remark::new("sessions joined from their halves", kept.joined),
        Remark::new("sessions shorter than their session_length", kept.incomplete),
        Remark::new("sessions in which the context type changes", kept.context_changes),
        Remark::new("skips after the last skip mark", kept.skipped_late),
        Remark::new("skip marks that contradict each other", kept.contradictory),
        Remark::new("hours before that of the play before, moved to it", kept.back_in_time),
        Remark::new("unfamiliar context types", unfamiliar_contexts),
        Remark::new("rows of track features", features.rows),
        Remark::new("bad rows of track features, skipped", features.bad + table_bad),
        Remark::new("track features met before", features.repeated),
        Remark::new("track features of tracks that were not played", features.never_played),
    ];
}

/// Feeds arbitrary bytes to the parser of session logs, as a whole file and as the rows of one.
pub(crate) fn fuzz_log(bytes: &[u8]) {
    fuzz(bytes);
    let header = "session_id,session_position,session_length,track_id_clean,skip_1,skip_2,skip_3,not_skipped,\
                  hist_user_behavior_is_shuffle,hour_of_day,date,premium,context_type\n";
    fuzz(&[header.as_bytes(), bytes].concat());
}

/// Feeds arbitrary bytes to the parser of track features, as a whole file and as the rows of one.
pub(crate) fn fuzz_track_features(bytes: &[u8]) {
    fuzz(bytes);
    let audio = AUDIO_FEATURES.join(",");
    let acoustic = (0..ACOUSTIC_DIMENSION).map(|element| format!(",acoustic_vector_{element}")).collect::<String>();
    fuzz(&[format!("track_id,duration,release_year,{audio}{acoustic}\n").as_bytes(), bytes].concat());
}

/// The header decides which of the parsers reads the rest; small blocks cut rows at many places.
fn fuzz(bytes: &[u8]) {
    for (lenient, size) in [(false, 64), (true, 1 << 10)] {
        let mut blocks = LineBlocks::new(bytes, size);
        let Ok(Some(mut first)) = blocks.next_block() else { return };
        let Ok(columns) = take_header("fuzz", &mut first) else { return };
        let label = "fuzz".to_owned();
        let parse: Box<dyn Fn(LineBlock) -> bool> = match columns {
            Columns::Log(columns) => {
                let file = LogFile { label, columns, lenient, offset_ms: 0 };
                Box::new(move |block| {
                    let rows = LogRows::parse(&file, block);
                    rows.is_ok_and(|rows| rows.runs().all(|(_, run)| run.iter().all(|r| !rows.track_id(r).is_empty())))
                })
            }
            Columns::Features(columns) => {
                let file = FeatureFile { label, columns, lenient };
                Box::new(move |block| FeatureRows::parse(&file, block).is_ok())
            }
        };
        let mut going = parse(first);
        while let (true, Ok(Some(block))) = (going, blocks.next_block()) {
            going = parse(block);
        }
    }
}

#[cfg(test)]
mod tests;
