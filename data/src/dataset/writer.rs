//! Writes a dataset; it appears whole, under its name, only when finished.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::catalog::write_catalog;
use super::play_columns::PlayColumns;
use super::row_group::{SessionRow, SessionTables};
use super::schema::*;
use super::{Content, FORMAT_VERSION, Feedback, Manifest, SourceInfo};
use crate::new_folder::NewFolder;
use crate::parallel::at_once;
use crate::table::{ColumnValues, TableWriter, Values};
use crate::{Context, DataError, Play, Result, Session, Track, User, fingerprint_of_text, write_atomically};

/// Rows of the small tables gathered before a row group is written.
pub(super) const GROUP_ROWS: usize = 1 << 16;

/// Writes sessions in order of user, then time. Memory holds some row groups, never the whole log.
pub struct DatasetWriter {
    path: PathBuf,
    folder: NewFolder,
    content: Content,
    tables: SessionTables,
    users: TableWriter,
    pending_users: Vec<String>,
    users_written: u64,
    feedback: Option<TableWriter>,
    pending_feedback: Vec<Feedback>,
    feedback_written: u64,
    pools: Option<TableWriter>,
    pending_pools: Vec<(u64, u32)>,
    pools_written: u64,
    last_pool: Option<u64>,
    audio_vectors: Option<(TableWriter, usize)>,
    pending_vectors: Vec<(u32, Vec<f32>)>,
    last: Option<(u32, i64)>,
    last_feedback: Option<(u32, i64)>,
}

impl DatasetWriter {
    /// Begins a dataset of listening sessions at `path`, which must not exist. Until [`Self::finish`] the files lie in
    /// `<path>.partial`.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        Self::create_with(path, Content::Sessions)
    }

    /// Begins a dataset of sessions or of playlists.
    pub fn create_with(path: impl AsRef<Path>, content: Content) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let folder = NewFolder::create(&path)?;
        Ok(Self {
            tables: SessionTables::create(folder.partial())?,
            users: table(&folder.path(USERS_FILE), USERS)?,
            path,
            folder,
            content,
            pending_users: Vec::new(),
            users_written: 0,
            feedback: None,
            pending_feedback: Vec::new(),
            feedback_written: 0,
            pools: None,
            pending_pools: Vec::new(),
            pools_written: 0,
            last_pool: None,
            audio_vectors: None,
            pending_vectors: Vec::new(),
            last: None,
            last_feedback: None,
        })
    }

    /// A folder for temporary files, on the dataset's own disk.
    pub fn temporary_folder(&self) -> &Path {
        self.folder.partial()
    }

    /// Adds a session with at least one play. Sessions come in order of user, then start.
    pub fn write_session(&mut self, session: &Session) -> Result<()> {
        self.write_plays(session.user, session.start_ms, session.context, &session.plays)
    }

    /// Adds a session from its parts, as [`Self::write_session`] does.
    pub fn write_plays(&mut self, user: u32, start_ms: i64, context: Context, plays: &[Play]) -> Result<()> {
        let key = (user, start_ms);
        if plays.is_empty() || self.last.is_some_and(|last| last > key) {
            return Err(self.out_of_order());
        }
        self.last = Some(key);
        self.tables.push(user, start_ms, context, plays)
    }

    /// Adds the candidate pool that a session was chosen from: different tracks, in any order. Sessions are named by their
    /// numbers, in ascending order, and have been written before.
    pub fn write_pool(&mut self, session: u64, tracks: &[u32]) -> Result<()> {
        if session >= self.tables.sessions() || self.last_pool.is_some_and(|last| last >= session) {
            return Err(self.fault("pools must follow their sessions, in the same order"));
        }
        self.last_pool = Some(session);
        self.pending_pools.extend(tracks.iter().map(|&track| (session, track)));
        self.pools_written += 1;
        if self.pending_pools.len() >= GROUP_ROWS { self.flush_pools() } else { Ok(()) }
    }

    /// Adds the sessions of one row group, whose plays, so many, `columns` makes on another thread. Sessions come in
    /// order, as in [`Self::write_session`].
    pub(crate) fn write_group(
        &mut self,
        sessions: Vec<SessionRow>,
        plays: usize,
        columns: impl FnOnce(&[SessionRow]) -> PlayColumns + Send + 'static,
    ) -> Result<()> {
        let keys = || sessions.iter().map(|session| (session.user, session.start_ms));
        if !self.last.into_iter().chain(keys()).is_sorted() || sessions.iter().any(|session| session.plays == 0) {
            return Err(self.out_of_order());
        }
        self.last = keys().next_back().or(self.last);
        self.tables.push_group(sessions, plays, columns)
    }

    /// Adds the next user: its number is the count of users before. Users may come before or after their sessions.
    pub fn write_user(&mut self, id: &str) -> Result<()> {
        self.pending_users.push(id.to_owned());
        if self.pending_users.len() >= GROUP_ROWS { self.flush_users() } else { Ok(()) }
    }

    /// Adds a like, dislike or the like. They come in order of user, then time.
    pub fn write_feedback(&mut self, feedback: Feedback) -> Result<()> {
        let key = (feedback.user, feedback.at_ms);
        if self.last_feedback.is_some_and(|last| last > key) {
            return Err(self.fault("feedback must come in order of user, then time"));
        }
        self.last_feedback = Some(key);
        self.pending_feedback.push(feedback);
        if self.pending_feedback.len() >= GROUP_ROWS { self.flush_feedback() } else { Ok(()) }
    }

    /// Adds a vector that the source gives for a track, such as an embedding of its audio. All have one length.
    pub fn write_audio_vector(&mut self, track: u32, vector: &[f32]) -> Result<()> {
        if self.audio_vectors.as_ref().is_some_and(|(_, dimension)| *dimension != vector.len()) || vector.is_empty() {
            return Err(self.fault("audio vectors must have one length above 0"));
        }
        if self.audio_vectors.is_none() {
            let schema = audio_vectors_schema(vector.len());
            self.audio_vectors = Some((table(&self.folder.path(AUDIO_VECTORS_FILE), &schema)?, vector.len()));
        }
        self.pending_vectors.push((track, vector.to_vec()));
        if self.pending_vectors.len() >= GROUP_ROWS / 4 { self.flush_vectors() } else { Ok(()) }
    }

    fn out_of_order(&self) -> DataError {
        self.fault("sessions must hold a play and come in order of user, then start")
    }

    fn fault(&self, problem: &str) -> DataError {
        DataError::bad_file(&self.path, problem, "this is a fault of the importer: report it")
    }

    fn flush_users(&mut self) -> Result<()> {
        let users = std::mem::take(&mut self.pending_users);
        let first = self.users_written as i32;
        self.users_written += users.len() as u64;
        let numbers = Values::required((0..users.len() as i32).map(|i| first + i));
        self.users.write(&[ColumnValues::Int(numbers), ColumnValues::texts(users.iter().map(String::as_str))])
    }

    fn flush_feedback(&mut self) -> Result<()> {
        let feedback = std::mem::take(&mut self.pending_feedback);
        if self.feedback.is_none() {
            self.feedback = Some(table(&self.folder.path(FEEDBACK_FILE), FEEDBACK)?);
        }
        self.feedback_written += feedback.len() as u64;
        let rows = || feedback.iter();
        let columns = [
            ColumnValues::Int(Values::required(rows().map(|f| f.user as i32))),
            ColumnValues::Long(Values::required(rows().map(|f| f.at_ms))),
            ColumnValues::Int(Values::required(rows().map(|f| f.track as i32))),
            ColumnValues::texts(rows().map(|f| f.kind.name())),
        ];
        self.feedback.as_mut().map_or(Ok(()), |table| table.write(&columns))
    }

    /// A pool's tracks stay in one row group.
    fn flush_pools(&mut self) -> Result<()> {
        let pools = std::mem::take(&mut self.pending_pools);
        if self.pools.is_none() {
            self.pools = Some(table(&self.folder.path(POOLS_FILE), POOLS)?);
        }
        let columns = [
            ColumnValues::Long(Values::required(pools.iter().map(|&(session, _)| session as i64))),
            ColumnValues::Int(Values::required(pools.iter().map(|&(_, track)| track as i32))),
        ];
        self.pools.as_mut().map_or(Ok(()), |table| table.write(&columns))
    }

    fn flush_vectors(&mut self) -> Result<()> {
        let vectors = std::mem::take(&mut self.pending_vectors);
        let Some((table, dimension)) = &mut self.audio_vectors else { return Ok(()) };
        let mut columns = vec![ColumnValues::Int(Values::required(vectors.iter().map(|(track, _)| *track as i32)))];
        for element in 0..*dimension {
            columns.push(ColumnValues::Float(Values::required(vectors.iter().map(|(_, vector)| vector[element]))));
        }
        table.write(&columns)
    }

    /// Writes catalog, the users that were not written yet and the manifest, and gives the dataset its name.
    pub fn finish(self, catalog: &[Track], users: &[User], source: &SourceInfo) -> Result<Manifest> {
        self.finish_with(catalog.len(), |track| Cow::Borrowed(&catalog[track]), users, source)
    }

    /// As [`Self::finish`], with a catalog of so many tracks that need not be in memory all at once: `track` makes each
    /// from its number, on any thread.
    pub(crate) fn finish_with<'a>(
        mut self,
        tracks: usize,
        track: impl Fn(usize) -> Cow<'a, Track> + Sync,
        users: &[User],
        source: &SourceInfo,
    ) -> Result<Manifest> {
        for user in users {
            self.write_user(&user.id)?;
        }
        self.flush_users()?;
        if !self.pending_feedback.is_empty() {
            self.flush_feedback()?;
        }
        if !self.pending_pools.is_empty() {
            self.flush_pools()?;
        }
        self.flush_vectors()?;
        if self.last.is_some_and(|(user, _)| u64::from(user) >= self.users_written) {
            return Err(self.fault("a session names a user that was not written"));
        }
        let catalog_path = self.folder.path(CATALOG_FILE);
        let tables = self.tables;
        let (vectors, audio_vector_dimension) = self.audio_vectors.unzip();
        let others = [Some(self.users), self.feedback, self.pools, vectors];
        // The last plays are encoded, and the disk takes them and the small tables, while the catalog is made.
        let ((sessions, others), catalog) = at_once(
            || at_once(|| tables.finish(), || others.into_iter().flatten().map(TableWriter::close).collect()),
            || write_catalog(&catalog_path, tracks, track),
        );
        let (written, fingerprints) = sessions?;
        let others: Result<String> = others;
        let fingerprints = fingerprints.concat() + &catalog? + &others?;
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            content: self.content,
            tracks: tracks as u64,
            users: self.users_written,
            sessions: written.sessions,
            plays: written.plays,
            feedback: self.feedback_written,
            pools: self.pools_written,
            audio_vector_dimension: audio_vector_dimension.unwrap_or(0) as u64,
            responses: written.tally.shares(),
            fingerprint: fingerprint_of_text(&fingerprints),
            source: source.clone(),
        };
        let text =
            serde_json::to_string_pretty(&manifest).map_err(|e| DataError::file("write", &self.path, e.into()))?;
        write_atomically(self.folder.path(MANIFEST_FILE), text.as_bytes())?;
        self.folder.finish()?;
        Ok(manifest)
    }
}

fn table(path: &Path, schema: &str) -> Result<TableWriter> {
    TableWriter::create(path, layout(schema).map_err(DataError::parquet(path))?)
}
