//! The tracks of largest score, by exact search, many queries at a time.

use super::kernels::{Wanted, multiply_add};
use super::parallel::for_each_block;
use crate::Result;
use crate::simd::{AlignedFloats, Chunk, LANES, Lanes, Left, Vectorised, vectorised};

/// Tracks whose scores are computed at a time, and queries: tile and scores stay in the processor's cache.
const TILE_TRACKS: usize = 256;
const BLOCK_QUERIES: usize = 48;

/// A track and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoredTrack {
    /// Its number.
    pub track: u32,
    /// The dot product, or the cosine, that it was chosen for.
    pub score: f32,
}

/// Track rows laid out for products with many queries: transposed, 256 tracks to a tile. As large as the rows.
pub(super) struct TrackTiles {
    width: usize,
    listed: Vec<bool>,
    tiles: Vec<AlignedFloats>,
}

impl TrackTiles {
    /// `rows` are the tracks' rows of `width` chunks; only tracks that `listed` names are ever found.
    pub fn new(rows: &[Chunk], width: usize, listed: Vec<bool>) -> Self {
        let transpose = |rows: &[Chunk]| {
            let mut tile = AlignedFloats::zeros(width * LANES * TILE_TRACKS / LANES);
            for (track, row) in rows.chunks_exact(width).enumerate() {
                for (column, &value) in row.as_flattened().iter().enumerate() {
                    tile.floats_mut()[column * TILE_TRACKS + track] = value;
                }
            }
            tile
        };
        Self { width, listed, tiles: rows.chunks(TILE_TRACKS * width).map(transpose).collect() }
    }

    /// For every query the `count` listed tracks of largest product, best first; ties by track number.
    ///
    /// `excluded` gives the tracks, ascending, that the query of a place must not find. A query's result does not
    /// depend on the others. O(queries x tracks x row).
    pub fn best<'q>(
        &self,
        queries: &[&'q [Chunk]],
        excluded: impl Fn(usize) -> &'q [u32] + Sync,
        count: usize,
        threads: usize,
    ) -> Result<Vec<Vec<ScoredTrack>>> {
        let mut found = vec![Vec::new(); queries.len()];
        let blocks = queries.chunks(BLOCK_QUERIES).zip(found.chunks_mut(BLOCK_QUERIES)).enumerate();
        let scratch = || {
            let gathered = AlignedFloats::zeros(BLOCK_QUERIES * self.width);
            (gathered, AlignedFloats::zeros(BLOCK_QUERIES * TILE_TRACKS / LANES))
        };
        for_each_block(threads, blocks, scratch, |(gathered, scores), (block, (queries, found))| {
            let gathered = &mut gathered.chunks_mut()[..queries.len() * self.width];
            for (row, query) in gathered.chunks_exact_mut(self.width).zip(queries) {
                row.copy_from_slice(query);
            }
            let mut best: Vec<Best> = queries.iter().map(|_| Best::new(count)).collect();
            for (place, tile) in self.tiles.iter().enumerate() {
                vectorised(TileScores { queries: gathered, width: self.width, tile, scores: scores.chunks_mut() });
                let first = place * TILE_TRACKS;
                let listed = &self.listed[first..self.listed.len().min(first + TILE_TRACKS)];
                for ((row, best), scores) in best.iter_mut().enumerate().zip(scores.floats().chunks_exact(TILE_TRACKS))
                {
                    best.take(scores, listed, first as u32, excluded(block * BLOCK_QUERIES + row));
                }
            }
            found.iter_mut().zip(best).for_each(|(found, best)| *found = best.finish());
            Ok(())
        })?;
        Ok(found)
    }
}

/// Products of queries with the tracks of one tile.
struct TileScores<'a> {
    queries: &'a [Chunk],
    width: usize,
    tile: &'a AlignedFloats,
    scores: &'a mut [Chunk],
}

impl Vectorised for TileScores<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        self.scores.fill([0.0; LANES]);
        let left = Left { values: self.queries.as_flattened(), row_stride: self.width * LANES, inner_stride: 1 };
        let rows = self.queries.len() / self.width;
        let wanted = Wanted { rows, width: TILE_TRACKS / LANES, first: 0, upper: false };
        multiply_add::<L>(left, self.tile.chunks(), self.scores, wanted, 1.0);
    }
}

/// The best tracks so far; holds up to twice as many as are wanted before it drops the worse half.
struct Best {
    count: usize,
    threshold: f32,
    held: Vec<ScoredTrack>,
}

impl Best {
    fn new(count: usize) -> Self {
        Self { count, threshold: f32::NEG_INFINITY, held: Vec::new() }
    }

    /// Looks through the scores of `listed.len()` tracks from `first` on. Tracks come in ascending order, so one that
    /// only equals the threshold loses the tie.
    fn take(&mut self, scores: &[f32], listed: &[bool], first: u32, excluded: &[u32]) {
        for (place, (&score, &listed)) in scores.iter().zip(listed).enumerate() {
            let track = first + place as u32;
            if score > self.threshold && listed && excluded.binary_search(&track).is_err() {
                self.held.push(ScoredTrack { track, score });
                if self.held.len() >= 2 * self.count + 16 {
                    self.shrink();
                }
            }
        }
    }

    fn shrink(&mut self) {
        self.held.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.track.cmp(&b.track)));
        self.held.truncate(self.count);
        self.threshold = match self.held.last() {
            Some(last) if self.held.len() == self.count => last.score,
            Some(_) => f32::NEG_INFINITY,
            // Nothing is wanted.
            None => f32::INFINITY,
        };
    }

    fn finish(mut self) -> Vec<ScoredTrack> {
        self.shrink();
        self.held
    }
}
