//! The recency-weighted mean of the vectors of the tracks that a user listened to.
//!
//! u = sum_k w_k v_k / |sum_k w_k v_k| with w_k = 2^(-a_k / half-life), where a_k is the age of play k counted in
//! plays. (FS-VAE's slow features hold such a mean; CoSeRNN's long-term vector is one over sessions.)

use std::sync::Arc;

use listening_data::Play;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::unit_vectors::unit;
use super::{Moments, UserState};
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

/// The encoder.
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

    /// Length of the weighted sum and of the state vector.
    pub fn track_dimension(&self) -> usize {
        self.vectors.dimension()
    }

    /// Takes a play into the weighted sum of a user.
    pub fn hear(&self, sum: &mut [f32], play: &Play) {
        let weight = if play.responses.skip == Some(true) { self.settings.skipped_weight } else { 1.0 };
        for (sum, x) in sum.iter_mut().zip(self.vectors.vector(play.track)) {
            *sum = *sum * self.decay + weight * x;
        }
    }

    /// Writes the state vector of a user by the weighted sum.
    pub fn direction(&self, sum: &[f32], state: &mut [f32]) {
        let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
        state.iter_mut().zip(sum).for_each(|(s, m)| *s = m / length);
    }
}

/// The memory is the weighted sum, then the state vector, which stands still within a session.
impl UserState for RecencyWeightedMean {
    fn dimension(&self) -> usize {
        self.track_dimension()
    }

    fn memory_length(&self) -> usize {
        2 * self.dimension()
    }

    fn moves_within_sessions(&self) -> bool {
        false
    }

    fn begin_session(&self, memory: &Tensor, _moments: &Moments) -> Result<Tensor> {
        let sum = memory.f_narrow(1, 0, self.dimension() as i64)?;
        Ok(Tensor::f_cat(&[&sum, &unit(&sum)?], 1)?)
    }

    fn play(&self, memory: &Tensor, plays: &Tensor) -> Result<Tensor> {
        let dimension = self.dimension() as i64;
        // Behind the track's vector stand a mark and "complete", then "skip".
        let skipped = plays.f_narrow(1, dimension + 2, 1)?.f_gt(0.0)?;
        let weight = skipped.f_ones_like()?.f_to_kind(Kind::Float)?;
        let weight = weight.f_masked_fill(&skipped, f64::from(self.settings.skipped_weight))?;
        let heard = plays.f_narrow(1, 0, dimension)?.f_mul(&weight)?;
        let sum = memory.f_narrow(1, 0, dimension)?.f_mul_scalar(f64::from(self.decay))?.f_add(&heard)?;
        Ok(Tensor::f_cat(&[sum, memory.f_narrow(1, dimension, dimension)?], 1)?)
    }

    fn vectors(&self, memory: &Tensor) -> Result<Tensor> {
        let dimension = self.dimension() as i64;
        Ok(memory.f_narrow(1, dimension, dimension)?)
    }

    fn track_directions(&self, memory: &Tensor) -> Result<Tensor> {
        self.vectors(memory)
    }

    fn shallow_clone(&self) -> Box<dyn UserState> {
        Box::new(Self { vectors: Arc::clone(&self.vectors), ..*self })
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
        let mut memory = [0.0; 2];
        let mut state = [9.0; 2];
        encoder.direction(&memory, &mut state);
        assert_eq!(state, [0.0, 0.0], "a new user has no direction");
        // By hand: (1, 0), then halved and (0, 1) added, then halved and a skipped (1, 0) added.
        for (track, skip) in [(0, false), (1, false), (0, true)] {
            encoder.hear(&mut memory, &play(track, skip));
        }
        assert_eq!(memory, [0.5, 0.5]);
        encoder.direction(&memory, &mut state);
        assert!((state[0] - 0.5f32.sqrt()).abs() < 1e-6 && state[0] == state[1]);
    }
}
