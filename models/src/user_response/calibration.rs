//! Calibration of a trained model's heads.

use std::path::Path;

use super::batches::TrainableModel;
use super::play_weights::PlayWeights;
use super::response_model::for_each_prediction;
use super::training::{MOST_VALIDATION_PLAYS, TrainingInput};
use super::{HEADS, Predictions};
use crate::metrics::log_loss;
use crate::tensors::{SavedTensor, TensorFile};
use crate::{ModelError, Result};

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// What brings a head's logit x to the logit a x + b that fits the validation plays best (Platt 1999; with b = 0 the temperature
/// of Guo et al., ICML 2017).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// a
    pub slope: f32,
    /// b
    pub offset: f32,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { slope: 1.0, offset: 0.0 }
    }
}

impl Calibration {
    /// The calibrated probability of a logit.
    pub fn probability(self, logit: f32) -> f32 {
        sigmoid(self.slope * logit + self.offset)
    }
}

/// The calibrations of all heads.
pub type Calibrations = [Calibration; HEADS.len()];

/// Appends the probabilities of logits `[rows, 4]`.
pub(super) fn predict(calibrations: &Calibrations, logits: &[f32], predictions: &mut Vec<Predictions>) {
    let row = |row: &[f32]| std::array::from_fn(|head| calibrations[head].probability(row[head]));
    predictions.extend(logits.chunks_exact(HEADS.len()).map(row));
}

/// For a model's file: slopes, then offsets.
pub(super) fn saved(calibrations: &Calibrations) -> SavedTensor<'static> {
    let slopes = calibrations.iter().map(|head| head.slope);
    let values: Vec<f32> = slopes.chain(calibrations.iter().map(|head| head.offset)).collect();
    SavedTensor::floats(&[2, HEADS.len()], &values).into_owned()
}

/// Reads what [`saved`] gave.
pub(super) fn load(file: &TensorFile, path: &Path) -> Result<Calibrations> {
    let (_, values) = file.floats("calibration")?;
    if values.len() != 2 * HEADS.len() {
        return Err(ModelError::bad_file(path, "does not have four heads"));
    }
    Ok(std::array::from_fn(|head| Calibration { slope: values[head], offset: values[HEADS.len() + head] }))
}

/// Fits each head on the validation plays that count. The log loss is convex in slope and offset; Newton's method finds its minimum.
pub(super) fn calibrate(
    model: &mut impl TrainableModel,
    input: &TrainingInput<'_>,
    weights: &PlayWeights,
) -> Result<()> {
    let mut logits: [Vec<(f32, bool)>; HEADS.len()] = Default::default();
    let examples = &input.data.validation;
    for_each_prediction(model, examples, &input.tracks, MOST_VALIDATION_PLAYS, |play, predicted, labels| {
        if !input.users.holds(examples.user[play]) || weights.of(examples, play) == 0.0 {
            return;
        }
        for (head, pairs) in logits.iter_mut().enumerate() {
            let p = predicted[head].clamp(1e-7, 1.0 - 1e-7);
            pairs.extend(labels[head].map(|label| ((p / (1.0 - p)).ln(), label)));
        }
    })?;
    for (calibration, pairs) in model.readout().calibrations.iter_mut().zip(&logits) {
        *calibration = fit(pairs);
    }
    Ok(())
}

/// Examples of each response without which a head stays as it is: so few tell nothing.
const LEAST_OF_EACH: usize = 10;

/// Newton's method on (slope, offset), each step halved until the loss falls.
fn fit(pairs: &[(f32, bool)]) -> Calibration {
    let given = pairs.iter().filter(|(_, observed)| *observed).count();
    let mut best = Calibration::default();
    if given.min(pairs.len() - given) < LEAST_OF_EACH {
        return best;
    }
    let loss_of = |of: Calibration| -> f64 { pairs.iter().map(|&(x, y)| log_loss(of.probability(x), y)).sum() };
    let mut loss = loss_of(best);
    for _ in 0..30 {
        // Gradient, and the Hessian's three numbers.
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 1e-9, 0.0, 1e-9);
        for &(x, observed) in pairs {
            let (x, p) = (f64::from(x), f64::from(best.probability(x)));
            let (error, weight) = (p - f64::from(u8::from(observed)), p * (1.0 - p));
            (ga, gb) = (ga + error * x, gb + error);
            (haa, hab, hbb) = (haa + weight * x * x, hab + weight * x, hbb + weight);
        }
        let determinant = haa * hbb - hab * hab;
        if determinant <= 0.0 {
            return best;
        }
        let step = [(hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant];
        let taken = (0..20).map(|halvings| 0.5f64.powi(halvings)).find_map(|share| {
            let slope = best.slope - (share * step[0]) as f32;
            let next = Calibration { slope, offset: best.offset - (share * step[1]) as f32 };
            let next_loss = loss_of(next);
            (next_loss < loss).then_some((next, next_loss))
        });
        let Some((next, next_loss)) = taken else { return best };
        let gain = loss - next_loss;
        (best, loss) = (next, next_loss);
        if gain < 1e-9 * loss {
            return best;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are scikit-learn's, without a penalty:
    /// ```python
    /// import numpy as np
    /// from sklearn.linear_model import LogisticRegression
    /// x = np.sin(np.arange(60) * .7) * 3; y = (np.sin(np.arange(60) * 1.3) + .5 * x - .4) > 0
    /// m = LogisticRegression(C=1e12, tol=1e-12, max_iter=10000).fit(x[:, None], y)
    /// print(m.coef_[0, 0], m.intercept_[0])
    /// ```
    #[test]
    fn slope_and_offset_are_those_of_a_logistic_regression() {
        let pairs: Vec<(f32, bool)> = (0..60)
            .map(|k| {
                let x = (f64::from(k) * 0.7).sin() * 3.0;
                (x as f32, (f64::from(k) * 1.3).sin() + 0.5 * x - 0.4 > 0.0)
            })
            .collect();
        let found = fit(&pairs);
        assert!((found.slope - 1.39863).abs() < 1e-3 && (found.offset - -1.36323).abs() < 1e-3, "{found:?}");
        // All alike, or too few of one kind: as it is.
        assert_eq!(fit(&[]), Calibration::default());
        assert_eq!(fit(&[(1.0, true); 50]), Calibration::default());
    }
}
