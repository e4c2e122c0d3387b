//! Histories cut into chunks of plays: what networks over plays are trained on.
//!
//! Each [lane](super::lanes) runs through users one after another, from the first play of each to the last that may be seen.

use listening_data::{CounterRng, Stream};
use tch::{Device, Tensor};

use super::baselines::is_target;
use super::histories::Histories;
use super::lanes::{Chunks, Lane, users_of};
use super::sequences::{ChunkFrame, ChunkSource, Part, SequenceChunk};
use crate::Result;
use crate::features::{CONTEXT_FEATURES, FAST_EXTRAS, write_context};
use crate::splits::Split;
use crate::track_embeddings::TrackVectors;

/// Which later play a state is trained to foretell, as the distance from the play it has just taken in: drawn evenly from
/// `shortest..=longest` (De Boom et al. 2017, section 3.2). 1 is the very next play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetOffset {
    /// Least distance.
    pub shortest: usize,
    /// Largest distance.
    pub longest: usize,
}

impl TargetOffset {
    /// The next play.
    pub const NEXT: Self = Self { shortest: 1, longest: 1 };
}

/// Where chunks of plays come from.
#[derive(Clone, Copy)]
pub struct PlayChunks<'a> {
    /// The plays.
    pub histories: &'a Histories,
    /// The tracks' vectors, of length 1.
    pub vectors: &'a TrackVectors,
    /// Where tensors are made.
    pub device: Device,
    /// Plays per lane and chunk.
    pub steps: usize,
    /// Lanes per chunk.
    pub lanes: usize,
    /// What is foretold in training. Measured is always the next play.
    pub offset: TargetOffset,
    /// Whether a sequence ends with its session (as a playlist does) and not with its user.
    pub by_session: bool,
}

/// Some consecutive plays of some users.
///
/// Step t of a lane takes in one play and foretells the next one (or a later one): `before[t]` is the play before the
/// first foretold. The first step of a user has no play before it; there the inputs are zeros.
pub struct PlayChunk {
    /// `[steps, lanes, dimension + FAST_EXTRAS]`: the play taken in, as in
    /// [`FastFeatures`](crate::features::FastFeatures), with the time since the play before it in place of its age.
    pub plays: Tensor,
    /// `[moments, slow features + context]`: what is known at the starts of the sessions in the chunk.
    pub moments: Tensor,
    /// `[steps x lanes]`: the row in `moments` of the session of the foretold play.
    pub moment_of: Tensor,
    /// `[steps, lanes, dimension]`: the vectors foretold, of length sqrt(dimension).
    pub targets: Tensor,
    /// `[steps, lanes]`: 1 where the target counts, else 0.
    pub weights: Tensor,
    /// Lanes, number of targets, and which they are.
    pub frame: ChunkFrame,
}

impl SequenceChunk for PlayChunk {
    fn frame(&self) -> &ChunkFrame {
        &self.frame
    }
}

impl PlayChunks<'_> {
    /// Plays of a training sequence at most: longer histories are cut, so that a few long ones fill many lanes. Measuring
    /// runs through whole histories.
    const LONGEST_TRAINING_SEQUENCE: usize = 1000;

    /// The sequences of a user that a part runs through.
    fn sequences(&self, user: usize, part: &Part) -> Vec<Lane> {
        let sessions = self.histories.sessions_until(user, part.split);
        if part.split != Split::Train && !sessions.clone().any(|session| self.histories.split(session) == part.split) {
            return Vec::new();
        }
        if self.by_session {
            let plays = sessions.map(|session| self.histories.plays_of(session));
            return plays.map(|plays| Lane::new(plays.clone(), plays)).collect();
        }
        let plays = self.histories.plays_of_all(sessions);
        let longest = if part.shuffled.is_some() { Self::LONGEST_TRAINING_SEQUENCE } else { usize::MAX };
        let starts = plays.clone().step_by(longest.min(plays.len().max(1)));
        let ranges = starts.map(|start| start..plays.end.min(start.saturating_add(longest)));
        ranges.map(|range| Lane::new(range, plays.clone())).collect()
    }

    fn counts(&self, play: usize, part: &Part, session: usize) -> bool {
        is_target(self.histories, self.vectors, part.split, play, session)
    }

    fn make(&self, part: &Part, lanes: &[Lane]) -> Result<PlayChunk> {
        let PlayChunks { histories, vectors, device, offset, .. } = *self;
        let dimension = vectors.dimension();
        let width = dimension + FAST_EXTRAS;
        let steps = lanes.iter().map(|lane| lane.items.len()).max().unwrap_or(0);
        let cells = steps * lanes.len();
        let (mut plays, mut targets) = (vec![0.0f32; cells * width], vec![0.0f32; cells * dimension]);
        let (mut weights, mut foretold) = (vec![0.0f32; cells], vec![None; cells]);
        let mut moment_of = vec![0i64; cells];
        let moment_length = histories.slow_length() + CONTEXT_FEATURES;
        let mut moments: Vec<f32> = Vec::new();
        let scale = (dimension as f32).sqrt();
        for (number, lane) in lanes.iter().enumerate() {
            // Measured is always the next play.
            let mut rng = part
                .shuffled
                .map(|(seed, epoch)| CounterRng::new(seed, Stream::TargetOffset, lane.items.start as u64, epoch));
            let mut session = usize::MAX;
            for (step, play) in lane.items.clone().enumerate() {
                let cell = step * lanes.len() + number;
                if session == usize::MAX || !histories.plays_of(session).contains(&play) {
                    session = histories.session_of(play);
                    let at = moments.len();
                    moments.resize(at + moment_length, 0.0);
                    let (slow, context) = moments[at..].split_at_mut(histories.slow_length());
                    slow.copy_from_slice(histories.slow_features(session));
                    write_context(&histories.context(session), context);
                }
                moment_of[cell] = (moments.len() / moment_length) as i64 - 1;
                if play > lane.around.start {
                    write_play(histories, vectors, play - 1, &mut plays[cell * width..][..width]);
                }
                let further = match &mut rng {
                    Some(rng) => offset.shortest - 1 + rng.below(offset.longest - offset.shortest + 1),
                    None => 0,
                };
                let target = play + further;
                let target_session =
                    if further == 0 { session } else { histories.session_of(target.min(lane.around.end - 1)) };
                if target < lane.around.end && self.counts(target, part, target_session) {
                    weights[cell] = 1.0;
                    foretold[cell] = Some(target);
                    let vector = vectors.vector(histories.track(target));
                    targets[cell * dimension..][..dimension].iter_mut().zip(vector).for_each(|(t, v)| *t = scale * v);
                }
            }
        }
        if moments.is_empty() {
            moments.resize(moment_length, 0.0);
        }
        let (rows, lane_count) = (steps as i64, lanes.len() as i64);
        let tensor = |values: &[f32], shape: &[i64]| -> Result<Tensor> {
            Ok(Tensor::f_from_slice(values)?.f_reshape(shape)?.f_to_device(device)?)
        };
        Ok(PlayChunk {
            plays: tensor(&plays, &[rows, lane_count, width as i64])?,
            moments: tensor(&moments, &[-1, moment_length as i64])?,
            moment_of: Tensor::f_from_slice(&moment_of)?.f_to_device(device)?,
            targets: tensor(&targets, &[rows, lane_count, dimension as i64])?,
            weights: tensor(&weights, &[rows, lane_count])?,
            frame: ChunkFrame::new(lanes, foretold, device)?,
        })
    }
}

impl ChunkSource for PlayChunks<'_> {
    type Chunk = PlayChunk;

    fn lanes(&self) -> usize {
        self.lanes
    }

    fn chunks(&self, part: Part) -> Box<dyn Iterator<Item = Result<PlayChunk>> + Send + '_> {
        let source = *self;
        let sequences = users_of(part, self.histories.users()).flat_map(move |user| source.sequences(user, &part));
        Box::new(Chunks::new(sequences, self.lanes, self.steps, move |lanes| source.make(&part, lanes)))
    }

    fn size(&self, part: Part) -> usize {
        let users = users_of(Part { shuffled: None, ..part }, self.histories.users());
        users.flat_map(|user| self.sequences(user, &part)).map(|sequence| sequence.items.len()).sum()
    }
}

/// Writes what is known of a play when it has ended: its track's vector, a mark, its responses, the time before it.
pub(crate) fn write_play(histories: &Histories, vectors: &TrackVectors, play: usize, row: &mut [f32]) {
    let (vector, extras) = row.split_at_mut(vectors.dimension());
    vector.copy_from_slice(vectors.vector(histories.track(play)));
    write_play_extras(histories.responses(play), histories.gap_hours(play), extras);
}

/// The values after the vector: a mark, the responses (1, -1, 0 where missing), ln(1 + hours since the play before) / 8.
pub fn write_play_extras(responses: [f32; 3], gap_hours: f32, extras: &mut [f32]) {
    extras[0] = 1.0;
    extras[1..4].copy_from_slice(&responses);
    extras[4] = gap_hours.ln_1p() / 8.0;
}

#[cfg(test)]
mod tests;
