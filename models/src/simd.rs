//! Eight floats at a time, with AVX2 and FMA where the processor has them.
//!
//! A kernel is written once, over [`Lanes`], and compiled twice: for AVX2 with fused multiply-add and for the target's
//! baseline. Which one runs is decided at run time, so one binary serves every machine. The two round differently:
//! results are the same bits for any number of threads on machines of one kind, and agree to rounding between kinds.

use bytemuck::{Pod, Zeroable};

/// Eight consecutive floats of a row.
pub(crate) type Chunk = [f32; LANES];

/// Floats in a chunk.
pub(crate) const LANES: usize = 8;

/// Arithmetic on eight floats.
pub(crate) trait Lanes: Copy {
    fn splat(value: f32) -> Self;
    fn load(chunk: &Chunk) -> Self;
    fn store(self, chunk: &mut Chunk);
    /// `self * factor + term`.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// The greater of each pair, and `other` where one is not a number.
    fn max(self, other: Self) -> Self;
    /// Sum of the eight, in a fixed order.
    fn sum(self) -> f32;
}

/// Work that is compiled once per instruction set. `run` must be `#[inline(always)]`, and so must the kernels it calls,
/// or they are compiled for the baseline.
pub(crate) trait Vectorised {
    type Output;
    fn run<L: Lanes>(self) -> Self::Output;
}

/// Runs `work` with the best instructions of this processor.
pub(crate) fn vectorised<W: Vectorised>(work: W) -> W::Output {
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
pub(crate) struct Portable(Chunk);

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
    fn max(self, other: Self) -> Self {
        let mut result = self.0;
        result.iter_mut().zip(other.0).for_each(|(x, y)| *x = if *x > y { *x } else { y });
        Self(result)
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Chunk, Lanes};

    /// Reached only through `with_avx2`, so the processor has AVX2 and FMA: this makes every intrinsic below sound.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(__m256);

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
        fn max(self, other: Self) -> Self {
            // SAFETY: see the type.
            Self(unsafe { _mm256_max_ps(self.0, other.0) })
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
    }
}

/// The left factor of a product; element (row, k) lies at `row * row_stride + k * inner_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a> {
    pub values: &'a [f32],
    pub row_stride: usize,
    pub inner_stride: usize,
}

/// Adds `scale` times left times right to `ROWS` rows of `product`, from `row` on, and `CHUNKS` chunks of each, from `chunk`
/// on; `right` and `product` hold rows of `width` chunks. Every element is summed over k in order, by itself: a row's result
/// does not depend on which rows it is computed with. 12 sums are the most that 16 registers hold beside their operands.
#[inline(always)]
pub(crate) fn tile<L: Lanes, const ROWS: usize, const CHUNKS: usize>(
    left: Left<'_>,
    right: &[Chunk],
    product: &mut [Chunk],
    (row, chunk, width): (usize, usize, usize),
    scale: f32,
) {
    let mut sums = [[L::splat(0.0); CHUNKS]; ROWS];
    accumulate(left, right, (row, chunk, width), &mut sums);
    let scale = L::splat(scale);
    for (r, sums) in sums.into_iter().enumerate() {
        let target = &mut product[(row + r) * width + chunk..][..CHUNKS];
        for c in 0..CHUNKS {
            sums[c].mul_add(scale, L::load(&target[c])).store(&mut target[c]);
        }
    }
}

/// Adds to `sums` the products of `ROWS` rows of the left factor, from `row` on, with `CHUNKS` chunks of the right one's rows of
/// `width` chunks, from `chunk` on. Every sum is added to over k in order, by itself.
#[inline(always)]
pub(crate) fn accumulate<L: Lanes, const ROWS: usize, const CHUNKS: usize>(
    left: Left<'_>,
    right: &[Chunk],
    (row, chunk, width): (usize, usize, usize),
    sums: &mut [[L; CHUNKS]; ROWS],
) {
    let left_values = &left.values[row * left.row_stride..];
    let last = (ROWS - 1) * left.row_stride + (right.len() / width).saturating_sub(1) * left.inner_stride;
    assert!(last < left_values.len() || right.len() < width, "shape of the left factor");
    for (k, right_row) in right.chunks_exact(width).enumerate() {
        let right_row = &right_row[chunk..chunk + CHUNKS];
        let mut b = [L::splat(0.0); CHUNKS];
        for c in 0..CHUNKS {
            b[c] = L::load(&right_row[c]);
        }
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: no place lies beyond `last`. The check in this loop cost a fifth of the time.
            let a = L::splat(unsafe { *left_values.get_unchecked(r * left.row_stride + k * left.inner_stride) });
            for c in 0..CHUNKS {
                sums[c] = a.mul_add(b[c], sums[c]);
            }
        }
    }
}

/// Zeroed floats that begin at a multiple of 32 bytes, so that no chunk of a row straddles two cache lines.
#[derive(Clone, Debug)]
pub(crate) struct AlignedFloats(Vec<AlignedChunk>);

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
