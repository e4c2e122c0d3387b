//! The discounted average: t = sum_j g^j s_(n-j) / sum_j g^j over the plays so far, j = 0 the last, times sqrt(dimension).

use super::{Listens, foretell_by_listening};
use crate::track_embeddings::TrackVectors;
use crate::user_state::{Foreteller, Foretold, Histories, Part};
use crate::{ModelError, Result};

/// The average over a set of histories.
pub struct DiscountedAverage<'a> {
    histories: &'a Histories,
    vectors: &'a TrackVectors,
    discount: f32,
}

impl<'a> DiscountedAverage<'a> {
    /// With a discount g in 0..=1 per play.
    pub fn new(histories: &'a Histories, vectors: &'a TrackVectors, discount: f32) -> Result<Self> {
        if !(0.0..=1.0).contains(&discount) {
            return Err(ModelError::setting("discount", "must be in 0..=1"));
        }
        Ok(Self { histories, vectors, discount })
    }
}

impl Foreteller for DiscountedAverage<'_> {
    fn foretell(&self, part: Part, take: &mut dyn FnMut(Foretold<'_>) -> Result<()>) -> Result<()> {
        let dimension = self.vectors.dimension();
        let mut sum =
            Sum { discount: self.discount, weight: 0.0, sum: vec![0.0; dimension], average: vec![0.0; dimension] };
        foretell_by_listening(&mut sum, self.histories, self.vectors, part, take)
    }
}

struct Sum {
    discount: f32,
    weight: f32,
    sum: Vec<f32>,
    average: Vec<f32>,
}

impl Listens for Sum {
    fn begin(&mut self) {
        self.weight = 0.0;
        self.sum.fill(0.0);
    }

    fn foretell(&mut self) -> &[f32] {
        let scale = (self.sum.len() as f32).sqrt() / self.weight.max(1e-12);
        self.average.iter_mut().zip(&self.sum).for_each(|(average, sum)| *average = sum * scale);
        &self.average
    }

    fn hear(&mut self, vector: &[f32]) {
        self.weight = self.weight * self.discount + 1.0;
        self.sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum = *sum * self.discount + x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_plays_are_discounted() {
        let mut sum = Sum { discount: 0.5, weight: 0.0, sum: vec![0.0; 4], average: vec![0.0; 4] };
        assert_eq!(sum.foretell(), [0.0; 4], "nothing heard, nothing foretold");
        sum.hear(&[1.0, 0.0, 0.0, 0.0]);
        sum.hear(&[0.0, 1.0, 0.0, 0.0]);
        // (0.5, 1) / 1.5, times sqrt(4).
        let found = sum.foretell();
        assert!((found[0] - 2.0 / 3.0).abs() < 1e-6 && (found[1] - 4.0 / 3.0).abs() < 1e-6, "{found:?}");
        sum.begin();
        assert_eq!(sum.foretell(), [0.0; 4]);
    }
}
