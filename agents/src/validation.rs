//! Can the simulator be believed? Policies of different quality, played in the simulated world and to the oracle's listeners
//! on the same sessions: does the simulator rank them as they are?

use std::collections::BTreeMap;

use listening_data::kolmogorov_smirnov;
use listening_models::user_state::evaluation::{Interval, bootstrap};
use serde::{Deserialize, Serialize};

use crate::SessionOutcome;

/// One policy in both worlds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyReturns {
    /// Its name.
    pub policy: String,
    /// Mean return in the simulated world.
    pub simulated: Interval,
    /// Mean return with the oracle's listeners.
    pub oracle: Interval,
    /// Simulated less oracle, paired by session.
    pub error: Interval,
    /// Share of the plays that are skipped in the simulated world.
    pub simulated_skip_rate: f64,
    /// And with the oracle's listeners.
    pub oracle_skip_rate: f64,
    /// Kolmogorov-Smirnov distance of the session lengths in both worlds.
    pub length_distance: f64,
}

/// What a choice by simulation costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelectionRegret {
    /// The policy of highest simulated return.
    pub chosen: String,
    /// The policy of highest return with the oracle's listeners.
    pub best: String,
    /// Return with the oracle's listeners that is lost by the choice, as a share of the best policy's return. In each resample
    /// chosen and best are found anew.
    pub regret: Interval,
}

/// How far the simulated returns are from those with the oracle's listeners. Intervals of 95 % are by the bootstrap over
/// users, each drawn with all sessions, in both worlds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimulatorValidation {
    /// Sessions per policy and world.
    pub sessions: u64,
    /// Users they are of.
    pub users: u64,
    /// Per policy.
    pub policies: Vec<PolicyReturns>,
    /// Pearson's correlation of the returns over the policies.
    pub pearson: Interval,
    /// Spearman's rank correlation.
    pub spearman: Interval,
    /// Kendall's rank correlation (tau-b).
    pub kendall: Interval,
    /// The choice of the best.
    pub selection: SelectionRegret,
}

/// A policy's sessions in both worlds, in order of their numbers.
pub struct PlayedTwice {
    /// Its name.
    pub policy: String,
    /// In the simulated world.
    pub simulated: Vec<SessionOutcome>,
    /// With the oracle's listeners.
    pub oracle: Vec<SessionOutcome>,
}

/// Compares; every policy must have played the same sessions, and there must be some.
pub fn validate_simulator(played: &[PlayedTwice], resamples: u32, seed: u64) -> SimulatorValidation {
    let mut places: BTreeMap<u32, usize> = BTreeMap::new();
    for outcome in played.iter().flat_map(|policy| &policy.simulated) {
        let next = places.len();
        places.entry(outcome.user).or_insert(next);
    }
    let users = places.len();
    // Per policy and world, per user: the sum of returns; and the users' sessions.
    let mut counts = vec![0.0; users];
    played.first().into_iter().flat_map(|policy| &policy.simulated).for_each(|o| counts[places[&o.user]] += 1.0);
    let by_user = |outcomes: &[SessionOutcome]| {
        let mut sums = vec![0.0; users];
        outcomes.iter().for_each(|outcome| sums[places[&outcome.user]] += outcome.total_reward);
        sums
    };
    let sums: Vec<[Vec<f64>; 2]> = played.iter().map(|p| [by_user(&p.simulated), by_user(&p.oracle)]).collect();
    let mean = |sums: &[f64], drawn: &[usize]| {
        let total = |of: &[f64]| drawn.iter().map(|&user| of[user]).sum::<f64>();
        total(sums) / total(&counts)
    };
    let means =
        |world: usize, drawn: &[usize]| -> Vec<f64> { sums.iter().map(|policy| mean(&policy[world], drawn)).collect() };
    let interval = |statistic: &dyn Fn(&[usize]) -> f64| bootstrap(users, resamples, seed, statistic);
    let correlation = |of: fn(&[f64], &[f64]) -> f64| interval(&|drawn| of(&means(0, drawn), &means(1, drawn)));
    let policies = played.iter().zip(&sums).map(|(policy, sums)| PolicyReturns {
        policy: policy.policy.clone(),
        simulated: interval(&|drawn| mean(&sums[0], drawn)),
        oracle: interval(&|drawn| mean(&sums[1], drawn)),
        error: interval(&|drawn| mean(&sums[0], drawn) - mean(&sums[1], drawn)),
        simulated_skip_rate: skip_rate(&policy.simulated),
        oracle_skip_rate: skip_rate(&policy.oracle),
        length_distance: length_distance(&policy.simulated, &policy.oracle),
    });
    let everybody: Vec<usize> = (0..users).collect();
    let name = |place: usize| played.get(place).map_or_else(String::new, |policy| policy.policy.clone());
    SimulatorValidation {
        sessions: played.first().map_or(0, |policy| policy.simulated.len() as u64),
        users: users as u64,
        policies: policies.collect(),
        pearson: correlation(pearson),
        spearman: correlation(spearman),
        kendall: correlation(kendall),
        selection: SelectionRegret {
            chosen: name(highest(&means(0, &everybody))),
            best: name(highest(&means(1, &everybody))),
            regret: interval(&|drawn| {
                let truth = means(1, drawn);
                let best = truth[highest(&truth)];
                (best - truth[highest(&means(0, drawn))]) / best
            }),
        },
    }
}

fn highest(values: &[f64]) -> usize {
    (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0)
}

fn skip_rate(outcomes: &[SessionOutcome]) -> f64 {
    let total = |count: fn(&SessionOutcome) -> u32| outcomes.iter().map(|o| f64::from(count(o))).sum::<f64>();
    total(|o| o.skips) / total(|o| o.length).max(1.0)
}

/// Kolmogorov-Smirnov distance of the session lengths.
fn length_distance(a: &[SessionOutcome], b: &[SessionOutcome]) -> f64 {
    let longest = a.iter().chain(b).map(|outcome| outcome.length).max().unwrap_or(0) as usize;
    let [a, b] = [a, b].map(|outcomes| {
        let mut counts = vec![0.0; longest + 1];
        outcomes.iter().for_each(|outcome| counts[outcome.length as usize] += 1.0);
        counts
    });
    kolmogorov_smirnov(&a, &b)
}

/// Pearson's correlation.
fn pearson(x: &[f64], y: &[f64]) -> f64 {
    let count = x.len() as f64;
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / count, y.iter().sum::<f64>() / count);
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        xy += (x - mean_x) * (y - mean_y);
        xx += (x - mean_x).powi(2);
        yy += (y - mean_y).powi(2);
    }
    xy / (xx * yy).sqrt()
}

/// Spearman's rank correlation; ties share their mean rank.
fn spearman(x: &[f64], y: &[f64]) -> f64 {
    pearson(&ranks(x), &ranks(y))
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count();
        let equal = values.iter().filter(|other| *other == value).count();
        below as f64 + (equal as f64 + 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}

/// Kendall's tau-b (Kendall 1945).
fn kendall(x: &[f64], y: &[f64]) -> f64 {
    let sign = |a: f64, b: f64| f64::from(i8::from(a > b) - i8::from(a < b));
    let (mut both, mut untied_x, mut untied_y) = (0.0, 0.0, 0.0);
    for i in 0..x.len() {
        for j in 0..i {
            let (in_x, in_y) = (sign(x[i], x[j]), sign(y[i], y[j]));
            both += in_x * in_y;
            untied_x += in_x * in_x;
            untied_y += in_y * in_y;
        }
    }
    both / f64::sqrt(untied_x * untied_y)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are SciPy's:
    /// ```python
    /// from scipy.stats import pearsonr, spearmanr, kendalltau
    /// x = [1., 2., 2., 4., 7., 3.]; y = [2., 1., 5., 5., 6., 2.5]
    /// print(pearsonr(x, y)[0], spearmanr(x, y)[0], kendalltau(x, y)[0])
    /// ```
    #[test]
    fn correlations_agree_with_scipy() {
        let (x, y) = ([1.0, 2.0, 2.0, 4.0, 7.0, 3.0], [2.0, 1.0, 5.0, 5.0, 6.0, 2.5]);
        let found = [pearson(&x, &y), spearman(&x, &y), kendall(&x, &y)];
        for (found, expected) in found.iter().zip([0.7176960822598122, 0.7500000000000001, 0.6428571428571429]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    fn played(policy: &str, simulated: [f64; 4], oracle: [f64; 4]) -> PlayedTwice {
        let outcomes = |returns: [f64; 4]| {
            let users = [5, 5, 9, 2];
            let outcome = |(total_reward, user)| SessionOutcome { total_reward, user, ..SessionOutcome::default() };
            returns.into_iter().zip(users).map(outcome).collect()
        };
        PlayedTwice { policy: policy.into(), simulated: outcomes(simulated), oracle: outcomes(oracle) }
    }

    #[test]
    fn lengths_and_skips_are_compared_as_by_hand() {
        let outcomes = |lengths: [u32; 4], skips: u32| {
            lengths.map(|length| SessionOutcome { length, skips, ..SessionOutcome::default() })
        };
        let (a, b) = (outcomes([2, 2, 5, 7], 1), outcomes([2, 5, 5, 5], 2));
        // Up to 2: 2 of 4 against 1; up to 5: 3 against 4.
        assert_eq!(length_distance(&a, &b), 0.25);
        assert_eq!((skip_rate(&a), skip_rate(&b)), (4.0 / 16.0, 8.0 / 17.0));
    }

    #[test]
    fn returns_and_regret_are_those_worked_by_hand() {
        let validation = validate_simulator(
            &[
                played("a", [1.0; 4], [1.0, 2.0, 1.0, 2.0]),
                played("b", [3.0; 4], [3.0, 3.0, 4.0, 2.0]),
                played("c", [2.0; 4], [4.0; 4]),
            ],
            200,
            1,
        );
        assert_eq!((validation.sessions, validation.users), (4, 3));
        let of = |policy: usize| &validation.policies[policy];
        assert_eq!((of(0).simulated.value, of(0).oracle.value, of(0).error.value), (1.0, 1.5, -0.5));
        // Of users 5, 9 and 2 the means are 1.5, 1 and 2: no resample lies outside.
        assert!(of(0).oracle.low >= 1.0 && of(0).oracle.high <= 2.0 && of(0).oracle.low < of(0).oracle.high);
        assert_eq!((validation.selection.chosen.as_str(), validation.selection.best.as_str()), ("b", "c"));
        assert_eq!(validation.selection.regret.value, 0.25);
        assert_eq!(validation.spearman.value, 0.5);
        assert_eq!(validation.selection.regret.low, 0.0, "where user 9 alone is drawn, b is as good as c");
    }
}
