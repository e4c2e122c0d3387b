//! Spotify's account data: the plays of one year, alone or joined with extended exports. The format, its traps and
//! what is made of them are documented in `docs/formats/spotify-account.md`.
//!
//! Rows stream from the files into records that are sorted outside the memory, are cleaned in the order of time
//! (`clean`), tell the durations of tracks (`durations`), find their tracks in the joined dataset (`join`), and become
//! sessions (`build`). Only tracks and users stay in memory.

mod build;
mod clean;
mod durations;
mod join;
mod row;
mod track_id;

use std::path::{Path, PathBuf};

use serde::Serialize;

use self::build::{BuildCounts, CatalogBuilder, Listen, in_order_of_plays, write_sessions};
use self::clean::{Cleaner, Record};
use self::durations::RepeatedLengths;
use self::join::{Copied, Joined, Matches};
use self::row::{Content, Row};
use self::track_id::write_track_id;
use super::ids::Ids;
use super::options::ImportOptions;
use super::report::{DroppedRows, ImportCounts, ImportReport, Remark, holds_no};
use super::session_builder::SessionBuilder;
use super::spotify_archive::{Export, Sources};
use super::spotify_rows::{INCOMPLETE, Refusal, RowTally, read_rows};
use super::spotify_users::Users;
use super::track_features::add_track_features;
use crate::external_sort::RUN_RECORDS;
use crate::{DatasetWriter, ExternalSort, Progress, Result, SourceInfo, Track};

/// Settings of an import of account data.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SpotifyAccountOptions {
    /// A dataset made by `import spotify-extended`, whose listeners, sessions and catalog come first in the new one.
    pub join: Option<PathBuf>,
}

/// Imports Spotify's account data into a new dataset at `out`.
///
/// Each input is the zip of an export, a folder, or a JSON file. A zip is one listener, called by its file name; the
/// JSON files in a folder are one listener, called by the folder's name; a folder of zips holds one listener per zip.
pub fn import_spotify_account(
    inputs: &[PathBuf],
    out: &Path,
    options: &ImportOptions,
    account: &SpotifyAccountOptions,
    progress: &dyn Progress,
) -> Result<ImportReport> {
    import(inputs, out, options, account, progress, RUN_RECORDS)
}

fn import(
    inputs: &[PathBuf],
    out: &Path,
    options: &ImportOptions,
    account: &SpotifyAccountOptions,
    progress: &dyn Progress,
    run_records: usize,
) -> Result<ImportReport> {
    options.validate()?;
    let sources = Sources::find(Export::Account, inputs)?;
    let joined = account.join.as_deref().map(|path| Joined::open(path, options, &sources.owners)).transpose()?;
    let mut writer = DatasetWriter::create(out)?;
    let folder = writer.temporary_folder().to_owned();

    let mut reading = Reading::new(options, ExternalSort::with_run_records(&folder, run_records));
    let tally = read_rows(&sources, options.lenient, progress, |text, source, number| match Row::parse(text) {
        Ok(row) => Ok(reading.add(&row, source.owner, &sources, number)?),
        Err(_) if Row::is_of_extended_export(text) => {
            Err(Export::Account.not_found(Path::new(&source.label()), true).into())
        }
        Err(problem) => Err(Refusal::Row(problem)),
    })?;
    let Reading { records, tracks, users, left_out, .. } = reading;

    let mut lengths = RepeatedLengths::new(&folder, run_records);
    let mut listens = ExternalSort::with_run_records(&folder, run_records);
    let (mut place, mut played) = (0, vec![false; tracks.len()]);
    let mut cleaner = Cleaner::new(|record: Record| {
        played[record.track as usize] = true;
        lengths.push(record.track, record.ms_played)?;
        place += 1;
        let Record { user, end_ms, track, ms_played, .. } = record;
        listens.push(Listen { place, end_ms, user, track, ms_played, unused: 0 })
    });
    records.take_sorted("cleaning plays", "rows", progress, |record| cleaner.push(record))?;
    let dropped = cleaner.finish()?;

    let copied = match &joined {
        Some(joined) => joined.copy(&mut writer, progress)?,
        None => Copied { catalog: Vec::new(), plays: Vec::new() },
    };
    let matches = copied.matches(&tracks, &played);
    let mut catalog = CatalogBuilder {
        ids: &tracks,
        tracks: copied.catalog,
        places: matches.places.clone(),
        known: vec![Track::default(); tracks.len()],
    };
    // For tracks that are not joined.
    let feature_rows_bad = add_track_features(&mut catalog.known, |id| tracks.find(id.as_bytes()), options)?;
    add_durations(&mut catalog, lengths.finish(tracks.len())?);

    progress.begin("writing sessions", place, "plays");
    let first_user = joined.as_ref().map_or(0, |joined| joined.users.len() as u32);
    let mut builder = SessionBuilder::new(&options.rules, &mut writer);
    let (order, built) = write_sessions(listens, &options.rules, &mut catalog, &mut builder, first_user, progress)?;
    builder.finish()?;
    progress.advance(place);
    progress.end();
    if built.kept == 0 {
        return Err(holds_no("plays of tracks", tally.rows_read, inputs, INCOMPLETE));
    }

    let counts = ImportCounts {
        dropped: vec![
            DroppedRows { reason: "exact duplicate", rows: dropped.exact_duplicate },
            DroppedRows { reason: "sent again", rows: dropped.sent_again },
            DroppedRows { reason: "arrived late without its time", rows: dropped.arrived_late },
            DroppedRows { reason: "nothing played", rows: left_out.nothing_played },
            DroppedRows { reason: "podcast", rows: left_out.podcast },
            DroppedRows { reason: "audiobook", rows: left_out.audiobook },
            DroppedRows { reason: "unknown artist or track", rows: left_out.unknown },
        ],
        remarks: remarks(&tally, feature_rows_bad, &built, &matches, joined.as_ref()),
        ..counts(&tally, &built, &catalog.tracks)
    };
    let joined = joined.as_ref().map(Joined::fingerprint);
    let details = serde_json::json!({
        "settings": options, "account": account, "joined_fingerprint": joined, "counts": counts
    });
    let source = SourceInfo { format: "spotify-account".to_owned(), details };
    let listeners = in_order_of_plays(&users.users, &order);
    let manifest = writer.finish(&catalog.tracks, &listeners, &source)?;
    Ok(ImportReport { manifest, counts })
}

/// Rows left out while reading.
#[derive(Default)]
struct LeftOut {
    nothing_played: u64,
    podcast: u64,
    audiobook: u64,
    unknown: u64,
}

/// From rows to records.
struct Reading {
    utc_offset_ms: i64,
    records: ExternalSort<Record>,
    tracks: Ids,
    users: Users,
    left_out: LeftOut,
    id: String,
}

impl Reading {
    fn new(options: &ImportOptions, records: ExternalSort<Record>) -> Self {
        Self {
            utc_offset_ms: options.utc_offset_ms(),
            records,
            tracks: Ids::default(),
            users: Users::default(),
            left_out: LeftOut::default(),
            id: String::new(),
        }
    }

    fn add(&mut self, row: &Row<'_>, owner: usize, sources: &Sources, sequence: u64) -> Result<()> {
        let user = self.users.number(None, owner, &sources.owners)?;
        let (artist, name) = match &row.content {
            Content::Track { artist, name } if row.ms_played > 0 => (artist, name),
            Content::Track { .. } => return count(&mut self.left_out.nothing_played),
            Content::Podcast => return count(&mut self.left_out.podcast),
            Content::Audiobook => return count(&mut self.left_out.audiobook),
            Content::Unknown => return count(&mut self.left_out.unknown),
        };
        write_track_id(artist, name, &mut self.id);
        let track = self.tracks.number(self.id.as_bytes());
        let end_ms = row.end_ms + self.utc_offset_ms;
        self.records.push(Record { user, unused: 0, end_ms, sequence, track, ms_played: row.ms_played })
    }
}

fn count(rows: &mut u64) -> Result<()> {
    *rows += 1;
    Ok(())
}

/// Durations from repeated plays, where none is known: of tracks of the account data and of joined tracks.
fn add_durations(catalog: &mut CatalogBuilder<'_>, estimates: Vec<Option<u32>>) {
    let CatalogBuilder { tracks, places, known, .. } = catalog;
    for ((estimate, place), known) in estimates.into_iter().zip(places).zip(known) {
        let track = match place {
            Some(place) => &mut tracks[*place as usize],
            None => known,
        };
        if track.duration_ms.is_none() {
            track.duration_ms = estimate;
            track.duration_estimated = estimate.is_some();
        }
    }
}

fn counts(tally: &RowTally, built: &BuildCounts, catalog: &[Track]) -> ImportCounts {
    let mut counts = ImportCounts {
        files: tally.files,
        rows_read: tally.rows_read,
        rows_kept: built.kept,
        rows_bad: tally.rows_bad,
        ..ImportCounts::default()
    };
    counts.count_tracks(catalog);
    counts
}

fn remarks(
    tally: &RowTally,
    feature_rows_bad: u64,
    built: &BuildCounts,
    matches: &Matches,
    joined: Option<&Joined>,
) -> Vec<Remark> {
    let mut remarks = vec![
        Remark::new("files that end too early, read up to there", tally.files_cut),
        Remark::new("bad lines of track features", feature_rows_bad),
        Remark::new("plays of tracks of unknown duration", built.without_duration),
        Remark::new("skips told by the next play", built.skips),
    ];
    if joined.is_some() {
        remarks.extend([
            Remark::new("tracks shared with the joined dataset", matches.shared),
            Remark::new("shared tracks found by normalised names", matches.by_normalised_names),
            Remark::new("shared tracks with several recordings of the name", matches.ambiguous),
            Remark::new("tracks not in the joined dataset", matches.not_shared),
            Remark::new("plays of shared tracks", built.matched),
        ]);
    }
    remarks
}

/// Parses bytes as a file of account data, strictly and leniently.
pub(crate) fn fuzz(bytes: &[u8]) {
    super::spotify_rows::fuzz(bytes, &|text| Row::parse(text).map(|_| ()));
}

#[cfg(test)]
mod tests;
