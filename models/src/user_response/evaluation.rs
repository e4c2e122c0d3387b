//! Measures a user-response model on held-out plays, beside its baselines.

use std::collections::BTreeMap;

use listening_data::Context;
use serde::{Deserialize, Serialize};

use super::response_model::for_each_prediction;
use super::{ConstantBaseline, HEADS, RateBaseline, ResponseModel, TrackTable};
use crate::features::{CONTEXT_FEATURES, hour_and_device};
use crate::metrics::{log_loss, reliability};
use crate::prepared::{Examples, PreparedData};
use crate::user_state::evaluation::HourClass;
use crate::{BinaryMetrics, ModelError, ReliabilityBin, Result};

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
    /// Predictions of like size beside what happened.
    pub reliability: Vec<ReliabilityBin>,
    /// By place in the session, part of the day, device, and whether the propensity is known.
    pub groups: Vec<GroupLoss>,
}

/// The plays of one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupLoss {
    /// The group, e.g. `place: 2 to 3`.
    pub group: String,
    /// Plays with a known response.
    pub count: u64,
    /// Share of them with the response.
    pub base_rate: f64,
    /// Mean of the predictions.
    pub predicted: f64,
    /// Mean negative log likelihood in nats.
    pub log_loss: f64,
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
    model: &dyn ResponseModel,
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
    let mut groups: [Groups; HEADS.len()] = Default::default();
    let mut plays = 0;
    for_each_prediction(model, &data.test, table, MOST_PLAYS, |play, predicted, labels| {
        plays += 1;
        let names = group_names(&data.test, play);
        let by_rates = rates.predict(data.test.user[play], data.test.track[play]);
        for head in 0..HEADS.len() {
            if let Some(label) = labels[head] {
                pairs[head].push((predicted[head], label));
                for name in &names {
                    groups[head].entry(name.clone()).or_default().add(predicted[head], label);
                }
                baseline_sums[head][0] += log_loss(constant[head], label);
                baseline_sums[head][1] += log_loss(by_rates[head], label);
            }
        }
    })?;
    let measured = HEADS.iter().zip(&mut pairs).zip(baseline_sums).zip(groups);
    let heads = measured.map(|(((head, pairs), sums), groups)| HeadReport {
        head: (*head).to_owned(),
        constant_log_loss: sums[0] / pairs.len().max(1) as f64,
        rates_log_loss: sums[1] / pairs.len().max(1) as f64,
        model: BinaryMetrics::of(pairs),
        reliability: reliability(pairs),
        groups: groups.into_iter().map(|((_, group), sums)| sums.report(group)).collect(),
    });
    Ok(Evaluation { plays, users: users as u64, heads: heads.collect() })
}

/// Groups by order and name.
type Groups = BTreeMap<(usize, String), GroupSums>;

#[derive(Clone, Copy, Default)]
struct GroupSums {
    count: u64,
    observed: f64,
    predicted: f64,
    loss: f64,
}

impl GroupSums {
    fn add(&mut self, predicted: f32, observed: bool) {
        self.count += 1;
        self.observed += f64::from(u8::from(observed));
        self.predicted += f64::from(predicted);
        self.loss += log_loss(predicted, observed);
    }

    fn report(self, group: String) -> GroupLoss {
        let mean = |sum: f64| sum / self.count as f64;
        let (base_rate, predicted, log_loss) = (mean(self.observed), mean(self.predicted), mean(self.loss));
        GroupLoss { group, count: self.count, base_rate, predicted, log_loss }
    }
}

/// First places of the classes of places, from 1, and their names.
const PLACES: [(u32, &str); 6] =
    [(1, "1"), (2, "2 to 3"), (4, "4 to 6"), (7, "7 to 10"), (11, "11 to 20"), (21, "21 and on")];

/// The groups that a play is in.
fn group_names(examples: &Examples, play: usize) -> Vec<(usize, String)> {
    let class = PLACES.partition_point(|&(first, _)| first <= examples.position[play] + 1) - 1;
    let features = examples.session_features(play);
    let (hour, device) = hour_and_device(&features[features.len() - CONTEXT_FEATURES..]);
    let part_of_day = HourClass::of(&Context { hour, ..Context::default() });
    let mut names = vec![(class, format!("place: {}", PLACES[class].1))];
    names.extend(part_of_day.map(|part| (PLACES.len() + part as usize, format!("hour: {}", part.name()))));
    let after_hours = PLACES.len() + HourClass::ALL.len();
    names.extend(device.map(|device| (after_hours + device.code(), format!("device: {}", device.name()))));
    // Plays that were drawn, and so are like a policy's; the others were mostly chosen by the listeners.
    let known = if examples.propensity(play).is_some() { "known" } else { "unknown" };
    names.push((usize::MAX, format!("propensity: {known}")));
    names
}
