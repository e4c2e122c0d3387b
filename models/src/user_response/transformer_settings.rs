//! Settings of the Transformer user model.

use serde::{Deserialize, Serialize};

use crate::{ModelError, Result};

/// Settings of the Transformer user model and its training. It has no published sizes; all are ours, SWM's where both have them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransformerSettings {
    /// Width of a play's vector.
    pub width: usize,
    /// Attention heads, which share the width.
    pub attention_heads: usize,
    /// Blocks of attention and dense layers.
    pub layers: usize,
    /// Plays before the present one that are attended to (20: where MSSD's sessions are cut).
    pub window: usize,
    /// Widths of the dense layers over the last block and the play.
    pub hidden: Vec<usize>,
    /// Step size of Adam at the beginning; it falls evenly to 0 at the end of the last epoch.
    pub learning_rate: f64,
    /// Decoupled weight decay of Adam.
    pub weight_decay: f64,
    /// Share of the outputs of hidden layers that is left out in training.
    pub dropout: f64,
    /// Share of the inputs that is left out in training.
    pub input_dropout: f64,
    /// Sessions per gradient step.
    pub batch: usize,
    /// Largest number of passes over the training sessions.
    pub max_epochs: usize,
    /// Validations per pass.
    pub validations_per_epoch: usize,
    /// Validations without a better loss after which training stops.
    pub patience: usize,
}

impl Default for TransformerSettings {
    fn default() -> Self {
        Self {
            width: 64,
            attention_heads: 4,
            layers: 2,
            window: 20,
            hidden: vec![256, 128],
            learning_rate: 1e-3,
            weight_decay: 0.01,
            dropout: 0.3,
            input_dropout: 0.1,
            batch: 64,
            max_epochs: 6,
            validations_per_epoch: 2,
            patience: 4,
        }
    }
}

impl TransformerSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        let check =
            |holds, setting, problem: &str| if holds { Ok(()) } else { Err(ModelError::setting(setting, problem)) };
        let width = (2..=1 << 12).contains(&self.width) && self.width.is_multiple_of(2);
        check(width, "user_model.transformer.width", "must be even and in 2..=4096")?;
        let heads = self.attention_heads >= 1 && self.width.is_multiple_of(self.attention_heads);
        check(heads, "user_model.transformer.attention_heads", "must divide the width")?;
        check((1..=100).contains(&self.layers), "user_model.transformer.layers", "must be in 1..=100")?;
        check((1..=1000).contains(&self.window), "user_model.transformer.window", "must be in 1..=1000")?;
        let hidden = !self.hidden.is_empty() && self.hidden.iter().all(|width| (1..=1 << 14).contains(width));
        check(hidden, "user_model.transformer.hidden", "needs at least one width, each in 1..=16384")?;
        check(self.learning_rate > 0.0, "user_model.transformer.learning_rate", "must be above 0")?;
        check(self.weight_decay >= 0.0, "user_model.transformer.weight_decay", "must not be negative")?;
        let share = |share: f64| (0.0..1.0).contains(&share);
        check(share(self.dropout), "user_model.transformer.dropout", "must be in 0..1")?;
        check(share(self.input_dropout), "user_model.transformer.input_dropout", "must be in 0..1")?;
        check((1..=1 << 16).contains(&self.batch), "user_model.transformer.batch", "must be in 1..=65536")?;
        check(self.max_epochs > 0, "user_model.transformer.max_epochs", "must be at least 1")?;
        let validations = (1..=1000).contains(&self.validations_per_epoch);
        check(validations, "user_model.transformer.validations_per_epoch", "must be in 1..=1000")
    }
}
