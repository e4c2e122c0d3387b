//! How returns are distributed: they may have two peaks, and then a mean speaks of sessions that hardly occur.

use serde::{Deserialize, Serialize};

/// Bins of returns that are no whole numbers.
const BINS: usize = 30;
/// Widest span of whole numbers that has a bin for each.
const MOST_WHOLE: f64 = 60.0;

/// Sarle's bimodality coefficient (g^2 + 1) / (k + 3 (n - 1)^2 / ((n - 2) (n - 3))), with the sample's skewness g and excess
/// kurtosis k, both corrected for bias (Pfister, Schwarz, Janczyk, Dale and Freeman, Frontiers in Psychology 4:700, 2013). An
/// even distribution has 5/9, two points of equal weight have 1, the normal distribution 1/3. More than 5/9 speaks for two
/// peaks, or for one that is strongly skewed. `None` for fewer than four values, or equal ones.
pub fn bimodality_coefficient(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let moment = |power: i32| values.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / n;
    let variance = moment(2);
    if n < 4.0 || variance <= 0.0 {
        return None;
    }
    let skewness = (n * (n - 1.0)).sqrt() / (n - 2.0) * moment(3) / variance.powf(1.5);
    let excess = moment(4) / variance.powi(2) - 3.0;
    let below = (n - 2.0) * (n - 3.0);
    let kurtosis = (n - 1.0) / below * ((n + 1.0) * excess + 6.0);
    Some((skewness.powi(2) + 1.0) / (kurtosis + 3.0 * (n - 1.0).powi(2) / below))
}

/// Counts of the returns of several policies in common bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReturnHistogram {
    /// Ends of the bins, ascending, one more than there are bins. A bin holds its lower end; the last holds both.
    pub edges: Vec<f64>,
    /// Per policy, the sessions in each bin.
    pub counts: Vec<Vec<u64>>,
}

impl ReturnHistogram {
    /// The histogram of the returns of each policy. Whole numbers lie in the middle of bins of width 1.
    pub fn of(returns: &[Vec<f64>]) -> Self {
        let all = || returns.iter().flatten().copied();
        let (low, high) = all().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let whole = all().all(|x| x.fract() == 0.0) && high - low <= MOST_WHOLE;
        let (first, width, bins) = match (whole, high > low) {
            _ if low > high => (0.0, 1.0, 1),
            (true, _) => (low - 0.5, 1.0, (high - low) as usize + 1),
            (false, true) => (low, (high - low) / BINS as f64, BINS),
            (false, false) => (low - 0.5, 1.0, 1),
        };
        let count = |returns: &Vec<f64>| {
            let mut counts = vec![0; bins];
            returns.iter().for_each(|x| counts[(((x - first) / width) as usize).min(bins - 1)] += 1);
            counts
        };
        let edges = (0..=bins).map(|edge| first + width * edge as f64).collect();
        Self { edges, counts: returns.iter().map(count).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number is SciPy's:
    /// ```python
    /// from scipy.stats import skew, kurtosis
    /// x = [0, 0, 1, 2, 9, 10, 10, 12, 3, 11]; n = len(x)
    /// g, k = skew(x, bias=False), kurtosis(x, bias=False)
    /// print((g * g + 1) / (k + 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))))   # 0.4715300253289279
    /// ```
    #[test]
    fn the_coefficient_agrees_with_scipy_and_with_known_distributions() {
        let found = bimodality_coefficient(&[0.0, 0.0, 1.0, 2.0, 9.0, 10.0, 10.0, 12.0, 3.0, 11.0]).unwrap();
        assert!((found - 0.4715300253289279).abs() < 1e-12, "{found}");
        let even: Vec<f64> = (0..100_000).map(f64::from).collect();
        assert!((bimodality_coefficient(&even).unwrap() - 5.0 / 9.0).abs() < 1e-4);
        let two: Vec<f64> = (0..100_000).map(|i| f64::from(i % 2)).collect();
        assert!((bimodality_coefficient(&two).unwrap() - 1.0).abs() < 1e-4);
        assert_eq!((bimodality_coefficient(&[1.0; 9]), bimodality_coefficient(&[1.0, 2.0, 3.0])), (None, None));
    }

    #[test]
    fn returns_are_counted_once() {
        let whole = ReturnHistogram::of(&[vec![0.0, 3.0, 3.0], vec![1.0]]);
        assert_eq!(whole.edges, [-0.5, 0.5, 1.5, 2.5, 3.5]);
        assert_eq!(whole.counts, [[1, 0, 0, 2], [0, 1, 0, 0]]);
        let broken = ReturnHistogram::of(&[vec![0.0, 0.05, 0.15, 3.0]]);
        assert_eq!((broken.edges.len(), broken.counts[0][..2].to_vec(), broken.counts[0][29]), (31, vec![2, 1], 1));
        assert_eq!(ReturnHistogram::of(&[vec![0.5; 3]]).counts, [[3]]);
        assert_eq!(ReturnHistogram::of(&[Vec::new()]).counts, [[0]]);
    }
}
