//! Yambda, the set of Yandex Music. The format, its traps and what is made of them are documented in
//! `docs/formats/yambda.md`.
//!
//! Ranges of rows are decoded by one thread and checked by others (`events`), and become sessions in the order of the file
//! (`plays`). A file that is not ordered by user and time is sorted outside the memory first. Only tracks and users stay
//! in memory.

mod events;
mod files;
mod heard;
mod items;
mod plays;
mod side_tables;

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bytemuck::{Pod, Zeroable};

use self::events::{Event, EventFile, EventKind, Events};
use self::files::{FoundFiles, REMEDY};
use self::items::{Items, Known, Users};
use self::plays::Plays;
use super::options::ImportOptions;
use super::parquet_columns::{Column, RowRange};
use super::report::{DroppedRows, ImportCounts, ImportReport, Remark};
use super::track_features::read_track_features;
use crate::external_sort::RUN_RECORDS;
use crate::parallel::in_order;
use crate::{AudioFeatures, DataError, DatasetWriter, ExternalSort, Feedback, Progress, Result, SourceInfo, Track};

/// Values per column that are decoded at a time: what is made of them stays in the caches.
const RANGE_VALUES: usize = 1 << 14;

/// Imports Yambda, in its flat or its sequential layout, into a new dataset at `out`.
///
/// Inputs are the folder of one size, or files of it: listens (or all kinds of events in one file), and whatever there
/// is of likes, dislikes, their withdrawals, artists, albums and embeddings.
pub fn import_yambda(
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
    let found = FoundFiles::find(inputs)?;
    let mut import = Import::begin(out, options, run_records)?;
    if !import.read_plays(&found, Order::AsItLies, progress)? {
        drop(import);
        import = Import::begin(out, options, run_records)?;
        import.read_plays(&found, Order::Sorted, progress)?;
    }
    if import.plays == 0 {
        let problem = format!("holds no plays ({} rows read)", import.rows_read);
        return Err(DataError::bad_file(&inputs[0], problem, REMEDY));
    }
    import.read_feedback(&found, progress)?;
    import.finish(&found, progress)
}

/// Whether the rows are taken as they come, or sorted by user and time first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    AsItLies,
    Sorted,
}

/// An event to be sorted; those of one moment stay in the order of the file.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable, PartialEq, Eq, PartialOrd, Ord)]
struct Placed {
    user: u32,
    time_s: u32,
    place: u64,
    item: u32,
    length_s: u32,
    ratio_pct: u16,
    organic: u8,
    kind: u8,
    padding: u32,
}

/// Feedback to be sorted by the number of its user, which is known once the plays are read.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable, PartialEq, Eq, PartialOrd, Ord)]
struct PlacedFeedback {
    user: u32,
    time_s: u32,
    place: u64,
    track: u32,
    kind: u32,
}

struct Import<'a> {
    options: &'a ImportOptions,
    run_records: usize,
    writer: DatasetWriter,
    items: Items,
    users: Users,
    feedback: ExternalSort<PlacedFeedback>,
    files: u64,
    rows_read: u64,
    rows_bad: u64,
    plays: u64,
    feedback_kept: u64,
    duplicates: u64,
    without_ratio: u64,
    without_length: u64,
    sorted: bool,
}

impl<'a> Import<'a> {
    fn begin(out: &Path, options: &'a ImportOptions, run_records: usize) -> Result<Self> {
        let writer = DatasetWriter::create(out)?;
        Ok(Self {
            options,
            run_records,
            feedback: ExternalSort::with_run_records(writer.temporary_folder(), run_records),
            writer,
            items: Items::default(),
            users: Users::default(),
            files: 0,
            rows_read: 0,
            rows_bad: 0,
            plays: 0,
            feedback_kept: 0,
            duplicates: 0,
            without_ratio: 0,
            without_length: 0,
            sorted: false,
        })
    }

    /// Writes the sessions. Answers false where the rows turn out not to be in order: begin again, and sort them.
    fn read_plays(&mut self, found: &FoundFiles, order: Order, progress: &dyn Progress) -> Result<bool> {
        let files = open_all(&found.plays)?;
        let folder = self.writer.temporary_folder().to_owned();
        let mut plays = Plays::new(&self.options.rules, &mut self.writer, &mut self.items, &mut self.users);
        let mut feedback = Vec::new();
        let (mut rows_read, mut rows_bad) = (0, 0);
        if order == Order::AsItLies {
            let mut in_place = true;
            let end = read_events(&files, self.options.lenient, "reading plays", progress, |events| {
                rows_read += events.rows;
                rows_bad += events.bad;
                in_place = plays.push_all(&events.events, &mut feedback)?;
                if !in_place {
                    // Ends the reading; the error itself is not shown.
                    return Err(DataError::bad_file(&found.plays[0].0, "is not in order", REMEDY));
                }
                feedback.drain(..).try_for_each(|record| self.feedback.push(record))
            });
            if !in_place {
                return Ok(false);
            }
            end?;
        } else {
            let mut sort = ExternalSort::with_run_records(folder, self.run_records);
            read_events(&files, self.options.lenient, "sorting plays", progress, |events| {
                for event in &events.events {
                    rows_read += 1;
                    sort.push(event.placed(rows_read))?;
                }
                rows_bad += events.bad;
                Ok(())
            })?;
            progress.begin("writing sessions", rows_read, "rows");
            for (done, placed) in sort.sorted()?.enumerate() {
                if let Some(record) = plays.push(&Event::from(placed?), Known::NOT)? {
                    self.feedback.push(record)?;
                }
                if done % 65_536 == 0 {
                    progress.advance(done as u64);
                }
            }
            progress.advance(rows_read);
            progress.end();
            rows_read += rows_bad;
        }
        let counts = plays.finish()?;
        self.files += files.len() as u64;
        self.rows_read += rows_read;
        self.rows_bad += rows_bad;
        self.plays = counts.plays;
        self.feedback_kept += counts.feedback;
        self.duplicates = counts.duplicates;
        self.without_ratio = counts.without_ratio;
        self.without_length = counts.without_length;
        self.sorted = order == Order::Sorted;
        Ok(true)
    }

    /// Reads likes, dislikes and their withdrawals, and writes all feedback in order of user and time.
    fn read_feedback(&mut self, found: &FoundFiles, progress: &dyn Progress) -> Result<()> {
        let files = open_all(&found.feedback)?;
        read_events(&files, self.options.lenient, "reading feedback", progress, |events| {
            self.rows_read += events.rows;
            self.rows_bad += events.bad;
            for event in &events.events {
                let user = self.users.number(event.user);
                let record = event.feedback(user, self.items.number(event.item), self.feedback_kept);
                self.feedback.push(record)?;
                self.feedback_kept += 1;
            }
            Ok(())
        })?;
        self.files += files.len() as u64;
        let none = ExternalSort::new(self.writer.temporary_folder());
        for record in std::mem::replace(&mut self.feedback, none).sorted()? {
            let record = record?;
            // Only feedback is pushed to this sorter.
            let Some(kind) = EventKind::from_code(record.kind as u8).and_then(EventKind::feedback) else { continue };
            let (user, track, at_ms) = (record.user, record.track, i64::from(record.time_s) * 1000);
            self.writer.write_feedback(Feedback { user, at_ms, track, kind })?;
        }
        Ok(())
    }

    fn finish(mut self, found: &FoundFiles, progress: &dyn Progress) -> Result<ImportReport> {
        for uid in self.users.ids() {
            self.writer.write_user(&uid.to_string())?;
        }
        let lenient = self.options.lenient;
        let mut side_rows_bad = 0;
        let artists = side_tables::read_mapping(&found.artists, "artist_id", &self.items, lenient, &mut side_rows_bad)?;
        let albums = side_tables::read_mapping(&found.albums, "album_id", &self.items, lenient, &mut side_rows_bad)?;
        let embeddings =
            side_tables::Embeddings { items: &self.items, writer: &mut self.writer, lenient, bad: &mut side_rows_bad };
        let vectors = embeddings.read(&found.embeddings, progress)?;
        self.files += (found.artists.len() + found.albums.len() + found.embeddings.len()) as u64;
        // What a file of features adds, by number of the track.
        let mut known = HashMap::<usize, (Option<u32>, Option<AudioFeatures>)>::new();
        let mut feature_rows_bad = 0;
        if let Some(path) = &self.options.track_features {
            feature_rows_bad = read_track_features(path, lenient, |features| {
                let item = features.track_id.parse().ok();
                if let Some(track) = item.and_then(|item| self.items.find(item)) {
                    let (duration_ms, audio_features) = known.entry(track as usize).or_default();
                    *duration_ms = duration_ms.or(features.duration_ms);
                    *audio_features = features.audio_features.or(*audio_features);
                }
            })?;
        }
        let items = &self.items;
        let text = |id: Option<u32>| id.map(|id| id.to_string()).unwrap_or_default();
        let duration_ms = |track| items.duration_ms(track).or(known.get(&track).and_then(|known| known.0));
        let track = |track| {
            Cow::Owned(Track {
                id: items.id(track).to_string(),
                artist: text(artists[track]),
                album: text(albums[track]),
                duration_ms: duration_ms(track),
                audio_features: known.get(&track).and_then(|known| known.1),
                ..Track::default()
            })
        };
        let with = |named: &[Option<u32>]| named.iter().flatten().count() as u64;
        let mut counts = ImportCounts {
            files: self.files,
            rows_read: self.rows_read,
            rows_kept: self.plays + self.feedback_kept,
            rows_bad: self.rows_bad,
            dropped: vec![DroppedRows { reason: "exact duplicate", rows: self.duplicates }],
            remarks: vec![
                Remark::new("plays", self.plays),
                Remark::new("likes, dislikes and their withdrawals", self.feedback_kept),
                Remark::new("plays without a share played", self.without_ratio),
                Remark::new("plays without a track length", self.without_length),
                Remark::new(
                    "rows sorted, since the file was not in order",
                    if self.sorted { self.rows_read } else { 0 },
                ),
                Remark::new("tracks with an artist", with(&artists)),
                Remark::new("tracks with an album", with(&albums)),
                Remark::new("tracks with an embedding", vectors),
                Remark::new("bad rows of artists, albums and embeddings", side_rows_bad),
                Remark::new("bad lines of track features", feature_rows_bad),
            ],
            ..ImportCounts::default()
        };
        counts.durations_given = (0..items.count()).filter(|&track| duration_ms(track).is_some()).count() as u64;
        counts.durations_unknown = items.count() as u64 - counts.durations_given;
        counts.audio_features = known.values().filter(|(_, features)| features.is_some()).count() as u64;
        let details = serde_json::json!({ "settings": self.options, "counts": counts });
        let source = SourceInfo { format: "yambda".to_owned(), details };
        let manifest = self.writer.finish_with(items.count(), track, &[], &source)?;
        Ok(ImportReport { manifest, counts })
    }
}

fn open_all(paths: &[(PathBuf, Option<EventKind>)]) -> Result<Vec<EventFile>> {
    paths.iter().map(|(path, kind)| EventFile::open(path, *kind)).collect()
}

/// Gives the events of all files to `take`, in order.
fn read_events(
    files: &[EventFile],
    lenient: bool,
    stage: &str,
    progress: &dyn Progress,
    mut take: impl FnMut(Events) -> Result<()> + Send,
) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    progress.begin(stage, files.iter().map(EventFile::rows).sum(), "rows");
    let mut ranges = files.iter().flat_map(|file| file.ranges(RANGE_VALUES).map(move |range| (file, range)));
    let mut done = 0;
    in_order(
        || ranges.next().map(|(file, range)| Ok((file, range, file.read(range)?))).transpose(),
        |(file, range, columns): (&EventFile, RowRange, Vec<Column>)| {
            Ok((range.rows as u64, file.events(range, &columns, lenient)?))
        },
        |(rows, events)| {
            take(events)?;
            done += rows;
            progress.advance(done);
            Ok(())
        },
    )?;
    progress.end();
    Ok(())
}

/// Feeds arbitrary bytes to all that reads a file of the set.
pub(crate) fn fuzz(bytes: &[u8]) {
    let open = || super::parquet_columns::ParquetFile::from_source("fuzz".into(), std::io::Cursor::new(bytes.to_vec()));
    let kinds = [Some(EventKind::Listen), Some(EventKind::Like), None];
    for (kind, lenient) in kinds.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
        let Ok(file) = open().and_then(|file| EventFile::new(file, kind)) else { continue };
        // Both outcomes are right; what matters is that there is one.
        let _ =
            file.ranges(RANGE_VALUES).try_for_each(|range| file.events(range, &file.read(range)?, lenient).map(|_| ()));
    }
    if let Ok(file) = open() {
        side_tables::fuzz(&file);
    }
}

#[cfg(test)]
mod tests;
