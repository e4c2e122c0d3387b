//! Draws from the few distributions that the synthetic world needs.

use rand::RngExt;
use rand_distr::{Distribution, Exp1, StandardNormal};

use crate::CounterRng;

/// Uniform in [0, 1), with all bits of a double.
pub(super) fn uniform(rng: &mut CounterRng) -> f64 {
    rng.random()
}

/// Standard normal.
pub(super) fn normal(rng: &mut CounterRng) -> f64 {
    StandardNormal.sample(rng)
}

/// Exponential with mean 1.
pub(super) fn exponential(rng: &mut CounterRng) -> f64 {
    Exp1.sample(rng)
}

/// Poisson: arrivals within `mean` units of time at one per unit. Meant for small means.
pub(super) fn poisson(mean: f64, rng: &mut CounterRng) -> usize {
    let mut time = exponential(rng);
    let mut arrivals = 0;
    while time < mean {
        arrivals += 1;
        time += exponential(rng);
    }
    arrivals
}

/// A vector of independent normals with expected squared length `scale` squared.
pub(super) fn normal_vector(dimension: usize, scale: f64, rng: &mut CounterRng) -> Vec<f32> {
    let scale = scale / (dimension as f64).sqrt();
    (0..dimension).map(|_| (scale * normal(rng)) as f32).collect()
}

/// The place of one of `weights`, drawn in proportion; the last one where rounding leaves a rest.
pub(super) fn weighted(weights: &[f64], rng: &mut CounterRng) -> usize {
    let mut rest = uniform(rng) * weights.iter().sum::<f64>();
    for (place, weight) in weights.iter().enumerate() {
        rest -= weight;
        if rest < 0.0 {
            return place;
        }
    }
    weights.len().saturating_sub(1)
}

/// Draws an item in proportion to exp(score): the largest of score plus Gumbel noise.
pub(super) fn soft_choice(
    items: impl Iterator<Item = u32>,
    score: impl Fn(u32) -> f64,
    rng: &mut CounterRng,
) -> Option<u32> {
    items.map(|item| (item, score(item) - exponential(rng).ln())).max_by(|a, b| a.1.total_cmp(&b.1)).map(|best| best.0)
}

/// Scales a vector to length 1; a zero vector stays.
pub(super) fn normalise(vector: &mut [f32]) {
    let length = dot(vector, vector).sqrt() as f32;
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}

/// Adds `scale` times another vector.
pub(super) fn add_scaled(vector: &mut [f32], scale: f64, other: &[f32]) {
    vector.iter_mut().zip(other).for_each(|(value, other)| *value += scale as f32 * other);
}

/// Dot product.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
    f64::from(a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;

    #[test]
    fn draws_follow_their_weights() {
        let mut rng = CounterRng::new(3, Stream::Listening, 0, 0);
        let count = 20_000;
        let mut by_weight = [0; 3];
        let mut by_score = [0; 3];
        let mut arrivals = 0;
        for _ in 0..count {
            by_weight[weighted(&[1.0, 0.0, 3.0], &mut rng)] += 1;
            let score = |item: u32| [0.0, f64::NEG_INFINITY, 3f64.ln()][item as usize];
            by_score[soft_choice(0..3, score, &mut rng).unwrap() as usize] += 1;
            arrivals += poisson(0.7, &mut rng);
        }
        for counts in [by_weight, by_score] {
            // Standard error of the share 0.25 is 0.003.
            assert!((f64::from(counts[0]) / f64::from(count) - 0.25).abs() < 0.015, "{counts:?}");
            assert_eq!(counts[1], 0);
        }
        assert!((arrivals as f64 / f64::from(count) - 0.7).abs() < 0.03, "{arrivals}");
        assert_eq!(soft_choice(0..0, |_| 0.0, &mut rng), None);
    }
}
