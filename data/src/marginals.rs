//! Marginals of listening: how long sessions are, how often and where listeners skip, how skips cling together, what is
//! played again, and how plays spread over tracks; each as counts, with a distance between two logs.
//!
//! A marginal is one or more groups of counts over the same classes: the skips by position are a group (not skipped,
//! skipped) per position, the session lengths are one group with a class per length.

mod distance;
mod figures;
mod protocol;
mod published;
mod tally;

use std::collections::BTreeMap;

use serde::Serialize;

pub use self::distance::kolmogorov_smirnov;
pub use self::figures::Figure;
pub use self::protocol::MarginalProtocol;
pub(crate) use self::published::fuzz;
pub use self::published::published_mssd_marginals;
pub(crate) use self::tally::MarginalTally;
use crate::{Dataset, Progress, Result};

/// What is measured of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Marginal {
    /// Plays per session: a class per length from 1 to 200; longer ones are in the last.
    SessionLengths,
    /// Plays that were complete, skipped, neither; where both are known.
    Responses,
    /// Plays left before the threshold, and past it.
    PastThreshold,
    /// Plays not skipped and skipped at each of the first 20 positions of a session.
    SkipByPosition,
    /// Pairs of plays 1 to 5 apart in a session: neither skipped, only the later, only the earlier, both. The shares of
    /// these tell the autocorrelation of skips.
    SkipPairs,
    /// Plays whose track the listener played last within the 10 plays before, within the 50 before, or not within these;
    /// from a listener's 51st play on. A window makes logs of different spans comparable.
    Repeats,
    /// Plays of the tracks in each hundredth of the tracks that were played, the most played first. A track that lies in
    /// two hundredths has its plays in both, in proportion.
    Popularity,
    /// Mean over tracks of the shares of plays past the threshold and of plays left before it.
    TrackSkips,
}

impl Marginal {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 8] = [
        Self::SessionLengths,
        Self::Responses,
        Self::PastThreshold,
        Self::SkipByPosition,
        Self::SkipPairs,
        Self::Repeats,
        Self::Popularity,
        Self::TrackSkips,
    ];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::SessionLengths => "session lengths",
            Self::Responses => "responses",
            Self::PastThreshold => "past threshold",
            Self::SkipByPosition => "skip by position",
            Self::SkipPairs => "skips 1 to 5 apart",
            Self::Repeats => "repeats",
            Self::Popularity => "popularity",
            Self::TrackSkips => "skips of tracks",
        }
    }

    /// Whether the order of the classes counts: then the distance is Kolmogorov's and Smirnov's, else total variation.
    fn ordered(self) -> bool {
        matches!(self, Self::SessionLengths | Self::Popularity)
    }

    /// The name of its distance; see [`Self::distance`].
    pub fn distance_name(self) -> &'static str {
        match self {
            Self::SkipByPosition | Self::SkipPairs => "mean TV",
            _ if self.ordered() => "KS",
            _ => "TV",
        }
    }

    /// Its weight in the sum of distances: 1; popularity has 0.25, because it depends on the size of a catalog, which is
    /// far smaller in a synthetic world.
    pub fn weight(self) -> f64 {
        if self == Self::Popularity { 0.25 } else { 1.0 }
    }

    /// The distance of synthetic counts from real ones, 0 to 1: Kolmogorov's and Smirnov's (KS) where the classes have an
    /// order, else total variation (TV); over several groups the mean, each weighted by its real counts. A group that the
    /// synthetic log does not have is at distance 1.
    pub fn distance(self, real: &[Vec<f64>], synthetic: &[Vec<f64>]) -> f64 {
        let measure = if self.ordered() { distance::kolmogorov_smirnov } else { distance::total_variation };
        distance::mean_over_groups(real, synthetic, measure)
    }
}

/// The marginals of one log: those that it tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Marginals(BTreeMap<Marginal, Vec<Vec<f64>>>);

impl Marginals {
    /// Keeps the groups of a marginal, unless all their counts are 0: then the log does not tell it.
    fn insert(&mut self, marginal: Marginal, groups: Vec<Vec<f64>>) {
        if groups.iter().flatten().any(|&count| count > 0.0) {
            self.0.insert(marginal, groups);
        }
    }

    /// The counts of a marginal, by group and class; `None` where the log does not tell it.
    pub fn counts(&self, marginal: Marginal) -> Option<&[Vec<f64>]> {
        self.0.get(&marginal).map(Vec::as_slice)
    }

    /// Whether the log tells nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the log tells, in the order of tables.
    pub fn told(&self) -> impl Iterator<Item = Marginal> {
        self.0.keys().copied()
    }

    /// The distance of a synthetic log's marginal from this real log's; `None` where this log does not tell it.
    pub fn distance(&self, synthetic: &Self, marginal: Marginal) -> Option<f64> {
        let real = self.counts(marginal)?;
        Some(marginal.distance(real, synthetic.counts(marginal).unwrap_or_default()))
    }

    /// The weighted sum of the distances of all that this real log tells.
    pub fn total_distance(&self, synthetic: &Self) -> f64 {
        let distance = |marginal: Marginal| marginal.weight() * self.distance(synthetic, marginal).unwrap_or_default();
        self.told().map(distance).sum()
    }

    /// A few numbers that describe a marginal; none where the log does not tell it.
    pub fn figures(&self, marginal: Marginal) -> Vec<Figure> {
        self.counts(marginal).map_or_else(Vec::new, |groups| figures::of(marginal, groups))
    }
}

/// Measures a dataset in one pass. Memory holds some numbers per track of the catalog.
pub fn measure_marginals(dataset: &Dataset, protocol: MarginalProtocol, progress: &dyn Progress) -> Result<Marginals> {
    let manifest = dataset.manifest();
    let mut tally = MarginalTally::new(manifest.tracks as usize, protocol);
    progress.begin("measuring marginals", manifest.sessions, "sessions");
    for logged in dataset.sessions()? {
        let logged = logged?;
        tally.add(&logged.session);
        if logged.number % 4096 == 0 {
            progress.advance(logged.number);
        }
    }
    progress.advance(manifest.sessions);
    progress.end();
    Ok(tally.marginals())
}

#[cfg(test)]
mod tests;
