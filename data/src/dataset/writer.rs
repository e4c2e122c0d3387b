//! Writes a dataset; it appears whole, under its name, only when finished.

use std::fs;
use std::path::{Path, PathBuf};

use super::schema::*;
use super::{FORMAT_VERSION, Manifest, SourceInfo};
use crate::table::{Column, TableWriter};
use crate::{
    AUDIO_FEATURES, DataError, Result, Session, Track, User, fingerprint_of_file, fingerprint_of_text, write_atomically,
};

/// Plays gathered before a row group is written.
const GROUP_PLAYS: usize = 1 << 16;

/// Writes sessions in order of user, then time.
pub struct DatasetWriter {
    path: PathBuf,
    partial: PartialFolder,
    sessions: TableWriter,
    plays: TableWriter,
    pending: Vec<Session>,
    pending_plays: usize,
    sessions_written: u64,
    plays_written: u64,
    last: Option<(u32, i64)>,
}

impl DatasetWriter {
    /// Begins a dataset at `path`, which must not exist. Until [`Self::finish`] the files lie in `<path>.partial`.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        if path.exists() {
            return Err(DataError::bad_file(&path, "exists already", "choose another --out, or remove it"));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        if partial.exists() {
            fs::remove_dir_all(&partial).map_err(|e| DataError::file("remove the unfinished", &partial, e))?;
        }
        fs::create_dir_all(&partial).map_err(|e| DataError::file("create", &partial, e))?;
        let partial = PartialFolder(partial);
        Ok(Self {
            sessions: TableWriter::create(&partial.0.join(SESSIONS_FILE), SESSIONS)?,
            plays: TableWriter::create(&partial.0.join(PLAYS_FILE), PLAYS)?,
            path,
            partial,
            pending: Vec::new(),
            pending_plays: 0,
            sessions_written: 0,
            plays_written: 0,
            last: None,
        })
    }

    /// A folder for temporary files, on the dataset's own disk.
    pub fn temporary_folder(&self) -> &Path {
        &self.partial.0
    }

    /// Adds a session with at least one play. Sessions come in order of user, then start.
    pub fn write_session(&mut self, session: &Session) -> Result<()> {
        let key = (session.user, session.start_ms);
        if session.plays.is_empty() || self.last.is_some_and(|last| last > key) {
            let problem = "sessions must hold a play and come in order of user, then start";
            return Err(DataError::bad_file(&self.path, problem, "this is a fault of the importer: report it"));
        }
        self.last = Some(key);
        self.pending_plays += session.plays.len();
        self.pending.push(session.clone());
        if self.pending_plays >= GROUP_PLAYS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        self.pending_plays = 0;
        let first = self.sessions_written as i64;
        self.sessions.write(&session_columns(first, &pending))?;
        self.plays.write(&play_columns(first, &pending))?;
        self.sessions_written += pending.len() as u64;
        self.plays_written += pending.iter().map(|s| s.plays.len() as u64).sum::<u64>();
        Ok(())
    }

    /// Writes catalog, users and manifest, and gives the dataset its name.
    pub fn finish(mut self, catalog: &[Track], users: &[User], source: &SourceInfo) -> Result<Manifest> {
        if !self.pending.is_empty() {
            self.flush()?;
        }
        self.sessions.close()?;
        self.plays.close()?;
        write_table(&self.partial.0.join(CATALOG_FILE), CATALOG, &catalog_columns(catalog))?;
        let ids = Column::Text(users.iter().map(|user| Some(user.id.clone())).collect());
        write_table(&self.partial.0.join(USERS_FILE), USERS, &[indices(users.len()), ids])?;
        let mut fingerprints = String::new();
        for file in [CATALOG_FILE, USERS_FILE, SESSIONS_FILE, PLAYS_FILE] {
            fingerprints.push_str(&fingerprint_of_file(self.partial.0.join(file))?);
        }
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            tracks: catalog.len() as u64,
            users: users.len() as u64,
            sessions: self.sessions_written,
            plays: self.plays_written,
            fingerprint: fingerprint_of_text(&fingerprints),
            source: source.clone(),
        };
        let text =
            serde_json::to_string_pretty(&manifest).map_err(|e| DataError::file("write", &self.path, e.into()))?;
        write_atomically(self.partial.0.join(MANIFEST_FILE), text.as_bytes())?;
        fs::rename(&self.partial.0, &self.path).map_err(|e| DataError::file("rename to", &self.path, e))?;
        Ok(manifest)
    }
}

/// A folder that vanishes when dropped, unless it was renamed before: a failed import leaves nothing behind.
struct PartialFolder(PathBuf);

impl Drop for PartialFolder {
    fn drop(&mut self) {
        // The failure that ends an import is worth more than that of the clean-up; the next run removes what stays.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write_table(path: &Path, schema: &str, columns: &[Column]) -> Result<()> {
    let mut table = TableWriter::create(path, schema)?;
    table.write(columns)?;
    table.close()
}

fn indices(count: usize) -> Column {
    Column::Int((0..count).map(|index| Some(index as i32)).collect())
}

fn catalog_columns(catalog: &[Track]) -> Vec<Column> {
    let text = |get: fn(&Track) -> &str| Column::Text(catalog.iter().map(|t| Some(get(t).to_owned())).collect());
    let mut columns = vec![
        indices(catalog.len()),
        text(|t| &t.id),
        text(|t| &t.name),
        text(|t| &t.artist),
        text(|t| &t.album),
        Column::Int(catalog.iter().map(|t| t.duration_ms.map(|ms| ms as i32)).collect()),
        Column::Bool(catalog.iter().map(|t| Some(t.duration_estimated)).collect()),
        Column::Int(catalog.iter().map(|t| t.release_year.map(i32::from)).collect()),
    ];
    for feature in 0..AUDIO_FEATURES.len() {
        columns.push(Column::Float(catalog.iter().map(|t| t.audio_features.map(|f| f[feature])).collect()));
    }
    columns
}

fn session_columns(first: i64, sessions: &[Session]) -> Vec<Column> {
    vec![
        Column::Long((0..sessions.len() as i64).map(|i| Some(first + i)).collect()),
        Column::Int(sessions.iter().map(|s| Some(s.user as i32)).collect()),
        Column::Long(sessions.iter().map(|s| Some(s.start_ms)).collect()),
        Column::Int(sessions.iter().map(|s| Some(s.plays.len() as i32)).collect()),
        Column::Int(sessions.iter().map(|s| s.context.hour.map(i32::from)).collect()),
        Column::Int(sessions.iter().map(|s| s.context.weekday.map(i32::from)).collect()),
        Column::Text(sessions.iter().map(|s| s.context.device.map(|v| v.name().to_owned())).collect()),
        Column::Text(sessions.iter().map(|s| s.context.source.map(|v| v.name().to_owned())).collect()),
        Column::Bool(sessions.iter().map(|s| s.context.premium).collect()),
        Column::Bool(sessions.iter().map(|s| s.context.shuffle).collect()),
        Column::Text(sessions.iter().map(|s| s.context.behaviour_policy.map(|v| v.name().to_owned())).collect()),
    ]
}

fn play_columns(first: i64, sessions: &[Session]) -> Vec<Column> {
    let plays = || {
        sessions.iter().enumerate().flat_map(move |(index, session)| {
            session
                .plays
                .iter()
                .enumerate()
                .map(move |(position, play)| (first + index as i64, session, position, play))
        })
    };
    vec![
        Column::Long(plays().map(|(session, ..)| Some(session)).collect()),
        Column::Int(plays().map(|(_, session, ..)| Some(session.user as i32)).collect()),
        Column::Int(plays().map(|(.., position, _)| Some(position as i32)).collect()),
        Column::Int(plays().map(|(.., play)| Some(play.track as i32)).collect()),
        Column::Long(plays().map(|(.., play)| Some(play.start_ms)).collect()),
        Column::Int(plays().map(|(.., play)| Some(play.ms_played as i32)).collect()),
        Column::Bool(plays().map(|(.., play)| play.responses.complete).collect()),
        Column::Bool(plays().map(|(.., play)| play.responses.skip).collect()),
        Column::Bool(plays().map(|(.., play)| play.responses.past_threshold).collect()),
        Column::Float(plays().map(|(.., play)| play.propensity).collect()),
    ]
}
