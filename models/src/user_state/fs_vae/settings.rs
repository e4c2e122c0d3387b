//! Settings of FS-VAE.

use serde::{Deserialize, Serialize};

use crate::{ModelError, Result};

/// Settings of FS-VAE. The paper gives the layers' kinds and beta's bounds, and no sizes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FsVaeSettings {
    /// Whether there is a fast encoder.
    pub fast: bool,
    /// Whether there is a slow encoder.
    pub slow: bool,
    /// Whether the state is a distribution; if not, a plain autoencoder without noise and divergence.
    pub probabilistic: bool,
    /// Whether the recent plays are taken in in random order.
    pub shuffled: bool,
    /// Units of each of the two LSTM layers (ours).
    pub lstm_units: usize,
    /// Width of the dense layer upon them (ours).
    pub fast_width: usize,
    /// Widths of the slow encoder's two layers (ours).
    pub slow_widths: [usize; 2],
    /// Length of the state vector (ours: that of the paper's track vectors).
    pub state_length: usize,
    /// Width of the decoder's hidden layer (ours).
    pub decoder_width: usize,
    /// Weight of the divergence from the prior (ours; the paper wants it below 1, and a review of it names 0.5). What
    /// explains less of a direction's variance than this is not encoded: see the model's page.
    pub beta: f64,
    /// Moves of the weights over which beta rises evenly from 0; 0 for none (ours; the paper calls it optional).
    pub warm_up_updates: u64,
    /// Logarithm of the state's variance before training (ours). Where the noise begins as large as the state's prior, some
    /// directions of the state never learn to speak above it, and which ones is a matter of the seed.
    pub initial_log_variance: f32,
}

impl Default for FsVaeSettings {
    fn default() -> Self {
        Self {
            fast: true,
            slow: true,
            probabilistic: true,
            shuffled: false,
            lstm_units: 128,
            fast_width: 128,
            slow_widths: [128, 64],
            state_length: 80,
            decoder_width: 128,
            beta: 0.01,
            warm_up_updates: 500,
            initial_log_variance: -4.0,
        }
    }
}

impl FsVaeSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        if !self.fast && !self.slow {
            return Err(ModelError::setting("fast, slow", "one of them must be true"));
        }
        if self.shuffled && !self.fast {
            return Err(ModelError::setting("shuffled", "has no meaning without the fast encoder; set fast = true"));
        }
        let [first, second] = self.slow_widths;
        if [self.lstm_units, self.fast_width, first, second, self.state_length, self.decoder_width].contains(&0) {
            return Err(ModelError::setting("widths", "must be at least 1"));
        }
        if !self.beta.is_finite() || self.beta < 0.0 {
            return Err(ModelError::setting("beta", "must be 0 or more"));
        }
        if !self.initial_log_variance.is_finite() {
            return Err(ModelError::setting("initial_log_variance", "must be a finite number"));
        }
        Ok(())
    }
}
