//! Whether a listener comes back within some hours of a session, by how the session went: a logistic regression on what was
//! known of the listener before it and on its responses.
//!
//! p = sigmoid(b + w . (x - mean) / scale). Weights are those of highest likelihood under a normal prior of standard
//! deviation 1 (ridge regression), found by Newton's method (iteratively reweighted least squares).

mod rows;

use std::path::Path;

use listening_data::{Dataset, Progress};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use self::rows::ReturnRows;
use crate::features::{SLOW_FEATURES, TrackTotals};
use crate::metrics::{BinaryMetrics, log_loss};
use crate::tensors::{SavedTensor, TensorFile, save_tensors};
use crate::{ModelError, Result};

/// Features of how a session went: shares of its plays that were complete, skipped and past the threshold, its length, and
/// whether its last play was skipped.
const OUTCOME_FEATURES: usize = 5;

/// Slow features that are left out, the first two: how much a listener has heard so far. Sessions that are held out come last, so
/// that the amounts lie beyond those of the training sessions.
const AMOUNTS: usize = 2;

/// Features of a session that has ended.
const FEATURES: usize = SLOW_FEATURES - AMOUNTS + OUTCOME_FEATURES;

/// Newton's steps at most; some ten reach the last bit.
const MOST_STEPS: usize = 50;

/// How a session went; responses that are not known are not given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionSummary {
    plays: u32,
    given: [u32; 3],
    last_skipped: bool,
}

impl SessionSummary {
    /// Takes in the next play: complete, skip, past threshold.
    pub fn add(&mut self, responses: [bool; 3]) {
        self.plays += 1;
        self.given.iter_mut().zip(responses).for_each(|(given, response)| *given += u32::from(response));
        self.last_skipped = responses[1];
    }

    fn write(&self, features: &mut [f32]) {
        let share = |given: u32| given as f32 / self.plays.max(1) as f32;
        features[..3].copy_from_slice(&self.given.map(share));
        features[3] = (self.plays as f32).ln_1p();
        features[4] = f32::from(u8::from(self.last_skipped));
    }
}

/// Foretells whether a listener comes back.
#[derive(Clone, Debug, PartialEq)]
pub struct ReturnModel {
    /// Hours within which a listener comes back or does not.
    hours: f32,
    means: Vec<f32>,
    scales: Vec<f32>,
    /// One per feature, then the intercept.
    weights: Vec<f32>,
}

/// How well returns are foretold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReturnReport {
    /// Hours within which a listener comes back or does not.
    pub hours: f32,
    /// Sessions that the model was fitted to.
    pub training_sessions: u64,
    /// On the sessions of the last 15 % of the log's time after which the log goes on for as long.
    pub test: BinaryMetrics,
    /// Log loss there of the training sessions' share of returns.
    pub constant_log_loss: f64,
}

impl ReturnModel {
    /// Fits the model to the sessions of the first 85 % of the log's time and measures it on those of the rest. Memory holds 200,000
    /// sessions' features at most: of more sessions, as many are drawn evenly.
    ///
    /// # Errors
    /// Where the dataset has no session that is followed by another of its user, or none that is not.
    pub fn train(
        dataset: &Dataset,
        totals: &TrackTotals,
        artists: &[u32],
        (hours, seed): (f32, u64),
        progress: &dyn Progress,
    ) -> Result<(Self, ReturnReport)> {
        let [train, test] = rows::gather(dataset, totals, artists, (hours, seed), progress)?;
        let returned = train.returned.iter().filter(|&&returned| returned).count();
        if returned == 0 || returned == train.returned.len() {
            return Err(ModelError::TooLittleData(format!(
                "episodes of several sessions need listeners who come back within {hours} hours and such who do not; of {} \
                 training sessions {returned} are followed by another of the same user",
                train.returned.len()
            )));
        }
        let model = Self::fit(&train, hours)?;
        let rate = returned as f32 / train.returned.len() as f32;
        let constant = test.returned.iter().map(|&returned| log_loss(rate, returned)).sum::<f64>();
        let rows = test.features.chunks_exact(FEATURES).zip(&test.returned);
        let mut pairs: Vec<(f32, bool)> = rows.map(|(row, &returned)| (model.of_row(row), returned)).collect();
        let report = ReturnReport {
            hours,
            training_sessions: train.returned.len() as u64,
            test: BinaryMetrics::of(&mut pairs),
            constant_log_loss: constant / pairs.len().max(1) as f64,
        };
        Ok((model, report))
    }

    /// Probability that the listener comes back after a session: `slow` features of its start, and how it went.
    pub fn probability(&self, slow: &[f32], session: &SessionSummary) -> f32 {
        self.of_row(&row_of(slow, session))
    }

    fn of_row(&self, row: &[f32]) -> f32 {
        let standard = row.iter().zip(&self.means).zip(&self.scales).map(|((x, mean), scale)| (x - mean) / scale);
        let sum: f32 = standard.zip(&self.weights).map(|(x, weight)| x * weight).sum();
        1.0 / (1.0 + (-(sum + self.weights[FEATURES])).exp())
    }

    fn fit(rows: &ReturnRows, hours: f32) -> Result<Self> {
        let count = rows.returned.len() as i64;
        let x = Tensor::f_from_slice(&rows.features)?.f_to_kind(Kind::Double)?.f_reshape([count, FEATURES as i64])?;
        let y = Tensor::f_from_slice(&rows.returned)?.f_to_kind(Kind::Double)?;
        let means = x.f_mean_dim(0, false, Kind::Double)?;
        let scales = x.f_std_dim(0, false, false)?;
        // What never differs stays 0.
        let scales = scales.f_where_self(&scales.f_gt(1e-6)?, &scales.f_ones_like()?)?;
        let weights = newton(&x.f_sub(&means)?.f_div(&scales)?, &y)?;
        let of = |tensor: &Tensor| -> Result<Vec<f32>> { Ok(Vec::try_from(tensor.f_to_kind(Kind::Float)?)?) };
        Ok(Self { hours, means: of(&means)?, scales: of(&scales)?, weights: of(&weights)? })
    }

    /// Writes the model.
    pub fn save(&self, path: &Path) -> Result<()> {
        let tensors = [
            ("hours".to_owned(), SavedTensor::floats(&[1], std::slice::from_ref(&self.hours))),
            ("means".to_owned(), SavedTensor::floats(&[FEATURES], &self.means)),
            ("scales".to_owned(), SavedTensor::floats(&[FEATURES], &self.scales)),
            ("weights".to_owned(), SavedTensor::floats(&[FEATURES + 1], &self.weights)),
        ];
        save_tensors(path, &tensors)
    }

    /// Reads what [`Self::save`] wrote.
    pub fn load(path: &Path) -> Result<Self> {
        let file = TensorFile::open(path)?;
        let floats = |name: &str, count: usize| match file.floats(name)?.1 {
            values if values.len() == count => Ok(values),
            values => Err(ModelError::bad_file(path, format!("`{name}` has {} numbers, not {count}", values.len()))),
        };
        Ok(Self {
            hours: floats("hours", 1)?[0],
            means: floats("means", FEATURES)?,
            scales: floats("scales", FEATURES)?,
            weights: floats("weights", FEATURES + 1)?,
        })
    }
}

/// The features of a session: `slow` features of its start, and how it went.
fn row_of(slow: &[f32], session: &SessionSummary) -> [f32; FEATURES] {
    let mut row = [0.0; FEATURES];
    let (history, outcome) = row.split_at_mut(SLOW_FEATURES - AMOUNTS);
    history.copy_from_slice(&slow[AMOUNTS..]);
    session.write(outcome);
    row
}

/// Weights, then the intercept: the minimum of the sum of log losses and half the sum of squares of the weights.
fn newton(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let (count, features) = x.size2()?;
    let x = Tensor::f_cat(&[x.shallow_clone(), x.f_new_ones([count, 1], (Kind::Double, x.device()))?], 1)?;
    let mut prior = vec![1.0; features as usize];
    prior.push(0.0);
    let prior = Tensor::f_from_slice(&prior)?;
    let mut weights = prior.f_zeros_like()?;
    for _ in 0..MOST_STEPS {
        let p = x.f_mv(&weights)?.f_sigmoid()?;
        let gradient = x.f_tr()?.f_mv(&p.f_sub(y)?)?.f_add(&prior.f_mul(&weights)?)?;
        let variance = p.f_mul(&p.f_neg()?.f_add_scalar(1.0)?)?.f_unsqueeze(1)?;
        let curvature = x.f_tr()?.f_matmul(&x.f_mul(&variance)?)?.f_add(&prior.f_diag(0)?)?;
        let step = Tensor::f_linalg_solve(&curvature, &gradient, true)?;
        weights = weights.f_sub(&step)?;
        if step.f_abs()?.f_max()?.f_double_value(&[])? < 1e-10 {
            break;
        }
    }
    Ok(weights)
}

#[cfg(test)]
mod tests;
