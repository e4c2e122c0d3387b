//! Sessions and plays on their way into row groups, encoded by several threads in the order of their arrival.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, Sender, bounded};

use super::schema::{PLAYS, PLAYS_FILE, SESSIONS, SESSIONS_FILE, layout};
use crate::response_shares::ResponseTally;
use crate::table::{ColumnValues, EncodedGroup, TableLayout, TableWriter, Values};
use crate::{Context, DataError, Play, Result};

/// Plays gathered before a row group is written.
const GROUP_PLAYS: usize = 1 << 17;
/// Plays taken apart at once: they stay in the fastest cache for all columns.
const PLAYS_AT_ONCE: usize = 512;

/// One session; its plays follow those of the session before.
struct SessionRow {
    user: u32,
    start_ms: i64,
    context: Context,
    plays: u32,
}

/// The sessions of one row group.
#[derive(Default)]
struct RowGroup {
    first_session: u64,
    sessions: Vec<SessionRow>,
    plays: Vec<Play>,
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
    group: RowGroup,
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
            group: RowGroup::default(),
            jobs,
            pending: VecDeque::new(),
            encoders,
            written: Written::default(),
        })
    }

    pub(super) fn push(&mut self, user: u32, start_ms: i64, context: Context, plays: &[Play]) -> Result<()> {
        self.group.sessions.push(SessionRow { user, start_ms, context, plays: plays.len() as u32 });
        self.group.plays.extend_from_slice(plays);
        if self.group.plays.len() >= GROUP_PLAYS { self.end_group() } else { Ok(()) }
    }

    fn end_group(&mut self) -> Result<()> {
        if self.group.sessions.is_empty() {
            return Ok(());
        }
        let plays = Vec::with_capacity(self.group.plays.len());
        let next = RowGroup {
            first_session: self.group.first_session + self.group.sessions.len() as u64,
            sessions: Vec::with_capacity(self.group.sessions.len()),
            plays,
        };
        let group = std::mem::replace(&mut self.group, next);
        self.written.sessions += group.sessions.len() as u64;
        self.written.plays += group.plays.len() as u64;
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
        Ok((self.written, [self.sessions.close()?, self.plays.close()?]))
    }
}

impl RowGroup {
    fn encode(&self, sessions: &TableLayout, plays: &TableLayout) -> Encoded {
        let mut tally = ResponseTally::default();
        self.plays.iter().for_each(|play| tally.add(&play.responses));
        Ok(EncodedGroups {
            sessions: sessions.encode(&self.session_columns())?,
            plays: plays.encode(&self.play_columns())?,
            tally,
        })
    }

    fn session_columns(&self) -> Vec<ColumnValues> {
        let rows = || self.sessions.iter();
        let first = self.first_session as i64;
        vec![
            ColumnValues::Long(Values::required((0..self.sessions.len() as i64).map(|i| first + i))),
            ColumnValues::Int(Values::required(rows().map(|s| s.user as i32))),
            ColumnValues::Long(Values::required(rows().map(|s| s.start_ms))),
            ColumnValues::Int(Values::required(rows().map(|s| s.plays as i32))),
            ColumnValues::Int(Values::optional(rows().map(|s| s.context.hour.map(i32::from)))),
            ColumnValues::Int(Values::optional(rows().map(|s| s.context.weekday.map(i32::from)))),
            ColumnValues::names(rows().map(|s| s.context.device.map(|v| v.name()))),
            ColumnValues::names(rows().map(|s| s.context.source.map(|v| v.name()))),
            ColumnValues::Bool(Values::optional(rows().map(|s| s.context.premium))),
            ColumnValues::Bool(Values::optional(rows().map(|s| s.context.shuffle))),
            ColumnValues::names(rows().map(|s| s.context.behaviour_policy.map(|v| v.name()))),
        ]
    }

    fn play_columns(&self) -> Vec<ColumnValues> {
        let of_sessions = || self.sessions.iter().zip(self.first_session as i64..);
        let mut numbers = Vec::with_capacity(self.plays.len());
        let mut users = Vec::with_capacity(self.plays.len());
        let mut positions = Vec::with_capacity(self.plays.len());
        for (session, number) in of_sessions() {
            numbers.extend(std::iter::repeat_n(number, session.plays as usize));
            users.extend(std::iter::repeat_n(session.user as i32, session.plays as usize));
            positions.extend(0..session.plays as i32);
        }
        let rows = self.plays.len();
        let (mut tracks, mut starts) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        let (mut ms_played, mut skip_steps) = (Values::none_yet(rows), Values::none_yet(rows));
        let (mut complete, mut skip, mut past_threshold) =
            (Values::none_yet(rows), Values::none_yet(rows), Values::none_yet(rows));
        let mut propensities = Values::none_yet(rows);
        for plays in self.plays.chunks(PLAYS_AT_ONCE) {
            let plays = || plays.iter();
            tracks.extend(plays().map(|play| play.track as i32));
            starts.extend(plays().map(|play| play.start_ms));
            ms_played.extend(plays().map(|play| play.ms_played.map(|ms| ms as i32)));
            complete.extend(plays().map(|play| play.responses.complete));
            skip.extend(plays().map(|play| play.responses.skip));
            past_threshold.extend(plays().map(|play| play.responses.past_threshold));
            skip_steps.extend(plays().map(|play| play.skip_step.map(i32::from)));
            propensities.extend(plays().map(|play| play.propensity));
        }
        vec![
            ColumnValues::Long(Values::required(numbers.into_iter())),
            ColumnValues::Int(Values::required(users.into_iter())),
            ColumnValues::Int(Values::required(positions.into_iter())),
            ColumnValues::Int(Values::required(tracks.into_iter())),
            ColumnValues::Long(Values::required(starts.into_iter())),
            ColumnValues::Int(ms_played),
            ColumnValues::Bool(complete),
            ColumnValues::Bool(skip),
            ColumnValues::Bool(past_threshold),
            ColumnValues::Int(skip_steps),
            ColumnValues::Float(propensities),
        ]
    }
}
