//! Fast features: the vectors of the recently played tracks, in order, with their responses (FS-VAE, Fazelnia et al.
//! 2022, section 3.2).

use std::collections::VecDeque;
use std::sync::Arc;

use super::tally::response_array;
use super::timeline::Event;
use crate::track_embeddings::TrackVectors;

/// Values per play after the track's vector: whether there is a play, per response 1, -1 or 0 (missing), and its age.
pub const FAST_EXTRAS: usize = 5;

/// The last plays of a user.
#[derive(Clone, Debug)]
pub struct FastFeatures {
    vectors: Arc<TrackVectors>,
    plays: usize,
    recent: VecDeque<(u32, [Option<bool>; 3], i64)>,
}

impl FastFeatures {
    /// Those of a new user, for the last `plays` plays.
    pub fn new(vectors: Arc<TrackVectors>, plays: usize) -> Self {
        Self { vectors, plays, recent: VecDeque::with_capacity(plays + 1) }
    }

    /// Shape of the features: (plays, dimension + [`FAST_EXTRAS`]).
    pub fn shape(&self) -> (usize, usize) {
        (self.plays, self.vectors.dimension() + FAST_EXTRAS)
    }

    /// Takes in an event that became known at `known_ms`. Events come in that order.
    pub fn observe(&mut self, known_ms: i64, event: Event<'_>) {
        if let Event::Play(play, ..) = event {
            self.recent.push_back((play.track, response_array(&play.responses), known_ms));
            if self.recent.len() > self.plays {
                self.recent.pop_front();
            }
        }
    }

    /// Writes the features at the moment `now_ms`, row by row, the last play in the last row; rows without a play are
    /// zeros and come first.
    pub fn write(&self, now_ms: i64, features: &mut [f32]) {
        let (plays, width) = self.shape();
        let (empty, rows) = features.split_at_mut((plays - self.recent.len()) * width);
        empty.fill(0.0);
        for (row, (track, responses, known_ms)) in rows.chunks_exact_mut(width).zip(&self.recent) {
            let (vector, extras) = row.split_at_mut(width - FAST_EXTRAS);
            vector.copy_from_slice(self.vectors.vector(*track));
            extras[0] = 1.0;
            for (value, response) in extras[1..4].iter_mut().zip(responses) {
                *value = response.map_or(0.0, |given| if given { 1.0 } else { -1.0 });
            }
            let hours = (now_ms - known_ms).max(0) as f32 / 3_600_000.0;
            extras[4] = hours.ln_1p() / 8.0;
        }
    }
}
