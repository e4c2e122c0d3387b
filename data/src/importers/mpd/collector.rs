//! Numbers tracks and playlists in their order.

use std::collections::HashSet;

use super::super::ids::Ids;
use super::super::report::ImportCounts;
use super::batch::{Batch, ParsedPlaylist, ParsedTrack};
use crate::{Context, DatasetWriter, Play, Result, Track};

/// Numbers tracks and playlists, and writes the playlists.
pub(super) struct Collector<'a> {
    writer: &'a mut DatasetWriter,
    pub(super) uris: Ids,
    pub(super) catalog: Vec<Track>,
    pids: HashSet<u64>,
    plays: Vec<Play>,
    users: u32,
    pub(super) counts: ImportCounts,
    pub(super) counted: Counted,
}

/// What is counted of playlists.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) playlists: u64,
    pub(super) empty: u64,
    pub(super) repeated: u64,
    pub(super) repeated_rows: u64,
    pub(super) unordered: u64,
    pub(super) gaps: u64,
    pub(super) other_length: u64,
}

impl<'a> Collector<'a> {
    pub(super) fn new(writer: &'a mut DatasetWriter) -> Self {
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

    /// Takes the next playlists.
    pub(super) fn take(&mut self, batch: &Batch) -> Result<()> {
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
