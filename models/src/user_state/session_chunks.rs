//! Histories cut into chunks of sessions: what networks over sessions are trained on.
//!
//! Each [lane](super::lanes) runs through users one after another, from the first session of each to the last that may be
//! seen. Step t foretells the tracks played in one session, from its context and from the session before it.

use listening_data::{Context, Device as DeviceClass, Source};
use tch::{Device, Tensor};

use super::histories::Histories;
use super::lanes::{Chunks, Lane, users_of};
use super::sequences::{ChunkFrame, ChunkSource, Part, SequenceChunk};
use super::session_vectors::{SessionTracks, session_vector};
use crate::Result;
use crate::splits::Split;
use crate::track_embeddings::TrackVectors;

const WEEKDAYS: usize = 7;
const HOURS: usize = 24;

/// Length of a session's context: weekday, hour, and device, one of n each.
pub const SESSION_CONTEXT: usize = WEEKDAYS + HOURS + DeviceClass::ALL.len();

/// Where chunks of sessions come from.
#[derive(Clone, Copy)]
pub struct SessionChunks<'a> {
    /// The sessions.
    pub histories: &'a Histories,
    /// The tracks' vectors, of length 1.
    pub vectors: &'a TrackVectors,
    /// Where tensors are made.
    pub device: Device,
    /// Sessions per lane and chunk.
    pub steps: usize,
    /// Lanes per chunk.
    pub lanes: usize,
}

/// What tracks the sessions before those foretold held: all zeros before a user's first session.
pub struct SessionStream {
    /// `[steps, lanes, dimension]`: the unit mean of the tracks' vectors.
    pub vectors: Tensor,
    /// `[steps, lanes, 1]`: ln(1 + number of tracks) / 4.
    pub numbers: Tensor,
}

/// Some consecutive sessions of some users.
pub struct SessionChunk {
    /// `[steps, lanes, SESSION_CONTEXT]`: the context of the session foretold, as [`write_session_context`] writes it.
    pub context: Tensor,
    /// `[steps, lanes, 1]`: ln(1 + hours since the session before) / 8.
    pub since: Tensor,
    /// `[steps, lanes, sources]`: what the session before was streamed from, one of n.
    pub source: Tensor,
    /// The tracks played in the session before.
    pub played: SessionStream,
    /// The tracks skipped in the session before.
    pub skipped: SessionStream,
    /// All tracks of the session before.
    pub all: SessionStream,
    /// `[steps, lanes, dimension]`: the unit mean vectors of the tracks played in the sessions foretold.
    pub targets: Tensor,
    /// `[steps, lanes]`: 1 where the target counts, else 0. A session without a track played is taken in, and no target.
    pub weights: Tensor,
    /// Lanes, number of targets, and which they are.
    pub frame: ChunkFrame,
}

impl SequenceChunk for SessionChunk {
    fn frame(&self) -> &ChunkFrame {
        &self.frame
    }
}

impl SessionChunks<'_> {
    /// The sessions of a user that a part runs through. They are never cut: long-term vectors need them all.
    fn sequence(&self, user: usize, part: Part) -> Lane {
        let sessions = self.histories.sessions_until(user, part.split);
        let measured = sessions.clone().any(|session| self.histories.split(session) == part.split);
        if measured { Lane::new(sessions.clone(), sessions) } else { Lane::default() }
    }

    fn make(&self, part: Part, lanes: &[Lane]) -> Result<SessionChunk> {
        let Self { histories, vectors, .. } = *self;
        let steps = lanes.iter().map(|lane| lane.items.len()).max().unwrap_or(0);
        let shape = [steps, lanes.len()];
        let mut context = Rows::new(shape, SESSION_CONTEXT);
        let mut since = Rows::new(shape, 1);
        let mut source = Rows::new(shape, Source::ALL.len());
        let mut streams = [SessionTracks::Played, SessionTracks::Skipped, SessionTracks::All]
            .map(|tracks| (tracks, Rows::new(shape, vectors.dimension()), Rows::new(shape, 1)));
        let mut targets = Rows::new(shape, vectors.dimension());
        let mut weights = Rows::new(shape, 1);
        let mut foretold = vec![None; steps * lanes.len()];
        for (number, lane) in lanes.iter().enumerate() {
            for (step, session) in lane.items.clone().enumerate() {
                let cell = step * lanes.len() + number;
                write_session_context(&histories.context(session), context.row(cell));
                if session > lane.around.start {
                    let gap_hours = histories.plays_of(session).next().map_or(0.0, |play| histories.gap_hours(play));
                    since.row(cell)[0] = gap_hours.ln_1p() / 8.0;
                    if let Some(from) = histories.context(session - 1).source {
                        source.row(cell)[from.code()] = 1.0;
                    }
                    for (tracks, means, numbers) in &mut streams {
                        let count = session_vector(histories, vectors, session - 1, *tracks, means.row(cell));
                        numbers.row(cell)[0] = (count as f32).ln_1p() / 4.0;
                    }
                }
                let target = targets.row(cell);
                session_vector(histories, vectors, session, SessionTracks::Played, target);
                let in_part = part.split == Split::Train || histories.split(session) == part.split;
                if in_part && target.iter().any(|&x| x != 0.0) {
                    weights.row(cell)[0] = 1.0;
                    foretold[cell] = Some(session);
                }
            }
        }
        let tensor = |rows: Rows| rows.tensor(self.device);
        let [played, skipped, all] = streams.map(|(_, means, numbers)| -> Result<SessionStream> {
            Ok(SessionStream { vectors: tensor(means)?, numbers: tensor(numbers)? })
        });
        Ok(SessionChunk {
            context: tensor(context)?,
            since: tensor(since)?,
            source: tensor(source)?,
            played: played?,
            skipped: skipped?,
            all: all?,
            targets: tensor(targets)?,
            weights: tensor(weights)?.f_squeeze_dim(2)?,
            frame: ChunkFrame::new(lanes, foretold, self.device)?,
        })
    }
}

impl ChunkSource for SessionChunks<'_> {
    type Chunk = SessionChunk;

    fn lanes(&self) -> usize {
        self.lanes
    }

    fn chunks(&self, part: Part) -> Box<dyn Iterator<Item = Result<SessionChunk>> + Send + '_> {
        let source = *self;
        let sequences = users_of(part, self.histories.users()).map(move |user| source.sequence(user, part));
        Box::new(Chunks::new(sequences, self.lanes, self.steps, move |lanes| source.make(part, lanes)))
    }

    fn size(&self, part: Part) -> usize {
        users_of(part, self.histories.users()).map(|user| self.sequence(user, part).items.len()).sum()
    }
}

/// Writes the context that is known when a session begins: weekday, hour and device, one of n each, zeros where missing.
pub fn write_session_context(context: &Context, features: &mut [f32]) {
    features.fill(0.0);
    let (weekday, rest) = features.split_at_mut(WEEKDAYS);
    let (hour, device) = rest.split_at_mut(HOURS);
    let mark = |slots: &mut [f32], place: Option<usize>| {
        if let Some(slot) = place.and_then(|place| slots.get_mut(place)) {
            *slot = 1.0;
        }
    };
    mark(weekday, context.weekday.map(usize::from));
    mark(hour, context.hour.map(usize::from));
    mark(device, context.device.map(DeviceClass::code));
}

/// Rows of a tensor under construction, one per step and lane.
struct Rows {
    shape: [usize; 2],
    width: usize,
    values: Vec<f32>,
}

impl Rows {
    fn new(shape: [usize; 2], width: usize) -> Self {
        Self { shape, width, values: vec![0.0; shape[0] * shape[1] * width] }
    }

    fn row(&mut self, cell: usize) -> &mut [f32] {
        &mut self.values[cell * self.width..][..self.width]
    }

    fn tensor(self, device: Device) -> Result<Tensor> {
        let shape = [self.shape[0] as i64, self.shape[1] as i64, self.width as i64];
        Ok(Tensor::f_from_slice(&self.values)?.f_reshape(shape)?.f_to_device(device)?)
    }
}

#[cfg(test)]
mod tests;
