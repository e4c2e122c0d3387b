//! Compares two models user by user.

use serde::{Deserialize, Serialize};

use super::bootstrap::{Interval, draw_users};
use super::next_track::{NextTrackMetrics, NextTrackReport};
use crate::{ModelError, Result};

/// Resamples of the bootstrap.
const RESAMPLES: u32 = 10_000;

/// One of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Euclidean distance.
    L2,
    /// Cosine distance.
    CosineDistance,
    /// Hit rate at 10.
    HitRateAt10,
    /// Hit rate at 100.
    HitRateAt100,
    /// Mean reciprocal rank.
    Mrr,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::L2, Self::CosineDistance, Self::HitRateAt10, Self::HitRateAt100, Self::Mrr];

    /// Its value.
    pub fn of(self, metrics: &NextTrackMetrics) -> f64 {
        match self {
            Self::L2 => metrics.l2,
            Self::CosineDistance => metrics.cosine_distance,
            Self::HitRateAt10 => metrics.hit_rate_at_10,
            Self::HitRateAt100 => metrics.hit_rate_at_100,
            Self::Mrr => metrics.mrr,
        }
    }
}

/// By how much two models differ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedDifference {
    /// Users compared.
    pub users: usize,
    /// Mean over users of the first model's metric less the second's.
    pub mean: f64,
    /// Bounds of its 95 % interval.
    pub interval: [f64; 2],
    /// Two-sided p-value of no difference: twice the share of resamples on the other side of zero.
    pub p_value: f64,
    /// Share of users for whom the first model's metric is lower.
    pub share_lower: f64,
}

/// Compares two models by a metric, each measured after training with one or more seeds: per user the mean over seeds,
/// and over users the mean difference with its percentile bootstrap (Efron and Tibshirani 1993, chapter 13; users are
/// drawn 10,000 times with replacement). Every user counts alike, whatever the number of targets.
pub fn compare_per_user(
    first: &[NextTrackReport],
    second: &[NextTrackReport],
    metric: Metric,
    seed: u64,
) -> Result<PairedDifference> {
    let differences = differences(first, second, metric)?;
    let count = differences.len();
    let mean = differences.iter().sum::<f64>() / count as f64;
    let mean_of =
        |resample| draw_users(count, resample, seed).map(|user| differences[user]).sum::<f64>() / count as f64;
    let means: Vec<f64> = (0..RESAMPLES).map(mean_of).collect();
    let share = |side: fn(f64) -> bool| {
        let beyond = means.iter().filter(|&&mean| side(mean)).count();
        // The data themselves count as one resample, so that no p-value is zero.
        (beyond + 1) as f64 / f64::from(RESAMPLES + 1)
    };
    let p_value = (2.0 * share(|mean| mean <= 0.0).min(share(|mean| mean >= 0.0))).min(1.0);
    let Interval { low, high, .. } = Interval::of_resamples(mean, means);
    Ok(PairedDifference {
        users: count,
        mean,
        interval: [low, high],
        p_value,
        share_lower: differences.iter().filter(|&&difference| difference < 0.0).count() as f64 / count as f64,
    })
}

/// Per user the difference of the means over seeds.
fn differences(first: &[NextTrackReport], second: &[NextTrackReport], metric: Metric) -> Result<Vec<f64>> {
    let (Some(model), Some(other)) = (first.first(), second.first()) else {
        return Err(ModelError::TooLittleData("two models are compared by one or more reports of each".into()));
    };
    let same_users = |report: &NextTrackReport| {
        let mut pairs = report.users.iter().zip(&model.users);
        report.users.len() == model.users.len() && pairs.all(|(a, b)| (a.user, a.targets) == (b.user, b.targets))
    };
    if !first.iter().chain(second).all(same_users) || other.users.is_empty() {
        let problem = "models are compared on the same targets of the same users; measure them on the same histories";
        return Err(ModelError::TooLittleData(problem.into()));
    }
    let mean = |reports: &[NextTrackReport], user: usize| {
        reports.iter().map(|report| metric.of(&report.users[user].means)).sum::<f64>() / reports.len() as f64
    };
    Ok((0..model.users.len()).map(|user| mean(first, user) - mean(second, user)).collect())
}

#[cfg(test)]
mod tests {
    use listening_data::{CounterRng, Stream};

    use super::*;
    use crate::user_state::evaluation::UserMetrics;

    fn report(values: &[f64]) -> NextTrackReport {
        let users = values.iter().enumerate().map(|(user, &l2)| UserMetrics {
            user: user as u32,
            targets: 3,
            means: NextTrackMetrics { l2, ..Default::default() },
        });
        NextTrackReport {
            targets: 3 * values.len() as u64,
            users_stride: 1,
            exact: NextTrackMetrics::default(),
            indexed: None,
            users: users.collect(),
        }
    }

    /// The interval of a mean of many users is known: mean ± 1.96 standard errors.
    #[test]
    fn the_interval_is_that_of_the_normal_distribution_for_many_users() {
        let mut rng = CounterRng::new(3, Stream::Sampling, 9, 9);
        let first: Vec<f64> = (0..400).map(|_| f64::from(rng.uniform())).collect();
        let second: Vec<f64> = first.iter().map(|x| x + 0.1 + 0.6 * (f64::from(rng.uniform()) - 0.5)).collect();
        let differences: Vec<f64> = first.iter().zip(&second).map(|(a, b)| a - b).collect();
        let mean = differences.iter().sum::<f64>() / 400.0;
        let variance = differences.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 400.0;
        let half = 1.96 * (variance / 400.0).sqrt();
        let found = compare_per_user(&[report(&first)], &[report(&second)], Metric::L2, 1).unwrap();
        assert!((found.mean - mean).abs() < 1e-12);
        assert!((found.interval[0] - (mean - half)).abs() < 0.05 * half, "{found:?} {half}");
        assert!((found.interval[1] - (mean + half)).abs() < 0.05 * half, "{found:?} {half}");
        assert!(found.p_value < 0.001 && found.share_lower > 0.5);
        assert_eq!(found.users, 400);
    }

    #[test]
    fn seeds_are_averaged_per_user_and_no_difference_is_found_where_there_is_none() {
        let first = [report(&[1.0, 5.0]), report(&[3.0, 1.0])];
        let found = compare_per_user(&first, &[report(&[2.0, 3.0])], Metric::L2, 1).unwrap();
        assert_eq!((found.mean, found.interval, found.p_value), (0.0, [0.0, 0.0], 1.0));
        let error = compare_per_user(&first, &[report(&[2.0])], Metric::L2, 1).unwrap_err();
        assert!(error.to_string().contains("same users"));
    }
}
