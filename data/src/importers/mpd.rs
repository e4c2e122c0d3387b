//! The Million Playlist Dataset (Chen et al. 2018). The format, its traps and what is made of them are documented in
//! `docs/formats/mpd.md`.
//!
//! Slices are split into playlists while they are read (`json_rows`); playlists are parsed on all cores (`playlist`) and
//! numbered in their order. Memory holds the tracks, the numbers of the playlists and some playlists per core.

mod playlist;

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use self::playlist::Playlist;
use super::ids::Ids;
use super::inputs::{BytesRead, find_files, open_each, total_bytes};
use super::json_rows::{JsonRows, RowsError};
use super::options::ImportOptions;
use super::report::{DroppedRows, ImportCounts, ImportReport, Remark};
use super::text_lines::cut_short;
use super::track_features::add_track_features;
use crate::parallel::in_order;
use crate::{Content, Context, DataError, DatasetWriter, Play, Progress, Result, SourceInfo, Track};

/// Bytes of playlists handed to a thread at once.
const PIECE_BYTES: usize = 1 << 20;

const REMEDY: &str = "pass spotify_million_playlist_dataset.zip, a folder of mpd.slice.*.json, or challenge_set.json";

/// Imports slices of the Million Playlist Dataset, or its challenge set, into a new dataset of playlists at `out`.
///
/// Each playlist is a user of its own with one session, whose plays are the playlist's tracks in their order.
pub fn import_mpd(
    inputs: &[PathBuf],
    out: &Path,
    options: &ImportOptions,
    progress: &dyn Progress,
) -> Result<ImportReport> {
    options.validate()?;
    let is_slice =
        |name: &str| (name.starts_with("mpd.slice.") || name.starts_with("challenge_set")) && name.contains(".json");
    let is_archive = |name: &str| {
        let set = name.starts_with("spotify_million_playlist_dataset") || name.starts_with("mpd");
        set && [".zip", ".tar", ".tar.gz", ".tgz"].iter().any(|end| name.ends_with(end))
    };
    let files = find_files(inputs, |name| is_slice(name) || is_archive(name), REMEDY)?;
    let mut writer = DatasetWriter::create_with(out, Content::Playlists)?;
    let mut collector = Collector::new(&mut writer);
    let bytes = BytesRead::default();
    let (mut files_read, mut files_cut) = (0, 0);
    progress.begin("reading playlists", total_bytes(&files)?, "bytes");
    for path in &files {
        open_each(path, &bytes, &is_slice, &mut |label, contents| {
            files_read += 1;
            let reader = BufReader::with_capacity(1 << 18, contents);
            let mut pieces = Pieces { rows: JsonRows::under(reader, "playlists"), next_row: 1, ended: false };
            let read = || {
                progress.advance(bytes.get());
                let piece = pieces.next_piece().map_err(|error| slice_error(label, error))?;
                match piece {
                    (piece, None) => Ok(piece),
                    (piece, Some(_)) if options.lenient => {
                        files_cut += 1;
                        Ok(piece)
                    }
                    (_, Some(error)) => Err(slice_error(label, error)),
                }
            };
            in_order(read, |piece| Batch::parse(label, &piece, options.lenient), |batch| collector.take(&batch))
        })?;
    }
    progress.end();
    let Collector { uris, mut catalog, mut counts, counted, .. } = collector;
    if counts.rows_kept == 0 {
        let problem = format!("holds no playlists with tracks ({} playlists read)", counted.playlists);
        return Err(DataError::bad_file(&inputs[0], problem, REMEDY));
    }
    let feature_rows_bad = add_track_features(&mut catalog, |uri| uris.find(uri.as_bytes()), options)?;
    counts.files = files_read;
    counts.dropped = vec![DroppedRows { reason: "playlist was there before", rows: counted.repeated_rows }];
    counts.remarks = vec![
        Remark::new("files that end too early, read up to there", files_cut),
        Remark::new("bad lines of track features", feature_rows_bad),
        Remark::new("playlists read", counted.playlists),
        Remark::new("playlists without tracks", counted.empty),
        Remark::new("playlists that were there before", counted.repeated),
        Remark::new("playlists not in order of pos, sorted", counted.unordered),
        Remark::new("playlists with gaps in pos", counted.gaps),
        Remark::new("playlists with another number of tracks than they say", counted.other_length),
    ];
    counts.count_tracks(&catalog);
    let details = serde_json::json!({ "settings": options, "counts": counts });
    let manifest = writer.finish(&catalog, &[], &SourceInfo { format: "mpd".to_owned(), details })?;
    Ok(ImportReport { manifest, counts })
}

fn slice_error(label: &str, error: RowsError) -> DataError {
    match error {
        RowsError::NotAnArray => DataError::bad_file(label, "has no list named `playlists`", REMEDY),
        RowsError::Cut => cut_short(label, &std::io::ErrorKind::UnexpectedEof.into()),
        RowsError::Io(error) => cut_short(label, &error),
    }
}

/// Some playlists as text.
struct Piece {
    text: Vec<u8>,
    ends: Vec<usize>,
    /// Number of the first in the file, from 1.
    first_row: u64,
}

/// Gathers the playlists of a slice into pieces.
struct Pieces<R> {
    rows: JsonRows<R>,
    next_row: u64,
    ended: bool,
}

impl<R: BufRead> Pieces<R> {
    /// The next piece, `None` at the end; beside it why the file ends too early, if it does.
    fn next_piece(&mut self) -> std::result::Result<(Option<Piece>, Option<RowsError>), RowsError> {
        let mut piece = Piece { text: Vec::new(), ends: Vec::new(), first_row: self.next_row };
        let mut cut = None;
        while !self.ended && piece.text.len() < PIECE_BYTES {
            match self.rows.next_row() {
                Ok(Some(row)) => {
                    piece.text.extend_from_slice(row);
                    piece.ends.push(piece.text.len());
                    self.next_row += 1;
                }
                Ok(None) => self.ended = true,
                Err(RowsError::NotAnArray) => return Err(RowsError::NotAnArray),
                Err(error) => {
                    self.ended = true;
                    cut = Some(error);
                }
            }
        }
        Ok(((!piece.ends.is_empty()).then_some(piece), cut))
    }
}

/// The playlists of a piece: their texts one after the other, and what was counted.
#[derive(Default)]
struct Batch {
    playlists: Vec<ParsedPlaylist>,
    tracks: Vec<ParsedTrack>,
    text: String,
    rows_read: u64,
    rows_bad: u64,
}

struct ParsedPlaylist {
    pid: u64,
    start_ms: i64,
    tracks: usize,
    unordered: bool,
    gaps: bool,
    other_length: bool,
}

/// Where the texts of a track end: uri, name, artist, album. Each begins where the one before ends.
struct ParsedTrack {
    ends: [u32; 4],
    duration_ms: Option<u32>,
}

impl Batch {
    fn parse(label: &str, piece: &Piece, lenient: bool) -> Result<Self> {
        let mut batch = Self::default();
        let mut begin = 0;
        for (row, &end) in (piece.first_row..).zip(&piece.ends) {
            match Playlist::parse(&piece.text[begin..end], lenient) {
                Ok(playlist) => batch.push(playlist),
                Err(_) if lenient => {
                    batch.rows_read += 1;
                    batch.rows_bad += 1;
                }
                Err(problem) => return Err(problem.at(label, row)),
            }
            begin = end;
        }
        Ok(batch)
    }

    fn push(&mut self, mut playlist: Playlist<'_>) {
        let tracks = &mut playlist.tracks;
        let listed = tracks.len() as u64 + playlist.bad_tracks;
        self.rows_read += listed;
        self.rows_bad += playlist.bad_tracks;
        let unordered = !tracks.is_sorted_by_key(|track| track.pos);
        if unordered {
            tracks.sort_by_key(|track| track.pos);
        }
        self.playlists.push(ParsedPlaylist {
            pid: playlist.pid,
            start_ms: playlist.modified_at.unwrap_or(0) * 1000,
            tracks: tracks.len(),
            unordered,
            gaps: (0..).zip(tracks.iter()).any(|(place, track)| place != track.pos),
            other_length: playlist.num_tracks.is_some_and(|n| n != listed + playlist.num_holdouts.unwrap_or(0)),
        });
        for track in tracks {
            let texts = [&track.track_uri, &track.track_name, &track.artist_name, &track.album_name];
            let ends = texts.map(|text| {
                self.text.push_str(text);
                self.text.len() as u32
            });
            let duration_ms = (track.duration_ms > 0).then_some(track.duration_ms as u32);
            self.tracks.push(ParsedTrack { ends, duration_ms });
        }
    }
}

/// Numbers tracks and playlists, and writes the playlists.
struct Collector<'a> {
    writer: &'a mut DatasetWriter,
    uris: Ids,
    catalog: Vec<Track>,
    pids: HashSet<u64>,
    plays: Vec<Play>,
    users: u32,
    counts: ImportCounts,
    counted: Counted,
}

/// What is counted of playlists.
#[derive(Default)]
struct Counted {
    playlists: u64,
    empty: u64,
    repeated: u64,
    repeated_rows: u64,
    unordered: u64,
    gaps: u64,
    other_length: u64,
}

impl<'a> Collector<'a> {
    fn new(writer: &'a mut DatasetWriter) -> Self {
        Self {
            writer,
            uris: Ids::default(),
            catalog: Vec::new(),
            pids: HashSet::new(),
            plays: Vec::new(),
            users: 0,
            counts: ImportCounts::default(),
            counted: Counted::default(),
        }
    }

    fn take(&mut self, batch: &Batch) -> Result<()> {
        self.counts.rows_read += batch.rows_read;
        self.counts.rows_bad += batch.rows_bad;
        let (mut first, mut begin) = (0, 0);
        for playlist in &batch.playlists {
            let tracks = &batch.tracks[first..first + playlist.tracks];
            let begin_of_texts = begin;
            first += playlist.tracks;
            begin = tracks.last().map_or(begin, |track| track.ends[3]);
            self.counted.playlists += 1;
            if !self.pids.insert(playlist.pid) {
                self.counted.repeated += 1;
                self.counted.repeated_rows += tracks.len() as u64;
            } else if tracks.is_empty() {
                self.counted.empty += 1;
            } else {
                self.add(playlist, tracks, batch, begin_of_texts)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, playlist: &ParsedPlaylist, tracks: &[ParsedTrack], batch: &Batch, begin: u32) -> Result<()> {
        self.counts.rows_kept += tracks.len() as u64;
        self.counted.unordered += u64::from(playlist.unordered);
        self.counted.gaps += u64::from(playlist.gaps);
        self.counted.other_length += u64::from(playlist.other_length);
        self.plays.clear();
        let mut begin = begin;
        for track in tracks {
            let ends = track.ends.map(|end| end as usize);
            let texts = [begin as usize, ends[0], ends[1], ends[2]];
            let text = |place: usize| &batch.text[texts[place]..ends[place]];
            let number = self.uris.number(text(0).as_bytes());
            if number as usize == self.catalog.len() {
                self.catalog.push(Track {
                    id: text(0).to_owned(),
                    name: text(1).to_owned(),
                    artist: text(2).to_owned(),
                    album: text(3).to_owned(),
                    duration_ms: track.duration_ms,
                    ..Track::default()
                });
            }
            self.plays.push(Play { track: number, start_ms: playlist.start_ms, ..Play::default() });
            begin = track.ends[3];
        }
        self.writer.write_user(&format!("playlist:{}", playlist.pid))?;
        self.writer.write_plays(self.users, playlist.start_ms, Context::default(), &self.plays)?;
        self.users += 1;
        Ok(())
    }
}

/// Feeds bytes to all that parses.
pub(crate) fn fuzz(bytes: &[u8]) {
    for lenient in [false, true] {
        // As a slice, and as the text of one playlist.
        let mut pieces = Pieces { rows: JsonRows::under(bytes, "playlists"), next_row: 1, ended: false };
        while let Ok((Some(piece), _)) = pieces.next_piece() {
            if Batch::parse("fuzz", &piece, lenient).is_err() {
                break;
            }
        }
        let piece = Piece { text: bytes.to_vec(), ends: vec![bytes.len()], first_row: 1 };
        let _ = Batch::parse("fuzz", &piece, lenient);
    }
}

#[cfg(test)]
mod tests;
