//! Slow and fast features of a user at any moments, in one pass over the user's history.

use std::sync::Arc;

use super::timeline::UserTimeline;
use super::{FastFeatures, SlowFeatures};
use crate::track_embeddings::TrackVectors;

/// Computes features at moments of one user's history: nothing that became known after a moment has any part in them.
pub struct MomentFeatures {
    vectors: Arc<TrackVectors>,
    recent_plays: usize,
}

impl MomentFeatures {
    /// `recent_plays`: the number of plays in the fast features.
    pub fn new(vectors: Arc<TrackVectors>, recent_plays: usize) -> Self {
        Self { vectors, recent_plays }
    }

    /// Gives (moment, slow features, fast features) to `take` for each of `moments_ms`, which come in order of time.
    ///
    /// An event known at the very moment counts: the play that ends as a session's next play starts is known to who
    /// chooses that next play. Costs O(events + moments x feature length).
    pub fn at_each(
        &self,
        timeline: &UserTimeline,
        moments_ms: impl IntoIterator<Item = i64>,
        mut take: impl FnMut(i64, &SlowFeatures, &FastFeatures),
    ) {
        let mut slow = SlowFeatures::new(Arc::clone(&self.vectors));
        let mut fast = FastFeatures::new(Arc::clone(&self.vectors), self.recent_plays);
        let mut events = timeline.events().into_iter().peekable();
        for moment_ms in moments_ms {
            while let Some((known_ms, event)) = events.next_if(|(known_ms, _)| *known_ms <= moment_ms) {
                slow.observe(known_ms, event);
                fast.observe(known_ms, event);
            }
            take(moment_ms, &slow, &fast);
        }
    }
}

#[cfg(test)]
mod tests;
