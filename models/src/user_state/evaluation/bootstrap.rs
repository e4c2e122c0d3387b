//! Intervals by the bootstrap over users (Efron 1979): users are drawn with replacement, each with all its sessions.

use listening_data::{CounterRng, Stream};
use serde::{Deserialize, Serialize};

/// A value with its interval of 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The value.
    pub value: f64,
    /// 2.5 % of the resampled values lie below.
    pub low: f64,
    /// 2.5 % of the resampled values lie above.
    pub high: f64,
}

impl Interval {
    /// The percentile interval of a value (Efron and Tibshirani 1993, chapter 13), given the same statistic of resamples.
    /// Resamples without a finite value are left out.
    pub fn of_resamples(value: f64, mut resampled: Vec<f64>) -> Self {
        resampled.retain(|value| value.is_finite());
        resampled.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (share * resampled.len().saturating_sub(1) as f64).round() as usize;
            resampled.get(place).copied().unwrap_or(value)
        };
        Self { value, low: at(0.025), high: at(0.975) }
    }
}

/// The users (0 to `users`, at least one) drawn in a resample: as many as there are, with replacement.
pub fn draw_users(users: usize, resample: u32, seed: u64) -> impl Iterator<Item = usize> {
    let mut rng = CounterRng::new(seed, Stream::Sampling, u64::from(resample), 0);
    (0..users).map(move |_| rng.below(users))
}

/// The interval of a statistic of `users` users (at least one), which is given the places of those drawn.
pub fn bootstrap(users: usize, resamples: u32, seed: u64, statistic: impl Fn(&[usize]) -> f64) -> Interval {
    let mut drawn: Vec<usize> = (0..users).collect();
    let value = statistic(&drawn);
    let resampled = (0..resamples).map(|resample| {
        drawn.iter_mut().zip(draw_users(users, resample, seed)).for_each(|(place, user)| *place = user);
        statistic(&drawn)
    });
    let resampled = resampled.collect();
    Interval::of_resamples(value, resampled)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean of n values of variance s^2 has the standard error s / sqrt(n), and its interval spans 2 x 1.96 of it.
    #[test]
    fn the_interval_of_a_mean_has_the_width_of_the_central_limit() {
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 20)).collect();
        let mean = |drawn: &[usize]| drawn.iter().map(|&i| values[i]).sum::<f64>() / drawn.len() as f64;
        let interval = bootstrap(values.len(), 4000, 1, mean);
        assert_eq!(interval.value, 9.5);
        let standard_error = ((20.0 * 20.0 - 1.0) / 12.0 / 400.0f64).sqrt();
        let expected = 2.0 * 1.96 * standard_error;
        assert!(((interval.high - interval.low) / expected - 1.0).abs() < 0.05, "{interval:?} {expected}");
        assert!(interval.low < 9.5 && interval.high > 9.5);
        assert_eq!(bootstrap(values.len(), 50, 1, mean), bootstrap(values.len(), 50, 1, mean));
    }
}
