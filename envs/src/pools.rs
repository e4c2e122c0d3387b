//! Candidate pools: a mixture of the sources that a session start offers.

use listening_data::{BulkRng, Stream, prefetch};
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
    let mut rng = BulkRng::new(seed, Stream::CandidatePool, session, 0);
    let tracks = starts.tracks(start);
    prefetch(tracks);
    let size = settings.min_size + rng.below(settings.max_size - settings.min_size + 1);
    let weights = settings.weights();
    let total: f32 = weights.iter().sum();
    let last_source = weights.iter().rposition(|&weight| weight > 0.0).unwrap_or(0);
    let per_source = starts.candidates_per_source();
    let (mut pool, mut count) = (vec![0; size], 0);
    let mut held = TrackSet::new(size);
    let mut tries = size * TRIES_PER_CANDIDATE;
    while count < size && tries > 0 {
        tries -= 1;
        // The source by whose weight the target falls below 0, found without a branch that nobody can foretell. Rounding can
        // leave a rest: it goes to the last source that has a weight.
        let mut target = rng.uniform() * total;
        let passed = weights.map(|weight| {
            target -= weight;
            usize::from(target >= 0.0)
        });
        let source = passed.iter().sum::<usize>().min(last_source);
        let slot = source * per_source + rng.below(per_source);
        pool[count] = slot as u16;
        count += usize::from(held.insert(tracks[slot]));
    }
    let allowed = |slot: &usize| weights[(slot / per_source).min(SOURCES.len() - 1)] > 0.0;
    for slot in (0..tracks.len()).filter(allowed) {
        if count == size {
            break;
        }
        pool[count] = slot as u16;
        count += usize::from(held.insert(tracks[slot]));
    }
    pool.truncate(count);
    pool
}

/// A set of few tracks, many times as fast as the standard library's: nothing is ever taken out, and its size is known.
struct TrackSet {
    /// Tracks plus one, at the first free place from that of their hash on; 0 where free.
    places: Vec<u32>,
}

impl TrackSet {
    /// Room for `size` tracks, most of the places free.
    fn new(size: usize) -> Self {
        Self { places: vec![0; (4 * size).next_power_of_two()] }
    }

    /// Adds a track; whether it is new. More tracks than the set has room for must not be added.
    fn insert(&mut self, track: u32) -> bool {
        let last = self.places.len() - 1;
        // Fibonacci hashing (Knuth, The Art of Computer Programming 3, section 6.4).
        let mut place = (u64::from(track).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & last;
        while self.places[place] != 0 && self.places[place] != track + 1 {
            place = (place + 1) & last;
        }
        // Written either way: whether a candidate is new cannot be foretold, and need not be.
        let new = self.places[place] == 0;
        self.places[place] = track + 1;
        new
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use listening_data::CounterRng;

    use super::*;

    #[test]
    fn a_set_holds_what_the_standard_one_holds() {
        for size in [1, 7, 100, 1000] {
            let mut rng = CounterRng::new(3, Stream::Sampling, size as u64, 0);
            let (mut set, mut expected) = (TrackSet::new(size), HashSet::new());
            while expected.len() < size {
                // Neighbours, repeats, and the largest numbers.
                let track = rng.below(2 * size) as u32;
                let track = if track.is_multiple_of(3) { u32::MAX - 1 - track } else { track };
                assert_eq!(set.insert(track), expected.insert(track));
            }
        }
    }
}
