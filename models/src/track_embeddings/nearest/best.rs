//! The best few of many scored tracks.

use super::Neighbour;

/// Keeps the `count` best neighbours offered; equal similarities go to the lower track number.
pub struct BestTracks {
    count: usize,
    kept: Vec<Neighbour>,
    /// Similarity that a track must reach to matter.
    threshold: f32,
}

impl BestTracks {
    /// Nothing offered yet.
    pub fn new(count: usize) -> Self {
        Self { count, kept: Vec::new(), threshold: f32::NEG_INFINITY }
    }

    /// What a track must reach to be worth offering.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Takes a track into account.
    pub fn offer(&mut self, neighbour: Neighbour) {
        self.kept.push(neighbour);
        // A partial selection once the list has doubled costs less per track than a heap.
        if self.kept.len() >= 2 * self.count.max(64) {
            self.select();
        }
    }

    fn select(&mut self) {
        if self.kept.len() > self.count && self.count > 0 {
            self.kept.select_nth_unstable_by(self.count - 1, Neighbour::order);
            self.threshold = self.kept[self.count - 1].similarity;
        }
        self.kept.truncate(self.count);
    }

    /// The best, best first.
    pub fn into_sorted(mut self) -> Vec<Neighbour> {
        self.select();
        self.kept.sort_unstable_by(Neighbour::order);
        self.kept
    }
}
