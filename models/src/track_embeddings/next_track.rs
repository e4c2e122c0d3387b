//! How well vectors foretell the next track of held-out sequences.
//!
//! For each track of a sequence but the first, the query is the mean of the vectors of the up to `window` tracks before
//! it, the prediction is the ranking of all tracks with a vector by their cosine with the query, and the track is hit
//! at k if it ranks among the first k. Nothing is taken out of the ranking, the tracks of the query neither. The search
//! is exact; ties go to the lower track number. A track without a vector, or without one before it, is a miss.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::{Corpus, TrackVectors};

/// Queries ranked at once: two AVX registers.
const QUERIES: usize = 16;
/// Tracks scored at once for all these queries.
const ROWS: usize = 4;
/// Sequences that a thread takes at a time.
const SEQUENCES: usize = 64;

/// Shares of held-out tracks that were hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HitRates {
    /// Hit rate at 10.
    pub at_10: f64,
    /// Hit rate at 100.
    pub at_100: f64,
    /// Number of tracks to be predicted.
    pub predictions: u64,
}

/// Measures the hit rates on held-out sequences; the same for any number of `threads`.
pub fn next_track_hit_rates(vectors: &TrackVectors, held_out: &Corpus, window: usize, threads: usize) -> HitRates {
    let known: Vec<u32> = (0..vectors.tracks() as u32).filter(|&track| vectors.known(track)).collect();
    let sequences: Vec<&[u32]> = held_out.sequences().collect();
    let ranking = Ranking { vectors, known: &known, window };
    let next = AtomicUsize::new(0);
    let total = Mutex::new(Hits::default());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(part) = sequences.chunks(SEQUENCES).nth(next.fetch_add(1, Ordering::Relaxed)) {
                    let hits = ranking.hits(part);
                    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                    total.at_10 += hits.at_10;
                    total.at_100 += hits.at_100;
                    total.predictions += hits.predictions;
                }
            });
        }
    });
    let total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    let rate = |hits: u64| hits as f64 / total.predictions.max(1) as f64;
    HitRates { at_10: rate(total.at_10), at_100: rate(total.at_100), predictions: total.predictions }
}

#[derive(Clone, Copy, Default)]
struct Hits {
    at_10: u64,
    at_100: u64,
    predictions: u64,
}

struct Ranking<'a> {
    vectors: &'a TrackVectors,
    known: &'a [u32],
    window: usize,
}

/// Up to [`QUERIES`] queries, one per column, and their targets.
struct Queries {
    /// Per component its value in each query.
    columns: Vec<[f32; QUERIES]>,
    targets: Vec<u32>,
}

impl Ranking<'_> {
    fn hits(&self, sequences: &[&[u32]]) -> Hits {
        let mut hits = Hits::default();
        let mut queries = Queries { columns: vec![[0.0; QUERIES]; self.vectors.dimension()], targets: Vec::new() };
        for sequence in sequences {
            for place in 1..sequence.len() {
                hits.predictions += 1;
                let before = &sequence[place.saturating_sub(self.window)..place];
                if !self.vectors.known(sequence[place]) || !before.iter().any(|&track| self.vectors.known(track)) {
                    continue;
                }
                // The mean's length changes no ranking, so the sum will do.
                let column = queries.targets.len();
                queries.columns.iter_mut().for_each(|row| row[column] = 0.0);
                for &track in before {
                    let vector = self.vectors.vector(track);
                    queries.columns.iter_mut().zip(vector).for_each(|(row, x)| row[column] += x);
                }
                queries.targets.push(sequence[place]);
                if queries.targets.len() == QUERIES {
                    self.count(&mut queries, &mut hits);
                }
            }
        }
        self.count(&mut queries, &mut hits);
        hits
    }

    fn count(&self, queries: &mut Queries, hits: &mut Hits) {
        let ranks = self.ranks(queries);
        for rank in &ranks[..queries.targets.len()] {
            hits.at_10 += u64::from(*rank < 10);
            hits.at_100 += u64::from(*rank < 100);
        }
        queries.targets.clear();
    }

    /// How many tracks rank before each target.
    fn ranks(&self, queries: &Queries) -> [u32; QUERIES] {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has these features.
            return unsafe { self.ranks_fused(queries) };
        }
        self.ranks_with::<false>(queries)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn ranks_fused(&self, queries: &Queries) -> [u32; QUERIES] {
        self.ranks_with::<true>(queries)
    }

    #[inline(always)]
    fn ranks_with<const FUSED: bool>(&self, queries: &Queries) -> [u32; QUERIES] {
        let mut targets = [0; QUERIES];
        targets[..queries.targets.len()].copy_from_slice(&queries.targets);
        let mut own = [0.0; QUERIES];
        for (query, &target) in targets.iter().enumerate() {
            own[query] = self.scores::<FUSED>(queries, [target; ROWS])[0][query];
        }
        let mut ranks = [0; QUERIES];
        for tracks in self.known.chunks(ROWS) {
            let mut padded = [tracks[0]; ROWS];
            padded[..tracks.len()].copy_from_slice(tracks);
            let scores = self.scores::<FUSED>(queries, padded);
            for (scores, &track) in scores.iter().zip(tracks) {
                for query in 0..QUERIES {
                    let before = scores[query] > own[query] || (scores[query] == own[query] && track < targets[query]);
                    ranks[query] += u32::from(before);
                }
            }
        }
        ranks
    }

    /// Scores of a few tracks for all queries; the same sum, in the same order, wherever a track stands.
    #[inline(always)]
    fn scores<const FUSED: bool>(&self, queries: &Queries, tracks: [u32; ROWS]) -> [[f32; QUERIES]; ROWS] {
        let rows = tracks.map(|track| self.vectors.vector(track));
        let mut sums = [[0.0f32; QUERIES]; ROWS];
        for (component, column) in queries.columns.iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(rows) {
                let x = row[component];
                for query in 0..QUERIES {
                    // Without the instruction `mul_add` is a call of the C library.
                    sums[query] =
                        if FUSED { x.mul_add(column[query], sums[query]) } else { x * column[query] + sums[query] };
                }
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track_embeddings::CorpusWriter;
    use listening_data::{CounterRng, Stream};

    fn corpus(folder: &std::path::Path, sequences: &[Vec<u32>]) -> Corpus {
        let mut writer = CorpusWriter::create(&folder.join("held-out")).unwrap();
        sequences.iter().for_each(|sequence| writer.push(sequence).unwrap());
        writer.finish().unwrap()
    }

    /// Against sorting all tracks by scores in double precision.
    #[test]
    fn hits_are_those_of_sorting_all_tracks() {
        let folder = tempfile::tempdir().unwrap();
        let mut rng = CounterRng::new(1, Stream::Sampling, 0, 0);
        let (tracks, dimension, window) = (300, 6, 3);
        let mut values: Vec<f32> = (0..tracks * dimension).map(|_| rng.uniform() - 0.5).collect();
        // Some tracks have no vector, and two have the same.
        (0..7).for_each(|track| values[track * 41 * dimension..][..dimension].fill(0.0));
        values.copy_within(10 * dimension..11 * dimension, 200 * dimension);
        let vectors = TrackVectors::new(dimension, values);
        let mut sequences: Vec<Vec<u32>> =
            (0..150).map(|_| (0..rng.below(9)).map(|_| rng.below(tracks) as u32).collect()).collect();
        sequences.push(vec![10, 200, 10]);
        let held_out = corpus(folder.path(), &sequences);

        let (mut at_10, mut at_100, mut predictions) = (0, 0, 0);
        for sequence in &sequences {
            for place in 1..sequence.len() {
                predictions += 1;
                let before = &sequence[place.saturating_sub(window)..place];
                if !vectors.known(sequence[place]) || before.iter().all(|&track| !vectors.known(track)) {
                    continue;
                }
                let score = |track: u32| -> f64 {
                    let with = |other: &u32| {
                        let pairs = vectors.vector(track).iter().zip(vectors.vector(*other));
                        pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
                    };
                    before.iter().map(with).sum()
                };
                let mut ranking: Vec<u32> = (0..tracks as u32).filter(|&track| vectors.known(track)).collect();
                ranking.sort_by(|&a, &b| score(b).total_cmp(&score(a)).then(a.cmp(&b)));
                at_10 += usize::from(ranking[..10].contains(&sequence[place]));
                at_100 += usize::from(ranking[..100].contains(&sequence[place]));
            }
        }
        for threads in [1, 3] {
            let found = next_track_hit_rates(&vectors, &held_out, window, threads);
            let expected = (at_10 as f64 / predictions as f64, at_100 as f64 / predictions as f64);
            assert_eq!((found.at_10, found.at_100), expected);
            assert_eq!(found.predictions, predictions);
        }
    }

    #[test]
    fn a_known_ranking_gives_known_rates() {
        let folder = tempfile::tempdir().unwrap();
        // On a half circle, track t is at angle t: the nearest to the query 0 are 0, 1, 2, ... in turn.
        let vectors =
            TrackVectors::new(2, (0..150).flat_map(|t| [(t as f32 / 50.0).cos(), (t as f32 / 50.0).sin()]).collect());
        let held_out = corpus(folder.path(), &[vec![0, 9], vec![0, 10], vec![0, 99], vec![0, 100], vec![5]]);
        let found = next_track_hit_rates(&vectors, &held_out, 5, 2);
        assert_eq!(found, HitRates { at_10: 0.25, at_100: 0.75, predictions: 4 });
        let nothing = TrackVectors::new(2, vec![0.0; 300]);
        assert_eq!(next_track_hit_rates(&nothing, &held_out, 5, 1).at_100, 0.0);
    }
}
