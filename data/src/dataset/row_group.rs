//! Sessions and plays on their way into row groups, encoded by several threads in the order of their arrival.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, Sender, bounded};

use super::play_columns::{PLAYS_AT_ONCE, PlayColumns};
use super::schema::{PLAYS, PLAYS_FILE, SESSIONS, SESSIONS_FILE, layout};
use crate::parallel::at_once;
use crate::response_shares::ResponseTally;
use crate::table::{ColumnValues, EncodedGroup, TableLayout, TableWriter, Values};
use crate::{Context, DataError, Play, Result};

/// Plays gathered before a row group is written.
pub(crate) const GROUP_PLAYS: usize = 1 << 17;

/// One session; its plays follow those of the session before.
pub(crate) struct SessionRow {
    pub(crate) user: u32,
    pub(crate) start_ms: i64,
    pub(crate) context: Context,
    pub(crate) plays: u32,
}

type MakeColumns = Box<dyn FnOnce(&[SessionRow]) -> PlayColumns + Send>;

/// Sessions of one row group, and what makes the columns of their plays.
struct RowGroup {
    first_session: u64,
    sessions: Vec<SessionRow>,
    columns: MakeColumns,
}

struct EncodedGroups {
    sessions: EncodedGroup,
    plays: EncodedGroup,
    tally: ResponseTally,
}

type Encoded = parquet::errors::Result<EncodedGroups>;

/// Writes the tables of sessions and plays.
///
/// Row groups are encoded by as many threads as the machine has cores and appended in order: the files do not depend
/// on the number of threads. Memory holds two row groups per thread.
pub(super) struct SessionTables {
    sessions: TableWriter,
    plays: TableWriter,
    /// The next row group's sessions and plays so far.
    pending_sessions: Vec<SessionRow>,
    pending_plays: Vec<Play>,
    jobs: Sender<(RowGroup, Sender<Encoded>)>,
    /// Results to come, in order.
    pending: VecDeque<Receiver<Encoded>>,
    encoders: Vec<JoinHandle<()>>,
    written: Written,
}

/// What was written.
#[derive(Clone, Copy, Default)]
pub(super) struct Written {
    pub(super) sessions: u64,
    pub(super) plays: u64,
    pub(super) tally: ResponseTally,
}

impl SessionTables {
    pub(super) fn create(folder: &Path) -> Result<Self> {
        let (sessions_path, plays_path) = (folder.join(SESSIONS_FILE), folder.join(PLAYS_FILE));
        let sessions = layout(SESSIONS).map_err(DataError::parquet(&sessions_path))?;
        let plays = layout(PLAYS).map_err(DataError::parquet(&plays_path))?;
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
        let (jobs, receiver) = bounded::<(RowGroup, Sender<Encoded>)>(threads);
        let encoders = (0..threads)
            .map(|_| {
                let (receiver, sessions, plays) = (receiver.clone(), Arc::clone(&sessions), Arc::clone(&plays));
                std::thread::spawn(move || {
                    for (group, answer) in receiver {
                        // Nobody waits for the answer once the writer is given up.
                        let _ = answer.send(group.encode(&sessions, &plays));
                    }
                })
            })
            .collect();
        Ok(Self {
            sessions: TableWriter::create(&sessions_path, sessions)?,
            plays: TableWriter::create(&plays_path, plays)?,
            pending_sessions: Vec::new(),
            pending_plays: Vec::new(),
            jobs,
            pending: VecDeque::new(),
            encoders,
            written: Written::default(),
        })
    }

    pub(super) fn push(&mut self, user: u32, start_ms: i64, context: Context, plays: &[Play]) -> Result<()> {
        self.pending_sessions.push(SessionRow { user, start_ms, context, plays: plays.len() as u32 });
        self.pending_plays.extend_from_slice(plays);
        if self.pending_plays.len() >= GROUP_PLAYS { self.end_group() } else { Ok(()) }
    }

    /// Sessions so far.
    pub(super) fn sessions(&self) -> u64 {
        self.written.sessions + self.pending_sessions.len() as u64
    }

    fn end_group(&mut self) -> Result<()> {
        if self.pending_sessions.is_empty() {
            return Ok(());
        }
        let sessions = Vec::with_capacity(self.pending_sessions.len());
        let sessions = std::mem::replace(&mut self.pending_sessions, sessions);
        let plays = Vec::with_capacity(self.pending_plays.len());
        let plays = std::mem::replace(&mut self.pending_plays, plays);
        self.encode(sessions, plays.len(), move |_| {
            let mut columns = PlayColumns::with_capacity(plays.len());
            plays.chunks(PLAYS_AT_ONCE).for_each(|plays| columns.extend(plays));
            columns
        })
    }

    /// Adds a row group whose plays, so many, are taken apart by an encoder.
    pub(super) fn push_group(
        &mut self,
        sessions: Vec<SessionRow>,
        plays: usize,
        columns: impl FnOnce(&[SessionRow]) -> PlayColumns + Send + 'static,
    ) -> Result<()> {
        self.end_group()?;
        self.encode(sessions, plays, columns)
    }

    fn encode(
        &mut self,
        sessions: Vec<SessionRow>,
        plays: usize,
        columns: impl FnOnce(&[SessionRow]) -> PlayColumns + Send + 'static,
    ) -> Result<()> {
        let group = RowGroup { first_session: self.written.sessions, sessions, columns: Box::new(columns) };
        self.written.sessions += group.sessions.len() as u64;
        self.written.plays += plays as u64;
        let (answer, pending) = bounded(1);
        // The encoders live as long as this writer, so that a job is always taken.
        if self.jobs.send((group, answer)).is_ok() {
            self.pending.push_back(pending);
        }
        while self.pending.len() > 2 * self.encoders.len()
            || self.pending.front().is_some_and(|first| !first.is_empty())
        {
            self.append_next()?;
        }
        Ok(())
    }

    /// Waits for the first of the pending row groups and appends it.
    fn append_next(&mut self) -> Result<()> {
        let Some(pending) = self.pending.pop_front() else { return Ok(()) };
        let lost =
            |_| DataError::bad_file("row group", "its encoder stopped", "this is a fault of the program: report it");
        let encoded = pending.recv().map_err(lost)?.map_err(DataError::parquet(PLAYS_FILE))?;
        self.written.tally.merge(&encoded.tally);
        self.sessions.append(encoded.sessions)?;
        self.plays.append(encoded.plays)
    }

    /// Writes what is left; answers what was written, and the fingerprints of the two tables.
    pub(super) fn finish(mut self) -> Result<(Written, [String; 2])> {
        self.end_group()?;
        while !self.pending.is_empty() {
            self.append_next()?;
        }
        drop(self.jobs);
        for encoder in self.encoders {
            // It has answered all jobs: there is nothing left that could fail.
            let _ = encoder.join();
        }
        let (sessions, plays) = at_once(|| self.sessions.close(), || self.plays.close());
        Ok((self.written, [sessions?, plays?]))
    }
}

impl RowGroup {
    fn encode(self, sessions: &TableLayout, plays: &TableLayout) -> Encoded {
        let columns = (self.columns)(&self.sessions);
        let tally = columns.tally();
        let session_columns = session_columns(&self.sessions, self.first_session);
        let play_columns = play_columns(&self.sessions, self.first_session, columns);
        Ok(EncodedGroups { sessions: sessions.encode(&session_columns)?, plays: plays.encode(&play_columns)?, tally })
    }
}

fn session_columns(sessions: &[SessionRow], first: u64) -> Vec<ColumnValues> {
    let rows = || sessions.iter();
    vec![
        ColumnValues::Long(Values::required((first as i64..).take(sessions.len()))),
        ColumnValues::Int(Values::required(rows().map(|s| s.user as i32))),
        ColumnValues::Long(Values::required(rows().map(|s| s.start_ms))),
        ColumnValues::Int(Values::required(rows().map(|s| s.plays as i32))),
        ColumnValues::Int(Values::of(sessions, |s| s.context.hour.map(i32::from))),
        ColumnValues::Int(Values::of(sessions, |s| s.context.weekday.map(i32::from))),
        ColumnValues::names(rows().map(|s| s.context.device.map(|v| v.name()))),
        ColumnValues::names(rows().map(|s| s.context.source.map(|v| v.name()))),
        ColumnValues::Bool(Values::of(sessions, |s| s.context.premium)),
        ColumnValues::Bool(Values::of(sessions, |s| s.context.shuffle)),
        ColumnValues::names(rows().map(|s| s.context.behaviour_policy.map(|v| v.name()))),
    ]
}

fn play_columns(sessions: &[SessionRow], first: u64, plays: PlayColumns) -> Vec<ColumnValues> {
    let count = sessions.iter().map(|session| session.plays as usize).sum();
    let (mut numbers, mut users, mut positions) =
        (Vec::with_capacity(count), Vec::with_capacity(count), Vec::with_capacity(count));
    for (session, number) in sessions.iter().zip(first as i64..) {
        numbers.extend(std::iter::repeat_n(number, session.plays as usize));
        users.extend(std::iter::repeat_n(session.user as i32, session.plays as usize));
        positions.extend(0..session.plays as i32);
    }
    let mut columns = vec![
        ColumnValues::Long(Values::all(numbers)),
        ColumnValues::Int(Values::all(users)),
        ColumnValues::Int(Values::all(positions)),
    ];
    columns.extend(plays.into_columns());
    columns
}
