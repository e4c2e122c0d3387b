//! Hashes of track numbers.

use std::hash::{BuildHasherDefault, Hasher};

/// For maps and sets of tracks. The standard hashes withstand chosen keys, at several times the cost; these are numbers of our own.
pub type TrackHashes = BuildHasherDefault<TrackHasher>;

/// Fibonacci hashing (Knuth, The Art of Computer Programming 3, section 6.4), with the high bits brought down too.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrackHasher(u64);

impl Hasher for TrackHasher {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }

    fn write_u32(&mut self, track: u32) {
        self.0 = (self.0 ^ u64::from(track)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u32(u32::from(byte)));
    }
}
