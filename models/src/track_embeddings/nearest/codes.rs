//! Vectors in one byte per dimension, by which the index finds its way; what it finds is scored again in full.
//!
//! A code is the vector divided by its scale (its largest value / 127) and rounded, zeros up to a multiple of 16, the
//! scale as a float, and zeros up to a multiple of 32. A product of two unit vectors of 80 dimensions is then off by
//! about 0.001, at a quarter of the memory to be read.

use super::dot_products::dot_of_codes;

/// Where the parts of a code lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CodeLayout {
    /// Bytes before the scale.
    pub padded: usize,
    /// Bytes in all.
    pub length: usize,
}

impl CodeLayout {
    /// The layout for vectors of `dimension` values.
    pub fn new(dimension: usize) -> Self {
        let padded = dimension.next_multiple_of(16);
        Self { padded, length: (padded + size_of::<f32>()).next_multiple_of(32) }
    }

    /// Writes the code of a vector of finite values.
    pub fn encode(self, vector: &[f32], code: &mut [i8]) {
        code.fill(0);
        let largest = vector.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        if largest == 0.0 {
            return;
        }
        let scale = largest / 127.0;
        code.iter_mut().zip(vector).for_each(|(code, x)| *code = (x / scale).round() as i8);
        let scale = scale.to_le_bytes().map(|byte| byte as i8);
        code[self.padded..][..scale.len()].copy_from_slice(&scale);
    }

    /// The factor by which a code's integers are to be multiplied.
    #[inline]
    pub fn scale(self, code: &[i8]) -> f32 {
        let bytes = &code[self.padded..];
        f32::from_le_bytes([bytes[0] as u8, bytes[1] as u8, bytes[2] as u8, bytes[3] as u8])
    }

    /// The approximate dot product of two vectors.
    pub fn dot(self, a: &[i8], b: &[i8]) -> f32 {
        dot_of_codes(&a[..self.padded], &b[..self.padded]) as f32 * self.scale(a) * self.scale(b)
    }
}

#[cfg(test)]
mod tests {
    use listening_data::{CounterRng, Stream};

    use super::*;
    use crate::track_embeddings::{TrackVectors, dot};

    #[test]
    fn products_of_codes_are_near_those_of_vectors() {
        let mut rng = CounterRng::new(5, Stream::Sampling, 0, 0);
        for dimension in [3, 16, 80] {
            let layout = CodeLayout::new(dimension);
            let values = (0..40 * dimension).map(|_| rng.uniform() - 0.5).collect();
            let vectors = TrackVectors::new(dimension, values);
            let code = |track: u32| {
                let mut code = vec![1; layout.length];
                layout.encode(vectors.vector(track), &mut code);
                code
            };
            for pair in 0..20 {
                let (a, b) = (vectors.vector(2 * pair), vectors.vector(2 * pair + 1));
                let product = layout.dot(&code(2 * pair), &code(2 * pair + 1));
                // Each value is off by at most half a step of at most 1/127.
                assert!((product - dot(a, b)).abs() < 0.5 / 127.0 * 2.0 * (dimension as f32).sqrt());
            }
        }
        assert_eq!(CodeLayout::new(80), CodeLayout { padded: 80, length: 96 });
        let (layout, mut zero) = (CodeLayout::new(2), vec![1; 32]);
        layout.encode(&[0.0, 0.0], &mut zero);
        assert_eq!(layout.dot(&zero, &zero), 0.0);
    }
}
