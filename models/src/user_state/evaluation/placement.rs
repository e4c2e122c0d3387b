//! Where the right candidate stands in an order by score.

/// The place of one candidate among others. Candidates of equal score stand in random order: what is given is the
/// expectation over it, so that a state that tells nothing apart is worth what chance is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Others of higher score.
    pub above: usize,
    /// Others of the same score.
    pub tied: usize,
}

impl Placement {
    /// The place of a score among others.
    pub fn of(score: f32, others: impl IntoIterator<Item = f32>) -> Self {
        let mut place = Self { above: 0, tied: 0 };
        for other in others {
            place.above += usize::from(other > score);
            place.tied += usize::from(other == score);
        }
        place
    }

    /// Expected rank, from 1.
    pub fn rank(self) -> f64 {
        1.0 + self.above as f64 + self.tied as f64 / 2.0
    }

    /// Expected 1 / rank.
    pub fn reciprocal_rank(self) -> f64 {
        let ranks = self.above + 1..=self.above + self.tied + 1;
        ranks.map(|rank| 1.0 / rank as f64).sum::<f64>() / (self.tied + 1) as f64
    }

    /// Probability of being among the first `count`.
    pub fn within(self, count: usize) -> f64 {
        count.saturating_sub(self.above).min(self.tied + 1) as f64 / (self.tied + 1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_counted_by_hand() {
        let second = Placement::of(0.5, [0.9, 0.1, -1.0]);
        assert_eq!(second, Placement { above: 1, tied: 0 });
        assert_eq!((second.rank(), second.reciprocal_rank()), (2.0, 0.5));
        assert_eq!((second.within(1), second.within(2)), (0.0, 1.0));
        // Ranks 2, 3 and 4 are equally likely.
        let tied = Placement::of(0.5, [0.9, 0.5, 0.5, 0.1]);
        assert_eq!(tied.rank(), 3.0);
        assert!((tied.reciprocal_rank() - (1.0 / 2.0 + 1.0 / 3.0 + 1.0 / 4.0) / 3.0).abs() < 1e-12);
        assert_eq!((tied.within(1), tied.within(5)), (0.0, 1.0));
        assert!((tied.within(3) - 2.0 / 3.0).abs() < 1e-12);
    }
}
