//! Measures a user-response model on held-out plays, beside its baselines.

use serde::{Deserialize, Serialize};

use super::training::{TrackTable, for_each_prediction};
use super::{ConstantBaseline, ContextualModel, HEADS, RateBaseline};
use crate::metrics::log_loss;
use crate::prepared::PreparedData;
use crate::{BinaryMetrics, ModelError, Result};

/// Plays measured at most, evenly spaced; bounds memory to 100 MB.
const MOST_PLAYS: usize = 2_000_000;

/// One head on the test sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeadReport {
    /// The head, one of [`HEADS`].
    pub head: String,
    /// The model's metrics.
    pub model: BinaryMetrics,
    /// Log loss of the constant baseline.
    pub constant_log_loss: f64,
    /// Log loss of the baseline of smoothed user and track rates.
    pub rates_log_loss: f64,
}

/// A model on the test sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Test plays measured.
    pub plays: u64,
    /// Users of the dataset.
    pub users: u64,
    /// Per head.
    pub heads: Vec<HeadReport>,
}

/// Measures the model on the test sessions, which neither training nor calibration has seen.
pub fn evaluate(
    model: &ContextualModel,
    data: &PreparedData,
    table: &TrackTable<'_>,
    users: usize,
) -> Result<Evaluation> {
    if data.test.is_empty() {
        let problem = "no user has enough sessions for a test split; import more logs or raise splits.test";
        return Err(ModelError::TooLittleData(problem.into()));
    }
    let tracks = table.values.len() / table.width;
    let constant = ConstantBaseline::new(&data.train).predict();
    let rates = RateBaseline::new(&data.train, &data.validation, users, tracks);
    let mut pairs: [Vec<(f32, bool)>; HEADS.len()] = Default::default();
    let mut baseline_sums = [[0.0; 2]; HEADS.len()];
    let mut plays = 0;
    for_each_prediction(model, &data.test, table, MOST_PLAYS, |play, predicted, labels| {
        plays += 1;
        let by_rates = rates.predict(data.test.user[play], data.test.track[play]);
        for head in 0..HEADS.len() {
            if let Some(label) = labels[head] {
                pairs[head].push((predicted[head], label));
                baseline_sums[head][0] += log_loss(constant[head], label);
                baseline_sums[head][1] += log_loss(by_rates[head], label);
            }
        }
    })?;
    let heads = HEADS.iter().zip(&mut pairs).zip(baseline_sums).map(|((head, pairs), sums)| HeadReport {
        head: (*head).to_owned(),
        constant_log_loss: sums[0] / pairs.len().max(1) as f64,
        rates_log_loss: sums[1] / pairs.len().max(1) as f64,
        model: BinaryMetrics::of(pairs),
    });
    Ok(Evaluation { plays, users: users as u64, heads: heads.collect() })
}
