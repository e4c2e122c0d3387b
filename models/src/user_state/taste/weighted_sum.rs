//! bWST and bWLT: t = sum_j w_j s_(n-j), with one learnt weight per place in the past (De Boom et al. 2017, section 3.3).
//!
//! The weights minimise sum |t - s_(n+l)|^2 + lambda |w|^2 over the training plays, with l drawn as for the networks: a
//! ridge regression whose normal equations are as many as there are places. They are summed in one pass.

use std::collections::VecDeque;

use listening_data::{CounterRng, Stream};
use serde::{Deserialize, Serialize};

use crate::splits::Split;
use crate::track_embeddings::{TrackVectors, dot};
use crate::user_state::baselines::for_each_target;
use crate::user_state::{Foreteller, Foretold, Histories, Part, TargetOffset};
use crate::{ModelError, Result};

/// Settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WeightedSumSettings {
    /// Plays looked back on.
    pub places: usize,
    /// Weight of the penalty, per training target.
    pub lambda: f64,
}

impl Default for WeightedSumSettings {
    /// Sizes are not published; these are ours.
    fn default() -> Self {
        Self { places: 50, lambda: 1e-3 }
    }
}

/// The weights, over a set of histories.
pub struct WeightedSum<'a> {
    histories: &'a Histories,
    vectors: &'a TrackVectors,
    /// Per place, the last play first.
    weights: Vec<f32>,
}

impl<'a> WeightedSum<'a> {
    /// Fits the weights to the training plays.
    pub fn fit(
        histories: &'a Histories,
        vectors: &'a TrackVectors,
        settings: &WeightedSumSettings,
        offset: TargetOffset,
        seed: u64,
    ) -> Result<Self> {
        if settings.places == 0 || settings.lambda.is_nan() || settings.lambda < 0.0 {
            return Err(ModelError::setting("places, lambda", "must be at least 1 and 0"));
        }
        let places = settings.places;
        let mut equations = NormalEquations::new(places);
        for user in 0..histories.users() {
            let plays = histories.plays_of_all(histories.sessions_until(user, Split::Train));
            let mut rng = CounterRng::new(seed, Stream::TargetOffset, user as u64, 0);
            let mut recent: VecDeque<u32> = VecDeque::with_capacity(places + 1);
            for play in plays.clone() {
                let further = offset.shortest - 1 + rng.below(offset.longest - offset.shortest + 1);
                let target = play + further;
                if target < plays.end && !histories.skipped(target) && vectors.known(histories.track(target)) {
                    equations.add(&recent, histories.track(target), vectors);
                }
                recent.push_front(histories.track(play));
                recent.truncate(places);
            }
        }
        if equations.targets == 0 {
            return Err(ModelError::TooLittleData("no training play to fit the weights of past plays to".into()));
        }
        let weights = equations.solve(settings.lambda);
        Ok(Self { histories, vectors, weights })
    }

    /// The weighted sum of the last tracks, the latest first, on the targets' scale.
    fn sum(&self, recent: &VecDeque<u32>) -> Vec<f32> {
        let mut sum = vec![0.0; self.vectors.dimension()];
        let scale = (sum.len() as f32).sqrt();
        for (&track, weight) in recent.iter().zip(&self.weights) {
            sum.iter_mut().zip(self.vectors.vector(track)).for_each(|(sum, x)| *sum += scale * weight * x);
        }
        sum
    }

    /// The weights, of the last play first.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }
}

impl Foreteller for WeightedSum<'_> {
    fn foretell(&self, part: Part, take: &mut dyn FnMut(Foretold<'_>) -> Result<()>) -> Result<()> {
        let (vectors, places) = (self.vectors, self.weights.len());
        for_each_target(
            self.histories,
            vectors,
            part,
            || VecDeque::with_capacity(places + 1),
            |recent, target| take(Foretold { target, vector: &self.sum(recent), rank: None }),
            |recent, play| {
                recent.push_front(self.histories.track(play));
                recent.truncate(places);
            },
        )
    }
}

/// Sums over training targets of s_(n-i) . s_(n-j), and of s_(n-i) . target.
struct NormalEquations {
    places: usize,
    products: Vec<f64>,
    right: Vec<f64>,
    targets: usize,
}

impl NormalEquations {
    fn new(places: usize) -> Self {
        Self { places, products: vec![0.0; places * places], right: vec![0.0; places], targets: 0 }
    }

    fn add(&mut self, recent: &VecDeque<u32>, target: u32, vectors: &TrackVectors) {
        let target = vectors.vector(target);
        for (i, &one) in recent.iter().enumerate() {
            let one = vectors.vector(one);
            self.right[i] += f64::from(dot(one, target));
            for (j, &other) in recent.iter().enumerate().take(i + 1) {
                self.products[i * self.places + j] += f64::from(dot(one, vectors.vector(other)));
            }
        }
        self.targets += 1;
    }

    /// Solves (A + lambda n I) w = b by Cholesky's factorisation, in place.
    fn solve(mut self, lambda: f64) -> Vec<f32> {
        let n = self.places;
        // Places that no history reaches keep the weight 0.
        let penalty = (lambda * self.targets as f64).max(1e-9);
        for i in 0..n {
            self.products[i * n + i] += penalty;
            for j in 0..=i {
                let sum: f64 = (0..j).map(|k| self.products[i * n + k] * self.products[j * n + k]).sum();
                let rest = self.products[i * n + j] - sum;
                self.products[i * n + j] =
                    if i == j { rest.max(1e-12).sqrt() } else { rest / self.products[j * n + j] };
            }
        }
        let lower = &self.products;
        for i in 0..n {
            let sum: f64 = (0..i).map(|k| lower[i * n + k] * self.right[k]).sum();
            self.right[i] = (self.right[i] - sum) / lower[i * n + i];
        }
        for i in (0..n).rev() {
            let sum: f64 = (i + 1..n).map(|k| lower[k * n + i] * self.right[k]).sum();
            self.right[i] = (self.right[i] - sum) / lower[i * n + i];
        }
        self.right.iter().map(|&weight| weight as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A made history in which each track is 0.6 of the last plus 0.3 of the one before it, plus nothing else.
    #[test]
    fn the_weights_of_a_known_law_are_found() {
        // s_n = (0.6 s_(n-1) + 0.3 s_(n-2)) before scaling; unit vectors would hide the law, so the equations are fed directly.
        let mut equations = NormalEquations::new(2);
        let (mut a, mut b) = (vec![1.0f32, 0.2, -0.4], vec![0.3f32, -1.0, 0.5]);
        for turn in 0..40 {
            let noise = [(turn as f32 * 0.9).sin(), (turn as f32 * 1.7).cos(), (turn as f32 * 2.3).sin()];
            let next: Vec<f32> = (0..3).map(|d| 0.6 * a[d] + 0.3 * b[d]).collect();
            for (i, one) in [&a, &b].into_iter().enumerate() {
                equations.right[i] += f64::from(dot(one, &next));
                for (j, other) in [&a, &b].into_iter().enumerate().take(i + 1) {
                    equations.products[i * 2 + j] += f64::from(dot(one, other));
                }
            }
            equations.targets += 1;
            b = a;
            a = next.iter().zip(noise).map(|(x, e)| x + e).collect();
        }
        let weights = equations.solve(0.0);
        assert!((weights[0] - 0.6).abs() < 1e-4 && (weights[1] - 0.3).abs() < 1e-4, "{weights:?}");
    }

    #[test]
    fn the_last_play_weighs_most_where_it_tells_most() {
        let (histories, vectors) = crate::user_state::histories::tests::synthetic(12, 20);
        let settings = WeightedSumSettings { places: 5, lambda: 1e-6 };
        let short = WeightedSum::fit(&histories, &vectors, &settings, TargetOffset::NEXT, 1).unwrap();
        // The normal equations hold: with the weights found, no place can lower the error.
        let mean_error = |weights: &[f32]| {
            let sum = WeightedSum { histories: &histories, vectors: &vectors, weights: weights.to_vec() };
            let (mut error, mut count) = (0.0, 0);
            sum.foretell(Part::all(Split::Train), &mut |foretold| {
                let scale = (vectors.dimension() as f32).sqrt();
                let target = vectors.vector(histories.track(foretold.target));
                error +=
                    f64::from(target.iter().zip(foretold.vector).map(|(t, f)| (scale * t - f).powi(2)).sum::<f32>());
                count += 1;
                Ok(())
            })
            .unwrap();
            error / f64::from(count)
        };
        let best = mean_error(short.weights());
        for place in 0..5 {
            for step in [-0.05, 0.05] {
                let mut other = short.weights().to_vec();
                other[place] += step;
                assert!(mean_error(&other) > best, "place {place}, step {step}");
            }
        }
    }
}
