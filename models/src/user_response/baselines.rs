//! What a user-response model must beat.

use super::{HEADS, Predictions};
use crate::metrics::log_loss;
use crate::prepared::Examples;

/// Predicts each head's share in the training plays.
pub struct ConstantBaseline {
    rates: Predictions,
}

impl ConstantBaseline {
    /// Counts the training plays.
    pub fn new(train: &Examples) -> Self {
        let mut counts = Counts::default();
        (0..train.len()).for_each(|play| counts.add(&train.labels(play)));
        Self { rates: std::array::from_fn(|head| counts.rate(head, 0.5, 1.0)) }
    }

    /// The prediction, the same for every play.
    pub fn predict(&self) -> Predictions {
        self.rates
    }
}

#[derive(Clone, Copy, Default)]
struct Counts {
    given: [u32; HEADS.len()],
    known: [u32; HEADS.len()],
}

impl Counts {
    fn add(&mut self, labels: &[Option<bool>; HEADS.len()]) {
        for (head, label) in labels.iter().enumerate() {
            self.known[head] += u32::from(label.is_some());
            self.given[head] += u32::from(*label == Some(true));
        }
    }

    fn rate(&self, head: usize, prior: f32, weight: f32) -> f32 {
        (self.given[head] as f32 + weight * prior) / (self.known[head] as f32 + weight)
    }
}

/// Predicts from smoothed training rates: the track's, drawn towards the user's, drawn towards the base rate.
///
/// p = (k_track + m p_user) / (n_track + m) with p_user = (k_user + 20 p_base) / (n_user + 20); m is chosen per head
/// from a grid, by validation log loss. The rates are those of the training plays; the model also sees what the user did
/// between them and the session at hand.
pub struct RateBaseline {
    base: Predictions,
    users: Vec<Counts>,
    tracks: Vec<Counts>,
    weights: Predictions,
}

const USER_WEIGHT: f32 = 20.0;
const TRACK_WEIGHTS: [f32; 8] = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 1e9];

impl RateBaseline {
    /// Counts the training plays and chooses the smoothing on the validation plays.
    pub fn new(train: &Examples, validation: &Examples, users: usize, tracks: usize) -> Self {
        let mut baseline = Self {
            base: ConstantBaseline::new(train).predict(),
            users: vec![Counts::default(); users],
            tracks: vec![Counts::default(); tracks],
            weights: [TRACK_WEIGHTS[0]; HEADS.len()],
        };
        for play in 0..train.len() {
            let labels = train.labels(play);
            baseline.users[train.user[play] as usize].add(&labels);
            baseline.tracks[train.track[play] as usize].add(&labels);
        }
        let losses = TRACK_WEIGHTS.map(|weight| baseline.losses(validation, weight));
        baseline.weights = std::array::from_fn(|head| {
            let best = (0..TRACK_WEIGHTS.len()).min_by(|&a, &b| losses[a][head].total_cmp(&losses[b][head]));
            TRACK_WEIGHTS[best.unwrap_or(0)]
        });
        baseline
    }

    fn losses(&self, examples: &Examples, weight: f32) -> [f64; HEADS.len()] {
        let mut sums = [0.0; HEADS.len()];
        for play in 0..examples.len() {
            for (head, label) in examples.labels(play).into_iter().enumerate() {
                if let Some(label) = label {
                    sums[head] += log_loss(self.rate(examples.user[play], examples.track[play], head, weight), label);
                }
            }
        }
        sums
    }

    fn rate(&self, user: u32, track: u32, head: usize, weight: f32) -> f32 {
        let user = self.users[user as usize].rate(head, self.base[head], USER_WEIGHT);
        self.tracks[track as usize].rate(head, user, weight)
    }

    /// The prediction for a user and a track.
    pub fn predict(&self, user: u32, track: u32) -> Predictions {
        std::array::from_fn(|head| self.rate(user, track, head, self.weights[head]))
    }
}
