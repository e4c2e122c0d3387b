//! The first pass: from files to records.

use std::path::Path;

use super::counts::SpotifyCounts;
use super::dictionary::Tracks;
use super::platform::device_of;
use super::reasons::Reason;
use super::record::{NO_TRACK, Record, device_code, flag, pack};
use super::row::{Content, Row};
use crate::importers::options::ImportOptions;
use crate::importers::spotify_archive::{Export, Sources};
use crate::importers::spotify_rows::{Refusal, read_rows};
use crate::importers::spotify_users::Users;
use crate::{ExternalSort, Progress, Result};

/// Rows left out while reading: they play no track.
#[derive(Default)]
pub(super) struct LeftOut {
    pub(super) podcast: u64,
    pub(super) audiobook: u64,
    pub(super) no_track_uri: u64,
}

/// Reads files into records.
pub(super) struct Reading<'a> {
    options: &'a ImportOptions,
    pub(super) records: ExternalSort<Record>,
    pub(super) tracks: Tracks,
    pub(super) users: Users,
    pub(super) counts: SpotifyCounts,
    pub(super) left_out: LeftOut,
}

impl<'a> Reading<'a> {
    pub(super) fn new(options: &'a ImportOptions, records: ExternalSort<Record>) -> Self {
        let (tracks, users) = (Tracks::default(), Users::default());
        Self { options, records, tracks, users, counts: SpotifyCounts::default(), left_out: LeftOut::default() }
    }

    pub(super) fn read_all(&mut self, sources: &Sources, progress: &dyn Progress) -> Result<()> {
        let tally =
            read_rows(sources, self.options.lenient, progress, |text, source, number| match Row::parse(text) {
                Ok(row) => Ok(self.add(&row, source.owner, sources, number)?),
                Err(_) if Row::is_of_account_export(text) => {
                    Err(Export::Extended.not_found(Path::new(&source.label()), true).into())
                }
                Err(problem) => Err(Refusal::Row(problem)),
            })?;
        self.counts.files = tally.files;
        self.counts.rows_read = tally.rows_read;
        self.counts.rows_bad = tally.rows_bad;
        self.counts.files_cut = tally.files_cut;
        Ok(())
    }

    fn add(&mut self, row: &Row<'_>, owner: usize, sources: &Sources, sequence: u64) -> Result<()> {
        let track = match &row.content {
            Content::Track(uri) => self.tracks.number(uri, row),
            Content::Podcast => {
                self.left_out.podcast += 1;
                NO_TRACK
            }
            Content::Audiobook => {
                self.left_out.audiobook += 1;
                NO_TRACK
            }
            Content::Nothing => {
                self.left_out.no_track_uri += 1;
                NO_TRACK
            }
        };
        let user = self.users.number(row.username.as_deref(), owner, &sources.owners)?;
        let mut flags = pack(row.shuffle, flag::SHUFFLE_KNOWN, flag::SHUFFLE);
        flags |= pack(row.skipped, flag::SKIPPED_KNOWN, flag::SKIPPED);
        let mut end_ms = row.end_ms;
        if let Some(start_ms) = row.offline_start_ms {
            flags |= flag::PLACED_BY_OFFLINE_TIME;
            end_ms = start_ms + i64::from(row.ms_played);
        }
        let (reason_start, reason_end) = (self.reason(&row.reason_start), self.reason(&row.reason_end));
        self.records.push(Record {
            end_ms: end_ms + self.options.utc_offset_ms(),
            sequence,
            user,
            track,
            ms_played: row.ms_played,
            reason_start,
            reason_end,
            device: device_code(device_of(&row.platform)),
            flags,
        })
    }

    fn reason(&mut self, word: &str) -> u8 {
        let known = Reason::from_word(word);
        // New words are reported; a damaged file must not fill the memory with them.
        if known.is_none()
            && (self.counts.unfamiliar_reasons.len() < 32 || self.counts.unfamiliar_reasons.contains_key(word))
        {
            *self.counts.unfamiliar_reasons.entry(word.to_owned()).or_default() += 1;
        }
        known.unwrap_or(Reason::Unknown).code()
    }
}
