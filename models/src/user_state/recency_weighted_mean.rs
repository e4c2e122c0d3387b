//! The recency-weighted mean of the vectors of the tracks that a user listened to.
//!
//! u = sum_k w_k v_k / |sum_k w_k v_k| with w_k = 2^(-a_k / half-life), where a_k is the age of play k counted in
//! plays. (FS-VAE's slow features hold such a mean; CoSeRNN's long-term vector is one over sessions.)

use std::sync::Arc;

use listening_data::{Play, Session};
use serde::{Deserialize, Serialize};

use super::UserState;
use crate::track_embeddings::TrackVectors;
use crate::{ModelError, Result};

/// Settings of the recency-weighted mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecencyWeightedMeanSettings {
    /// Plays after which a play weighs half.
    pub half_life_plays: f32,
    /// Weight of a skipped play against 1 for the others.
    pub skipped_weight: f32,
}

impl Default for RecencyWeightedMeanSettings {
    /// About ten sessions of ten plays; a skipped track tells little of what the listener wants (CoSeRNN keeps
    /// skipped tracks apart).
    fn default() -> Self {
        Self { half_life_plays: 100.0, skipped_weight: 0.1 }
    }
}

impl RecencyWeightedMeanSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        let wrong = |setting, problem| Err(ModelError::setting(setting, problem));
        if self.half_life_plays.is_nan() || self.half_life_plays <= 0.0 {
            return wrong("user_state.recency_weighted_mean.half_life_plays", "must be above 0");
        }
        if !(0.0..=1.0).contains(&self.skipped_weight) {
            return wrong("user_state.recency_weighted_mean.skipped_weight", "must be in 0..=1");
        }
        Ok(())
    }
}

/// The encoder. Its memory is the weighted sum itself.
pub struct RecencyWeightedMean {
    vectors: Arc<TrackVectors>,
    settings: RecencyWeightedMeanSettings,
    decay: f32,
}

impl RecencyWeightedMean {
    /// An encoder over these track vectors.
    pub fn new(vectors: Arc<TrackVectors>, settings: RecencyWeightedMeanSettings) -> Result<Self> {
        settings.validate()?;
        Ok(Self { vectors, settings, decay: (-1.0 / settings.half_life_plays).exp2() })
    }
}

impl UserState for RecencyWeightedMean {
    fn dimension(&self) -> usize {
        self.vectors.dimension()
    }

    fn memory_length(&self) -> usize {
        self.dimension()
    }

    fn play(&self, memory: &mut [f32], play: &Play) {
        let weight = if play.responses.skip == Some(true) { self.settings.skipped_weight } else { 1.0 };
        for (sum, x) in memory.iter_mut().zip(self.vectors.vector(play.track)) {
            *sum = *sum * self.decay + weight * x;
        }
    }

    fn end_session(&self, _memory: &mut [f32], _session: &Session) {}

    fn vector(&self, memory: &[f32], state: &mut [f32]) {
        let length = memory.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
        state.iter_mut().zip(memory).for_each(|(s, m)| *s = m / length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use listening_data::Responses;

    #[test]
    fn older_and_skipped_plays_weigh_less() {
        let vectors = Arc::new(TrackVectors::new(2, vec![1.0, 0.0, 0.0, 1.0]));
        let settings = RecencyWeightedMeanSettings { half_life_plays: 1.0, skipped_weight: 0.25 };
        let encoder = RecencyWeightedMean::new(vectors, settings).unwrap();
        let play = |track, skip| Play {
            track,
            start_ms: 0,
            responses: Responses { skip: Some(skip), ..Responses::default() },
            ..Play::default()
        };
        let mut memory = vec![0.0; encoder.memory_length()];
        let mut state = [9.0; 2];
        encoder.vector(&memory, &mut state);
        assert_eq!(state, [0.0, 0.0], "a new user has no direction");
        // By hand: (1, 0), then halved and (0, 1) added, then halved and a skipped (1, 0) added.
        for (track, skip) in [(0, false), (1, false), (0, true)] {
            encoder.play(&mut memory, &play(track, skip));
        }
        assert_eq!(memory, [0.5, 0.5]);
        encoder.vector(&memory, &mut state);
        assert!((state[0] - 0.5f32.sqrt()).abs() < 1e-6 && state[0] == state[1]);
    }
}
