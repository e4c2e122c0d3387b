//! The tracks that get vectors of their own, with what is drawn by their counts.

use listening_data::CounterRng;

use super::CbowSettings;
use crate::track_embeddings::Corpus;
use crate::{ModelError, Result};

/// Stands for tracks outside the vocabulary.
pub const UNKNOWN: u32 = u32::MAX;

/// The tracks with at least `minimum_count` plays, the most frequent first.
pub struct Vocabulary {
    /// Per word its track.
    pub tracks: Vec<u32>,
    /// Per track its word, or [`UNKNOWN`].
    pub word_of: Vec<u32>,
    /// Per word the probability that one of its plays is kept.
    pub kept_share: Vec<f32>,
    /// Negative samples.
    pub negatives: AliasTable,
    /// Expected updates of the most often updated row per play of the corpus.
    pub densest: f64,
}

impl Vocabulary {
    /// Counts the plays of each of `tracks` tracks.
    pub fn new(corpora: &[&Corpus], tracks: usize, settings: &CbowSettings) -> Result<Self> {
        let mut counts = vec![0u64; tracks];
        for &track in corpora.iter().flat_map(|corpus| corpus.tokens()) {
            *counts.get_mut(track as usize).ok_or_else(|| {
                ModelError::TooLittleData(format!(
                    "the corpus holds track number {track}, but the catalog has only {tracks} tracks; make the corpus \
                     from the same catalog"
                ))
            })? += 1;
        }
        Self::from_counts(&counts, settings)
    }

    fn from_counts(counts: &[u64], settings: &CbowSettings) -> Result<Self> {
        let minimum = u64::from(settings.minimum_count.max(1));
        let mut tracks: Vec<u32> = (0..counts.len() as u32).filter(|&t| counts[t as usize] >= minimum).collect();
        if tracks.len() < 2 {
            return Err(ModelError::TooLittleData(format!(
                "the sequences hold {} tracks with at least {minimum} plays, and embeddings need 2; import more logs \
                 or lower embeddings.minimum_count",
                tracks.len(),
            )));
        }
        tracks.sort_by_key(|&track| (std::cmp::Reverse(counts[track as usize]), track));
        let mut word_of = vec![UNKNOWN; counts.len()];
        for (word, &track) in tracks.iter().enumerate() {
            word_of[track as usize] = word as u32;
        }
        let counts: Vec<f64> = tracks.iter().map(|&track| counts[track as usize] as f64).collect();
        let plays: f64 = counts.iter().sum();
        let kept_share: Vec<f32> = counts.iter().map(|count| kept_share(count / plays, settings.subsample)).collect();
        let weights: Vec<f64> = counts.iter().map(|count| count.powf(0.75)).collect();
        // Per play: one target row, and as many context rows as a window holds on average, window + 1.
        let share = counts.iter().zip(&kept_share).map(|(count, kept)| count / plays * f64::from(*kept));
        let densest = share.fold(0.0, f64::max) * (settings.window + 1) as f64;
        Ok(Self { tracks, word_of, kept_share, negatives: AliasTable::new(&weights), densest })
    }
}

/// Probability of keeping a play of a track with this share of all plays, min(1, sqrt(t / f) + t / f).
///
/// As in word2vec's code; the paper's eq. 5 lacks the second term. A threshold t of 0 keeps all.
fn kept_share(share: f64, threshold: f64) -> f32 {
    let ratio = threshold / share;
    if threshold == 0.0 { 1.0 } else { (ratio.sqrt() + ratio).min(1.0) as f32 }
}

/// Draws from any discrete distribution in constant time (Walker 1977, built as by Vose 1991).
///
/// Each of n equal columns holds at most two outcomes, so one draw needs one column, not a search through sums.
pub struct AliasTable {
    /// Per column the share of its own outcome, and the outcome of the rest.
    columns: Vec<(f32, u32)>,
}

impl AliasTable {
    /// Outcome i has a probability proportional to `weights[i]`.
    pub fn new(weights: &[f64]) -> Self {
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        let mut shares: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
        let mut columns: Vec<(f32, u32)> = (0..weights.len() as u32).map(|outcome| (1.0, outcome)).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..shares.len()).partition(|&i| shares[i] < 1.0);
        while let (Some(&donor), Some(taker)) = (large.last(), small.pop()) {
            columns[taker] = (shares[taker] as f32, donor as u32);
            shares[donor] -= 1.0 - shares[taker];
            if shares[donor] < 1.0 {
                large.pop();
                small.push(donor);
            }
        }
        Self { columns }
    }

    /// Draws an outcome.
    pub fn draw(&self, rng: &mut CounterRng) -> u32 {
        let column = rng.below(self.columns.len());
        let (share, alias) = self.columns[column];
        if rng.uniform() < share { column as u32 } else { alias }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use listening_data::Stream;

    #[test]
    fn negatives_follow_the_counts_to_the_power_of_three_quarters() {
        let counts = [1u64, 16, 0, 81, 256, 2];
        let settings = CbowSettings { minimum_count: 1, ..CbowSettings::default() };
        let vocabulary = Vocabulary::from_counts(&counts, &settings).unwrap();
        assert_eq!(vocabulary.tracks, [4, 3, 1, 5, 0]);
        assert_eq!(vocabulary.word_of, [4, 2, UNKNOWN, 1, 0, 3]);
        let mut rng = CounterRng::new(1, Stream::Word2vec, 0, 0);
        let draws = 400_000;
        let mut drawn = [0u32; 5];
        (0..draws).for_each(|_| drawn[vocabulary.negatives.draw(&mut rng) as usize] += 1);
        // 256^.75, 81^.75, 16^.75, 2^.75, 1
        let weights = [64.0, 27.0, 8.0, 1.681_792_8, 1.0];
        let total: f64 = weights.iter().sum();
        for (count, weight) in drawn.into_iter().zip(weights) {
            let expected = draws as f64 * weight / total;
            assert!((f64::from(count) - expected).abs() < 5.0 * expected.sqrt(), "{drawn:?}");
        }
    }

    #[test]
    fn an_alias_table_holds_exactly_its_weights() {
        let weights = [0.5, 3.0, 0.0, 1.0, 2.5, 5.0];
        let table = AliasTable::new(&weights);
        let mut mass = [0.0; 6];
        for (column, &(share, alias)) in table.columns.iter().enumerate() {
            mass[column] += f64::from(share);
            mass[alias as usize] += 1.0 - f64::from(share);
        }
        for (mass, weight) in mass.into_iter().zip(weights) {
            assert!((mass - weight / 2.0).abs() < 1e-6, "mean weight is 2: {mass} of {weight}");
        }
    }

    #[test]
    fn frequent_tracks_are_thinned_out_by_word2vecs_formula() {
        assert_eq!(kept_share(0.3, 0.0), 1.0);
        assert_eq!(kept_share(0.001, 0.001), 1.0);
        assert!((kept_share(0.1, 0.001) - 0.11).abs() < 1e-6, "sqrt(.01) + .01");
        assert!((kept_share(0.4, 0.1) - 0.75).abs() < 1e-6, "sqrt(.25) + .25");
    }

    #[test]
    fn too_few_tracks_are_refused() {
        let settings = CbowSettings { minimum_count: 3, ..CbowSettings::default() };
        let message = Vocabulary::from_counts(&[5, 2, 2], &settings).err().unwrap().to_string();
        assert!(message.contains("hold 1 tracks with at least 3 plays"), "{message}");
    }
}
