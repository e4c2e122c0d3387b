//! The Million Playlist Dataset (Chen et al. 2018). The format, its traps and what is made of them are documented in
//! `docs/formats/mpd.md`.
//!
//! Slices are split into playlists while they are read (`json_rows`); playlists are parsed on all cores (`batch`,
//! `playlist`) and numbered in their order (`collector`). Memory holds the tracks, the numbers of the playlists and some playlists per core.

mod batch;
mod collector;
mod playlist;

use std::io::BufReader;
use std::path::{Path, PathBuf};

use self::batch::{Batch, Piece, Pieces};
use self::collector::Collector;
use super::inputs::{BytesRead, find_files, is_archive, open_each, total_bytes};
use super::json_rows::RowsError;
use super::options::ImportOptions;
use super::report::{DroppedRows, ImportReport, Remark};
use super::text_lines::cut_short;
use super::track_features::add_track_features;
use crate::parallel::in_order;
use crate::{Content, DataError, DatasetWriter, Progress, Result};

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
    let is_set = |name: &str| name.starts_with("spotify_million_playlist_dataset") || name.starts_with("mpd");
    let files = find_files(inputs, |name| is_slice(name) || is_set(name) && is_archive(name), REMEDY)?;
    let mut writer = DatasetWriter::create_with(out, Content::Playlists)?;
    let mut collector = Collector::new(&mut writer);
    let bytes = BytesRead::default();
    let (mut files_read, mut files_cut) = (0, 0);
    progress.begin("reading playlists", total_bytes(&files)?, "bytes");
    for path in &files {
        open_each(path, &bytes, &is_slice, &mut |label, contents| {
            files_read += 1;
            let reader = BufReader::with_capacity(1 << 18, contents);
            let mut pieces = Pieces::new(reader);
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
    ImportReport::finish("mpd", options, counts, writer, &catalog)
}

fn slice_error(label: &str, error: RowsError) -> DataError {
    match error {
        RowsError::NotAnArray => DataError::bad_file(label, "has no list named `playlists`", REMEDY),
        RowsError::Cut => cut_short(label, &std::io::ErrorKind::UnexpectedEof.into()),
        RowsError::Io(error) => cut_short(label, &error),
    }
}

/// Feeds bytes to all that parses.
pub(crate) fn fuzz(bytes: &[u8]) {
    for lenient in [false, true] {
        // As a slice, and as the text of one playlist.
        let mut pieces = Pieces::new(bytes);
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
