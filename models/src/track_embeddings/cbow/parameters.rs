//! The vectors under training, in shards that threads can own one at a time.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use listening_data::{CounterRng, Stream};

use super::vocabulary::Vocabulary;

/// Eight floats: one AVX register. Rows are padded with zeros to whole ones, and stay zero there.
pub type Lane = [f32; 8];

/// Number of shards; row r lies in shard r % SHARDS, so that frequent tracks (low rows) spread over all.
pub const SHARDS: usize = 16;

/// Input vectors (rows 0..words) and output vectors (rows words..2 words).
pub struct Parameters {
    /// Lanes per row.
    lanes: usize,
    words: usize,
    shards: Vec<RwLock<Vec<Lane>>>,
}

impl Parameters {
    /// Input vectors uniform in +-1 / dimension, as gensim draws them, output vectors zero.
    ///
    /// word2vec's code draws from half that width; with few plays per track the start is then slower.
    pub fn new(vocabulary: &Vocabulary, dimension: usize, seed: u64) -> Self {
        let (lanes, words) = (dimension.div_ceil(8), vocabulary.tracks.len());
        let rows_per_shard = (2 * words).div_ceil(SHARDS);
        let mut shards = vec![vec![[0.0; 8]; rows_per_shard * lanes]; SHARDS];
        for (word, &track) in vocabulary.tracks.iter().enumerate() {
            let mut rng = CounterRng::new(seed, Stream::Weights, u64::from(track), u32::MAX);
            let row = row_of(&mut shards[word % SHARDS], word, lanes).as_flattened_mut();
            row[..dimension].iter_mut().for_each(|x| *x = (2.0 * rng.uniform() - 1.0) / dimension as f32);
        }
        Self { lanes, words, shards: shards.into_iter().map(RwLock::new).collect() }
    }

    /// Lanes per row.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// The row of a word's output vector; its input vector is row `word`.
    pub fn output_row(&self, word: u32) -> u32 {
        word + self.words as u32
    }

    /// All rows, to be read.
    pub fn read(&self) -> Rows<'_> {
        let shards = std::array::from_fn(|shard| self.shards[shard].read().unwrap_or_else(PoisonError::into_inner));
        Rows { lanes: self.lanes, shards }
    }

    /// One shard, to be changed through [`row_of`].
    pub fn write(&self, shard: usize) -> RwLockWriteGuard<'_, Vec<Lane>> {
        self.shards[shard].write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Read access to all rows.
pub struct Rows<'a> {
    lanes: usize,
    shards: [RwLockReadGuard<'a, Vec<Lane>>; SHARDS],
}

impl Rows<'_> {
    /// One row.
    #[inline]
    pub fn row(&self, row: u32) -> &[Lane] {
        let row = row as usize;
        &self.shards[row % SHARDS][row / SHARDS * self.lanes..][..self.lanes]
    }
}

/// A row in its shard.
#[inline]
pub fn row_of(shard: &mut [Lane], row: usize, lanes: usize) -> &mut [Lane] {
    &mut shard[row / SHARDS * lanes..][..lanes]
}
