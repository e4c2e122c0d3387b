//! The Last.fm dataset of 1,000 listeners (Celma 2010). The format, its traps and what is made of them are documented
//! in `docs/formats/lastfm-1k.md`.
//!
//! Blocks of lines are parsed on all cores (`row`) into records that are sorted outside the memory and become sessions
//! (`plays`). Only tracks and listeners stay in memory.

mod plays;
mod row;
mod tracks;

use std::path::{Path, PathBuf};

use self::plays::{Plays, Scrobble};
use self::row::Row;
use self::tracks::Tracks;
use super::ids::Ids;
use super::inputs::find_files;
use super::options::ImportOptions;
use super::report::{DroppedRows, ImportCounts, ImportReport, Remark, holds_no};
use super::session_builder::SessionBuilder;
use super::text_lines::{numbered_lines, read_lines};
use super::track_features::add_track_features;
use crate::external_sort::RUN_RECORDS;
use crate::parallel::LineBlock;
use crate::{DatasetWriter, ExternalSort, Progress, Result};

/// 1 January 2002, in milliseconds since 1970: Audioscrobbler, which became Last.fm, began in that year.
const FIRST_MS: i64 = 1_009_843_200_000;
/// 1 June 2010: the dataset is of May 2010 (its README), so that later times are those of a wrong clock.
const END_MS: i64 = 1_275_350_400_000;

const REMEDY: &str = "pass lastfm-dataset-1K.tar.gz, its folder, or userid-timestamp-artid-artname-traid-traname.tsv";

/// Imports the Last.fm dataset of 1,000 listeners into a new dataset at `out`.
///
/// Inputs are `userid-timestamp-artid-artname-traid-traname.tsv`, plain or compressed, or folders or archives that
/// hold it.
pub fn import_lastfm_1k(
    inputs: &[PathBuf],
    out: &Path,
    options: &ImportOptions,
    progress: &dyn Progress,
) -> Result<ImportReport> {
    import(inputs, out, options, progress, RUN_RECORDS)
}

fn import(
    inputs: &[PathBuf],
    out: &Path,
    options: &ImportOptions,
    progress: &dyn Progress,
    run_records: usize,
) -> Result<ImportReport> {
    options.validate()?;
    let is_log = |name: &str| name.starts_with("userid-timestamp") && name.contains(".tsv");
    let is_archive = |name: &str| name.starts_with("lastfm-dataset-1k") && name.contains(".tar");
    let files = find_files(inputs, |name| is_log(name) || is_archive(name), REMEDY)?;
    let mut writer = DatasetWriter::create(out)?;
    let folder = writer.temporary_folder().to_owned();

    let (mut users, mut tracks, mut read) = (Ids::default(), Tracks::default(), Parsed::default());
    let mut scrobbles = ExternalSort::with_run_records(&folder, run_records);
    let work = |label: &str, block: &LineBlock| Parsed::parse(label, block, options.lenient);
    let mut user = 0;
    let mut take = |block: Parsed| -> Result<()> {
        for (place, row) in (read.rows_read..).zip(&block.rows) {
            let (id, name, mbid) = block.texts(row);
            // Rows stand listener by listener: most have that of the row before.
            if users.len() == 0 || users.id(user) != id {
                user = users.number(id);
            }
            let track = tracks.number(name, mbid);
            scrobbles.push(Scrobble { user, seconds: row.seconds, place: u64::MAX - place, track, unused: 0 })?;
        }
        read.add_counts(&block);
        Ok(())
    };
    let files_read = read_lines(&files, &is_log, options.lenient, progress, work, &mut take)?;

    let mut all_tracks = tracks.catalog();
    let feature_rows_bad = add_track_features(&mut all_tracks, |id| tracks.find(id), options)?;
    let durations: Vec<Option<u32>> = all_tracks.iter().map(|track| track.duration_ms).collect();
    let builder = SessionBuilder::new(&options.rules, &mut writer);
    let mut plays = Plays::new(&options.rules, options.utc_offset_ms(), &durations, users.len(), builder);
    scrobbles.take_sorted("writing sessions", "plays", progress, |scrobble| plays.push(scrobble))?;
    let (user_numbers, track_numbers, play_counts) = plays.finish()?;
    if play_counts.kept == 0 {
        return Err(holds_no("plays", read.rows_read, inputs, REMEDY));
    }
    for &user in &user_numbers.old {
        writer.write_user(&String::from_utf8_lossy(users.id(user)))?;
    }
    let catalog = track_numbers.pick(&mut all_tracks);

    let counts = ImportCounts {
        files: files_read.files,
        rows_read: read.rows_read,
        rows_kept: play_counts.kept,
        rows_bad: read.rows_bad,
        dropped: vec![
            DroppedRows { reason: "exact duplicate", rows: play_counts.duplicates },
            DroppedRows { reason: "time before 2002 or after May 2010", rows: read.impossible_time },
            DroppedRows { reason: "no track name", rows: read.nameless },
        ],
        remarks: vec![
            Remark::new("files that end too early, read up to there", files_read.cut),
            Remark::new("bad lines of track features", feature_rows_bad),
            Remark::new("rows with a tab in a name, mended", read.mended),
            Remark::new("further MBIDs of a track that had one", tracks.further_mbids),
            Remark::new("plays followed by the next before they can have counted", play_counts.too_early),
        ],
        ..ImportCounts::default()
    };
    ImportReport::finish("lastfm-1k", options, counts, writer, &catalog)
}

/// The rows of a block: their texts one after the other, and what was counted.
#[derive(Default)]
struct Parsed {
    text: Vec<u8>,
    rows: Vec<ParsedRow>,
    rows_read: u64,
    rows_bad: u64,
    impossible_time: u64,
    nameless: u64,
    mended: u64,
}

/// One row: where its texts lie.
struct ParsedRow {
    seconds: u32,
    /// The row's texts begin here: listener, `artist \t title`, MBID.
    begin: u32,
    user_end: u32,
    name_end: u32,
    end: u32,
}

impl Parsed {
    fn parse(label: &str, block: &LineBlock, lenient: bool) -> Result<Self> {
        let mut parsed = Self::default();
        for (number, line) in numbered_lines(block) {
            parsed.rows_read += 1;
            match Row::parse(line) {
                Ok(row) => parsed.push(&row),
                Err(_) if lenient => parsed.rows_bad += 1,
                Err(problem) => return Err(problem.at(label, number)),
            }
        }
        Ok(parsed)
    }

    fn push(&mut self, row: &Row<'_>) {
        self.mended += u64::from(row.mended);
        if !(FIRST_MS..END_MS).contains(&row.time_ms) {
            self.impossible_time += 1;
            return;
        }
        if row.title.is_empty() {
            self.nameless += 1;
            return;
        }
        let mut add = |texts: &[&str]| {
            texts.iter().for_each(|text| self.text.extend_from_slice(text.as_bytes()));
            self.text.len() as u32
        };
        let begin = add(&[]);
        let user_end = add(&[row.user]);
        let name_end = add(&[&row.artist, "\t", &row.title]);
        let end = add(&[row.mbid]);
        self.rows.push(ParsedRow { seconds: (row.time_ms / 1000) as u32, begin, user_end, name_end, end });
    }

    /// Listener, `artist \t title` and MBID.
    fn texts(&self, row: &ParsedRow) -> (&[u8], &[u8], &[u8]) {
        let text = |begin: u32, end: u32| &self.text[begin as usize..end as usize];
        (text(row.begin, row.user_end), text(row.user_end, row.name_end), text(row.name_end, row.end))
    }

    fn add_counts(&mut self, block: &Self) {
        self.rows_read += block.rows_read;
        self.rows_bad += block.rows_bad;
        self.impossible_time += block.impossible_time;
        self.nameless += block.nameless;
        self.mended += block.mended;
    }
}

/// Feeds bytes to all that parses.
pub(crate) fn fuzz(bytes: &[u8]) {
    let block = LineBlock { text: bytes.to_vec(), first_line: 1 };
    for lenient in [false, true] {
        let Ok(parsed) = Parsed::parse("fuzz", &block, lenient) else { continue };
        let mut tracks = Tracks::default();
        for row in &parsed.rows {
            let (_, name, mbid) = parsed.texts(row);
            tracks.number(name, mbid);
        }
        for (number, track) in tracks.catalog().iter().enumerate() {
            assert_eq!(tracks.find(&track.id), Some(number as u32), "an identifier must find its track");
        }
    }
}

#[cfg(test)]
mod tests;
