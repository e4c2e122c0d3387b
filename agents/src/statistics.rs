//! Means with their uncertainty, and tests of differences.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A mean with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Estimate {
    /// The mean of independent values, with the normal interval mean ± 1.96 s / sqrt(n) (s: sample standard
    /// deviation). For hundreds of sessions the central limit theorem makes it hold.
    pub fn of(values: impl ExactSizeIterator<Item = f64> + Clone) -> Self {
        let count = values.len() as f64;
        let mean = values.clone().sum::<f64>() / count;
        let variance = values.map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
        let reach = 1.96 * (variance / count).sqrt();
        Self { mean, low: mean - reach, high: mean + reach }
    }
}

/// Fewest users whose spread tells how far off a mean may be; of what is drawn by a bootstrap, too: of fewer there are too few
/// different resamples for an interval.
pub(crate) const LEAST_UNITS: usize = 10;

impl Estimate {
    /// The mean of values of which those of one user are not independent, with the normal interval by the spread of the
    /// users' sums: the variance is u / (u - 1) sum over users of (sum of x - mean)^2 / n^2, for u users (Liang and Zeger,
    /// Biometrika 73, 1986). Where each user has one value it is that of [`Self::of`]. Of fewer than 10 users their spread tells
    /// too little: values then count as independent, and the interval holds of these users alone.
    pub(crate) fn of_users(values: &[f64], users: &[u32]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let mut sums: BTreeMap<u32, f64> = BTreeMap::new();
        for (value, &user) in values.iter().zip(users) {
            *sums.entry(user).or_default() += value - mean;
        }
        if sums.len() < LEAST_UNITS {
            return Self::of(values.iter().copied());
        }
        let of_users = sums.len() as f64;
        let correction = of_users / (of_users - 1.0).max(1.0);
        let error = (correction * sums.values().map(|sum| sum * sum).sum::<f64>()).sqrt() / count;
        Self { mean, low: mean - 1.96 * error, high: mean + 1.96 * error }
    }

    /// The standard error, where the interval is a normal one.
    pub(crate) fn standard_error(&self) -> f64 {
        (self.high - self.mean) / 1.96
    }
}

/// Two-sided p-value of no difference, where an estimate over its standard error follows the normal distribution:
/// erfc(|z| / sqrt 2). 1 where nothing differs at all.
pub(crate) fn two_sided_p_value(difference: f64, standard_error: f64) -> f64 {
    if difference == 0.0 { 1.0 } else { libm::erfc(difference.abs() / standard_error / std::f64::consts::SQRT_2) }
}

/// The p-values of a family of comparisons, adjusted so that the chance of any false finding among them is at most that of
/// one comparison: in ascending order, p times the number of those not smaller, made ascending (Holm, Scandinavian Journal of
/// Statistics 6, 1979).
pub fn holm_adjusted(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let (mut adjusted, mut highest) = (vec![0.0; p_values.len()], 0.0f64);
    for (rank, &place) in order.iter().enumerate() {
        highest = highest.max(p_values[place] * (p_values.len() - rank) as f64).min(1.0);
        adjusted[place] = highest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are SciPy's and, for Holm, worked by hand (statsmodels' `multipletests(p, method="holm")` has no place in
    /// the peers): 5 x .004, 4 x .01, 3 x .03, then 2 x .04 = .08 raised to .09, and .8.
    /// ```python
    /// from scipy.stats import norm
    /// print(2 * norm.sf(1.2 / 0.5), 2 * norm.sf(3 / 0.25))   # 0.016395071849192262 3.552964224155306e-33
    /// ```
    #[test]
    fn p_values_and_their_correction_agree_with_independent_ones() {
        let near = |found: f64, expected: f64| ((found - expected) / expected).abs() < 1e-9;
        assert!(near(two_sided_p_value(1.2, 0.5), 0.016395071849192262));
        assert!(near(two_sided_p_value(-3.0, 0.25), 3.552964224155306e-33));
        assert_eq!((two_sided_p_value(0.0, 0.0), two_sided_p_value(1.0, 0.0)), (1.0, 0.0));
        let found = holm_adjusted(&[0.03, 0.8, 0.004, 0.04, 0.01]);
        let expected = [0.09, 0.8, 0.02, 0.09, 0.04];
        assert!(found.iter().zip(expected).all(|(&found, expected)| near(found, expected)), "{found:?}");
        assert_eq!((holm_adjusted(&[0.6, 0.7]), holm_adjusted(&[])), (vec![1.0, 1.0], Vec::new()));
    }

    #[test]
    fn the_interval_is_that_of_the_formula() {
        // By hand: mean 2.5, s^2 = (2.25 + 0.25 + 0.25 + 2.25) / 3 = 5/3, standard error sqrt(5/12).
        let estimate = Estimate::of([1.0, 2.0, 3.0, 4.0].into_iter());
        assert_eq!(estimate.mean, 2.5);
        assert!((estimate.high - 2.5 - 1.96 * (5.0f64 / 12.0).sqrt()).abs() < 1e-12);
        assert!((estimate.low + estimate.high - 5.0).abs() < 1e-12);
    }

    /// By hand, of 10 users: values u and u + 1 of user u from 0 to 9: mean 5, users' sums of what is beyond it 2 u - 9; their
    /// squares sum to 330; sqrt(10 / 9 x 330) / 20.
    #[test]
    fn values_of_one_user_count_together() {
        let values: Vec<f64> = (0..20).map(|k| f64::from(k / 2 + k % 2)).collect();
        let users: Vec<u32> = (0..20).map(|k| 70 - k / 2).collect();
        let estimate = Estimate::of_users(&values, &users);
        let error = estimate.standard_error();
        assert!((estimate.mean - 5.0).abs() < 1e-12 && (error - (10.0f64 / 9.0 * 330.0).sqrt() / 20.0).abs() < 1e-12);
        assert!((estimate.high - estimate.mean - 1.96 * error).abs() < 1e-12);
        // One value each, or too few users: independent values.
        let alone: Vec<u32> = (0..20).collect();
        for users in [alone, vec![3; 20]] {
            let (found, expected) = (Estimate::of_users(&values, &users), Estimate::of(values.iter().copied()));
            assert!((found.high - expected.high).abs() < 1e-12);
        }
    }
}
