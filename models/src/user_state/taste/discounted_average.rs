//! The discounted average: t = sum_j g^j w s_(n-j) / sum_j g^j w over the plays so far, j = 0 the last, times
//! sqrt(dimension), with w the weight of skipped plays, 1 for others.

use crate::track_embeddings::TrackVectors;
use crate::user_state::baselines::for_each_target;
use crate::user_state::{Foreteller, Foretold, Histories, Part};
use crate::{ModelError, Result};

/// The average over a set of histories.
pub struct DiscountedAverage<'a> {
    histories: &'a Histories,
    vectors: &'a TrackVectors,
    discount: f32,
    skipped_weight: f32,
}

impl<'a> DiscountedAverage<'a> {
    /// With a discount g in 0..=1 per play, and a weight in 0..=1 of skipped plays (De Boom et al. have no skips: 1).
    pub fn new(
        histories: &'a Histories,
        vectors: &'a TrackVectors,
        discount: f32,
        skipped_weight: f32,
    ) -> Result<Self> {
        for (name, value) in [("discount", discount), ("skipped_weight", skipped_weight)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(ModelError::setting(name, "must be in 0..=1"));
            }
        }
        Ok(Self { histories, vectors, discount, skipped_weight })
    }
}

impl Foreteller for DiscountedAverage<'_> {
    fn foretell(&self, part: Part, take: &mut dyn FnMut(Foretold<'_>) -> Result<()>) -> Result<()> {
        for_each_target(
            self.histories,
            self.vectors,
            part,
            || Sum::new(self.vectors.dimension()),
            |sum, target| take(Foretold { target, vector: &sum.average(), rank: None }),
            |sum, play| {
                let weight = if self.histories.skipped(play) { self.skipped_weight } else { 1.0 };
                sum.hear(self.vectors.vector(self.histories.track(play)), self.discount, weight);
            },
        )
    }
}

/// The discounted sum of the vectors heard, and that of their weights.
struct Sum {
    weight: f32,
    sum: Vec<f32>,
}

impl Sum {
    fn new(dimension: usize) -> Self {
        Self { weight: 0.0, sum: vec![0.0; dimension] }
    }

    /// The average, on the targets' scale.
    fn average(&self) -> Vec<f32> {
        let scale = (self.sum.len() as f32).sqrt() / self.weight.max(1e-12);
        self.sum.iter().map(|sum| sum * scale).collect()
    }

    fn hear(&mut self, vector: &[f32], discount: f32, weight: f32) {
        self.weight = self.weight * discount + weight;
        self.sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum = *sum * discount + weight * x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_and_skipped_plays_are_discounted() {
        let mut sum = Sum::new(4);
        assert_eq!(sum.average(), [0.0; 4], "nothing heard, nothing foretold");
        sum.hear(&[0.5, 0.0, 0.0, 0.0], 0.5, 1.0);
        sum.hear(&[0.0, 1.0, 0.0, 0.0], 0.5, 0.5);
        // (0.25, 0.5) / (0.5 + 0.5), times sqrt(4).
        let found = sum.average();
        assert!((found[0] - 0.5).abs() < 1e-6 && (found[1] - 1.0).abs() < 1e-6, "{found:?}");
        assert_eq!(Sum::new(4).average(), [0.0; 4], "a new user begins anew");
    }
}
