//! How good predicted probabilities are.

use serde::{Deserialize, Serialize};

/// Bins of the expected calibration error (Guo et al., ICML 2017, use 15).
const CALIBRATION_BINS: usize = 15;

/// Quality of the predictions of one response on held-out plays.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BinaryMetrics {
    /// Plays with a known response.
    pub count: u64,
    /// Share of plays with the response.
    pub base_rate: f64,
    /// Mean negative log likelihood in nats.
    pub log_loss: f64,
    /// Area under the ROC curve; 0.5 where only one class occurs.
    pub auc: f64,
    /// Expected calibration error: mean |predicted - observed| over 15 bins of equal width (Guo et al. 2017, eq. 3).
    pub calibration_error: f64,
}

impl BinaryMetrics {
    /// Metrics of `(predicted probability, observed)` pairs. Sorts the pairs.
    pub fn of(pairs: &mut [(f32, bool)]) -> Self {
        let count = pairs.len();
        let positives = pairs.iter().filter(|(_, observed)| *observed).count();
        Self {
            count: count as u64,
            base_rate: positives as f64 / count.max(1) as f64,
            log_loss: pairs.iter().map(|&(p, observed)| log_loss(p, observed)).sum::<f64>() / count.max(1) as f64,
            auc: area_under_curve(pairs, positives),
            calibration_error: calibration_error(pairs),
        }
    }
}

/// Negative log likelihood of one observation; probabilities are kept off 0 and 1 by 1e-7.
pub fn log_loss(predicted: f32, observed: bool) -> f64 {
    let p = f64::from(predicted).clamp(1e-7, 1.0 - 1e-7);
    if observed { -p.ln() } else { -(1.0 - p).ln() }
}

/// Mann-Whitney statistic with mid-ranks for ties.
fn area_under_curve(pairs: &mut [(f32, bool)], positives: usize) -> f64 {
    let negatives = pairs.len() - positives;
    if positives == 0 || negatives == 0 {
        return 0.5;
    }
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut rank_sum = 0.0;
    let mut rank = 0;
    for ties in pairs.chunk_by(|a, b| a.0 == b.0) {
        let middle = rank as f64 + (ties.len() as f64 + 1.0) / 2.0;
        rank_sum += middle * ties.iter().filter(|(_, observed)| *observed).count() as f64;
        rank += ties.len();
    }
    (rank_sum - positives as f64 * (positives as f64 + 1.0) / 2.0) / (positives as f64 * negatives as f64)
}

/// Predictions of like size, beside what happened: a bar of the reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Plays.
    pub count: u64,
    /// Mean of the predictions.
    pub predicted: f64,
    /// Share with the response.
    pub observed: f64,
}

/// The reliability diagram of `(predicted probability, observed)` pairs over 15 bins of equal width, without empty ones.
pub fn reliability(pairs: &[(f32, bool)]) -> Vec<ReliabilityBin> {
    let mut bins = [(0u64, 0.0, 0.0); CALIBRATION_BINS];
    for &(p, observed) in pairs {
        let bin = &mut bins[((p * CALIBRATION_BINS as f32) as usize).min(CALIBRATION_BINS - 1)];
        *bin = (bin.0 + 1, bin.1 + f64::from(p), bin.2 + f64::from(u8::from(observed)));
    }
    let means = |&(count, predicted, observed): &(u64, f64, f64)| {
        let mean = |sum: f64| sum / count as f64;
        ReliabilityBin { count, predicted: mean(predicted), observed: mean(observed) }
    };
    bins.iter().filter(|(count, ..)| *count > 0).map(means).collect()
}

fn calibration_error(pairs: &[(f32, bool)]) -> f64 {
    let gap = |bin: &ReliabilityBin| bin.count as f64 * (bin.predicted - bin.observed).abs();
    reliability(pairs).iter().map(gap).sum::<f64>() / pairs.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are scikit-learn's:
    /// ```python
    /// from sklearn.metrics import log_loss, roc_auc_score
    /// p = [.1, .4, .35, .8, .4, .65]; y = [0, 0, 1, 1, 1, 0]
    /// log_loss(y, p), roc_auc_score(y, p)   # 0.6425441119349229, 0.6111111111111112
    /// ```
    #[test]
    fn agrees_with_scikit_learn() {
        let mut pairs = [(0.1, false), (0.4, false), (0.35, true), (0.8, true), (0.4, true), (0.65, false)];
        let metrics = BinaryMetrics::of(&mut pairs);
        assert!((metrics.log_loss - 0.642_544_111_934_922_9).abs() < 1e-6, "{metrics:?}");
        assert!((metrics.auc - 0.611_111_111_111_111_2).abs() < 1e-9, "{metrics:?}");
        assert_eq!((metrics.count, metrics.base_rate), (6, 0.5));
    }

    #[test]
    fn calibration_error_is_the_gap_between_predicted_and_observed() {
        // Two bins: predictions of 0.9 come true half the time, predictions of 0.1 never.
        let mut pairs = [(0.9, true), (0.9, false), (0.1, false), (0.1, false)];
        let metrics = BinaryMetrics::of(&mut pairs);
        assert!((metrics.calibration_error - (0.4 + 0.1) / 2.0).abs() < 1e-6, "{metrics:?}");
        let bins: Vec<_> = reliability(&pairs).iter().map(|bin| (bin.count, bin.observed)).collect();
        assert_eq!(bins, [(2, 0.0), (2, 0.5)]);
        assert_eq!(BinaryMetrics::of(&mut []).count, 0);
    }
}
