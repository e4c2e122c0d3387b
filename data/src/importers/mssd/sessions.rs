//! From rows to sessions: those that stand whole and in order are written at once; the rows of all others, such as the
//! halves of test sessions, wait in a sort outside the memory until all files are read.

use bytemuck::{Pod, Zeroable};

use super::log_rows::{LogRows, NO_TIME, SESSION_ID_BYTES, SESSION_ROWS};
use super::marks::Marks;
use crate::importers::ids::Ids;
use crate::{DatasetWriter, ExternalSort, Play, Progress, Result};

/// A row whose track has its number.
#[derive(Clone, Copy)]
struct Row {
    track: u32,
    position: u8,
    length: u8,
    marks: Marks,
    start_ms: i64,
}

/// A row that waits for the rest of its session. In order: of two rows with one position, that with labels comes
/// first, then that which was read first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
struct WaitingRow {
    session: [u8; SESSION_ID_BYTES],
    position: u32,
    marks: Marks,
    sequence: u64,
    start_ms: i64,
    track: u32,
    length: u32,
}

/// What became of the rows.
#[derive(Default)]
pub(super) struct SessionCounts {
    pub(super) plays: u64,
    pub(super) repeated: u64,
    pub(super) without_first_half: u64,
    pub(super) unlabelled: u64,
    pub(super) joined: u64,
    pub(super) incomplete: u64,
    pub(super) skipped_late: u64,
    pub(super) contradictory: u64,
    pub(super) back_in_time: u64,
    pub(super) context_changes: u64,
}

/// Puts rows together to sessions.
pub(super) struct SessionAssembly<'a> {
    writer: &'a mut DatasetWriter,
    pub(super) tracks: Ids,
    pub(super) counts: SessionCounts,
    waiting: ExternalSort<WaitingRow>,
    sequence: u64,
    users: u32,
    /// The session being read.
    id: Vec<u8>,
    rows: Vec<Row>,
    plays: Vec<Play>,
}

impl<'a> SessionAssembly<'a> {
    /// `run_records`: rows that are sorted in memory at a time.
    pub(super) fn new(writer: &'a mut DatasetWriter, run_records: usize) -> Self {
        let waiting = ExternalSort::with_run_records(writer.temporary_folder(), run_records);
        Self {
            writer,
            tracks: Ids::default(),
            counts: SessionCounts::default(),
            waiting,
            sequence: 0,
            users: 0,
            id: Vec::new(),
            rows: Vec::new(),
            plays: Vec::new(),
        }
    }

    /// Adds the rows of the next block.
    pub(super) fn push(&mut self, block: &LogRows) -> Result<()> {
        for (id, rows) in block.runs() {
            if self.id != id {
                self.end_run()?;
                self.id.extend_from_slice(id);
            }
            for row in rows {
                // No session is that long; a damaged file must not fill the memory.
                if self.rows.len() > SESSION_ROWS {
                    self.let_wait()?;
                }
                let track = self.tracks.number_hashed(block.track_id(row), row.track_hash);
                let (position, length, marks, start_ms) = (row.position, row.length, row.marks, row.start_ms);
                self.rows.push(Row { track, position, length, marks, start_ms });
            }
        }
        Ok(())
    }

    fn end_run(&mut self) -> Result<()> {
        let length = self.rows.len();
        let in_place = |(row, place): (&Row, usize)| {
            usize::from(row.position) == place && usize::from(row.length) == length && row.marks.labelled()
        };
        if self.rows.iter().zip(1..).all(in_place) {
            self.write_session()?;
        } else {
            self.let_wait()?;
        }
        self.id.clear();
        Ok(())
    }

    fn let_wait(&mut self) -> Result<()> {
        let mut session = [0; SESSION_ID_BYTES];
        session[..self.id.len()].copy_from_slice(&self.id);
        for row in self.rows.drain(..) {
            self.waiting.push(WaitingRow {
                session,
                position: row.position.into(),
                marks: row.marks,
                sequence: self.sequence,
                start_ms: row.start_ms,
                track: row.track,
                length: row.length.into(),
            })?;
            self.sequence += 1;
        }
        Ok(())
    }

    /// Writes the sessions that waited, in order of their ids.
    pub(super) fn finish(mut self, progress: &dyn Progress) -> Result<(Ids, SessionCounts)> {
        self.end_run()?;
        let waiting = std::mem::replace(&mut self.waiting, ExternalSort::new(self.writer.temporary_folder()));
        let mut session = [0; SESSION_ID_BYTES];
        waiting.take_sorted("joining sessions", "rows", progress, |row| {
            if row.session != session {
                self.end_joined()?;
                session = row.session;
                let bytes = session.iter().position(|&byte| byte == 0).unwrap_or(SESSION_ID_BYTES);
                self.id.extend_from_slice(&session[..bytes]);
            }
            if self.rows.last().is_some_and(|last| u32::from(last.position) == row.position) {
                self.counts.repeated += 1;
                return Ok(());
            }
            let (position, length) = (row.position as u8, row.length as u8);
            self.rows.push(Row { track: row.track, position, length, marks: row.marks, start_ms: row.start_ms });
            Ok(())
        })?;
        self.end_joined()?;
        Ok((self.tracks, self.counts))
    }

    fn end_joined(&mut self) -> Result<()> {
        if self.rows.iter().all(|row| !row.marks.labelled()) {
            // Nothing tells when it was, nor how any play ended.
            self.counts.without_first_half += self.rows.len() as u64;
            self.rows.clear();
        } else {
            self.counts.joined += u64::from(self.rows.iter().any(|row| !row.marks.labelled()));
            self.counts.incomplete += u64::from(self.rows[0].length as usize != self.rows.len());
            self.write_session()?;
        }
        self.id.clear();
        Ok(())
    }

    /// Writes `rows`, at least one of which is labelled, and clears them. Every session is a user of its own.
    fn write_session(&mut self) -> Result<()> {
        let Some(first) = self.rows.iter().find(|row| row.marks.labelled()) else { return Ok(()) };
        let context = first.marks.context().at(first.start_ms);
        let begin_ms = first.start_ms;
        let changes = self.rows.iter().any(|row| row.marks.labelled() && row.marks.source() != first.marks.source());
        self.counts.context_changes += u64::from(changes);
        let mut now_ms = begin_ms;
        self.plays.clear();
        for row in &self.rows {
            self.counts.unlabelled += u64::from(!row.marks.labelled());
            self.counts.skipped_late += u64::from(row.marks.skipped_late());
            self.counts.contradictory += u64::from(row.marks.contradictory());
            self.counts.back_in_time += u64::from(row.start_ms != NO_TIME && row.start_ms < now_ms);
            now_ms = now_ms.max(row.start_ms);
            self.plays.push(Play {
                track: row.track,
                start_ms: now_ms,
                responses: row.marks.responses(),
                skip_step: row.marks.skip_step(),
                ..Play::default()
            });
        }
        self.counts.plays += self.plays.len() as u64;
        self.rows.clear();
        self.writer.write_user(&String::from_utf8_lossy(&self.id))?;
        self.writer.write_plays(self.users, begin_ms, context, &self.plays)?;
        self.users += 1;
        Ok(())
    }
}
