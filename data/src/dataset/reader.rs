//! Reads a dataset: small tables whole, sessions in streams.

use std::fs;
use std::path::{Path, PathBuf};

use super::schema::*;
use super::{FORMAT_VERSION, Feedback, FeedbackKind, Manifest};
use crate::table::{Column, TableReader};
use crate::{
    AUDIO_FEATURES, BehaviourPolicy, Context, DataError, Device, Play, Responses, Result, Session, Source, Track, User,
};

/// An opened dataset.
#[derive(Clone, Debug)]
pub struct Dataset {
    path: PathBuf,
    manifest: Manifest,
}

impl Dataset {
    /// Opens a dataset and checks its manifest.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let manifest = path.join(MANIFEST_FILE);
        let remedy = "pass a folder that `sim import` or `sim synthesize` has made";
        if !manifest.exists() {
            let problem = if path.exists() { "not a dataset (it has no dataset.json)" } else { "does not exist" };
            return Err(DataError::bad_file(path, problem, remedy));
        }
        let text = fs::read_to_string(&manifest).map_err(|e| DataError::file("read", &manifest, e))?;
        // The version is looked at first: another version's manifest may have other fields.
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|e| DataError::bad_file(&manifest, e.to_string(), remedy))?;
        let found = value.get("format_version").and_then(serde_json::Value::as_u64).unwrap_or(0) as u32;
        if found != FORMAT_VERSION {
            return Err(DataError::Version { path, found, supported: FORMAT_VERSION });
        }
        let manifest = serde_json::from_value(value)
            .map_err(|e| DataError::bad_file(&manifest, e.to_string(), "import the logs again"))?;
        Ok(Self { path, manifest })
    }

    /// The dataset's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the dataset says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// All tracks, by index.
    pub fn catalog(&self) -> Result<Vec<Track>> {
        let path = self.path.join(CATALOG_FILE);
        let mut tracks = Vec::with_capacity(self.manifest.tracks as usize);
        for columns in TableReader::open(&path, CATALOG)?.read_all()? {
            let mut columns = Columns { path: &path, columns: columns.into_iter() };
            columns.ints()?;
            let (ids, names, artists, albums) =
                (columns.texts()?, columns.texts()?, columns.texts()?, columns.texts()?);
            let (durations, estimated, years) = (columns.ints()?, columns.bools()?, columns.ints()?);
            let audio = (0..AUDIO_FEATURES.len()).map(|_| columns.floats()).collect::<Result<Vec<_>>>()?;
            let texts = ids.into_iter().zip(names).zip(artists).zip(albums);
            for (row, (((id, name), artist), album)) in texts.enumerate() {
                let mut features = [0.0; AUDIO_FEATURES.len()];
                let known = audio
                    .iter()
                    .zip(&mut features)
                    .all(|(column, feature)| column[row].map(|value| *feature = value).is_some());
                tracks.push(Track {
                    id: id.unwrap_or_default(),
                    name: name.unwrap_or_default(),
                    artist: artist.unwrap_or_default(),
                    album: album.unwrap_or_default(),
                    duration_ms: durations[row].map(|ms| ms as u32),
                    duration_estimated: estimated[row].unwrap_or(false),
                    release_year: years[row].map(|year| year as u16),
                    audio_features: known.then_some(features),
                });
            }
        }
        Ok(tracks)
    }

    /// All users, by index.
    pub fn users(&self) -> Result<Vec<User>> {
        let path = self.path.join(USERS_FILE);
        let mut users = Vec::with_capacity(self.manifest.users as usize);
        for columns in TableReader::open(&path, USERS)?.read_all()? {
            let mut columns = Columns { path: &path, columns: columns.into_iter() };
            columns.ints()?;
            users.extend(columns.texts()?.into_iter().map(|id| User { id: id.unwrap_or_default() }));
        }
        Ok(users)
    }

    /// All likes, dislikes and the like, in order of user, then time, read row group by row group.
    pub fn feedback(&self) -> Result<impl Iterator<Item = Result<Feedback>> + use<>> {
        let path = self.path.join(FEEDBACK_FILE);
        let table = if self.manifest.feedback > 0 { Some(TableReader::open(&path, FEEDBACK)?) } else { None };
        let (users, tracks) = (self.manifest.users, self.manifest.tracks);
        Ok(by_row_group(table, move |table, group| read_feedback(&path, table, group, users, tracks)))
    }

    /// The recorded candidate pools, in order of their sessions' numbers, read row group by row group.
    pub fn pools(&self) -> Result<impl Iterator<Item = Result<RecordedPool>> + use<>> {
        let path = self.path.join(POOLS_FILE);
        let table = if self.manifest.pools > 0 { Some(TableReader::open(&path, POOLS)?) } else { None };
        let tracks = self.manifest.tracks;
        Ok(by_row_group(table, move |table, group| read_pools(&path, table, group, tracks)))
    }

    /// The vectors that the source gives for tracks, row group by row group: gives each track and its vector to `take`.
    pub fn audio_vectors(&self, mut take: impl FnMut(u32, &[f32])) -> Result<()> {
        let dimension = self.manifest.audio_vector_dimension as usize;
        if dimension == 0 {
            return Ok(());
        }
        let path = self.path.join(AUDIO_VECTORS_FILE);
        let bad =
            || DataError::bad_file(&path, "names a track that is not in catalog.parquet", "import the logs again");
        let table = TableReader::open(&path, &audio_vectors_schema(dimension))?;
        let mut vector = vec![0.0; dimension];
        for group in 0..table.row_groups() {
            let mut columns = Columns { path: &path, columns: table.read(group)?.into_iter() };
            let tracks = columns.ints()?;
            let elements = (0..dimension).map(|_| columns.floats()).collect::<Result<Vec<_>>>()?;
            for (row, track) in tracks.iter().enumerate() {
                let track = track.map(|n| n as u32).filter(|&n| u64::from(n) < self.manifest.tracks).ok_or_else(bad)?;
                vector.iter_mut().zip(&elements).for_each(|(value, column)| *value = column[row].unwrap_or(0.0));
                take(track, &vector);
            }
        }
        Ok(())
    }

    /// All sessions in order of user, then time, read row group by row group.
    pub fn sessions(&self) -> Result<Sessions> {
        Ok(Sessions {
            sessions_path: self.path.join(SESSIONS_FILE),
            plays_path: self.path.join(PLAYS_FILE),
            sessions: TableReader::open(&self.path.join(SESSIONS_FILE), SESSIONS)?,
            plays: TableReader::open(&self.path.join(PLAYS_FILE), PLAYS)?,
            tracks: self.manifest.tracks,
            users: self.manifest.users,
            group: 0,
            ready: Vec::new().into_iter(),
            next_session: 0,
        })
    }
}

/// The tracks that a logged session was chosen from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedPool {
    /// The session's number.
    pub session: u64,
    /// Different tracks.
    pub tracks: Vec<u32>,
}

/// A session with its number in the dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedSession {
    /// The session's number: its row in the table of sessions.
    pub number: u64,
    /// The session.
    pub session: Session,
}

/// Streams the sessions of a dataset.
pub struct Sessions {
    sessions_path: PathBuf,
    plays_path: PathBuf,
    sessions: TableReader,
    plays: TableReader,
    tracks: u64,
    users: u64,
    group: usize,
    ready: std::vec::IntoIter<Session>,
    next_session: u64,
}

impl Iterator for Sessions {
    type Item = Result<LoggedSession>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.len() == 0 {
            if self.group == self.sessions.row_groups() {
                return None;
            }
            match self.read_group() {
                Ok(sessions) => self.ready = sessions.into_iter(),
                Err(error) => {
                    self.group = self.sessions.row_groups();
                    return Some(Err(error));
                }
            }
        }
        let session = self.ready.next()?;
        let number = self.next_session;
        self.next_session += 1;
        Some(Ok(LoggedSession { number, session }))
    }
}

impl Sessions {
    fn read_group(&mut self) -> Result<Vec<Session>> {
        let mut plays = self.read_plays(self.group)?.into_iter();
        let path = self.sessions_path.as_path();
        let mut columns = Columns { path, columns: self.sessions.read(self.group)?.into_iter() };
        columns.longs()?;
        let (users, starts, lengths) = (columns.ints()?, columns.longs()?, columns.ints()?);
        let (hours, weekdays) = (columns.ints()?, columns.ints()?);
        let (devices, sources) = (columns.texts()?, columns.texts()?);
        let (premium, shuffle, policies) = (columns.bools()?, columns.bools()?, columns.texts()?);
        let bad = |what: &str| DataError::bad_file(path, what, "import the logs again");
        let mut sessions = Vec::with_capacity(users.len());
        for row in 0..users.len() {
            let user = users[row].map(|user| user as u32).filter(|&user| u64::from(user) < self.users);
            let length = lengths[row].unwrap_or(0) as usize;
            let session = Session {
                user: user.ok_or_else(|| bad("names a user that is not in users.parquet"))?,
                start_ms: starts[row].ok_or_else(|| bad("a session has no start"))?,
                context: Context {
                    hour: hours[row].map(|hour| hour as u8),
                    weekday: weekdays[row].map(|weekday| weekday as u8),
                    device: devices[row].as_deref().and_then(Device::from_name),
                    source: sources[row].as_deref().and_then(Source::from_name),
                    premium: premium[row],
                    shuffle: shuffle[row],
                    behaviour_policy: policies[row].as_deref().and_then(BehaviourPolicy::from_name),
                },
                plays: plays.by_ref().take(length).collect(),
            };
            if session.plays.len() != length {
                return Err(bad("has more plays than plays.parquet"));
            }
            sessions.push(session);
        }
        self.group += 1;
        Ok(sessions)
    }

    fn read_plays(&self, group: usize) -> Result<Vec<Play>> {
        let path = self.plays_path.as_path();
        let bad = |what: &str| DataError::bad_file(path, what, "import the logs again");
        if group >= self.plays.row_groups() {
            return Err(bad("has fewer row groups than sessions.parquet"));
        }
        let mut columns = Columns { path, columns: self.plays.read(group)?.into_iter() };
        columns.longs()?;
        columns.ints()?;
        columns.ints()?;
        let (tracks, starts, played) = (columns.ints()?, columns.longs()?, columns.ints()?);
        let (complete, skip, past_threshold) = (columns.bools()?, columns.bools()?, columns.bools()?);
        let skip_steps = columns.ints()?;
        let propensities = columns.floats()?;
        (0..tracks.len())
            .map(|row| {
                let track = tracks[row].map(|track| track as u32).filter(|&track| u64::from(track) < self.tracks);
                Ok(Play {
                    track: track.ok_or_else(|| bad("names a track that is not in catalog.parquet"))?,
                    start_ms: starts[row].ok_or_else(|| bad("a play has no start"))?,
                    ms_played: played[row].map(|ms| ms as u32),
                    responses: Responses {
                        complete: complete[row],
                        skip: skip[row],
                        past_threshold: past_threshold[row],
                    },
                    skip_step: skip_steps[row].map(|step| step as u8),
                    propensity: propensities[row],
                })
            })
            .collect()
    }
}

/// What `read` makes of each row group of a table in turn; nothing where there is no table.
fn by_row_group<T>(
    table: Option<TableReader>,
    read: impl Fn(&TableReader, usize) -> Result<Vec<T>>,
) -> impl Iterator<Item = Result<T>> {
    let groups = table.as_ref().map_or(0, TableReader::row_groups);
    (0..groups).flat_map(move |group| match table.as_ref().map_or(Ok(Vec::new()), |table| read(table, group)) {
        Ok(rows) => rows.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(error) => vec![Err(error)],
    })
}

fn read_feedback(path: &Path, table: &TableReader, group: usize, users: u64, tracks: u64) -> Result<Vec<Feedback>> {
    let bad = || DataError::bad_file(path, "names a user, track or kind that is not known", "import the logs again");
    let mut columns = Columns { path, columns: table.read(group)?.into_iter() };
    let (user_column, times, track_column) = (columns.ints()?, columns.longs()?, columns.ints()?);
    let kinds = columns.texts()?;
    let number = |value: Option<i32>, count: u64| {
        value.map(|number| number as u32).filter(|&number| u64::from(number) < count).ok_or_else(bad)
    };
    (0..times.len())
        .map(|row| {
            Ok(Feedback {
                user: number(user_column[row], users)?,
                at_ms: times[row].ok_or_else(bad)?,
                track: number(track_column[row], tracks)?,
                kind: kinds[row].as_deref().and_then(FeedbackKind::from_name).ok_or_else(bad)?,
            })
        })
        .collect()
}

fn read_pools(path: &Path, table: &TableReader, group: usize, tracks: u64) -> Result<Vec<RecordedPool>> {
    let bad = || {
        DataError::bad_file(path, "must hold known tracks in order of their sessions' numbers", "import the logs again")
    };
    let mut columns = Columns { path, columns: table.read(group)?.into_iter() };
    let (sessions, track_column) = (columns.longs()?, columns.ints()?);
    let mut pools: Vec<RecordedPool> = Vec::new();
    for (session, track) in sessions.into_iter().zip(track_column) {
        let session = session.ok_or_else(bad)? as u64;
        let track = track.map(|track| track as u32).filter(|&track| u64::from(track) < tracks).ok_or_else(bad)?;
        match pools.last_mut() {
            Some(last) if last.session == session => last.tracks.push(track),
            Some(last) if last.session > session => return Err(bad()),
            _ => pools.push(RecordedPool { session, tracks: vec![track] }),
        }
    }
    Ok(pools)
}

/// Takes columns one after the other, by type.
struct Columns<'a> {
    path: &'a Path,
    columns: std::vec::IntoIter<Column>,
}

/// Defines a method that takes the next column of one type.
macro_rules! take_column {
    ($method:ident, $variant:ident, $type:ty) => {
        fn $method(&mut self) -> Result<Vec<Option<$type>>> {
            match self.columns.next() {
                Some(Column::$variant(values)) => Ok(values),
                _ => Err(DataError::bad_file(self.path, "a column is missing", "import the logs again")),
            }
        }
    };
}

impl Columns<'_> {
    take_column!(bools, Bool, bool);
    take_column!(ints, Int, i32);
    take_column!(longs, Long, i64);
    take_column!(floats, Float, f32);
    take_column!(texts, Text, String);
}
