//! Candidate pools: a mixture of the sources that a session start offers.

use std::collections::HashSet;

use listening_data::{CounterRng, Stream, TrackHashes};
use listening_models::{SOURCES, SessionStarts};

use crate::PoolSettings;

/// Draws of a slot before a pool is filled in order of slots.
const TRIES_PER_CANDIDATE: usize = 20;

/// The candidate pool of a session: slots of its start, each a different track, in random order.
///
/// A function of (seed, session number) alone. The size is drawn evenly between the smallest and the largest; each
/// candidate's source is drawn by weight, its slot evenly. Where the sources have too few different tracks the pool is
/// smaller.
pub fn draw_pool(starts: &SessionStarts, start: usize, settings: &PoolSettings, seed: u64, session: u64) -> Vec<u16> {
    let mut rng = CounterRng::new(seed, Stream::CandidatePool, session, 0);
    let tracks = starts.tracks(start);
    let size = settings.min_size + rng.below(settings.max_size - settings.min_size + 1);
    let weights = settings.weights();
    let total: f32 = weights.iter().sum();
    let per_source = starts.candidates_per_source();
    let mut pool = Vec::with_capacity(size);
    let mut held = HashSet::with_capacity_and_hasher(size, TrackHashes::default());
    let mut tries = size * TRIES_PER_CANDIDATE;
    while pool.len() < size && tries > 0 {
        tries -= 1;
        let mut target = rng.uniform() * total;
        let source = weights.iter().position(|&weight| {
            target -= weight;
            weight > 0.0 && target < 0.0
        });
        // Rounding can leave a rest: it goes to the last source that has a weight.
        let source = source.or_else(|| weights.iter().rposition(|&weight| weight > 0.0)).unwrap_or(0);
        let slot = source * per_source + rng.below(per_source);
        if held.insert(tracks[slot]) {
            pool.push(slot as u16);
        }
    }
    let allowed = |slot: &usize| weights[(slot / per_source).min(SOURCES.len() - 1)] > 0.0;
    for slot in (0..tracks.len()).filter(allowed) {
        if pool.len() == size {
            break;
        }
        if held.insert(tracks[slot]) {
            pool.push(slot as u16);
        }
    }
    pool
}
