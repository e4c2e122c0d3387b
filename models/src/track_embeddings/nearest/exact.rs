//! Exact search: every query against every track, in blocks that stay in the processor's cache.

use super::Neighbour;
use super::best::BestTracks;
use super::dot_products::{QUERIES, dot_products};

/// Tracks scored together: 256 vectors of 80 dimensions take 80 KiB, which the second-level cache holds.
const ROWS: usize = 256;
/// Queries that share one pass over the catalog.
const BATCH: usize = 16 * QUERIES;

/// The `count` best tracks for each query, among those of which `present` is true.
///
/// `vectors` and `queries` hold vectors of length `dimension` one after another.
pub fn search(
    vectors: &[f32],
    present: &[bool],
    dimension: usize,
    queries: &[f32],
    count: usize,
) -> Vec<Vec<Neighbour>> {
    let mut found = Vec::with_capacity(queries.len() / dimension);
    let mut scores = [0.0f32; ROWS * QUERIES];
    for batch in queries.chunks(BATCH * dimension) {
        let mut best: Vec<BestTracks> = batch.chunks_exact(dimension).map(|_| BestTracks::new(count)).collect();
        for (block, rows) in vectors.chunks(ROWS * dimension).enumerate() {
            let tracks = rows.len() / dimension;
            for (group, best) in batch.chunks(QUERIES * dimension).zip(best.chunks_mut(QUERIES)) {
                let scores = &mut scores[..tracks * best.len()];
                dot_products(rows, group, dimension, scores);
                for (best, scores) in best.iter_mut().zip(scores.chunks_exact(tracks)) {
                    for (row, &similarity) in scores.iter().enumerate() {
                        let track = block * ROWS + row;
                        // Tracks come in the order of their numbers, so an equal one cannot displace an earlier one;
                        // before the list is full the threshold is minus infinity.
                        if similarity > best.threshold() && present[track] {
                            best.offer(Neighbour { track: track as u32, similarity });
                        }
                    }
                }
            }
        }
        found.extend(best.into_iter().map(BestTracks::into_sorted));
    }
    found
}
