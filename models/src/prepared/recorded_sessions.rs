//! Held-out sessions whose candidate pools and propensities were logged: what off-policy evaluation is made from.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use listening_data::{Dataset, LoggedSession, Progress, RecordedPool, Session, write_atomically};
use serde::{Deserialize, Serialize};

use super::session_starts::{SOURCES, SessionStarts, StartLengths, StartsWriter};
use super::{SessionStates, StartBuilder, StartDraw, own_tallies};
use crate::by_user::by_user;
use crate::features::{RESPONSES, UserHistory, response_array};
use crate::splits::{Split, TimeSplit};
use crate::{Column, ColumnWriter, ModelError, Result};

const FILE: &str = "recorded_sessions.json";

/// Largest pool that is taken. Ours: every start has room for the largest, and of larger ones a log tells little.
const LARGEST_POOL: usize = 1000;

/// One play of a recorded session. All its responses are known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecordedPlay {
    /// The track's place in the pool.
    pub place: u16,
    /// Whether it was complete, skipped and past the threshold.
    pub responses: [bool; RESPONSES.len()],
    /// Probability with which it was chosen, given what came before.
    pub propensity: f32,
}

/// Sessions with a recorded pool that were drawn, and why some were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedCounts {
    /// Sessions kept.
    pub kept: u64,
    /// Without a propensity above 0 and at most 1 for each play.
    pub without_propensity: u64,
    /// With a play of a track that is not in the pool, or of one that was played before.
    pub outside_pool: u64,
    /// With a play of which a response is missing.
    pub without_response: u64,
    /// With a pool of more than 1,000 tracks.
    pub pool_too_large: u64,
}

#[derive(Serialize, Deserialize)]
struct Sizes {
    #[serde(flatten)]
    lengths: StartLengths,
    plays: usize,
    counts: RecordedCounts,
}

/// Recorded sessions, as mapped columns: a session start each, whose first slots are the pool in the order of the log.
pub struct RecordedSessions {
    /// Their starts.
    pub starts: Arc<SessionStarts>,
    /// What was left out.
    pub counts: RecordedCounts,
    pool_sizes: Column<u32>,
    /// Per session, its first play.
    first_play: Column<u32>,
    places: Column<u32>,
    /// Per play, bits 0 to 2: complete, skip, past threshold.
    responses: Column<u8>,
    propensities: Column<f32>,
}

impl RecordedSessions {
    /// Opens a folder that [`prepare_recorded`] filled.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|e| ModelError::file("read", &path, e))?;
        let sizes: Sizes = serde_json::from_str(&text).map_err(|e| ModelError::bad_file(&path, e.to_string()))?;
        let sessions = sizes.counts.kept as usize;
        Ok(Self {
            starts: Arc::new(SessionStarts::open(folder, sessions, sizes.lengths)?),
            counts: sizes.counts,
            pool_sizes: Column::open(folder, "pool_size.u32", sessions)?,
            first_play: Column::open(folder, "first_play.u32", sessions)?,
            places: Column::open(folder, "place.u32", sizes.plays)?,
            responses: Column::open(folder, "responses.u8", sizes.plays)?,
            propensities: Column::open(folder, "propensities.f32", sizes.plays)?,
        })
    }

    /// Number of sessions.
    pub fn len(&self) -> usize {
        self.pool_sizes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pool_sizes.is_empty()
    }

    /// Tracks in the pool of a session: slots 0 to that of its start.
    pub fn pool_size(&self, session: usize) -> usize {
        self.pool_sizes[session] as usize
    }

    /// Tracks in the largest pool.
    pub fn largest_pool(&self) -> usize {
        self.pool_sizes.iter().copied().max().unwrap_or(0) as usize
    }

    /// Plays of a session.
    pub fn plays(&self, session: usize) -> usize {
        self.range(session).len()
    }

    /// A play of a session; `None` behind the last.
    pub fn play(&self, session: usize, position: usize) -> Option<RecordedPlay> {
        let play = self.range(session).nth(position)?;
        let bits = self.responses[play];
        Some(RecordedPlay {
            place: self.places[play] as u16,
            responses: std::array::from_fn(|response| bits >> response & 1 == 1),
            propensity: self.propensities[play],
        })
    }

    fn range(&self, session: usize) -> std::ops::Range<usize> {
        let end = self.first_play.get(session + 1).map_or(self.places.len(), |&play| play as usize);
        self.first_play[session] as usize..end
    }
}

/// Streams the dataset twice, and writes the first `length` plays of about `wanted` of the held-out sessions with a recorded
/// pool into `folder`, which must exist; drawn evenly, by their numbers alone. Memory holds one user's sessions and pools.
pub fn prepare_recorded(
    dataset: &Dataset,
    split: &TimeSplit,
    states: &mut dyn SessionStates,
    builder: &StartBuilder<'_>,
    (wanted, length): (usize, usize),
    folder: &Path,
    progress: &dyn Progress,
) -> Result<()> {
    let sessions = dataset.manifest().sessions;
    progress.begin("recorded sessions", 2 * sessions, "sessions");
    let (mut held_out, mut largest, mut done) = (0u64, 0, 0);
    for item in with_pools(dataset, split)? {
        let (_, split, pool) = item?;
        done += 1;
        progress.advance(done);
        if split != Split::Train && !pool.is_empty() {
            held_out += 1;
            largest = largest.max(if pool.len() <= LARGEST_POOL { pool.len() } else { 0 });
        }
    }
    let share = wanted as f64 / held_out.max(1) as f64;
    let lengths = StartLengths::new(states, builder, largest.div_ceil(SOURCES.len()));
    let mut writer = Writer {
        starts: StartsWriter::create(folder)?,
        columns: PlayColumns::create(folder)?,
        counts: RecordedCounts::default(),
        draw: StartDraw { seed: builder.seed(), shares: [0.0, share] },
        slots: lengths.candidates_per_source * SOURCES.len(),
        length,
        states,
        builder,
    };
    by_user(
        with_pools(dataset, split)?,
        |(logged, ..)| logged.session.user,
        |of_user| {
            done += of_user.len() as u64;
            progress.advance(done);
            writer.write_user(of_user)
        },
    )?;
    progress.end();
    let Writer { starts, columns, counts, .. } = writer;
    starts.finish()?;
    let plays = columns.finish()?;
    let sizes = Sizes { lengths, plays, counts };
    let text = serde_json::to_string_pretty(&sizes).map_err(|e| ModelError::bad_file(folder, e.to_string()))?;
    Ok(write_atomically(folder.join(FILE), text.as_bytes())?)
}

/// A session with its part of the split and its pool, empty where none was recorded.
type WithPool = (LoggedSession, Split, Vec<u32>);

/// All sessions with their pools.
fn with_pools(dataset: &Dataset, split: &TimeSplit) -> Result<impl Iterator<Item = Result<WithPool>>> {
    let mut pools = dataset.pools()?.peekable();
    Ok(split.sessions(dataset)?.map(move |item| {
        let (logged, split) = item?;
        // An error is given on at once.
        let of_session =
            |pool: &listening_data::Result<RecordedPool>| !matches!(pool, Ok(pool) if pool.session > logged.number);
        let pool = pools.next_if(of_session).transpose()?.map_or_else(Vec::new, |pool| pool.tracks);
        Ok((logged, split, pool))
    }))
}

struct Writer<'a> {
    starts: StartsWriter,
    columns: PlayColumns,
    counts: RecordedCounts,
    draw: StartDraw,
    slots: usize,
    /// Plays that are looked at, the first of each session.
    length: usize,
    states: &'a mut dyn SessionStates,
    builder: &'a StartBuilder<'a>,
}

impl Writer<'_> {
    /// Walks through one user's sessions; what is written of a session's start is from before it.
    fn write_user(&mut self, sessions: &[WithPool]) -> Result<()> {
        let training = sessions.iter().filter(|(_, split, _)| *split == Split::Train);
        let own = own_tallies(training.map(|(logged, ..)| &logged.session));
        let mut history = UserHistory::default();
        for (logged, split, pool) in sessions {
            let state = self.states.at_start(logged, &self.draw)?;
            let wanted = !pool.is_empty() && *split != Split::Train && self.draw.keeps(logged.number, *split);
            if wanted && let Some(plays) = plays_from(pool, &logged.session, self.length, &mut self.counts) {
                let moment = self.builder.moment(&history, state, &own, &logged.session);
                let (user, number) = (logged.session.user, logged.number);
                self.starts.write(&self.builder.build_for_pool(&moment, user, number, pool, self.slots))?;
                self.columns.write(pool.len(), &plays)?;
            }
            history.observe(&logged.session, self.builder.artists());
        }
        Ok(())
    }
}

/// The first plays of a session from its pool; nothing of one that cannot be used. Either is counted. What came after them does
/// not matter: to choose sessions by it would choose by how they went.
fn plays_from(
    pool: &[u32],
    session: &Session,
    length: usize,
    counts: &mut RecordedCounts,
) -> Option<Vec<RecordedPlay>> {
    if pool.len() > LARGEST_POOL {
        counts.pool_too_large += 1;
        return None;
    }
    let mut places: HashMap<u32, usize> = pool.iter().enumerate().map(|(place, &track)| (track, place)).collect();
    let mut plays = Vec::with_capacity(length.min(session.plays.len()));
    for play in session.plays.iter().take(length) {
        let Some(propensity) = play.propensity.filter(|&p| p > 0.0 && p <= 1.0) else {
            counts.without_propensity += 1;
            return None;
        };
        let Some(place) = places.remove(&play.track) else {
            counts.outside_pool += 1;
            return None;
        };
        let [Some(complete), Some(skip), Some(past_threshold)] = response_array(&play.responses) else {
            counts.without_response += 1;
            return None;
        };
        plays.push(RecordedPlay { place: place as u16, responses: [complete, skip, past_threshold], propensity });
    }
    counts.kept += 1;
    Some(plays)
}

struct PlayColumns {
    plays: usize,
    pool_sizes: ColumnWriter<u32>,
    first_play: ColumnWriter<u32>,
    places: ColumnWriter<u32>,
    responses: ColumnWriter<u8>,
    propensities: ColumnWriter<f32>,
}

impl PlayColumns {
    fn create(folder: &Path) -> Result<Self> {
        Ok(Self {
            plays: 0,
            pool_sizes: ColumnWriter::create(folder, "pool_size.u32")?,
            first_play: ColumnWriter::create(folder, "first_play.u32")?,
            places: ColumnWriter::create(folder, "place.u32")?,
            responses: ColumnWriter::create(folder, "responses.u8")?,
            propensities: ColumnWriter::create(folder, "propensities.f32")?,
        })
    }

    fn write(&mut self, pool_size: usize, plays: &[RecordedPlay]) -> Result<()> {
        self.pool_sizes.push(&[pool_size as u32])?;
        self.first_play.push(&[self.plays as u32])?;
        self.plays += plays.len();
        for play in plays {
            self.places.push(&[u32::from(play.place)])?;
            let bits = play.responses.iter().rev().fold(0, |bits, &given| bits << 1 | u8::from(given));
            self.responses.push(&[bits])?;
            self.propensities.push(&[play.propensity])?;
        }
        Ok(())
    }

    /// Flushes; returns the number of plays.
    fn finish(self) -> Result<usize> {
        for column in [self.pool_sizes, self.first_play, self.places] {
            column.finish()?;
        }
        self.responses.finish()?;
        self.propensities.finish()?;
        Ok(self.plays)
    }
}
