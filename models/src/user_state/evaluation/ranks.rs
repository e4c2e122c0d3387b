//! Exact ranks of tracks among all tracks of a catalog.

use std::thread;

use crate::track_embeddings::{TrackVectors, dot_products};

/// Tracks scored together: 256 vectors of 80 dimensions take 80 KiB, which the second-level cache holds.
const ROWS: usize = 256;
/// Queries that share one pass over the catalog.
const QUERIES: usize = 48;

/// For each query, how many tracks with a vector come before the target by their cosine with it, equals in order of their
/// numbers. Each target must have a vector. A query of zeros or of values that are no numbers tells nothing: its target
/// comes last. The number of threads changes the time, not the result.
pub(super) fn exact_ranks(vectors: &TrackVectors, queries: &[f32], targets: &[u32], threads: usize) -> Vec<u32> {
    let dimension = vectors.dimension();
    let known: Vec<bool> = (0..vectors.tracks() as u32).map(|track| vectors.known(track)).collect();
    let part = targets.len().div_ceil(threads.max(1)).max(1);
    let ranks = |queries: &[f32], targets: &[u32]| -> Vec<u32> {
        let blocks = queries.chunks(QUERIES * dimension).zip(targets.chunks(QUERIES));
        blocks.flat_map(|(queries, targets)| block_ranks(vectors, &known, queries, targets)).collect()
    };
    if threads <= 1 || targets.len() <= QUERIES {
        return ranks(queries, targets);
    }
    thread::scope(|scope| {
        let parts = queries.chunks(part * dimension).zip(targets.chunks(part));
        let running: Vec<_> = parts.map(|(queries, targets)| scope.spawn(move || ranks(queries, targets))).collect();
        let join = |running: thread::ScopedJoinHandle<'_, Vec<u32>>| {
            running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        running.into_iter().flat_map(join).collect()
    })
}

fn block_ranks(vectors: &TrackVectors, known: &[bool], queries: &[f32], targets: &[u32]) -> Vec<u32> {
    let dimension = vectors.dimension();
    // Tracks' vectors have length 1, so that products with one query are in the order of the cosines.
    let own: Vec<f32> = queries
        .chunks_exact(dimension)
        .zip(targets)
        .map(|(query, &target)| {
            let mut score = [0.0];
            dot_products(vectors.vector(target), query, dimension, &mut score);
            score[0]
        })
        .collect();
    let mut ranks = vec![0u32; targets.len()];
    let mut scores = vec![0.0f32; ROWS * targets.len()];
    for (block, rows) in vectors.values().chunks(ROWS * dimension).enumerate() {
        let tracks = rows.len() / dimension;
        let scores = &mut scores[..tracks * targets.len()];
        dot_products(rows, queries, dimension, scores);
        let known = &known[block * ROWS..][..tracks];
        for (place, scores) in scores.chunks_exact(tracks).enumerate() {
            let (own, target) = (own[place], targets[place] as usize);
            let before = scores.iter().zip(known).enumerate().filter(|&(row, (&score, &known))| {
                known && (score > own || score == own && block * ROWS + row < target)
            });
            ranks[place] += before.count() as u32;
        }
    }
    let last = known.iter().filter(|&&known| known).count().saturating_sub(1) as u32;
    for (rank, query) in ranks.iter_mut().zip(queries.chunks_exact(dimension)) {
        let tells = query.iter().all(|x| x.is_finite()) && query.iter().any(|&x| x != 0.0);
        *rank = if tells { *rank } else { last };
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use listening_data::{CounterRng, Stream};

    /// Against sorting all tracks by products in double precision.
    #[test]
    fn ranks_are_those_of_sorting_all_tracks() {
        let mut rng = CounterRng::new(1, Stream::Sampling, 0, 0);
        let (tracks, dimension) = (700, 6);
        let mut values: Vec<f32> = (0..tracks * dimension).map(|_| rng.uniform() - 0.5).collect();
        (0..7).for_each(|track| values[track * 41 * dimension..][..dimension].fill(0.0));
        values.copy_within(10 * dimension..11 * dimension, 600 * dimension);
        let vectors = TrackVectors::new(dimension, values);
        let mut targets: Vec<u32> =
            (0..200).map(|_| rng.below(tracks) as u32).filter(|&track| vectors.known(track)).collect();
        targets.extend([10, 600, 3]);
        let mut queries: Vec<f32> = (0..targets.len() * dimension).map(|_| rng.uniform() - 0.5).collect();
        let zeros = queries.len() - dimension;
        queries[zeros..].fill(0.0);
        let expected: Vec<u32> = targets
            .iter()
            .zip(queries.chunks_exact(dimension))
            .map(|(&target, query)| {
                let score = |track: u32| -> f64 {
                    vectors.vector(track).iter().zip(query).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
                };
                let mut all: Vec<u32> = (0..tracks as u32).filter(|&track| vectors.known(track)).collect();
                all.sort_by(|&a, &b| score(b).total_cmp(&score(a)).then(a.cmp(&b)));
                all.iter().position(|&track| track == target).unwrap() as u32
            })
            .collect();
        for threads in [1, 3] {
            let found = exact_ranks(&vectors, &queries, &targets, threads);
            let last = targets.len() - 1;
            assert_eq!(found[..last], expected[..last]);
            assert_eq!(found[last], 700 - 7 - 1, "a query of zeros");
        }
    }
}
