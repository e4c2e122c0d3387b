//! The first pass: from files to records.

use std::io::BufRead;
use std::path::Path;

use super::archive::{Source, Sources, no_history};
use super::counts::SpotifyCounts;
use super::dictionary::{Tracks, Users};
use super::platform::device_of;
use super::reasons::Reason;
use super::record::{NO_TRACK, Record, device_code, flag, pack};
use super::row::{Content, Row, RowProblem};
use crate::importers::json_rows::{JsonRows, RowsError};
use crate::importers::options::ImportOptions;
use crate::{DataError, ExternalSort, Progress, Result};

/// Bytes read between two reports of progress.
const PROGRESS_BYTES: u64 = 1 << 18;

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
        progress.begin("reading plays", sources.files.iter().map(|source| source.bytes).sum(), "bytes");
        let mut before = 0;
        for source in &sources.files {
            source.open(|reader| {
                self.read_file(JsonRows::new(reader), source, sources, &|bytes| {
                    progress.advance(before + bytes);
                })
            })?;
            before += source.bytes;
            progress.advance(before);
            self.counts.files += 1;
        }
        progress.end();
        Ok(())
    }

    fn read_file(
        &mut self,
        mut rows: JsonRows<&mut dyn BufRead>,
        source: &Source,
        sources: &Sources,
        advance: &dyn Fn(u64),
    ) -> Result<()> {
        let (mut number, mut reported) = (0, 0);
        loop {
            number += 1;
            match rows.next_row() {
                Ok(None) => return Ok(()),
                Ok(Some(text)) => {
                    self.counts.rows_read += 1;
                    match Row::parse(text) {
                        Ok(row) => self.add(&row, source.owner, sources)?,
                        Err(_) if Row::is_of_account_export(text) => {
                            return Err(no_history(Path::new(&source.label()), true));
                        }
                        Err(_) if self.options.lenient => self.counts.rows_bad += 1,
                        Err(problem) => return Err(problem.at(source.label(), number)),
                    }
                }
                Err(RowsError::NotAnArray) => return Err(not_an_array(source)),
                Err(RowsError::Cut | RowsError::Io(_)) if self.options.lenient => {
                    self.counts.files_cut += 1;
                    return Ok(());
                }
                Err(RowsError::Cut) => return Err(cut(source, number, "it ends there")),
                Err(RowsError::Io(error)) => return Err(cut(source, number, &error.to_string())),
            }
            if rows.bytes() - reported >= PROGRESS_BYTES {
                reported = rows.bytes();
                advance(reported);
            }
        }
    }

    fn add(&mut self, row: &Row<'_>, owner: usize, sources: &Sources) -> Result<()> {
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
        let sequence = self.counts.rows_read;
        let (reason_start, reason_end) = (self.reason(&row.reason_start), self.reason(&row.reason_end));
        self.records.push(Record {
            end_ms: end_ms + i64::from(self.options.utc_offset_minutes) * 60_000,
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

impl RowProblem {
    fn at(self, file: String, row: u64) -> DataError {
        DataError::BadRow { file, row, field: self.field.into(), expected: self.expected.into(), found: self.found }
    }
}

fn not_an_array(source: &Source) -> DataError {
    let remedy = "pass the files as Spotify sent them; each is a JSON list of plays, in UTF-8";
    DataError::bad_file(source.label(), "is not a JSON list", remedy)
}

fn cut(source: &Source, row: u64, reason: &str) -> DataError {
    let problem = format!("is cut short or damaged at row {row} ({reason})");
    let remedy = format!("download the export again, or pass --lenient to keep the {} rows before", row - 1);
    DataError::bad_file(source.label(), problem, remedy)
}
