//! Counter-based random numbers: a draw is a pure function of (seed, stream, session number, step).
//!
//! Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): ten rounds of
//! multiply-and-xor over a 128-bit counter under a 64-bit key. No state is shared, so results do not depend on
//! threads, on the number of parallel sessions or on the order of evaluation, and the same function runs on a GPU.

use std::convert::Infallible;

use rand::TryRng;

/// What a draw is for. Draws of different streams are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Stream {
    /// Making the synthetic catalog.
    Catalog = 1,
    /// Making a synthetic listener.
    Listener = 2,
    /// What a synthetic listener does in one session.
    Listening = 3,
    /// Initial weights of a network.
    Weights = 4,
    /// Order of training examples.
    Shuffle = 5,
    /// Negative samples and windows of word2vec.
    Word2vec = 6,
    /// Which session start a simulated session takes.
    SessionStart = 7,
    /// The candidate pool of a simulated session.
    CandidatePool = 8,
    /// The user's responses in a simulated session.
    Response = 9,
    /// Whether and what an agent explores.
    Exploration = 10,
    /// Which transitions the learner draws from the replay.
    Replay = 11,
    /// The choices of the random policy.
    Policy = 12,
    /// Where a mixed policy is random.
    PolicyMixture = 13,
    /// Assignment to samples, such as which session starts a world keeps.
    Sampling = 14,
    /// Which sessions are held out of a log without users.
    Split = 15,
    /// How a synthetic listener's taste drifts.
    Drift = 16,
    /// Moods of synthetic listeners.
    Mood = 17,
    /// Momentary interests of a synthetic listener.
    Interest = 18,
    /// What a synthetic listener is after in one session.
    Theme = 19,
    /// What a synthetic listener considers and plays again in a session of his own choice.
    Choice = 20,
    /// Whether a synthetic listener comes back.
    Return = 21,
    /// Which later play a taste vector is trained to foretell.
    TargetOffset = 22,
    /// The noise of a variational model.
    Noise = 23,
    /// What a network leaves out in training.
    Dropout = 24,
    /// Whether the listener of a simulated session comes back.
    SimulatedReturn = 25,
}

/// A random number generator that starts at a named counter.
#[derive(Clone, Debug)]
pub struct CounterRng {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

impl CounterRng {
    /// The generator of one (seed, stream, session, step).
    #[inline]
    pub fn new(seed: u64, stream: Stream, session: u64, step: u32) -> Self {
        Self {
            key: [seed as u32, (seed >> 32) as u32],
            counter: [
                0,
                (step & 0xffff) | ((stream as u32) << 16),
                session as u32,
                (session >> 32) as u32 ^ (step >> 16),
            ],
            block: [0; 4],
            used: 4,
        }
    }

    /// A uniform draw from [0, 1) with 24 bits.
    #[inline]
    pub fn uniform(&mut self) -> f32 {
        uniform_of(self.word())
    }

    /// A uniform draw from 0..bound (bound > 0), by multiply-shift; the bias is below bound / 2^64.
    #[inline]
    pub fn below(&mut self, bound: usize) -> usize {
        below_of([self.word(), self.word()], bound)
    }

    #[inline]
    fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox4x32_10(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }
}

impl TryRng for CounterRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from(self.word()) | u64::from(self.word()) << 32)
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Infallible> {
        for chunk in destination.chunks_mut(4) {
            chunk.copy_from_slice(&self.word().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[inline]
fn uniform_of(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / (1u32 << 24) as f32)
}

#[inline]
fn below_of([high, low]: [u32; 2], bound: usize) -> usize {
    let wide = u64::from(high) << 32 | u64::from(low);
    ((u128::from(wide) * bound as u128) >> 64) as usize
}

/// Blocks that a [`BulkRng`] makes at a time.
const BLOCKS: usize = 8;

/// The same numbers as a [`CounterRng`] of the same name, for draws by the hundred: several blocks are made side by side.
#[derive(Clone, Debug)]
pub struct BulkRng {
    key: [u32; 2],
    counter: [u32; 4],
    words: [u32; 4 * BLOCKS],
    used: usize,
}

impl BulkRng {
    /// The generator of one (seed, stream, session, step).
    pub fn new(seed: u64, stream: Stream, session: u64, step: u32) -> Self {
        let CounterRng { key, counter, .. } = CounterRng::new(seed, stream, session, step);
        Self { key, counter, words: [0; 4 * BLOCKS], used: 4 * BLOCKS }
    }

    /// As [`CounterRng::uniform`].
    #[inline]
    pub fn uniform(&mut self) -> f32 {
        uniform_of(self.word())
    }

    /// As [`CounterRng::below`].
    #[inline]
    pub fn below(&mut self, bound: usize) -> usize {
        below_of([self.word(), self.word()], bound)
    }

    #[inline]
    fn word(&mut self) -> u32 {
        if self.used == self.words.len() {
            blocks(self.counter, self.key, &mut self.words);
            self.counter[0] = self.counter[0].wrapping_add(BLOCKS as u32);
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }
}

/// The blocks of [`BLOCKS`] counters from one on, one after another.
fn blocks(counter: [u32; 4], key: [u32; 2], words: &mut [u32; 4 * BLOCKS]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[target_feature(enable = "avx2")]
        fn with_avx2(counter: [u32; 4], key: [u32; 2], words: &mut [u32; 4 * BLOCKS]) {
            blocks_side_by_side(counter, key, words);
        }
        // SAFETY: the processor has the feature.
        return unsafe { with_avx2(counter, key, words) };
    }
    blocks_side_by_side(counter, key, words);
}

/// As [`philox4x32_10`], lane by lane: written so that the compiler makes vectors of it.
#[inline(always)]
fn blocks_side_by_side(counter: [u32; 4], mut key: [u32; 2], words: &mut [u32; 4 * BLOCKS]) {
    let mut lanes = counter.map(|word| [word; BLOCKS]);
    lanes[0].iter_mut().zip(0..).for_each(|(word, lane)| *word = word.wrapping_add(lane));
    for round in 0..10 {
        if round > 0 {
            key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
        }
        let mut next = [[0; BLOCKS]; 4];
        for lane in 0..BLOCKS {
            let low = u64::from(lanes[0][lane]) * 0xD251_1F53;
            let high = u64::from(lanes[2][lane]) * 0xCD9E_8D57;
            next[0][lane] = (high >> 32) as u32 ^ lanes[1][lane] ^ key[0];
            next[1][lane] = high as u32;
            next[2][lane] = (low >> 32) as u32 ^ lanes[3][lane] ^ key[1];
            next[3][lane] = low as u32;
        }
        lanes = next;
    }
    for (lane, block) in words.chunks_exact_mut(4).enumerate() {
        block.iter_mut().zip(&lanes).for_each(|(word, lanes)| *word = lanes[lane]);
    }
}

#[inline]
fn philox4x32_10(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..10 {
        if round > 0 {
            key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
        }
        let low = u64::from(counter[0]) * 0xD251_1F53;
        let high = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (high >> 32) as u32 ^ counter[1] ^ key[0],
            high as u32,
            (low >> 32) as u32 ^ counter[3] ^ key[1],
            low as u32,
        ];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the Random123 library (`kat_vectors`, philox4x32 10).
    #[test]
    fn philox_gives_the_published_answers() {
        assert_eq!(philox4x32_10([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(philox4x32_10([u32::MAX; 4], [u32::MAX; 2]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        let counter = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];
        assert_eq!(philox4x32_10(counter, [0xa4093822, 0x299f31d0]), [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]);
    }

    #[test]
    fn draws_depend_on_every_part_of_the_counter() {
        let first = |seed, stream, session, step| CounterRng::new(seed, stream, session, step).word();
        let base = first(1, Stream::Response, 7, 3);
        assert_eq!(base, first(1, Stream::Response, 7, 3));
        for other in [
            first(2, Stream::Response, 7, 3),
            first(1, Stream::Policy, 7, 3),
            first(1, Stream::Response, 8, 3),
            first(1, Stream::Response, 7 + (1 << 40), 3),
            first(1, Stream::Response, 7, 4),
            first(1, Stream::Response, 7, 3 + (1 << 16)),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn draws_in_bulk_are_those_of_one_after_another() {
        let (mut one, mut bulk) =
            (CounterRng::new(9, Stream::Policy, 1 << 33, 70_000), BulkRng::new(9, Stream::Policy, 1 << 33, 70_000));
        for draw in 0..500 {
            match draw % 3 {
                0 => assert_eq!(one.uniform(), bulk.uniform()),
                bound => assert_eq!(one.below(bound * 1000), bulk.below(bound * 1000)),
            }
        }
        // The counter's first word begins anew after the last one, in both.
        (one.counter[0], bulk.counter[0]) = (u32::MAX - 2, u32::MAX - 2);
        (one.used, bulk.used) = (4, 4 * BLOCKS);
        assert!((0..40).all(|_| one.word() == bulk.word()));
    }

    #[test]
    fn uniform_draws_have_the_moments_of_the_uniform_distribution() {
        let draws: Vec<f64> =
            (0..100_000).map(|i| f64::from(CounterRng::new(5, Stream::Policy, i, 0).uniform())).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        // Standard error of the mean is 0.0009; five of them are allowed.
        assert!((mean - 0.5).abs() < 0.0046, "{mean}");
        assert!((variance - 1.0 / 12.0).abs() < 0.002, "{variance}");
    }
}
