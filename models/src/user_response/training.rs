//! Trains CWM on plays: binary cross-entropy per head, early stopping and calibration on the validation sessions.

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use listening_data::Progress;

use super::contextual::{ContextualModel, ContextualSettings, Predictions, Rows, sigmoid};
use super::{ConstantBaseline, HEADS};
use crate::metrics::log_loss;
use crate::network::{Adam, AdamSettings, Parameters};
use crate::permutation::Permutation;
use crate::prepared::{Examples, PreparedData};
use crate::shards::{in_threads, sum_gradients};
use crate::{ModelError, Result};

/// Parts of a batch whose gradients may be computed at the same time. A constant: the sum of the parts, and so the
/// result, does not depend on the number of threads.
const SHARDS: usize = 2;

/// Plays of the validation sessions looked at after each epoch, evenly spaced; bounds time and memory.
const MOST_VALIDATION_PLAYS: usize = 200_000;

/// How training went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingReport {
    /// Plays trained on.
    pub plays: u64,
    /// Trainable scalars.
    pub parameters: u64,
    /// Validation losses (sum over heads of the mean log loss), `validations_per_epoch` per epoch.
    pub validation_loss: Vec<f64>,
    /// The validation at which the weights that were kept stood, from 1.
    pub best_validation: usize,
    /// Per head, the temperature that calibrates it.
    pub temperature: Vec<f32>,
}

/// Trains a model on the training examples.
///
/// `track_table` holds the track features, row by row. `threads` changes the time taken, not the result.
pub fn train(
    data: &PreparedData,
    track_table: &TrackTable<'_>,
    settings: &ContextualSettings,
    seed: u64,
    device: Device,
    threads: usize,
    progress: &dyn Progress,
) -> Result<(ContextualModel, Parameters, TrainingReport)> {
    settings.validate()?;
    if data.train.is_empty() || data.validation.is_empty() {
        return Err(ModelError::TooLittleData(format!(
            "the user-response model needs training and validation plays, found {} and {}; import more logs",
            data.train.len(),
            data.validation.len()
        )));
    }
    let inputs = row_length(&data.train, track_table);
    let (mut model, mut parameters) = ContextualModel::new(&settings.hidden, inputs, seed, device)?;
    model.set_base_rates(&ConstantBaseline::new(&data.train).predict())?;
    let adam =
        AdamSettings { learning_rate: settings.learning_rate, weight_decay: settings.weight_decay, gradient_norm: 0.0 };
    let mut adam = Adam::new(&parameters, adam);
    let mut shards: Vec<Shard> = (0..SHARDS).map(|_| Shard::new(&model, &parameters)).collect();
    let plays = data.train.len();
    let mut best = (f64::INFINITY, 0, parameters.snapshot());
    let mut losses = Vec::new();
    progress.begin("user-response model", (plays * settings.max_epochs) as u64, "plays");
    let batches_per_validation = plays.div_ceil(settings.batch * settings.validations_per_epoch).max(1);
    'training: for epoch in 1..=settings.max_epochs {
        let order = Permutation::new(plays, seed, epoch as u32);
        let starts: Vec<usize> = (0..plays).step_by(settings.batch).collect();
        for part in starts.chunks(batches_per_validation) {
            for &start in part {
                let end = plays.min(start + settings.batch);
                let batch: Vec<usize> = (start..end).map(|place| order.at(place)).collect();
                let gradients = batch_gradients(&mut shards, &batch, &data.train, track_table, threads)?;
                adam.apply(&mut parameters, &gradients, 1.0)?;
                progress.advance(((epoch - 1) * plays + end) as u64);
            }
            let loss = validation_loss(&model, &data.validation, track_table)?;
            if !loss.is_finite() {
                return Err(ModelError::Diverged(format!(
                    "the user-response model diverged in epoch {epoch} (validation loss {loss}); lower \
                     user_model.learning_rate"
                )));
            }
            progress.remark(&format!("epoch {epoch}, validation loss {loss:.4}"));
            losses.push(loss);
            if loss < best.0 {
                best = (loss, losses.len(), parameters.snapshot());
            } else if losses.len() - best.1 >= settings.patience.max(1) {
                break 'training;
            }
        }
    }
    progress.end();
    parameters.restore(&best.2)?;
    calibrate(&mut model, &data.validation, track_table)?;
    let report = TrainingReport {
        plays: plays as u64,
        parameters: parameters.count() as u64,
        validation_loss: losses,
        best_validation: best.1,
        temperature: model.inverse_temperature.iter().map(|inverse| 1.0 / inverse).collect(),
    };
    Ok((model, parameters, report))
}

/// The features of all tracks, row by row.
#[derive(Clone, Copy, Debug)]
pub struct TrackTable<'a> {
    /// Values, `[tracks, width]`.
    pub values: &'a [f32],
    /// Features per track.
    pub width: usize,
}

impl TrackTable<'_> {
    /// The features of one track.
    pub fn row(&self, track: u32) -> &[f32] {
        &self.values[track as usize * self.width..][..self.width]
    }
}

fn row_length(examples: &Examples, track_table: &TrackTable<'_>) -> usize {
    examples.session_features(0).len() + track_table.width + examples.relation(0).len()
}

/// A part of a batch, with its own handles on the network.
struct Shard {
    model: ContextualModel,
    parameters: Vec<Tensor>,
    rows: Rows,
}

impl Shard {
    fn new(model: &ContextualModel, parameters: &Parameters) -> Self {
        let parameters = parameters.tensors().map(Tensor::shallow_clone).collect();
        Self { model: model.shallow_clone(), parameters, rows: Rows::default() }
    }

    /// Gradients of the summed loss of `plays`, divided by `batch`.
    fn gradients(
        &mut self,
        plays: &[usize],
        batch: usize,
        examples: &Examples,
        table: &TrackTable<'_>,
    ) -> Result<Vec<Tensor>> {
        gather(examples, table, plays.iter().copied(), &mut self.rows);
        let (mut targets, mut known) = (Vec::new(), Vec::new());
        for label in plays.iter().flat_map(|&play| examples.labels(play)) {
            targets.push(if label == Some(true) { 1.0f32 } else { 0.0 });
            known.push(if label.is_some() { 1.0f32 } else { 0.0 });
        }
        let device = self.model.device();
        let labels = |values: &[f32]| -> Result<Tensor> {
            Ok(Tensor::f_from_slice(values)?.f_reshape([-1, HEADS.len() as i64])?.f_to_device(device)?)
        };
        let (features, positions) = self.rows.tensors(0..self.rows.len(), device)?;
        let logits = self.model.logits(&features, &positions)?;
        let weight = labels(&known)?;
        let loss = logits.f_binary_cross_entropy_with_logits(
            &labels(&targets)?,
            Some(&weight),
            None::<&Tensor>,
            tch::Reduction::Sum,
        )?;
        let loss = loss.f_div_scalar(batch as f64)?;
        Ok(Tensor::f_run_backward(&[loss], &self.parameters, false, false)?)
    }
}

fn gather(examples: &Examples, table: &TrackTable<'_>, plays: impl Iterator<Item = usize>, rows: &mut Rows) {
    rows.clear();
    for play in plays {
        let track = table.row(examples.track[play]);
        rows.push(examples.session_features(play), track, examples.relation(play), examples.position[play]);
    }
}

fn batch_gradients(
    shards: &mut [Shard],
    batch: &[usize],
    examples: &Examples,
    table: &TrackTable<'_>,
    threads: usize,
) -> Result<Vec<Tensor>> {
    let parts = batch.chunks(batch.len().div_ceil(shards.len()));
    let gradients = |(shard, part): (&mut Shard, &[usize])| shard.gradients(part, batch.len(), examples, table);
    let results = in_threads(shards.iter_mut().zip(parts).collect(), threads, &gradients);
    sum_gradients(results.into_iter().collect::<Result<Vec<_>>>()?)
}

/// Sum over the heads of the mean log loss.
fn validation_loss(model: &ContextualModel, examples: &Examples, table: &TrackTable<'_>) -> Result<f64> {
    let mut sums = [(0.0, 0u64); HEADS.len()];
    for_each_prediction(model, examples, table, MOST_VALIDATION_PLAYS, |_, predicted, labels| {
        for (head, sum) in sums.iter_mut().enumerate() {
            if let Some(label) = labels[head] {
                *sum = (sum.0 + log_loss(predicted[head], label), sum.1 + 1);
            }
        }
    })?;
    Ok(sums.iter().map(|(sum, count)| sum / (*count).max(1) as f64).sum())
}

/// Calls `each` with play number, prediction and labels, for at most `most` evenly spaced plays.
pub(super) fn for_each_prediction(
    model: &ContextualModel,
    examples: &Examples,
    table: &TrackTable<'_>,
    most: usize,
    mut each: impl FnMut(usize, &Predictions, [Option<bool>; HEADS.len()]),
) -> Result<()> {
    const BLOCK: usize = 4096;
    let stride = examples.len().div_ceil(most.max(1)).max(1);
    let plays: Vec<usize> = (0..examples.len()).step_by(stride).collect();
    let (mut rows, mut predictions) = (Rows::default(), Vec::new());
    for block in plays.chunks(BLOCK) {
        gather(examples, table, block.iter().copied(), &mut rows);
        predictions.clear();
        model.predict(&rows, &mut predictions)?;
        block.iter().zip(&predictions).for_each(|(&play, predicted)| each(play, predicted, examples.labels(play)));
    }
    Ok(())
}

/// Finds the temperature of each head that minimises the validation log loss (Guo et al. 2017, section 4.2), by
/// golden-section search over ln(1 / temperature) in -1..1; the loss is convex in the inverse temperature.
fn calibrate(model: &mut ContextualModel, examples: &Examples, table: &TrackTable<'_>) -> Result<()> {
    let mut logits: [Vec<(f32, bool)>; HEADS.len()] = Default::default();
    for_each_prediction(model, examples, table, MOST_VALIDATION_PLAYS, |_, predicted, labels| {
        for (head, pairs) in logits.iter_mut().enumerate() {
            let p = predicted[head].clamp(1e-7, 1.0 - 1e-7);
            pairs.extend(labels[head].map(|label| ((p / (1.0 - p)).ln(), label)));
        }
    })?;
    // A head whose response is never known stays as it is.
    let known = model.inverse_temperature.iter_mut().zip(&logits).filter(|(_, pairs)| !pairs.is_empty());
    for (inverse_temperature, pairs) in known {
        let loss = |log_scale: f64| -> f64 {
            let scale = log_scale.exp() as f32;
            pairs.iter().map(|&(logit, label)| log_loss(sigmoid(logit * scale), label)).sum()
        };
        *inverse_temperature = golden_section(loss, -1.0, 1.0).exp() as f32;
    }
    Ok(())
}

/// The minimum of a unimodal function.
fn golden_section(function: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_a, mut at_b) = (function(a), function(b));
    for _ in 0..20 {
        if at_a < at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - ratio * (high - low);
            at_a = function(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + ratio * (high - low);
            at_b = function(b);
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_section_finds_the_minimum() {
        assert!((golden_section(|x| (x - 0.3).powi(2), -1.0, 1.0) - 0.3).abs() < 1e-4);
    }
}
