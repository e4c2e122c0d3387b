//! Baselines that nothing is trained for: Average, Aggregate Sequence and Popularity (the names are those of Fazelnia et
//! al., WSDM 2022, section 4.2).
//!
//! All foretell on the scale of the targets, vectors of length sqrt(dimension). A user with no play before the target is
//! foretold a vector of zeros by the first two.

use std::cmp::Reverse;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::targets::for_each_target;
use crate::splits::Split;
use crate::track_embeddings::TrackVectors;
use crate::user_state::{Foreteller, Foretold, Histories, Part};
use crate::{ModelError, Result};

/// The mean vector of all the user's plays before the target.
pub struct Average<'a> {
    /// The plays.
    pub histories: &'a Histories,
    /// The tracks' vectors.
    pub vectors: &'a TrackVectors,
}

/// The sum of the vectors of some plays, and their number.
#[derive(Clone, Default)]
struct VectorSum {
    sum: Vec<f64>,
    count: usize,
}

impl VectorSum {
    fn new(dimension: usize) -> Self {
        Self { sum: vec![0.0; dimension], count: 0 }
    }

    /// Tracks without a vector have no part in means.
    fn add(&mut self, vectors: &TrackVectors, track: u32) {
        if vectors.known(track) {
            self.sum.iter_mut().zip(vectors.vector(track)).for_each(|(sum, &x)| *sum += f64::from(x));
            self.count += 1;
        }
    }

    /// The mean, on the targets' scale.
    fn mean(&self) -> Vec<f32> {
        let scale = (self.sum.len() as f64).sqrt() / self.count.max(1) as f64;
        self.sum.iter().map(|sum| (sum * scale) as f32).collect()
    }
}

impl Foreteller for Average<'_> {
    fn foretell(&self, part: Part, take: &mut dyn FnMut(Foretold<'_>) -> Result<()>) -> Result<()> {
        for_each_target(
            self.histories,
            self.vectors,
            part,
            || VectorSum::new(self.vectors.dimension()),
            |before, target| take(Foretold { target, vector: &before.mean(), rank: None }),
            |before, play| before.add(self.vectors, self.histories.track(play)),
        )
    }
}

/// Settings of Aggregate Sequence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AggregateSequenceSettings {
    /// The number of last plays whose vectors are averaged (ours: about a session).
    pub plays: usize,
}

impl Default for AggregateSequenceSettings {
    fn default() -> Self {
        Self { plays: 10 }
    }
}

impl AggregateSequenceSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        if self.plays == 0 {
            return Err(ModelError::setting("plays", "must be at least 1"));
        }
        Ok(())
    }
}

/// The mean vector of the user's last plays before the target.
pub struct AggregateSequence<'a> {
    /// The plays.
    pub histories: &'a Histories,
    /// The tracks' vectors.
    pub vectors: &'a TrackVectors,
    /// Settings.
    pub settings: AggregateSequenceSettings,
}

impl Foreteller for AggregateSequence<'_> {
    fn foretell(&self, part: Part, take: &mut dyn FnMut(Foretold<'_>) -> Result<()>) -> Result<()> {
        self.settings.validate()?;
        let most = self.settings.plays;
        for_each_target(
            self.histories,
            self.vectors,
            part,
            || VecDeque::with_capacity(most + 1),
            |last, target| {
                let mut sum = VectorSum::new(self.vectors.dimension());
                last.iter().for_each(|&track| sum.add(self.vectors, track));
                take(Foretold { target, vector: &sum.mean(), rank: None })
            },
            |last, play| {
                last.push_back(self.histories.track(play));
                if last.len() > most {
                    last.pop_front();
                }
            },
        )
    }
}

/// The same for everybody: the mean vector of all training targets, and the tracks in order of how often they are one.
pub struct Popularity<'a> {
    histories: &'a Histories,
    vectors: &'a TrackVectors,
    mean: Vec<f32>,
    /// Per track its rank, from 0.
    ranks: Vec<u32>,
}

impl<'a> Popularity<'a> {
    /// Counts the training targets: plays not skipped, of tracks with a vector.
    pub fn new(histories: &'a Histories, vectors: &'a TrackVectors) -> Result<Self> {
        let counts = training_counts(histories, vectors)?;
        let mut sum = VectorSum::new(vectors.dimension());
        for (track, &count) in counts.iter().enumerate() {
            let vector = vectors.vector(track as u32);
            sum.sum.iter_mut().zip(vector).for_each(|(sum, &x)| *sum += count as f64 * f64::from(x));
            sum.count += count as usize;
        }
        let mut ranks = vec![0; counts.len()];
        for (rank, track) in by_count(&counts).into_iter().enumerate() {
            ranks[track as usize] = rank as u32;
        }
        Ok(Self { histories, vectors, mean: sum.mean(), ranks })
    }
}

/// Per track, how often it is a training target.
pub(super) fn training_counts(histories: &Histories, vectors: &TrackVectors) -> Result<Vec<u64>> {
    let mut counts = vec![0; vectors.tracks()];
    let count = |_: &(), play: usize| {
        counts[histories.track(play) as usize] += 1;
        Ok(())
    };
    for_each_target(histories, vectors, Part::all(Split::Train), || (), count, |_, _| ())?;
    Ok(counts)
}

/// The tracks in falling order of their counts; among equals the lower number first.
pub(super) fn by_count(counts: &[u64]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..counts.len() as u32).collect();
    order.sort_by_key(|&track| Reverse(counts[track as usize]));
    order
}

impl Foreteller for Popularity<'_> {
    fn foretell(&self, part: Part, take: &mut dyn FnMut(Foretold<'_>) -> Result<()>) -> Result<()> {
        let rank = |play: usize| Some(self.ranks[self.histories.track(play) as usize]);
        for_each_target(
            self.histories,
            self.vectors,
            part,
            || (),
            |_, target| take(Foretold { target, vector: &self.mean, rank: rank(target) }),
            |_, _| (),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user_state::histories::tests::synthetic;

    fn all(foreteller: &dyn Foreteller, split: Split) -> Vec<(usize, Vec<f32>, Option<u32>)> {
        let mut found = Vec::new();
        let mut take = |foretold: Foretold<'_>| {
            found.push((foretold.target, foretold.vector.to_vec(), foretold.rank));
            Ok(())
        };
        foreteller.foretell(Part::all(split), &mut take).unwrap();
        found
    }

    /// Each target against the mean over the columns themselves.
    #[test]
    fn means_are_those_of_the_plays_before() {
        let (histories, vectors) = synthetic(6, 15);
        let settings = AggregateSequenceSettings { plays: 4 };
        let average = all(&Average { histories: &histories, vectors: &vectors }, Split::Test);
        let last = AggregateSequence { histories: &histories, vectors: &vectors, settings };
        let last = all(&last, Split::Test);
        assert!(average.len() > 30 && average.len() == last.len());
        let scale = (vectors.dimension() as f32).sqrt();
        for ((target, average, _), (_, last, _)) in average.iter().zip(&last) {
            let session = histories.session_of(*target);
            assert_eq!(histories.split(session), Split::Test);
            assert!(!histories.skipped(*target));
            let user = (0..histories.users()).find(|&user| histories.sessions_of(user).contains(&session)).unwrap();
            let first = histories.plays_of_all(histories.sessions_of(user)).start;
            for (found, plays) in [(average, first..*target), (last, target.saturating_sub(4).max(first)..*target)] {
                for (component, found) in found.iter().enumerate() {
                    let values = plays.clone().map(|play| vectors.vector(histories.track(play))[component]);
                    let mean = scale * values.sum::<f32>() / plays.len().max(1) as f32;
                    assert!((found - mean).abs() < 1e-3, "{found} {mean}");
                }
            }
        }
    }

    #[test]
    fn popularity_ranks_by_training_targets_alone() {
        let (histories, vectors) = synthetic(6, 15);
        let popularity = Popularity::new(&histories, &vectors).unwrap();
        let mut counts = vec![0u32; vectors.tracks()];
        let mut sum = vec![0.0f64; vectors.dimension()];
        for session in (0..histories.sessions()).filter(|&session| histories.split(session) == Split::Train) {
            for play in histories.plays_of(session).filter(|&play| !histories.skipped(play)) {
                counts[histories.track(play) as usize] += 1;
                let vector = vectors.vector(histories.track(play));
                sum.iter_mut().zip(vector).for_each(|(sum, &x)| *sum += f64::from(x));
            }
        }
        let total: u32 = counts.iter().sum();
        let scale = (vectors.dimension() as f64).sqrt() / f64::from(total);
        for (target, vector, rank) in all(&popularity, Split::Validation) {
            let own = histories.track(target) as usize;
            let before = |other: usize| counts[other] > counts[own] || counts[other] == counts[own] && other < own;
            assert_eq!(rank, Some((0..counts.len()).filter(|&other| before(other)).count() as u32));
            assert!(vector.iter().zip(&sum).all(|(&x, sum)| (f64::from(x) - sum * scale).abs() < 1e-5));
        }
    }
}
