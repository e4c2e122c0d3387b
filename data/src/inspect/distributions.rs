//! Distributions of counts: quantiles, histograms and the popularity curve.

use std::collections::BTreeMap;

use serde::Serialize;

/// Quantiles of a count; each is a value that occurs (the smallest with at least that share of values at or below it).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// Smallest.
    pub min: u64,
    /// 10 % lie at or below.
    pub p10: u64,
    /// 25 % lie at or below.
    pub p25: u64,
    /// Half lie at or below.
    pub median: u64,
    /// 75 % lie at or below.
    pub p75: u64,
    /// 90 % lie at or below.
    pub p90: u64,
    /// 99 % lie at or below.
    pub p99: u64,
    /// Largest.
    pub max: u64,
    /// Mean.
    pub mean: f64,
}

/// Values from `from` to `to`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HistogramBucket {
    /// Smallest value of the bucket.
    pub from: u64,
    /// Largest value of the bucket.
    pub to: u64,
    /// How many values lie in it.
    pub count: u64,
}

/// How often each value occurred.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts(BTreeMap<u64, u64>);

impl Counts {
    pub(super) fn add(&mut self, value: u64) {
        *self.0.entry(value).or_default() += 1;
    }

    pub(super) fn quantiles(&self) -> Quantiles {
        let total: u64 = self.0.values().sum();
        if total == 0 {
            return Quantiles::default();
        }
        let quantile = |share: f64| {
            let wanted = (share * total as f64).ceil().max(1.0) as u64;
            let mut below = 0;
            let reached = self.0.iter().find(|&(_, count)| {
                below += count;
                below >= wanted
            });
            reached.map_or(0, |(&value, _)| value)
        };
        let sum: f64 = self.0.iter().map(|(&value, &count)| value as f64 * count as f64).sum();
        Quantiles {
            min: quantile(0.0),
            p10: quantile(0.1),
            p25: quantile(0.25),
            median: quantile(0.5),
            p75: quantile(0.75),
            p90: quantile(0.9),
            p99: quantile(0.99),
            max: quantile(1.0),
            mean: sum / total as f64,
        }
    }

    /// Buckets that double in width: 1, 2, 3 to 4, 5 to 8, 9 to 16 and so on, up to the largest value.
    pub(super) fn histogram(&self) -> Vec<HistogramBucket> {
        let Some(&largest) = self.0.keys().next_back() else { return Vec::new() };
        let (mut from, mut to) = (1, 1);
        let mut buckets = Vec::new();
        while from <= largest {
            buckets.push(HistogramBucket { from, to, count: self.0.range(from..=to).map(|(_, count)| count).sum() });
            (from, to) = (to + 1, to * 2);
        }
        buckets
    }
}

/// Plays of the most popular tracks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TopShare {
    /// Share of the catalog's tracks, the most played first (at least one track).
    pub tracks: f64,
    /// Their share of all plays.
    pub plays: f64,
}

/// Plays of the track at one rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RankedPlays {
    /// The rank, from 1.
    pub rank: u64,
    /// Its plays; `None` where the catalog is smaller.
    pub plays: Option<u64>,
}

/// How plays spread over tracks.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Popularity {
    /// Shares of plays of the top 1 %, 10 % and 50 % of the tracks.
    pub top_shares: Vec<TopShare>,
    /// Plays of the 1st, 10th, 100th and 1000th track.
    pub ranked_plays: Vec<RankedPlays>,
    /// Share of the tracks that were played once alone.
    pub played_once: f64,
}

impl Popularity {
    /// From the plays of each track.
    pub(super) fn new(mut plays: Vec<u64>) -> Self {
        plays.sort_unstable_by(|a, b| b.cmp(a));
        let (total, tracks) = (plays.iter().sum::<u64>().max(1) as f64, plays.len().max(1) as f64);
        let top = |share: f64| {
            let count = ((share * plays.len() as f64).ceil() as usize).max(1);
            TopShare { tracks: share, plays: plays.iter().take(count).sum::<u64>() as f64 / total }
        };
        Self {
            top_shares: [0.01, 0.1, 0.5].map(top).to_vec(),
            ranked_plays: [1, 10, 100, 1000]
                .map(|rank: u64| RankedPlays { rank, plays: plays.get(rank as usize - 1).copied() })
                .to_vec(),
            played_once: plays.iter().filter(|&&count| count == 1).count() as f64 / tracks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_histogram_are_those_counted_by_hand() {
        let mut counts = Counts::default();
        assert_eq!((counts.quantiles(), counts.histogram()), (Quantiles::default(), vec![]));
        for value in [1, 2, 2, 3, 4, 5, 6, 7, 8, 9] {
            counts.add(value);
        }
        let quantiles = counts.quantiles();
        assert_eq!((quantiles.min, quantiles.p10, quantiles.p25), (1, 1, 2));
        assert_eq!((quantiles.median, quantiles.p75, quantiles.p90), (4, 7, 8));
        assert_eq!((quantiles.p99, quantiles.max), (9, 9));
        assert!((quantiles.mean - 4.7).abs() < 1e-12);
        let histogram: Vec<_> = counts.histogram().iter().map(|b| (b.from, b.to, b.count)).collect();
        assert_eq!(histogram, [(1, 1, 1), (2, 2, 2), (3, 4, 2), (5, 8, 4), (9, 16, 1)]);
    }

    #[test]
    fn the_popularity_curve_is_that_counted_by_hand() {
        // Ten tracks, 20 plays: the top 1 % is one track, the top half five.
        let popularity = Popularity::new(vec![1, 8, 3, 1, 1, 2, 1, 1, 1, 1]);
        let shares: Vec<f64> = popularity.top_shares.iter().map(|share| share.plays).collect();
        assert_eq!(shares, [0.4, 0.4, 0.75]);
        let ranked: Vec<_> = popularity.ranked_plays.iter().map(|ranked| ranked.plays).collect();
        assert_eq!(ranked, [Some(8), Some(1), None, None]);
        assert_eq!(popularity.played_once, 0.7);
    }
}
