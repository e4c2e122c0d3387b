//! Means with their uncertainty.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_formula() {
        // By hand: mean 2.5, s^2 = (2.25 + 0.25 + 0.25 + 2.25) / 3 = 5/3, standard error sqrt(5/12).
        let estimate = Estimate::of([1.0, 2.0, 3.0, 4.0].into_iter());
        assert_eq!(estimate.mean, 2.5);
        assert!((estimate.high - 2.5 - 1.96 * (5.0f64 / 12.0).sqrt()).abs() < 1e-12);
        assert!((estimate.low + estimate.high - 5.0).abs() < 1e-12);
    }
}
