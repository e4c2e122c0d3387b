//! Eight floats at a time, with AVX2 and FMA where the processor has them.
//!
//! A kernel is written once, over [`Lanes`], and compiled twice: for AVX2 with fused multiply-add and for the target's
//! baseline. Which one runs is decided at run time, so one binary serves every machine. The two round differently:
//! results are the same bits for any number of threads on machines of one kind, and agree to rounding between kinds.

use bytemuck::{Pod, Zeroable};

/// Eight consecutive floats of a row.
pub(super) type Chunk = [f32; LANES];

/// Floats in a chunk.
pub(super) const LANES: usize = 8;

/// Arithmetic on eight floats.
pub(super) trait Lanes: Copy {
    fn splat(value: f32) -> Self;
    fn load(chunk: &Chunk) -> Self;
    fn store(self, chunk: &mut Chunk);
    /// `self * factor + term`.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// Sum of the eight, in a fixed order.
    fn sum(self) -> f32;
    /// Asks for a row that will be read soon.
    fn prefetch(row: &[Chunk]);
}

/// Work that is compiled once per instruction set. `run` must be `#[inline(always)]`, and so must the kernels it calls,
/// or they are compiled for the baseline.
pub(super) trait Vectorised {
    type Output;
    fn run<L: Lanes>(self) -> Self::Output;
}

/// Runs `work` with the best instructions of this processor.
pub(super) fn vectorised<W: Vectorised>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        // SAFETY: the processor has both features.
        return unsafe { with_avx2(work) };
    }
    work.run::<Portable>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<W: Vectorised>(work: W) -> W::Output {
    work.run::<x86::Avx2>()
}

/// Eight floats in an array, which the compiler turns into the registers of the baseline.
#[derive(Clone, Copy)]
struct Portable(Chunk);

impl Lanes for Portable {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    fn load(chunk: &Chunk) -> Self {
        Self(*chunk)
    }

    #[inline(always)]
    fn store(self, chunk: &mut Chunk) {
        *chunk = self.0;
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // `f32::mul_add` is a library call where the target has no fused instruction.
        let mut result = term.0;
        for ((sum, x), y) in result.iter_mut().zip(self.0).zip(factor.0) {
            *sum += x * y;
        }
        Self(result)
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }

    #[inline(always)]
    fn prefetch(_row: &[Chunk]) {}
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Chunk, Lanes};

    /// Reached only through `with_avx2`, so the processor has AVX2 and FMA: this makes every intrinsic below sound.
    #[derive(Clone, Copy)]
    pub(super) struct Avx2(__m256);

    impl Lanes for Avx2 {
        #[inline(always)]
        fn splat(value: f32) -> Self {
            // SAFETY: see the type.
            Self(unsafe { _mm256_set1_ps(value) })
        }

        #[inline(always)]
        fn load(chunk: &Chunk) -> Self {
            // SAFETY: see the type; a chunk is eight floats.
            Self(unsafe { _mm256_loadu_ps(chunk.as_ptr()) })
        }

        #[inline(always)]
        fn store(self, chunk: &mut Chunk) {
            // SAFETY: see the type; a chunk is eight floats.
            unsafe { _mm256_storeu_ps(chunk.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn mul_add(self, factor: Self, term: Self) -> Self {
            // SAFETY: see the type.
            Self(unsafe { _mm256_fmadd_ps(self.0, factor.0, term.0) })
        }

        #[inline(always)]
        fn sum(self) -> f32 {
            // SAFETY: see the type.
            unsafe {
                let four = _mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
                let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
            }
        }

        #[inline(always)]
        fn prefetch(row: &[Chunk]) {
            // Two chunks to a cache line.
            for chunk in row.iter().step_by(2) {
                // SAFETY: a hint, which reads nothing.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(chunk.as_ptr().cast()) }
            }
        }
    }
}

/// Zeroed floats that begin at a multiple of 32 bytes, so that no chunk of a row straddles two cache lines.
#[derive(Clone, Debug)]
pub(super) struct AlignedFloats(Vec<AlignedChunk>);

#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(32))]
struct AlignedChunk(Chunk);

impl AlignedFloats {
    /// `chunks` chunks of zeros.
    pub fn zeros(chunks: usize) -> Self {
        Self(vec![AlignedChunk::zeroed(); chunks])
    }

    pub fn chunks(&self) -> &[Chunk] {
        bytemuck::cast_slice(&self.0)
    }

    pub fn chunks_mut(&mut self) -> &mut [Chunk] {
        bytemuck::cast_slice_mut(&mut self.0)
    }

    pub fn floats(&self) -> &[f32] {
        bytemuck::cast_slice(&self.0)
    }

    pub fn floats_mut(&mut self) -> &mut [f32] {
        bytemuck::cast_slice_mut(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::kernels::{Left, SparseRow, Wanted, add_pairs, multiply_add};
    use super::*;

    const WIDTH: usize = 5;
    const ROWS: usize = 13;

    fn value(place: usize) -> f32 {
        ((place * 7919) % 101) as f32 / 50.0 - 1.0
    }

    fn table(rows: usize, offset: usize) -> AlignedFloats {
        let mut table = AlignedFloats::zeros(rows * WIDTH);
        table.floats_mut().iter_mut().enumerate().for_each(|(place, x)| *x = value(place + offset));
        table
    }

    struct Product;

    impl Vectorised for Product {
        type Output = AlignedFloats;

        #[inline(always)]
        fn run<L: Lanes>(self) -> AlignedFloats {
            let (left, right, mut product) = (table(ROWS, 0), table(WIDTH * LANES, 5), table(ROWS, 11));
            let left = Left { values: left.floats(), row_stride: WIDTH * LANES, inner_stride: 1 };
            let wanted = Wanted { rows: ROWS, width: WIDTH, first: 0, upper: false };
            multiply_add::<L>(left, right.chunks(), product.chunks_mut(), wanted, -2.0);
            product
        }
    }

    struct Pairs;

    impl Vectorised for Pairs {
        type Output = AlignedFloats;

        #[inline(always)]
        fn run<L: Lanes>(self) -> AlignedFloats {
            let (y, p, mut sum) = (table(ROWS, 3), table(1, 8), table(1, 1));
            let row = SparseRow { columns: &[0, 12, 3, 4, 7, 2], weights: &[1.0, 2.0, 0.5, 3.0, 4.0, 1.5] };
            add_pairs::<L>(row, y.chunks(), p.chunks(), sum.chunks_mut(), (1.0, -1.0));
            sum
        }
    }

    fn assert_close(found: &[f32], expected: &[f64]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-4, "{found} instead of {expected}");
        }
    }

    #[test]
    fn kernels_of_every_instruction_set_agree_with_plain_sums() {
        let stride = WIDTH * LANES;
        let product: Vec<f64> = (0..ROWS * stride)
            .map(|place| {
                let (row, column) = (place / stride, place % stride);
                let term = |k| f64::from(value(row * stride + k)) * f64::from(value(k * stride + column + 5));
                f64::from(value(place + 11)) - 2.0 * (0..stride).map(term).sum::<f64>()
            })
            .collect();
        assert_close(Product.run::<Portable>().floats(), &product);
        assert_close(vectorised(Product).floats(), &product);

        let mut sum: Vec<f64> = (0..stride).map(|place| f64::from(value(place + 1))).collect();
        for (row, weight) in [(0, 1.0), (12, 2.0), (3, 0.5), (4, 3.0), (7, 4.0), (2, 1.5)] {
            let y = |place: usize| f64::from(value(row * stride + place + 3));
            let dot: f64 = (0..stride).map(|place| y(place) * f64::from(value(place + 8))).sum();
            (0..stride).for_each(|place| sum[place] += (1.0 + weight - weight * dot) * y(place));
        }
        assert_close(Pairs.run::<Portable>().floats(), &sum);
        assert_close(vectorised(Pairs).floats(), &sum);
    }
}
