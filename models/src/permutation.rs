//! Random orders that need no memory.

use listening_data::{CounterRng, Stream};

/// A random order of 0..length in constant memory: a four-round Feistel network on the next even number of bits,
/// walked until it lands inside the range (Black and Rogaway, CT-RSA 2002).
pub(crate) struct Permutation {
    length: usize,
    half_bits: u32,
    keys: [u64; 4],
}

impl Permutation {
    /// The order of one epoch.
    pub(crate) fn new(length: usize, seed: u64, epoch: u32) -> Self {
        let bits = usize::BITS - length.saturating_sub(1).leading_zeros();
        let mut rng = CounterRng::new(seed, Stream::Shuffle, 0, epoch);
        let keys = std::array::from_fn(|_| rand::Rng::next_u64(&mut rng));
        Self { length, half_bits: bits.div_ceil(2).max(1), keys }
    }

    /// What stands at a place.
    pub(crate) fn at(&self, place: usize) -> usize {
        let mask = (1u64 << self.half_bits) - 1;
        let mut value = place as u64;
        loop {
            let (mut left, mut right) = (value >> self.half_bits, value & mask);
            for key in self.keys {
                let mixed = (right ^ key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                (left, right) =
                    (right, left ^ ((mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 32 & mask));
            }
            value = left << self.half_bits | right;
            if (value as usize) < self.length {
                return value as usize;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_visits_every_play_once_and_in_another_order_each_epoch() {
        for length in [1, 2, 3, 100, 1 << 10, 5000] {
            let orders: Vec<Vec<usize>> = (1..3)
                .map(|epoch| {
                    let order = Permutation::new(length, 7, epoch);
                    (0..length).map(|place| order.at(place)).collect()
                })
                .collect();
            assert!(length < 100 || orders[0] != orders[1]);
            for mut order in orders {
                order.sort_unstable();
                assert!(order.into_iter().eq(0..length));
            }
        }
    }
}
