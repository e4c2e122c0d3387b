//! Settings of VAE-CF.

use serde::{Deserialize, Serialize};

use crate::{ModelError, Result};

/// Settings of VAE-CF. The paper's are those of Liang et al., WWW 2018, section 4.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VaeCfSettings {
    /// Tracks modelled, the most played first (the paper's data sets have 20,000 to 41,000 items).
    pub tracks: usize,
    /// Width of the hidden layers of encoder and decoder (paper: 600).
    pub hidden: usize,
    /// Length of the latent vector (paper: 200).
    pub latent: usize,
    /// Probability that an entry of a bag is hidden from the encoder in training (paper: 0.5).
    pub dropout: f64,
    /// Weight of the divergence at the end of annealing (0.2 in the authors' code).
    pub beta: f64,
    /// Moves of the weights over which it rises evenly from 0 (ours; 200,000 for far more users in the authors' code).
    pub anneal_updates: u64,
    /// Users per move of the weights (ours; paper: 500).
    pub users_per_update: usize,
}

impl Default for VaeCfSettings {
    fn default() -> Self {
        Self {
            tracks: 20_000,
            hidden: 600,
            latent: 200,
            dropout: 0.5,
            beta: 0.2,
            anneal_updates: 1000,
            users_per_update: 50,
        }
    }
}

impl VaeCfSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        if [self.tracks, self.hidden, self.latent, self.users_per_update].contains(&0) {
            return Err(ModelError::setting("tracks, hidden, latent, users_per_update", "must be at least 1"));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(ModelError::setting("dropout", "must be at least 0 and below 1"));
        }
        if !self.beta.is_finite() || self.beta < 0.0 {
            return Err(ModelError::setting("beta", "must be 0 or more"));
        }
        Ok(())
    }
}
