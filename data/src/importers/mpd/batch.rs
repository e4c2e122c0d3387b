//! From the text of a slice to its playlists: gathered in pieces, which are parsed on all cores.

use std::io::BufRead;

use super::super::json_rows::{JsonRows, RowsError};
use super::playlist::Playlist;
use crate::Result;

/// Bytes of playlists handed to a thread at once.
pub(super) const PIECE_BYTES: usize = 1 << 20;

/// Some playlists as text.
pub(super) struct Piece {
    pub(super) text: Vec<u8>,
    pub(super) ends: Vec<usize>,
    /// Number of the first in the file, from 1.
    pub(super) first_row: u64,
}

/// Gathers the playlists of a slice into pieces.
pub(super) struct Pieces<R> {
    rows: JsonRows<R>,
    next_row: u64,
    ended: bool,
}

impl<R: BufRead> Pieces<R> {
    /// Those of a slice.
    pub(super) fn new(reader: R) -> Self {
        Self { rows: JsonRows::under(reader, "playlists"), next_row: 1, ended: false }
    }

    /// The next piece, `None` at the end; beside it why the file ends too early, if it does.
    pub(super) fn next_piece(&mut self) -> std::result::Result<(Option<Piece>, Option<RowsError>), RowsError> {
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
pub(super) struct Batch {
    pub(super) playlists: Vec<ParsedPlaylist>,
    pub(super) tracks: Vec<ParsedTrack>,
    pub(super) text: String,
    pub(super) rows_read: u64,
    pub(super) rows_bad: u64,
}

pub(super) struct ParsedPlaylist {
    pub(super) pid: u64,
    pub(super) start_ms: i64,
    pub(super) tracks: usize,
    pub(super) unordered: bool,
    pub(super) gaps: bool,
    pub(super) other_length: bool,
}

/// Where the texts of a track end: uri, name, artist, album. Each begins where the one before ends.
pub(super) struct ParsedTrack {
    pub(super) ends: [u32; 4],
    pub(super) duration_ms: Option<u32>,
}

impl Batch {
    pub(super) fn parse(label: &str, piece: &Piece, lenient: bool) -> Result<Self> {
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
